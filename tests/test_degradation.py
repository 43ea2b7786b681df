"""Findings about the model: accuracy and MAE alarm, ROC AUC warns, the rest is shown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mondrift.alert import alerts_for, judged_kinds
from mondrift.briefing import brief
from mondrift.comparing import compare
from mondrift.diagnosis import diagnose, performance_of
from mondrift.policy import Policy
from mondrift.schema import Schema
from mondrift.verdict import Verdict, judge

NUMBERS = Schema(target="price", prediction="guess", segments=("town",))
SCORES = Schema(target="came", prediction="said", probability="score")


def prices(n: int, seed: int, error: float, only: str | None = None) -> pd.DataFrame:
    """Prices guessed with a normal error; `only` in one of two towns, else the error is 10."""
    random = np.random.default_rng(seed)
    town = random.choice(["Graz", "Linz"], n)
    price = random.normal(200, 50, n)
    spread = np.where(np.isin(town, only or ["Graz", "Linz"]), error, 10.0)
    guess = price + spread * random.normal(size=n)
    return pd.DataFrame({"town": town, "price": price, "guess": guess, "x": random.normal(size=n)})


def ranked(n: int, seed: int, distance: float) -> pd.DataFrame:
    """A score that ranks by `distance`, and predictions that are right in four of five rows."""
    random = np.random.default_rng(seed)
    came = (random.random(n) < 0.5).astype(int)
    score = 1 / (1 + np.exp(-(random.normal(size=n) + distance * (came - 0.5))))
    said = np.where(random.random(n) < 0.8, came, 1 - came)
    return pd.DataFrame({"came": came, "said": said, "score": score, "x": random.normal(size=n)})


def status(verdict: Verdict, check: str, segment: str = "") -> str:
    return next(f.status for f in verdict.findings if f.check == check and f.segment == segment)


def test_a_rise_of_the_error_is_an_alarm_and_told_as_one() -> None:
    verdict = judge(compare(prices(4000, 0, 10), prices(1000, 1, 13), schema=NUMBERS))
    assert verdict.status == "alarm"
    assert verdict.reason.startswith("MAE rose by ")
    assert brief(verdict).headline.startswith("MAE rose by ")
    assert performance_of(verdict).change == pytest.approx(0.3, abs=0.07)
    assert diagnose(verdict).story == "concept drift"
    (alert, *_) = alerts_for(verdict)
    assert (alert.kind, alert.severity) == ("performance_degradation", "critical")
    assert "labels), and surely by more than" in alert.text
    assert "wrong answers" not in alert.text


def test_the_tolerance_of_the_error_is_the_policys() -> None:
    comparison = compare(prices(4000, 0, 10), prices(1000, 1, 13), schema=NUMBERS)
    assert status(judge(comparison, Policy(error_rise=0.5)), "mae") == "ok"
    assert judge(comparison, Policy.from_mapping({"error_rise_threshold": 0.5})).status == "ok"


def test_an_error_that_held_says_what_it_could_have_seen() -> None:
    verdict = judge(compare(prices(4000, 0, 10), prices(1000, 1, 10), schema=NUMBERS))
    assert status(verdict, "mae") == "ok"
    reason = next(f.reason for f in verdict.findings if f.check == "mae")
    assert "only a true rise of" in reason
    assert judged_kinds(verdict) >= {"performance_degradation"}


def test_a_rise_in_one_segment_is_found_there() -> None:
    verdict = judge(compare(prices(4000, 0, 10), prices(1000, 1, 16, "Graz"), schema=NUMBERS))
    assert status(verdict, "mae", "town=Graz") == "alarm"
    assert status(verdict, "mae", "town=Linz") == "ok"
    assert "It rose in town=Graz" in alerts_for(verdict)[0].text


def test_too_few_labels_leave_an_error_open() -> None:
    few = prices(1000, 1, 30).assign(price=lambda rows: rows["price"].where(rows.index < 50))
    verdict = judge(compare(prices(4000, 0, 10), few, schema=NUMBERS))
    assert status(verdict, "mae") == "inconclusive"
    assert "performance_degradation" not in judged_kinds(verdict)


def test_a_model_that_ranks_worse_and_is_as_right_is_a_warning() -> None:
    verdict = judge(compare(ranked(4000, 0, 2.0), ranked(3000, 1, 1.4), schema=SCORES))
    assert (status(verdict, "accuracy"), status(verdict, "roc_auc")) == ("ok", "warning")
    assert diagnose(verdict).performance.status == "ok"
    alert = next(a for a in alerts_for(verdict) if a.kind == "performance_degradation")
    assert alert.severity == "medium"
    assert alert.title.startswith("ROC AUC fell by ")


def test_a_score_that_cannot_be_judged_leaves_the_window_as_it_is() -> None:
    one_class = ranked(3000, 1, 2.0).assign(came=1, said=1)
    reference = ranked(4000, 0, 2.0).assign(said=lambda rows: rows["came"])
    verdict = judge(compare(reference, one_class, schema=SCORES, columns=["x"]))
    assert verdict.status == "ok"
