"""`limits:` of a monitor's file: read, or refused with everything that is wrong."""

from __future__ import annotations

import pytest

from mondrift.errors import SettingsError
from mondrift.run.limits import Limits, amount, memory, seconds


def test_what_is_not_given_is_as_built_in() -> None:
    assert Limits.from_mapping({}) == Limits(start=60, cell=600, run=3600, memory=None)
    read = Limits.from_mapping({"memory": "1.5G", "cell": "90s", "run": "2h"})
    assert (read.memory, read.cell, read.run) == (3 * 2**29, 90.0, 7200.0)


@pytest.mark.parametrize("text", ["10", "soon", "-5m", "0s", "0.001s", "", "5 weeks"])
def test_a_time_needs_a_number_above_zero_and_a_unit(text: str) -> None:
    with pytest.raises(SettingsError, match="write it 10m"):
        seconds(text)


@pytest.mark.parametrize("text", ["2", "lots", "2T", "-1G", "1e9"])
def test_an_amount_of_memory_needs_a_number_and_a_unit(text: str) -> None:
    with pytest.raises(SettingsError, match="write it 512M or 2G"):
        memory(text)


def test_less_than_a_kernel_needs_is_refused() -> None:
    with pytest.raises(SettingsError, match="256M or more"):
        memory("100M")


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as told:
        Limits.from_mapping({"memroy": "2G", "cell": 10, "run": True})
    for part in ("Did you mean 'memory'?", "limits.cell: '10'", "limits.run: 'True'"):
        assert part in str(told.value)


@pytest.mark.parametrize("text", ["256M", "300M", "1G", "1.5G", "64G"])
def test_an_amount_is_told_as_it_is_read(text: str) -> None:
    assert amount(memory(text)) == text
