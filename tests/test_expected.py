"""An estimated fall is a warning with its assumption beside it, and gives way to labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mondrift import Finding, Schema, Verdict, compare, judge
from mondrift.alert import alerts_for, judged_kinds
from mondrift.briefing import brief
from mondrift.exhibits import figures, metrics
from mondrift.expected import expected
from mondrift.policy import Policy
from mondrift.wording import estimated
from tests import flights
from tests.test_estimates import PRICED, SCORED, priced, scored


def finding(verdict: Verdict) -> Finding:
    (found,) = [f for f in verdict.findings if f.check.startswith("estimated_")]
    return found


@pytest.fixture(scope="module")
def shifted() -> Verdict:
    """Rows that are harder to tell, and no labels yet."""
    window = scored(3000, 1, near=4.0).assign(late=np.nan)
    return judge(compare(scored(5000, 0), window, schema=SCORED))


def test_an_estimated_fall_is_a_warning_with_its_assumption(shifted: Verdict) -> None:
    found = finding(shifted)
    assert found.status == "warning"
    assert found.reason.startswith("accuracy is estimated to have fallen by ")
    assert "assumes P(label | score) unchanged: blind to concept drift" in found.reason
    assert found.reason in shifted.reason


def test_an_estimated_rise_of_the_error_is_a_warning_too() -> None:
    window = priced(3000, 1, shift=1.5).drop(columns="price")
    found = finding(judge(compare(priced(5000, 0), window, schema=PRICED)))
    assert found.status == "warning"
    assert found.reason.startswith("MAE is estimated to have risen by ")


def test_without_a_fall_a_window_without_labels_stays_open() -> None:
    verdict = judge(compare(scored(5000, 0), scored(3000, 1).assign(late=np.nan), schema=SCORED))
    assert finding(verdict).status == "ok"
    assert verdict.status == "inconclusive"  # only labels show concept drift


def test_a_window_without_the_target_s_column_waits_for_labels() -> None:
    window = scored(3000, 1).drop(columns="late")
    verdict = judge(compare(scored(5000, 0), window, schema=SCORED))
    assert (verdict.status, verdict.columns()["late"].status) == ("inconclusive",) * 2
    assert verdict.reason == "no labels yet: the current window has no such column"


def test_once_half_of_the_labels_are_here_accuracy_itself_decides() -> None:
    window = scored(3000, 1, near=4.0)
    reference = scored(5000, 0)
    few, many = (
        finding(judge(compare(reference, window.assign(late=labels), schema=SCORED)))
        for labels in (window["late"].where(window.index < 1400), window["late"])
    )
    assert few.status == "warning"
    assert (many.status, many.reason) == (
        "ok", "100.0 % of rows are labelled: accuracy itself is judged",
    )  # fmt: skip


def test_what_could_make_or_hide_a_fall_by_itself_is_inconclusive() -> None:
    reference, window = scored(2000, 0), scored(1000, 1).assign(late=np.nan)
    narrow = reference[reference["score"].between(0.1, 0.9)]
    cases = {
        "20.": compare(narrow, window, schema=SCORED),
        "too few labels in the reference (60)": compare(
            reference.assign(late=reference["late"].where(reference.index < 60)),
            window, schema=SCORED,
        ),
        "too few rows (15)": compare(reference, window[:15], schema=SCORED),
    }  # fmt: skip
    for words, comparison in cases.items():
        (found,) = expected(comparison, Policy())
        assert (found.status, words in found.reason) == ("inconclusive", True), found.reason


def test_predictions_that_the_scores_do_not_explain_are_inconclusive() -> None:
    frames = [scored(3000, 0).assign(score=0.5), scored(1000, 1).assign(score=0.5, late=np.nan)]
    (found,) = expected(compare(*frames, schema=SCORED), Policy())
    assert found.status == "inconclusive"
    assert "predictions are not made from these scores alone" in found.reason
    assert "they promise 50." in found.reason


def test_a_curve_that_recalibration_does_not_follow_is_inconclusive() -> None:
    def jagged(n: int, seed: int) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        score = rng.uniform(size=n)
        chance = np.where((score * 12).astype(int) % 2, 0.95, 0.05)
        late = (rng.random(n) < chance).astype(int)
        return pd.DataFrame({"late": late, "told": (score > 0.5).astype(int), "score": score})

    window = jagged(500, 1).assign(late=np.nan)
    (found,) = expected(compare(jagged(3000, 0), window, schema=SCORED), Policy())
    assert found.status == "inconclusive"
    assert "remains in the reference" in found.reason


def test_an_estimate_that_cannot_be_made_says_nothing_about_the_window() -> None:
    window = scored(400, 1)
    window["late"] = window["late"].where(window.index < 150)
    frames = [each.assign(user=np.arange(len(each))) for each in (scored(3000, 0), window)]
    schema = Schema(target="late", prediction="told", probability="score", cluster="user")
    verdict = judge(compare(*frames, schema=schema))
    assert finding(verdict).status == "inconclusive"
    assert verdict.status == "ok"


def test_nobody_is_paged_for_an_estimate(shifted: Verdict) -> None:
    kinds = {each.kind: each for each in alerts_for(shifted)}
    assert "performance_degradation" not in kinds
    alert = kinds["estimated_degradation"]
    assert alert.severity == "low"
    assert alert.title.startswith("accuracy is estimated to have fallen by ")
    assert "blind to concept drift" in alert.text and "Only labels can confirm it." in alert.text
    assert "estimated_degradation" in judged_kinds(shifted)
    assert "performance_degradation" not in judged_kinds(shifted)


def test_labels_end_what_an_estimate_began() -> None:
    window = scored(3000, 1, near=4.0)
    verdict = judge(compare(scored(5000, 0), window, schema=SCORED))
    kinds = {each.kind for each in alerts_for(verdict)}
    assert "estimated_degradation" in judged_kinds(verdict) - kinds
    assert "performance_degradation" in kinds


def test_people_read_the_assumption_beside_the_number(shifted: Verdict) -> None:
    number = f"{100 * finding(shifted).statistic:.1f}"
    for told in (
        estimated(shifted),
        str(figures(shifted).sections),
        str(metrics(shifted).sections),
    ):
        assert "assumes P(label | score) unchanged" in told
    assert number in estimated(shifted).replace("\u00a0", " ")
    assert "accuracy, estimated" in str(figures(shifted).sections)


def test_in_the_flights_of_april_it_was_blind_to_what_labels_showed() -> None:
    before, after = (flights.verdict(flights.APRIL, labels=known) for known in (False, True))
    assert finding(before).status == "ok"
    estimate = finding(before).statistic
    assert estimate == finding(after).statistic > 0.8  # the scores promise a better week
    assert next(f for f in after.findings if f.check == "accuracy").statistic < 0.65


def test_the_headline_says_what_is_estimated_while_labels_are_missing(shifted: Verdict) -> None:
    headline = brief(shifted).headline
    assert "accuracy is estimated at " in headline and "blind to concept drift" in headline
