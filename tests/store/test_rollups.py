"""Rollups: what they say of a window is what its rows say, whatever happened on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, wait
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from itertools import count
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import psycopg2
import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, Engine, text

from mondrift.measures import summarize
from mondrift.rows import read
from mondrift.store import Store
from mondrift.store.connect import engine_for
from tests.processes import forked
from tests.store.counted import DAY, SCHEMA, agree, rows, same

pytestmark = pytest.mark.servers

NUMBERS = count()
HOUR = timedelta(hours=1)


@pytest.fixture
def model(store: Store) -> str:
    """A model without rows."""
    name = f"counted{next(NUMBERS)}"
    store.register_model(name, SCHEMA, task="binary", clock="data")
    return name


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(20260301)


def _spans(generator: np.random.Generator, n: int, hours: float = 60.0):
    """Random windows around the first days, most with edges on nothing."""
    for _ in range(n):
        first, second = np.sort(generator.uniform(-6, hours, 2))
        unit = generator.choice([1e-6, 60.0, 900.0, 3600.0, 86_400.0])
        start, end = (
            DAY + timedelta(seconds=round(e * 3600 / unit) * unit) for e in (first, second)
        )
        if start < end:
            yield start, end


def test_any_window_of_random_batches_counts_to_what_its_rows_are(
    store: Store, model: str, generator: np.random.Generator
) -> None:
    store.log(model, rows(generator, 1500, hours=30))
    for size in generator.integers(1, 400, 12).tolist():
        start = DAY + timedelta(hours=float(generator.uniform(0, 40)))
        hours = float(generator.choice([0.01, 0.2, 3.0, 12.0]))
        store.log(model, rows(generator, size, start=start, hours=hours))
    for folded in (False, True):
        for start, end in _spans(generator, 15):
            same(store, model, start, end)
        if not folded:
            assert store.fold(model) > 0
    whole = same(store, model, DAY - HOUR, DAY + 80 * HOUR)
    assert whole.segments == ("region=north", "region=south", "region=east")
    assert "bought" not in whole.columns[""]


def test_late_rows_duplicates_conflicts_and_bad_rows_count_once_or_not_at_all(
    store: Store, model: str, generator: np.random.Generator
) -> None:
    first = rows(generator, 1200, hours=10, prefix="a")
    bad = first.head(3).assign(id=["b0", "b1", "b2"], score=7.0)
    assert store.log(model, pd.concat([first, bad])).quarantined == 3
    store.fold(model)
    again = store.log(model, first.head(500))
    other = store.log(model, first.head(20).assign(x=99.0))
    assert (again.duplicates, other.conflicts) == (500, 20)
    store.log(model, rows(generator, 300, hours=10, prefix="late"))
    mixed = pd.concat([first.tail(50), rows(generator, 70, hours=2, prefix="new")])
    assert store.log(model, mixed).stored == 70
    assert same(store, model, DAY, DAY + 10 * HOUR).n == 1570
    store.fold(model)
    assert same(store, model, DAY + HOUR, DAY + 9.5 * HOUR).n < 1570


def test_rows_before_the_layout_wait_and_are_counted_exactly_once(
    store: Store, model: str, generator: np.random.Generator
) -> None:
    start, end = DAY, DAY + 72 * HOUR
    for _ in range(3):
        store.log(model, rows(generator, 60, hours=40))
    assert store.summaries(model, start, end) is None, "a window with uncounted rows has no counts"
    assert store.fold(model) == 0, "too few rows to fix a grid"
    store.log(model, rows(generator, 1100, hours=60))
    assert store.summaries(model, start, end) is None
    third = same(store, model, DAY + 48 * HOUR, end)
    assert third.n > 0, "a day that began after the layout is counted at once"
    store.log(model, rows(generator, 80, hours=72))
    assert store.fold(model) > 0
    assert same(store, model, start, end).n == 3 * 60 + 1100 + 80
    store.log(model, rows(generator, 5, hours=72))
    assert same(store, model, start, end).n == 3 * 60 + 1100 + 85


def test_many_small_batches_fix_a_layout_when_they_are_enough(
    store: Store, model: str, generator: np.random.Generator
) -> None:
    for _ in range(4):
        store.log(model, rows(generator, 300, hours=5))
    assert store.fold(model) > 0
    assert same(store, model, DAY, DAY + 5 * HOUR).n == 1200


def test_a_later_schema_version_shares_grids_and_its_new_columns_are_missing_before(
    store: Store, model: str, generator: np.random.Generator
) -> None:
    store.log(model, rows(generator, 1500, hours=20))
    newer = replace(SCHEMA, kinds={**SCHEMA.kinds, "income": "numeric", "plan": "categorical"})
    store.register_model(model, newer, task="binary", clock="data")
    extra = rows(generator, 1300, hours=30)
    plan = generator.choice(["a", "b"], len(extra))
    store.log(model, extra.assign(income=generator.normal(size=len(extra)), plan=plan))
    for start, end in _spans(generator, 6, 30):
        same(store, model, start, end)
    store.fold(model)
    whole = same(store, model, DAY, DAY + 30 * HOUR)
    assert whole.columns[""]["income"].missing == 1500
    assert whole.columns[""]["plan"].missing == 1500


def test_a_column_that_changed_its_kind_cannot_be_counted(
    store: Store, model: str, generator: np.random.Generator
) -> None:
    store.log(model, rows(generator, 1500, hours=20))
    newer = replace(SCHEMA, kinds={**SCHEMA.kinds, "color": "text"})
    store.register_model(model, newer, task="binary", clock="data")
    store.log(model, rows(generator, 1500, start=DAY + 24 * HOUR, hours=20))
    assert store.summaries(model, DAY, DAY + 48 * HOUR) is None
    assert same(store, model, DAY + 24 * HOUR, DAY + 48 * HOUR).n == 1500


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
def test_days_of_any_zone_count_to_their_rows(
    store: Store, model: str, generator: np.random.Generator, zone: str
) -> None:
    begin = datetime(2026, 3, 6, tzinfo=UTC)
    store.log(model, rows(generator, 4000, start=begin, hours=96))
    store.fold(model)
    first = datetime(2026, 3, 7, tzinfo=ZoneInfo(zone))
    days = [same(store, model, first + timedelta(d), first + timedelta(d + 1)) for d in range(2)]
    lengths = {(each.window.end - each.window.start).total_seconds() / 3600 for each in days}
    assert lengths <= {23.0, 24.0}
    both = same(store, model, first, first + timedelta(2))
    assert both.n == sum(each.n for each in days)


def test_scattered_rows_are_counted_by_the_day_and_cut_days_by_their_rows(
    store: Store, model: str, generator: np.random.Generator
) -> None:
    store.log(model, rows(generator, 3000, hours=24 * 200))
    later = DAY + 24 * 200 * HOUR
    assert same(store, model, DAY, later).n == 3000
    same(store, model, DAY + 5.4 * HOUR, later - 100.7 * HOUR)
    store.log(model, rows(generator, 500, start=DAY + 24 * HOUR, hours=20))
    for _ in range(2):
        same(store, model, DAY + 30 * HOUR, DAY + 70 * HOUR)
        same(store, model, DAY, later)
        store.fold(model)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """The module's database, for a look behind the store."""
    engine = engine_for(database_url)
    yield engine
    engine.dispose()


def _table(engine: Engine, model: int) -> list[tuple]:
    with engine.connect() as connection:
        query = text(
            "SELECT segment, start, seconds, folded, divisible, n FROM rollups "
            "JOIN rollup_layouts USING (layout) WHERE model = :model ORDER BY 1, 2, 3, rollup"
        )
        return [tuple(row) for row in connection.execute(query, {"model": model})]


def test_folding_twice_changes_nothing_and_leaves_few_rows(
    store: Store, model: str, generator: np.random.Generator, engine: Engine
) -> None:
    number = store.model(model).number
    store.log(model, rows(generator, 2000, hours=20))
    for _ in range(5):
        store.log(model, rows(generator, 50, hours=20))
    before = len(_table(engine, number))
    store.fold(model)
    folded = _table(engine, number)
    assert store.fold(model) == 0
    assert _table(engine, number) == folded
    assert len(folded) < before / 2
    assert [row[2] for row in folded if not row[3]] == [86_400] * 4, "one day, whole and 3 segments"


def test_quarters_stay_for_some_hours_and_hours_for_some_days(
    new_database: Callable[[], str], generator: np.random.Generator
) -> None:
    now, url = DAY + 80.2 * HOUR, new_database()
    engine = engine_for(url)
    with Store.open(url, clock=lambda: now) as store:
        number = store.register_model("m", SCHEMA, task="binary").number
        store.register_baseline("m", rows(generator, 1200))
        for hours in range(0, 78, 6):  # as rows come: a few hours at a time
            store.log("m", rows(generator, 300, start=DAY + hours * HOUR, hours=6))
        store.log("m", rows(generator, 300, start=DAY + 78 * HOUR, hours=2))
        store.fold("m")
        spans = {(row[2], row[3]): row[1] for row in _table(engine, number)}
        assert set(spans) == {(86_400, False), (3600, True), (3600, False), (900, False)}
        assert spans[86_400, False] < DAY + 48 * HOUR
        assert spans[3600, False] < now - 6 * HOUR
        for start, end in _spans(generator, 8, 80):
            same(store, "m", start, end)
    engine.dispose()


def test_a_fold_that_dies_midway_has_changed_nothing(
    store: Store, model: str, generator: np.random.Generator, engine: Engine
) -> None:
    number = store.model(model).number
    store.log(model, rows(generator, 2000, hours=20))
    before = _table(engine, number)
    with engine.begin() as connection:  # hours can be written, the day after them cannot
        connection.execute(
            text("ALTER TABLE rollups ADD CONSTRAINT no_days CHECK (seconds < 86400) NOT VALID")
        )
    with pytest.raises(psycopg2.Error, match="no_days"):
        store.fold(model)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE rollups DROP CONSTRAINT no_days"))
    assert _table(engine, number) == before
    assert store.fold(model) > 0
    assert same(store, model, DAY, DAY + 20 * HOUR).n == 2000


def _log_many(url: str, seed: int) -> int:
    generator = np.random.default_rng(seed)
    with Store.open(url) as store:
        sizes = [*generator.integers(1, 300, 12).tolist(), 1200, *generator.integers(1, 300, 6)]
        return sum(store.log("m", rows(generator, int(n), hours=50)).stored for n in sizes)


def test_processes_that_log_while_the_layout_is_fixed_lose_and_double_nothing(
    new_database: Callable[[], str],
) -> None:
    url = new_database()
    with Store.open(url) as store:
        store.register_model("m", SCHEMA, task="binary")
        with ProcessPoolExecutor(2, forked()) as pool:
            stored = [pool.submit(_log_many, url, seed) for seed in range(2)]
            while wait(stored, timeout=0.3).not_done:
                store.fold("m")
        store.fold("m")
        whole = same(store, "m", DAY, DAY + 50 * HOUR)
        assert whole.n == sum(each.result() for each in stored)


def test_the_layout_is_fixed_once_and_the_audit_log_says_so(
    store: Store, model: str, generator: np.random.Generator
) -> None:
    for _ in range(2):
        store.log(model, rows(generator, 1200))
    store.register_baseline(model, rows(generator, 1200))
    entries = store.audit(model)
    fixed = entries[entries["action"] == "fix layout of counts"]
    assert len(fixed) == 1
    columns = {name: grid for name, _, grid, _ in fixed["after"].iloc[0]["columns"]}
    assert set(columns["x"]) == {"centre", "core", "shift", "first", "size"}


def _undo(connection: Connection) -> None:
    for table in ("baseline_counts", "rollup_pending", "rollups", "rollup_layouts"):
        connection.execute(text(f"DROP TABLE {table}"))


def test_rows_and_baselines_from_before_rollups_are_counted_when_they_are_folded(
    new_database: Callable[[], str], generator: np.random.Generator
) -> None:
    url = new_database()
    with Store.open(url) as store:
        store.register_model("m", SCHEMA, task="binary")
        store.log("m", rows(generator, 2500, hours=50))
        store.register_baseline("m", rows(generator, 1500))
        wanted = store.baseline("m").summaries()
    engine = engine_for(url)
    with engine.begin() as connection:
        _undo(connection)
        step = import_module("mondrift.store.migrations.versions.0002_rollups")
        with Operations.context(MigrationContext.configure(connection)):
            step.upgrade()
    engine.dispose()
    with Store.open(url) as store:
        assert store.summaries("m", DAY, DAY + 50 * HOUR) is None
        assert store.baseline("m").summaries() is None
        store.fold("m")
        assert same(store, "m", DAY, DAY + 50 * HOUR).n == 2500
        found = store.baseline("m").summaries()
        assert found is not None and wanted is not None
        assert found.sizes == wanted.sizes
        assert found.columns[""]["x"].count == wanted.columns[""]["x"].count


def test_a_baseline_says_of_all_rows_what_its_rows_say(
    store: Store, model: str, generator: np.random.Generator
) -> None:
    reference = rows(generator, 3000)
    baseline = store.register_baseline(model, reference)
    kept = baseline.summaries()
    assert kept is not None
    again = baseline.summaries()  # through the cache
    for counts in (kept, again):
        found = read(baseline.rows(), store.model(model).schema)
        for label, columns in counts.columns.items():
            name, _, level = label.partition("=")
            part = found.segment(name, level) if label else found
            for column, each in columns.items():
                agree(each, summarize(part.columns[column], each.layout))
        assert counts.sizes[""] == 3000
        assert list(counts.segments) == ["region=north", "region=south", "region=east"]
        assert counts.window.start == reference["at"].min()
