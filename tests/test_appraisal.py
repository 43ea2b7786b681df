"""An appraisal answers whether the model still works, whatever the model can tell."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

import mondrift as md
from mondrift.appraisal import Appraisal, appraise
from mondrift.briefing import brief
from mondrift.exhibits import View
from mondrift.measurement import Measurement
from mondrift.particulars import confusion
from mondrift.verdict import judge
from tests import flights
from tests.flights import APRIL, SEPTEMBER

LOCAL = "America/New_York"


def measured(measure: str, statistic: float, **facts: Any) -> Measurement:
    """A measurement of the whole window, as a comparison holds it."""
    detail = facts.pop("detail", {})
    return Measurement(
        family="performance", column="late", role="target", kind="", measure=measure,
        statistic=statistic, pvalue=facts.pop("pvalue", None), n_reference=5000, n_current=1300,
        detail=detail, **facts,
    )  # fmt: skip


def told(week: int, *more: Measurement, labels: bool = True) -> Appraisal:
    """The appraisal of a week of flights whose comparison also holds `more`."""
    verdict = flights.verdict(week, labels)
    names = {each.measure for each in more}
    kept = [m for m in verdict.comparison.measurements if m.measure not in names or m.segment]
    comparison = replace(verdict.comparison, measurements=(*kept, *more))
    return appraise(brief(judge(comparison, flights.POLICY), zone=LOCAL))


def parts(inputs: float, outcomes: float, metric: str = "accuracy") -> tuple[Measurement, ...]:
    names = ("covariate_shift_effect", "concept_drift_effect")
    return tuple(
        measured(name, value, low=value - 0.02, high=value + 0.02, detail={"metric": metric})
        for name, value in zip(names, (inputs, outcomes), strict=True)
    )


SINCE = measured(
    "changed_since", 0.15, pvalue=1e-6,
    detail={"at": "2013-04-22T02:00:00+00:00", "from": "2013-04-20T00:00:00+00:00",
            "to": "2013-04-23T12:00:00+00:00", "metric": "accuracy",
            "reference": 0.21, "labelled": 1200, "step": "1 hour", "zone": LOCAL},
)  # fmt: skip


def words(exhibit: Any) -> str:
    assert isinstance(exhibit, View), "a chart was drawn"
    return " ".join(section.text for section in exhibit.sections)  # type: ignore[union-attr]


def rows(chart: Any) -> list[dict[str, Any]]:
    return [row for rows in chart.to_dict()["datasets"].values() for row in rows]


def test_drift_without_harm_is_a_yes() -> None:
    answer = told(SEPTEMBER).answer
    assert answer.status == "ok"
    assert answer.title == "Yes: accuracy is 87.6 %, 79.4 % in the reference."
    assert answer.reasons[0] == "What to do: nothing."
    assert words(told(SEPTEMBER).since()).startswith("On the whole the model did not become worse")
    assert told(SEPTEMBER).why() == []


def test_the_moment_of_change_is_dated_by_the_clocks_of_the_zone_and_marked() -> None:
    appraisal = told(APRIL, SINCE)
    assert appraisal.answer.reasons[0] == (
        "Since when: about 21 April 2013 (between 19 and 23 April)."
    )
    marked = [row for row in rows(appraisal.trend()) if "at" in row and "what" in row]
    assert marked[0]["at"] == "2013-04-21T22:00:00Z"  # the page's time is the zone's


def test_a_change_that_is_over_is_told_as_over() -> None:
    over = replace(SINCE, detail={**SINCE.detail, "until": "2013-04-25T10:00:00+00:00"})
    assert told(APRIL, over).answer.reasons[0] == (
        "Since when: about 21 April 2013 (between 19 and 23 April), over since 25 April 2013."
    )


def test_where_no_moment_stands_out_the_windows_are_counted_and_the_reason_is_told() -> None:
    unknown = measured("changed_since", math.nan, reason="no moment stands out (p = 0.2)",
                       detail={"metric": "accuracy", "reference": None})  # fmt: skip
    appraisal = told(APRIL, unknown)
    assert "this window is the first one" in appraisal.answer.reasons[0]
    assert words(appraisal.since()) == "Since when: no moment stands out (p = 0.2)."


@pytest.mark.parametrize(
    ("inputs", "outcomes", "expected"),
    [
        (-0.01, -0.15, "like inputs have other outcomes than before (the concept changed)"),
        (-0.14, -0.01, "other inputs than before"),
        (-0.12, -0.04, "other inputs than before"),
    ],
)
def test_why_names_the_larger_part_that_surely_harms(
    inputs: float, outcomes: float, expected: str
) -> None:
    appraisal = told(APRIL, *parts(inputs, outcomes))
    (why,) = [each for each in appraisal.answer.reasons if each.startswith("Why: ")]
    assert expected in why
    chart = appraisal.why()[1]
    assert {row["part"]: row["statistic"] for row in rows(chart) if "part" in row} == {
        "other inputs": inputs,
        "other outcomes": outcomes,
    }


def test_a_smaller_part_is_not_blamed_because_the_larger_one_is_unsure() -> None:
    inputs, outcomes = parts(-0.12, -0.04)
    unsure = replace(inputs, low=-0.3, high=0.06)
    appraisal = told(APRIL, unsure, outcomes)
    (why,) = [each for each in appraisal.answer.reasons if each.startswith("Why: ")]
    assert why == "Why: it is not clear whether other inputs or other outcomes did it."
    assert words(appraisal.why()[0]).startswith("It is not clear what did it")


def test_a_page_that_says_yes_tells_that_the_check_as_a_whole_does_not() -> None:
    september, april = told(SEPTEMBER).answer, told(APRIL).answer
    assert september.status != "alarm"
    assert september.reasons[-1].startswith("Beside this: the check as a whole says alarm. Weather")
    assert not any(each.startswith("Beside this") for each in april.reasons)


def test_a_part_that_is_not_known_gives_its_reason_instead_of_a_chart() -> None:
    inputs, outcomes = parts(-0.1, -0.05)
    unknown = replace(inputs, statistic=math.nan, reason="the windows hardly overlap")
    (shown,) = told(APRIL, unknown, outcomes).why()
    assert words(shown) == "The windows hardly overlap."


def test_without_labels_the_estimate_is_told_and_nothing_is_promised() -> None:
    guess = measured("estimated_accuracy", 0.81, low=0.78, high=0.84,
                     detail={"reference": 0.794, "reference_low": 0.78, "reference_high": 0.81,
                             "assumes": "P(label | score) unchanged"})  # fmt: skip
    answer = told(APRIL, guess, labels=False).answer
    assert answer.status == "inconclusive"
    assert "accuracy is estimated at 81.0 %, 79.4 % in the reference" in answer.title
    assert not answer.title.startswith("Yes")
    fallen = replace(guess, statistic=0.68, low=0.65, high=0.71)
    doubtful = told(APRIL, fallen, labels=False).answer
    assert (doubtful.status, doubtful.title.partition(":")[0]) == ("warning", "Probably not")


def test_a_model_without_targets_says_what_it_lacks_and_draws_nothing() -> None:
    frame = pd.DataFrame({"x": range(400), "said": [0, 1] * 200})
    comparison = md.compare(frame, frame, schema=md.Schema(prediction="said"))
    appraisal = appraise(brief(judge(comparison)))
    assert appraisal.answer.title.startswith("Not known: this model has no labels")
    exhibits = [appraisal.trend(), appraisal.segments(), appraisal.calibration(),
                appraisal.confusion(), appraisal.since(), appraisal.actions(),
                *appraisal.beside(), *appraisal.labels(), *appraisal.estimated(),
                *appraisal.why()]  # fmt: skip
    assert all(words(each) for each in exhibits)


def test_small_cells_of_a_confusion_matrix_cannot_be_worked_out() -> None:
    matrix = {"labels": ["0", "1"], "reference": [[900, 100], [50, 50]],
              "current": [[897, 3], [0, 100]]}  # fmt: skip
    (found,) = [m for m in flights.verdict(APRIL).comparison.measurements
                if m.measure == "accuracy" and not m.segment]  # fmt: skip
    accuracy = replace(found, detail={**found.detail, "confusion": matrix})
    comparison = replace(flights.verdict(APRIL).comparison, measurements=(accuracy,))
    cells = confusion(comparison).set_index(["window", "target", "prediction"])
    now = cells.loc["current"]
    assert now.loc[("late = 0", "late = 1")].isna().all()
    assert pd.isna(now.loc[("late = 0", "late = 0"), "count"])
    assert now.loc[("late = 0", "late = 0"), "share"] == 1.0
    assert now.loc[("late = 1", "late = 0"), "count"] == 0
    assert cells.loc[("reference", "late = 0", "late = 1"), "share"] == 0.1


def test_several_bad_windows_in_a_row_are_counted_back() -> None:
    past = flights.verdict(APRIL).to_frame()
    weeks = []
    for back, status in ((2, "ok"), (1, "alarm")):
        shifted = past.assign(
            **{
                name: past[name] - pd.Timedelta(weeks=back)
                for name in ("window_start", "window_end")
            }
        )
        weeks.append(shifted.assign(status=status))
    history = pd.concat([*weeks, past], ignore_index=True)
    answer = appraise(brief(flights.verdict(APRIL), history=history, zone=LOCAL)).answer
    assert answer.reasons[0] == (
        "Since when: the window of 15 April 2013; by now 2 windows in a row."
    )


def test_the_answer_travels_as_a_banner() -> None:
    bundle = told(APRIL)._repr_mimebundle_()
    (section,) = bundle["application/vnd.mondrift.v1+json"]["sections"]  # type: ignore[index]
    assert (section["type"], section["status"]) == ("banner", "alarm")
    json.dumps(section)
