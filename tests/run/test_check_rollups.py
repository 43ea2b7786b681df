"""Checks from counts: the status of every column is the one that its rows give, or rows decide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mondrift.errors import ModelError, WindowError
from mondrift.finding import UNDECIDED
from mondrift.policy import Policy
from mondrift.run.check import check
from mondrift.run.judging import by_counts, by_rows, judge_window
from mondrift.run.plan import Monitor, Reference
from mondrift.run.windows import Calendar, Length
from mondrift.schema import Schema
from mondrift.store import Store
from mondrift.verdict import Verdict

pytestmark = pytest.mark.servers

START = date(2025, 1, 1)
DAYS = Calendar(Length.parse("1D"), "Asia/Kolkata", START)
BEGIN = datetime(2024, 12, 31, 18, 30, tzinfo=UTC)
NUMBERS = count()
KINDS: dict[str, Any] = {
    "at": "datetime",
    "x": "numeric",
    "spend": "numeric",
    "steps": "numeric",
    "flag": "boolean",
    "kind": "categorical",
    "region": "categorical",
    "score": "numeric",
}
PLAIN = Schema(timestamp="at", prediction="score", segments=("region",), kinds=KINDS)
LABELLED = replace(PLAIN, target="truth", kinds={**KINDS, "truth": "numeric"})


def day(number: int, drift: float = 0.0, *, n: int = 700) -> pd.DataFrame:
    """A day of rows; `drift` moves every column a little, each in its own way."""
    generator = np.random.default_rng(number)
    levels = [f"k{i}" for i in range(12)]
    weights = np.arange(12, 0, -1) ** (1.0 + drift)
    x = generator.normal(drift, 1 + drift / 3, n)
    x[generator.random(n) < 0.02 + drift / 10] = np.nan
    frame = pd.DataFrame(
        {
            "at": BEGIN + pd.to_timedelta(86_400 * (number + generator.random(n)), unit="s"),
            "x": x,
            "spend": np.where(
                generator.random(n) < 0.3 + drift / 5, 0.0, generator.lognormal(2 + drift, 1, n)
            ),
            "steps": generator.poisson(3 + drift, n).astype(float),
            "flag": generator.random(n) < 0.4 + drift / 4,
            "kind": generator.choice([*levels, "new"], n, p=[*weights / weights.sum() * 0.98, 0.02])
            if drift
            else generator.choice(levels, n, p=weights / weights.sum()),
            "region": generator.choice(["north", "south"], n, p=[0.6, 0.4]),
            "score": generator.beta(2, 3 - drift, n),
        }
    )
    return frame.sort_values("at", ignore_index=True)


class World:
    """A model with a baseline of ten days, and a monitor that cuts days in India."""

    def __init__(self, store: Store, schema: Schema = PLAIN) -> None:
        self.store = store
        self.model = f"counts{next(NUMBERS)}"
        self.schema = schema
        store.register_model(self.model, schema, task="regression", clock="data")
        self.reference = pd.concat([day(i) for i in range(10)])
        store.register_baseline(self.model, self.with_labels(self.reference))
        self.monitor = Monitor(self.model, self.model, DAYS)

    def with_labels(self, rows: pd.DataFrame) -> pd.DataFrame:
        if self.schema.target is None:
            return rows
        noise = np.random.default_rng(len(rows)).normal(0, 0.1, len(rows))
        return rows.assign(truth=rows["score"] + noise)

    def log(self, number: int, drift: float = 0.0, **options: Any) -> None:
        self.store.log(self.model, self.with_labels(day(number, drift, **options)))

    def window(self, number: int, days: int = 1):
        first = DAYS.window((START + timedelta(days=number)).isoformat())
        return replace(first, end=first.end + timedelta(days=days - 1))


@pytest.fixture
def world(store: Store) -> Iterator[World]:
    yield World(store)


def statuses(verdict: Verdict) -> dict[tuple[str, ...], tuple[str, str]]:
    return {
        (e.family, e.check, e.column, e.segment): (e.status, e.reason) for e in verdict.findings
    }


def agreement(world: World, window) -> Counter[str]:
    """Assert that counts and rows agree wherever counts answer; how often they do what."""
    counted, read = (
        by_counts(world.store, world.monitor, window),
        by_rows(world.store, world.monitor, window),
    )
    assert counted is not None
    one, other = statuses(counted), statuses(read)
    assert one.keys() == other.keys()
    told = Counter[str]()
    for key, (status, reason) in one.items():
        if reason.startswith(UNDECIDED):
            told["undecided"] += 1
            continue
        assert status == other[key][0], (key, reason, other[key][1])
        told[status] += 1
    return told


@pytest.mark.parametrize("policy", [Policy(), Policy(name="classic")], ids=["default", "classic"])
def test_statuses_from_counts_are_those_from_rows_or_undecided(
    world: World, policy: Policy
) -> None:
    world.monitor = replace(world.monitor, policy=policy)
    told = Counter[str]()
    for number, drift in enumerate([0.0, 0.05, 0.1, 0.2, 0.3, 0.6, 1.0], start=20):
        world.log(number, drift)
        told += agreement(world, world.window(number))
    for number, days in ((20, 3), (20, 7)):
        told += agreement(world, world.window(number, days))
    assert min(told["ok"], told["warning"], told["alarm"]) >= 10
    assert told["undecided"] < 0.1 * sum(told.values())


def test_labels_are_read_and_features_are_not(store: Store) -> None:
    world = World(store, LABELLED)
    world.log(20, 0.3)
    agreement(world, world.window(20))
    verdict = by_counts(store, world.monitor, world.window(20))
    assert verdict is not None
    used = {
        (each.family, each.role == "target"): each.detail["from"]
        for each in verdict.comparison.measurements
    }
    assert used == {
        ("drift", False): "counts",
        ("drift", True): "rows",
        ("quality", False): "counts",
        ("quality", True): "rows",
        ("volume", False): "counts",
        ("performance", False): "rows",
        ("performance", True): "rows",
    }


def test_a_check_says_that_counts_gave_it_and_stores_that(world: World) -> None:
    world.log(20, 1.0)
    result = check(world.store, world.monitor, world.window(20))
    stored = world.store.comparison(result.run)
    assert {each.detail["from"] for each in stored.measurements} == {"counts"}
    assert result.verdict.to_dict() == world.store.verdict(result.run).to_dict()


def far_away(store: Store) -> World:
    """A world whose grid is fixed far away: all later values of x lie in its first cell."""
    world = World.__new__(World)
    world.store, world.schema, world.model = store, PLAIN, f"counts{next(NUMBERS)}"
    store.register_model(world.model, PLAIN, task="regression", clock="data")
    store.log(world.model, day(40, n=1500).assign(x=np.linspace(1e6, 1e6 + 1, 1500)))
    store.register_baseline(world.model, pd.concat([day(i) for i in range(10)]))
    world.monitor = Monitor(world.model, world.model, DAYS)
    return world


def test_where_counts_leave_it_open_rows_decide(store: Store) -> None:
    world = far_away(store)
    world.log(20, 1.0)
    counted = by_counts(store, world.monitor, world.window(20))
    assert counted is not None
    [left_open] = [
        e for e in counted.findings if e.column == "x" and e.family == "drift" and not e.segment
    ]
    assert left_open.status == "inconclusive" and left_open.reason.startswith(UNDECIDED)
    verdict = judge_window(store, world.monitor, world.window(20))
    [decided] = [
        e for e in verdict.findings if e.column == "x" and e.family == "drift" and not e.segment
    ]
    assert decided.status == "alarm"
    measured = verdict.comparison.measurements
    assert {each.detail["from"] for each in measured if each.column == "x"} == {"rows"}
    assert {each.detail["from"] for each in measured if each.column != "x"} == {"counts"}
    told = statuses(verdict)  # of values out of range, counts know a least number
    told = {key: (status, why.removeprefix("at least ")) for key, (status, why) in told.items()}
    assert told == statuses(by_rows(store, world.monitor, world.window(20)))
    places = [(e.family, e.segment, e.column, e.measure) for e in measured]
    assert len(set(places)) == len(places)
    assert set(places) == {
        (e.family, e.segment, e.column, e.measure) for e in counted.comparison.measurements
    }


def test_what_counts_leave_open_stays_so_where_rows_are_gone(store: Store) -> None:
    world = far_away(store)
    world.log(20, 1.0)
    world.log(130)  # the model's clock: what is older than 90 days goes
    store.retention(world.model)
    in_utc = replace(world.monitor, calendar=Calendar(Length.parse("1D"), "UTC", START))
    verdict = judge_window(store, in_utc, in_utc.window("2025-01-21"))
    left = {e.column for e in verdict.findings if e.reason.startswith(UNDECIDED)}
    assert "x" in left and verdict.comparison.current.n > 0
    assert {each.detail["from"] for each in verdict.comparison.measurements} == {"counts"}


def test_a_window_whose_rows_are_gone_is_counted_whole_or_refused(world: World) -> None:
    world.log(20)
    world.log(130)  # the model's clock: what is older than 90 days goes
    in_utc = replace(world.monitor, calendar=Calendar(Length.parse("1D"), "UTC", START))
    window = in_utc.window("2025-01-21")
    before = by_counts(world.store, in_utc, window)
    world.store.retention(world.model)
    after = by_counts(world.store, in_utc, window)
    assert before and after and statuses(after) == statuses(before)
    with pytest.raises(WindowError, match=r"rows of 'counts\d+' before that day are gone"):
        judge_window(world.store, world.monitor, world.window(20))  # days of India cut an hour


@pytest.mark.parametrize(
    "change",
    [
        {"reference": Reference("previous window")},
        {"reference": Reference(match="hour")},
    ],
    ids=["previous window", "matched"],
)
def test_references_that_are_no_plain_baseline_need_rows(world: World, change) -> None:
    for number in (20, 21):
        world.log(number)
    world.monitor = replace(world.monitor, **change)
    world.store.register_baseline(world.model, [DAYS.window("2025-01-21")])
    assert by_counts(world.store, world.monitor, world.window(21)) is None
    verdict = judge_window(world.store, world.monitor, world.window(21))
    assert {each.detail["from"] for each in verdict.comparison.measurements} == {"rows"}


def test_a_segment_that_was_not_counted_is_measured_from_rows(world: World) -> None:
    world.log(20)
    newer = world.reference.assign(region=np.where(world.reference["flag"], "west", "north"))
    world.store.register_baseline(world.model, newer)
    assert by_counts(world.store, world.monitor, world.window(20)) is None
    verdict = judge_window(world.store, world.monitor, world.window(20))
    assert {each.segment for each in verdict.findings} == {"", "region=north", "region=west"}


def test_a_baseline_counts_all_of_its_rows_and_bins_stay_the_same(world: World) -> None:
    world.log(20, 0.3)
    window = world.window(20)
    one, other = (
        by_counts(world.store, world.monitor, window),
        by_rows(world.store, world.monitor, window),
    )
    assert one is not None
    assert one.comparison.reference.n == len(world.reference)
    labels = [
        {(h.column, h.segment): h.labels for h in v.comparison.histograms} for v in (one, other)
    ]
    assert labels[0] == labels[1]


def whole_window(verdict: Verdict) -> dict[tuple[str, str], float | str]:
    """What was measured over all rows, or why it could not be."""
    measured = verdict.comparison.measurements
    return {(e.column, e.measure): e.reason or e.statistic for e in measured if not e.segment}


@pytest.mark.parametrize(
    ("schema", "drift"), [(PLAIN, 0.3), (LABELLED, 0.0)], ids=["counts", "labels"]
)
def test_a_monitor_looks_at_the_segments_that_it_names(
    store: Store, schema: Schema, drift: float
) -> None:
    world = World(store, replace(schema, segments=("region", "kind")))
    world.log(20, drift)
    window = world.window(20)
    every = by_counts(store, world.monitor, window)
    assert every is not None
    world.monitor = replace(world.monitor, segments=("region",))
    one = by_counts(store, world.monitor, window)
    other = by_rows(store, world.monitor, window)
    assert one is not None
    for verdict in (one, other):
        segments = {each.segment for each in verdict.comparison.measurements}
        assert segments == {"", "region=north", "region=south"}
    assert whole_window(one) == whole_window(every)
    world.monitor = replace(world.monitor, segments=())
    none = judge_window(store, world.monitor, window)
    assert {each.segment for each in none.comparison.measurements} == {""}


def test_a_segment_that_the_model_does_not_have_is_told_with_those_it_has(world: World) -> None:
    world.log(20)
    world.monitor = replace(world.monitor, segments=("regoin",))
    with pytest.raises(ModelError, match=r"has \['region'\]\. Did you mean 'region'\?"):
        judge_window(world.store, world.monitor, world.window(20))
