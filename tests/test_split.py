"""Other inputs or another relation: streams whose truth is known, and the demo's weeks."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import mondrift as md
from mondrift import demo
from mondrift.errors import InputError
from mondrift.rows import read
from mondrift.schema import Schema
from mondrift.split import CONCEPT, COVARIATE, split_change
from mondrift.why import why_of
from tests import flights

SEA = Schema(target="label", prediction="guess")


def sea(rng: np.random.Generator, n: int, *, theta: float = 8.0, near: float = 0.0) -> pd.DataFrame:
    """SEA concepts (Street and Kim 2001): three inputs in [0, 10], the first two decide.

    The model learned x1 + x2 <= 8. One label in ten is wrong, and three in ten where x1 > 7: there
    the model is worse. `near` is the share of rows moved there.
    """
    x = rng.uniform(0, 10, size=(n, 3))
    moved = rng.uniform(size=n) < near
    x[moved, 0] = rng.uniform(7, 10, size=int(moved.sum()))
    label = (x[:, 0] + x[:, 1] <= theta) ^ (rng.uniform(size=n) < np.where(x[:, 0] > 7, 0.3, 0.1))
    rows = pd.DataFrame(x, columns=["x1", "x2", "x3"])
    guess = x[:, 0] + x[:, 1] <= 8.0
    return rows.assign(guess=guess.astype(int), label=label.astype(int))


def blamed(before: pd.DataFrame, after: pd.DataFrame, seed: int = 0) -> str:
    reference = read(before, SEA.fit(before), label="reference")
    found = why_of(split_change(reference, read(after, reference.schema), seed=seed))
    assert found is not None
    return found.blamed


def test_a_moving_concept_is_found_by_labels_and_not_blamed_on_inputs() -> None:
    rng = np.random.default_rng(0)
    before, after = sea(rng, 4000), sea(rng, 2000, theta=9.5)
    verdict = md.judge(md.compare(before, after, schema=SEA))
    features = [f for f in verdict.flagged("drift") if f.role == "feature"]
    assert features == []
    assert verdict.status == "alarm"
    found = md.explain(before, after, schema=SEA)
    assert found.why.blamed == "relation"
    assert found.why.relation is not None
    assert found.why.relation.low > 0.05


def test_more_of_the_hard_inputs_are_blamed_and_not_the_concept() -> None:
    rng = np.random.default_rng(1)
    found = md.explain(sea(rng, 4000), sea(rng, 2000, near=0.8), schema=SEA)
    assert found.why.blamed == "inputs"
    assert "Other inputs account for" in repr(found)


@pytest.mark.calibration
@pytest.mark.parametrize(
    ("change", "truth"), [({"theta": 9.5}, "relation"), ({"near": 0.8}, "inputs")]
)
def test_false_blame_is_rare(change: dict[str, float], truth: str) -> None:
    told = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        told.append(blamed(sea(rng, 2000), sea(rng, 1000, **change), seed))
    wrong = {"relation": "inputs", "inputs": "relation"}[truth]
    assert told.count(wrong) <= 1
    assert told.count(truth) >= 35


def test_parts_add_up_to_the_change_in_the_metrics_own_sign() -> None:
    rng = np.random.default_rng(2)
    before, after = sea(rng, 3000), sea(rng, 2000, theta=9.5)
    frame = md.explain(before, after, schema=SEA).to_frame()
    right = [(rows["guess"] == rows["label"]).mean() for rows in (before, after)]
    assert frame["statistic"].sum() == pytest.approx(right[1] - right[0])
    assert (frame["low"] < frame["statistic"]).all()
    assert (frame["statistic"] < frame["high"]).all()


def test_mae_grows_where_accuracy_falls() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=3000)
    rows = pd.DataFrame({"x": x, "guess": 2 * x, "price": 2 * x + rng.normal(size=3000)})
    worse = rows.assign(price=2 * x + rng.normal(size=3000, scale=2.0))
    schema = Schema(target="price", prediction="guess")
    frame = md.explain(rows, worse, schema=schema).to_frame().set_index("measure")
    assert (frame["metric"] == "mae").all()
    # the mean of |N(0, s)| is s √(2/π)
    assert frame.loc[CONCEPT, "statistic"] == pytest.approx(math.sqrt(2 / math.pi), abs=0.06)
    assert abs(frame.loc[COVARIATE, "statistic"]) < 0.05


def test_a_model_of_scores_alone_is_explained_as_one_with_predictions() -> None:
    rng = np.random.default_rng(8)
    before, after = (sea(rng, n, theta=t) for n, t in ((3000, 8.0), (2000, 9.5)))
    schema = Schema(target="label", probability="score", threshold=0.3)
    scored = [
        rows.drop(columns="guess").assign(score=np.where(rows["guess"] == 1, 0.35, 0.1))
        for rows in (before, after)
    ]
    found, same = md.explain(*scored, schema=schema), md.explain(before, after, schema=SEA)
    assert found.why.relation == same.why.relation
    assert {each.column for each in found.measurements} == {"score"}


def test_levels_and_missing_values_are_inputs_too() -> None:
    rng = np.random.default_rng(4)

    def drawn(n: int, share: float) -> pd.DataFrame:
        kind = np.where(rng.uniform(size=n) < share, "hard", "easy").astype(object)
        kind[rng.uniform(size=n) < 0.1] = None
        wrong = rng.uniform(size=n) < np.where(kind == "hard", 0.5, 0.1)
        return pd.DataFrame({"kind": kind, "guess": 1, "label": 1 - wrong.astype(int)})

    found = md.explain(drawn(3000, 0.2), drawn(2000, 0.7), schema=SEA)
    assert found.why.blamed == "inputs"


def test_windows_without_labels_and_models_without_inputs_say_so() -> None:
    rng = np.random.default_rng(5)
    rows = sea(rng, 400)
    unlabelled = rows.assign(label=pd.array([pd.NA] * 400, dtype="Int64"))
    found = md.explain(rows, unlabelled, schema=SEA)
    assert found.why.reason == "no labelled rows in the current window"
    assert "is not known: no labelled rows in the current window" in repr(found)
    bare = md.explain(rows[["guess", "label"]], rows[["guess", "label"]], schema=SEA)
    assert bare.why.reason == "no inputs to compare"


def test_without_target_and_prediction_there_is_nothing_to_explain() -> None:
    rows = sea(np.random.default_rng(6), 200)
    with pytest.raises(InputError, match="declare them"):
        md.explain(rows, rows, schema=Schema(target="label"))


def test_rows_and_inputs_beyond_the_most_are_drawn_and_said() -> None:
    rng = np.random.default_rng(7)
    wide = pd.DataFrame(rng.normal(size=(300, 40)), columns=[f"x{i}" for i in range(40)])
    wide = wide.assign(guess=1, label=(rng.uniform(size=300) < 0.8).astype(int))
    detail = md.explain(wide, wide, schema=SEA).measurements[0].detail
    assert (detail["inputs"], detail["of"]) == (30, 40)


@pytest.mark.parametrize(
    ("week", "told"),
    [
        (flights.JULY, "too different"),  # winter's flights hardly hold summer's weather
        (flights.DECEMBER, "relation"),
    ],
)
def test_the_demos_weeks(week: int, told: str) -> None:
    chosen = demo.WEEKS[week]
    found = md.explain(
        flights.reference(), flights.between(chosen.start, chosen.end), schema=flights.SCHEMA
    )
    assert told in (found.why.blamed or found.why.reason)
    segments = set(found.to_frame()["segment"])
    assert segments == {"", "origin=EWR", "origin=JFK", "origin=LGA"}
