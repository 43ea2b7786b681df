"""Which story a verdict tells."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pytest

from mondrift.diagnosis import WORSE, diagnose, moving_since
from mondrift.policy import Policy
from tests.flights import APRIL, DECEMBER, FEBRUARY, JULY, SEPTEMBER, unexpected, verdict


@pytest.mark.parametrize(
    ("week", "story"),
    [
        (FEBRUARY, "drift without harm"),
        (APRIL, "concept drift"),
        (JULY, "drift with harm"),
        (SEPTEMBER, "drift without harm"),
        (DECEMBER, "concept drift"),
    ],
)
def test_each_week_of_the_demo_has_its_story(week: int, story: str) -> None:
    assert diagnose(verdict(week)).story == story


def test_a_small_shift_of_scores_with_a_fresh_feature_may_explain_a_drop() -> None:
    assert diagnose(unexpected(APRIL)).story == "drift with harm"


def test_a_feature_that_moved_before_the_drop_is_not_fresh() -> None:
    old = {"weather": datetime(2013, 4, 1, tzinfo=UTC)}
    found = diagnose(unexpected(APRIL), since=old)
    assert found.story == "concept drift"
    assert found.features[0].older


def test_a_feature_that_moved_with_the_drop_is_not_older() -> None:
    both = dict.fromkeys(("weather", WORSE), datetime(2013, 4, 1, tzinfo=UTC))
    assert not diagnose(unexpected(APRIL), since=both).features[0].older


def test_without_labels_the_harm_is_unknown() -> None:
    assert diagnose(verdict(JULY, labels=False)).story == "drift, harm unknown"


def history(**statuses: str) -> pd.DataFrame:
    """Weekly windows from 1 April; one letter per week and column: o, w, a."""
    names = {"o": "ok", "w": "warning", "a": "alarm"}
    return pd.DataFrame(
        [
            {
                "window_start": pd.Timestamp("2013-04-01", tz="UTC") + pd.Timedelta(weeks=week),
                "segment": "",
                "family": "performance" if column == "label" else "drift",
                "column": column,
                "measure": "accuracy" if column == "label" else "psi",
                "status": names[letter],
            }
            for column, letters in statuses.items()
            for week, letter in enumerate(letters)
        ]
    )


def test_since_counts_back_to_the_first_gap() -> None:
    now = datetime(2013, 4, 29, tzinfo=UTC)
    since = moving_since(history(x="wowa", y="aaao", label="ooaa"), Policy(), now)
    assert {name: f"{at:%d %b}" for name, at in since.items()} == {
        "x": "15 Apr", WORSE: "15 Apr",
    }  # fmt: skip


def test_columns_of_a_group_hand_over_to_each_other() -> None:
    policy = Policy(groups={"weather": ("wind", "rain")})
    since = moving_since(
        history(wind="wwoo", rain="ooww"), policy, datetime(2013, 4, 29, tzinfo=UTC)
    )
    assert since == {"weather": datetime(2013, 4, 1, tzinfo=UTC)}


def test_the_window_itself_and_later_ones_are_no_history() -> None:
    assert moving_since(history(x="aaaa"), Policy(), datetime(2013, 4, 1, tzinfo=UTC)) == {}


def test_an_empty_history_knows_nothing() -> None:
    empty = history(x="o").iloc[:0]
    assert moving_since(empty, Policy(), datetime(2013, 4, 1, tzinfo=UTC)) == {}
