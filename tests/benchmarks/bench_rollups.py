"""Checks from rollups against reading the rows; what rollups cost when rows come in.

    python tests/benchmarks/bench_rollups.py [--rows 1000000]

30 days of a model with 20 numeric columns (some with zeros, some whole numbers) and 5 categorical
ones, in batches of 20 000 rows, in an embedded PostgreSQL of its own (in memory where there is
some: read ratios). Medians of five; the floor is the same check with its rows read, in the same
run. "Counts" is reading and adding the rollups; "check" is also the baseline, every default
measure and the verdict.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from sqlalchemy import text

from mondrift import Schema, embedded
from mondrift.run.judging import by_counts, by_rows
from mondrift.run.plan import Monitor
from mondrift.run.windows import Calendar, Length
from mondrift.store import Store, rollups
from mondrift.store.connect import engine_for
from mondrift.window import Window

START = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 30
BATCH = 20_000
NUMERIC, CATEGORICAL = 20, 5
SCHEMA = Schema(
    timestamp="at",
    id="id",
    prediction="score",
    kinds={
        "at": "datetime",
        "id": "text",
        **{f"x{i}": "numeric" for i in range(NUMERIC - 1)},
        "score": "numeric",
        **{f"c{i}": "categorical" for i in range(CATEGORICAL)},
    },
)


def rows(seed: int, n: int, start: datetime, seconds: float) -> pd.DataFrame:
    """n rows, evenly over some seconds; every fourth column has zeros, every fifth is whole."""
    random = np.random.default_rng(seed)
    at = pd.Timestamp(start) + pd.to_timedelta(np.linspace(0, seconds, n, endpoint=False), unit="s")
    columns: dict[str, object] = {"at": at, "score": random.beta(2, 5, n)}
    for i in range(NUMERIC - 1):
        values = random.lognormal(1.0, 1.0, n) if i % 3 else random.normal(i, 1.0, n)
        values = np.where(random.random(n) < 0.4, 0.0, values) if i % 4 == 0 else values
        columns[f"x{i}"] = np.round(values * 4) if i % 5 == 0 else values
    for i in range(CATEGORICAL):
        columns[f"c{i}"] = pd.Categorical.from_codes(
            random.integers(0, 20, n), [f"level {level}" for level in range(20)]
        )
    return pd.DataFrame(columns)


def median(action: Callable[[], object], times: int = 5) -> float:
    """Median wall time in seconds."""
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        action()
        found.append(time.perf_counter() - begun)
    return statistics.median(found)


def ingest(store: Store, url: str, n: int) -> None:
    """Rates, the share that rollups take of it, and the bytes."""
    per_batch = DAYS * 86_400 * BATCH / n
    batches = [
        rows(i, BATCH, START + timedelta(seconds=i * per_batch), per_batch)
        for i in range(n // BATCH)
    ]
    spent = 0.0
    counting = 0.0
    add = rollups.Batch.add

    def timed(self: rollups.Batch, *given: object) -> None:
        nonlocal counting
        begun = time.perf_counter()
        add(self, *given)  # type: ignore[arg-type]
        counting += time.perf_counter() - begun

    rollups.Batch.add = timed  # type: ignore[method-assign]
    for batch in batches:
        begun = time.perf_counter()
        store.log("m", batch)
        spent += time.perf_counter() - begun
    rollups.Batch.add = add  # type: ignore[method-assign]
    print(
        f"ingest: {n / spent:,.0f} rows/s, of which rollups take {counting / spent:.1%} "
        f"({1e3 * counting / len(batches):.1f} ms per batch of {BATCH:,})"
    )
    singles = [row.to_frame().T for _, row in rows(7, 30, START, 30).iterrows()]
    counting = 0.0
    rollups.Batch.add = timed  # type: ignore[method-assign]
    begun = time.perf_counter()
    for single in singles:
        store.log("m", single)
    spent = time.perf_counter() - begun
    rollups.Batch.add = add  # type: ignore[method-assign]
    print(
        f"one row per call: {1e3 * spent / len(singles):.1f} ms, of which rollups take "
        f"{1e3 * counting / len(singles):.1f} ms"
    )
    print(
        f"bytes per row: {size(url, 'predictions') / n:,.0f} in predictions, "
        f"{size(url, 'rollups') / n:,.1f} in rollups before folding"
    )


def size(url: str, table: str) -> int:
    """Bytes of a table, its partitions and its indexes."""
    engine = engine_for(url)
    query = text(
        "SELECT sum(pg_total_relation_size(inhrelid)) FROM (SELECT inhrelid FROM pg_inherits "
        "WHERE inhparent = CAST(:name AS regclass) UNION ALL SELECT CAST(:name AS regclass)) parts"
    )
    with engine.connect() as connection:
        found = int(connection.execute(query, {"name": table}).scalar_one())
    engine.dispose()
    return found


def vacuum(url: str) -> None:
    """What autovacuum does in time."""
    engine = engine_for(url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM FULL ANALYZE rollups"))
        connection.execute(text("ANALYZE predictions"))
    engine.dispose()


def checks(store: Store) -> None:
    """24 h, 7 d, 30 d and days of India, from counts and from rows."""
    monitor = Monitor("m", "m", Calendar(Length.parse("1D"), "UTC", date(2025, 1, 1)))
    half = timedelta(hours=5, minutes=30)
    windows = {
        "24 h": (START + timedelta(days=20), timedelta(days=1)),
        "7 d": (START + timedelta(days=14), timedelta(days=7)),
        "30 d": (START, timedelta(days=30)),
        "29 d, +5:30": (START + timedelta(days=1) - half, timedelta(days=29)),
    }
    print(f"{'window':<12} {'rows':>10} {'counts':>9} {'check':>9} {'from rows':>10} {'ratio':>7}")
    for name, (start, length) in windows.items():
        window = Window(start, start + length, label=name)
        n = store.summaries("m", *(start, start + length)).n  # type: ignore[union-attr]
        counts = median(lambda w=window: store.summaries("m", w.start, w.end))  # type: ignore[misc]
        check = median(lambda w=window: by_counts(store, monitor, w))  # type: ignore[misc]
        floor = median(lambda w=window: by_rows(store, monitor, w), 1)  # type: ignore[misc]
        print(
            f"{name:<12} {n:>10,} {counts * 1e3:>6.1f} ms {check * 1e3:>6.1f} ms "
            f"{floor * 1e3:>7.0f} ms {floor / check:>6.0f}×"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    n = parser.parse_args().rows
    memory = Path("/dev/shm")
    base = memory if memory.is_dir() and shutil.disk_usage(memory).free > 4 * 2**30 else None
    home = Path(tempfile.mkdtemp(prefix="mondrift-bench-", dir=base))
    home.chmod(0o755)
    try:
        with embedded.attach(home) as servers:
            url = servers.database_url
            with Store.open(url, redis_url=servers.redis_url) as store:
                store.register_model("m", SCHEMA, task="regression", clock="data")
                store.register_baseline("m", rows(1, min(n, 100_000), START, 86_400.0))
                ingest(store, url, n)
                begun = time.perf_counter()
                days = store.fold("m")
                print(f"folding {days} days: {time.perf_counter() - begun:.1f} s")
                vacuum(url)
                print(f"bytes per row in rollups, folded: {size(url, 'rollups') / n:,.1f}")
                checks(store)
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
