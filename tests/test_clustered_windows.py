"""`Schema(cluster=)` through compare and judge: users, not rows, carry the chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mondrift import Comparison, Schema, compare, judge
from mondrift.exhibits import method
from mondrift.page.sections import Table

USERS = Schema(cluster="user", target="truth", prediction="guess")


def users(seed: int, first: int, count: int = 90, shift: float = 0.0) -> pd.DataFrame:
    """Twenty rows for each user; users differ in x, and in how often the model is right."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(first, first + count), 20)
    x = np.repeat(rng.normal(size=count), 20) + 0.7 * rng.normal(size=len(user)) + shift
    right = rng.random(len(user)) < np.repeat(rng.beta(4, 1, count), 20)
    guess = rng.integers(0, 2, len(user))
    truth = np.where(right, guess, 1 - guess)
    return pd.DataFrame({"user": user, "x": x, "truth": truth, "guess": guess})


def measured(comparison: Comparison, measure: str) -> dict[str, float]:
    """The facts of one measurement of `x`, or of the model."""
    found = next(
        each
        for each in comparison.measurements
        if each.measure == measure and each.column in ("x", "guess")
    )
    width = {} if found.low is None or found.high is None else {"width": found.high - found.low}
    return {**found.detail, "statistic": found.statistic, "pvalue": found.pvalue, **width}


def test_rows_of_few_users_are_no_evidence_that_they_seem_to_be() -> None:
    flagged = {"independent": 0, "clustered": 0}
    for seed in range(20):
        windows = users(2 * seed, 0), users(2 * seed + 1, 1000)
        independent = [each.drop(columns="user") for each in windows]
        rows = Schema(target="truth", prediction="guess")
        flagged["independent"] += bool(judge(compare(*independent, schema=rows)).flagged("drift"))
        flagged["clustered"] += bool(judge(compare(*windows, schema=USERS)).flagged("drift"))
    assert flagged["independent"] >= 5, "the windows are such that rows alone mislead"
    assert flagged["clustered"] <= 1


def test_a_shift_between_users_is_still_found() -> None:
    verdict = judge(compare(users(1, 0), users(2, 1000, shift=1.0), schema=USERS))
    assert verdict.columns()["x"].status == "alarm"


def test_the_cluster_column_itself_is_not_compared() -> None:
    assert "user" not in compare(users(1, 0), users(2, 1000), schema=USERS).columns


@pytest.mark.parametrize("name", [str, float, lambda user: f"user {user}"])
def test_clusters_may_be_named_by_anything(name: type) -> None:
    plain = users(1, 0), users(2, 1000)
    named = [each.assign(user=each["user"].map(name)) for each in plain]
    one, other = (compare(*windows, schema=USERS) for windows in (plain, named))
    assert measured(one, "ks")["clusters"] == measured(other, "ks")["clusters"] == 90


def test_a_running_number_may_name_clusters_of_one_row() -> None:
    windows = [each.assign(user=np.arange(len(each)) + 5000 * at) for at, each in
               enumerate((users(1, 0), users(2, 1000)))]  # fmt: skip
    facts = measured(compare(*windows, schema=USERS), "ks")
    assert facts["clusters"] == 1800
    assert facts["design_effect"] == pytest.approx(1.0, abs=0.2)


def test_accuracy_is_worth_fewer_rows_and_says_so() -> None:
    windows = users(1, 0), users(2, 1000)
    facts = measured(compare(*windows, schema=USERS), "accuracy")
    rows = Schema(target="truth", prediction="guess")
    alone = measured(compare(*(each.drop(columns="user") for each in windows), schema=rows),
                     "accuracy")  # fmt: skip
    # beta(4, 1) over users of 20 rows: variance between users .0267 of .16 in all, so that
    # 1 + 19 * .167 rows are worth one
    assert facts["design_effect"] == pytest.approx(4.2, rel=0.35)
    assert facts["width"] == pytest.approx(alone["width"] * facts["design_effect"] ** 0.5, rel=0.02)


def test_segments_have_their_own_clusters() -> None:
    schema = Schema(cluster="user", segments=("shop",))
    windows = [
        users(seed, first).assign(shop=lambda rows: np.where(rows["user"] % 3 == 0, "a", "b"))
        for seed, first in ((1, 0), (2, 999))
    ]
    found = compare(*(each[["user", "x", "shop"]] for each in windows), schema=schema)
    clusters = {m.segment: m.detail["clusters"] for m in found.measurements if m.measure == "ks"}
    assert clusters == {"": 90, "shop=a": 30, "shop=b": 60}


def test_the_report_says_that_rows_depend_on_each_other() -> None:
    verdict = judge(compare(users(1, 0), users(2, 1000), schema=USERS))
    (table,) = method(verdict).sections
    assert isinstance(table, Table)
    assert (
        "depend on each other within 'user': at least 90 of these"
        in dict(table.rows)["measured from"]
    )
