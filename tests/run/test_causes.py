"""A check that finds a model worse also says why and since when; a quiet one reads nothing more."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from mondrift.diagnosis import diagnose
from mondrift.errors import WindowError
from mondrift.split import CONCEPT, COVARIATE
from mondrift.store import Store
from tests.run.test_check import DAYS, START, World, day

pytestmark = pytest.mark.servers


def measured(world: World, number: int) -> dict[str, object]:
    result = world.check(number)
    again = world.store.comparison(result.run)  # what was stored
    return {each.measure: each for each in again.measurements if not each.segment}


def test_why_and_since_when_are_stored_with_a_worse_window(store: Store) -> None:
    world = World(store)
    for number in range(1, 6):
        world.log(day(number, wrong=0.2 if number < 5 else 0.5))
    assert CONCEPT not in measured(world, 4)  # a quiet day
    found = measured(world, 5)
    assert found[CONCEPT].statistic == pytest.approx(-0.3, abs=0.05)
    assert abs(found[COVARIATE].statistic) < 0.05
    since = found["changed_since"].detail
    assert since["step"] == "1h"
    assert abs(pd.Timestamp(since["at"]) - pd.Timestamp("2024-01-06", tz="UTC")) <= timedelta(
        hours=2
    )
    json.dumps({name: dict(each.detail) for name, each in found.items()}, allow_nan=False)


def test_the_alert_tells_it_and_the_message_says_what_to_do(store: Store) -> None:
    world = World(store)
    for number in range(1, 6):
        world.log(day(number, wrong=0.2 if number < 5 else 0.5))
    result = world.check(5)
    assert diagnose(result.verdict).story == "concept drift"
    (alert,) = [each for each in result.alerts if each.kind == "performance_degradation"]
    assert "inputs and outcomes are related otherwise than before" in alert.text
    assert "It is so since 6 January" in alert.text
    assert alert.evidence["retraining"]["answer"] == "wait"  # of 400 rows a day few came since


def test_errors_are_summed_as_pandas_sums_them(store: Store) -> None:
    world = World(store)
    rows = day(1, wrong=0.3)
    world.log(rows, labels=False)
    assert store.mistakes(world.model, *bounds(1)).empty  # nothing is labelled yet
    world.label(rows.iloc[: len(rows) // 2])
    told = store.mistakes(world.model, *bounds(1))
    known = rows.iloc[: len(rows) // 2].assign(wrong=lambda frame: frame.guess != frame.bought)
    by_hour = known.groupby(known["at"].dt.floor("h"))["wrong"]
    assert told["start"].tolist() == list(by_hour.groups)
    np.testing.assert_array_equal(told["n"], by_hour.size())
    np.testing.assert_array_equal(told["errors"], by_hour.sum())
    np.testing.assert_array_equal(told["squares"], by_hour.sum())
    (whole,) = store.mistakes(world.model, *bounds(1), every="1D")["n"]
    assert whole == len(known)
    with pytest.raises(WindowError, match="'1h'"):
        store.mistakes(world.model, *bounds(1), every="1W")


def bounds(number: int) -> tuple[object, object]:
    window = DAYS.window((START + timedelta(days=number)).isoformat())
    return window.start, window.end
