"""Every story and kind of alert has an entry."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args

import numpy as np
import pandas as pd
import pytest

from mondrift.alert import alerts_for
from mondrift.comparing import compare
from mondrift.diagnosis import Story, diagnose
from mondrift.errors import InputError
from mondrift.playbook import Recommendation, entry, recommend
from mondrift.verdict import judge
from mondrift.why import Since, Why
from tests.flights import APRIL, JULY, SEPTEMBER, verdict


@pytest.mark.parametrize("story", [s for s in get_args(Story) if s != "no drift"])
def test_every_story_has_an_entry(story):
    assert entry(story).steps and entry(story).retraining


def test_every_alert_of_the_demo_has_an_entry():
    for week in range(5):
        for alert in alerts_for(verdict(week)):
            assert entry(alert.playbook).name == alert.playbook


def test_an_unknown_entry_names_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'concept drift'"):
        entry("concept drfit")


def told(week: int, why: Why | None = None) -> Recommendation:
    """The recommendation on a week of the demo, as if `why` had been found."""
    return recommend(verdict(week), replace(diagnose(verdict(week)), why=why))


def since(labelled: int = 1340, until: datetime | None = None) -> Why:
    """A change of April that was dated."""
    began = datetime(2013, 4, 22, tzinfo=UTC)
    return Why(
        "accuracy", None, None, Since(began, began, began, until, 0.2, 0.36, labelled, False)
    )


def test_drift_without_harm_is_no_reason_to_retrain():
    found = told(SEPTEMBER)
    assert found.answer == "do not retrain"
    assert found.text.startswith("Do not retrain: weather (5 columns)")
    assert found.text.endswith("Accuracy rose: 87.6 %, 79.4 % in the reference (1,246 labels).")


def test_without_labels_one_waits():
    found = recommend(verdict(JULY, labels=False))
    assert found.answer == "wait"
    assert found.text.endswith("reason to retrain.")


def test_a_lasting_drop_with_labels_since_is_a_reason():
    found = told(APRIL, since())
    assert found.answer == "retrain"
    assert found.text == (
        "Retrain if the change is there to stay: accuracy fell by 15.9 points (79.4 % to 63.4 %), "
        "and 1,340 labelled rows came since 22 April. Rows from before teach what no longer holds. "
        "Measure the new model on rows that it has not seen."
    )


def test_without_a_moment_the_windows_labels_count_and_that_is_said():
    found = told(APRIL)
    assert found.answer == "retrain"
    assert "1,340 labelled rows came in this window" in found.text
    assert found.text.endswith("Since when it is so is not clear: look further back.")


def test_too_few_labels_since_the_change_are_waited_for():
    found = told(APRIL, since(labelled=300))
    assert found.answer == "wait"
    assert "only 300 labelled rows came since 22 April; 1,000 are a beginning" in found.text


def test_what_is_over_is_no_reason():
    found = told(APRIL, since(until=datetime(2013, 4, 27, tzinfo=UTC)))
    assert found.answer == "do not retrain"
    assert "but it is over" in found.text
    assert found.text.endswith("over since 27 April.")


def test_a_broken_column_is_repaired_first():
    rows = pd.DataFrame({"x": np.arange(2000) % 97 / 7})
    broken = rows.where(np.arange(2000)[:, None] % 3 > 0)
    found = recommend(judge(compare(rows, broken)))
    assert found.answer == "do not retrain"
    assert found.text.startswith("Do not retrain: repair x first. A model that learns from wrong")


def test_every_alert_carries_the_recommendation():
    for alert in alerts_for(verdict(APRIL)):
        assert alert.evidence["retraining"] == recommend(verdict(APRIL)).to_dict()
