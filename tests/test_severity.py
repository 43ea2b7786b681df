"""Rules of alerts, as a monitor's file gives them."""

from __future__ import annotations

import pytest

from mondrift.errors import SettingsError
from mondrift.severity import AlertRules


def test_what_is_not_said_stays_as_built_in() -> None:
    rules = AlertRules.from_mapping({"severities": {"data_drift": "high"}})
    assert rules.severities["data_drift"] == "high"
    assert rules.severities["performance_degradation"] == "critical"


def test_all_complaints_come_at_once_with_the_nearest_name() -> None:
    with pytest.raises(SettingsError) as raised:
        AlertRules.from_mapping(
            {
                "chanels": ["webhook"],
                "many": 0,
                "severities": {"data_drfit": "low", "output_drift": "loud"},
            }
        )
    text = str(raised.value)
    assert "'chanels' is no key of alerts. Did you mean 'channels'?" in text
    assert "many is a whole number from 1 on, not 0" in text
    assert "'data_drfit'" in text and "Did you mean 'data_drift'?" in text
    assert "the severity of output_drift is 'loud'" in text


@pytest.mark.parametrize("channels", ["webhook", [1], 3])
def test_channels_are_a_list_of_names(channels: object) -> None:
    with pytest.raises(SettingsError, match="channels is a list of names"):
        AlertRules.from_mapping({"channels": channels})
