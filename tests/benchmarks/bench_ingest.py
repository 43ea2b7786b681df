"""A million rows into the store, their labels, and out again: ratios to a bare COPY, same run.

    python tests/benchmarks/bench_ingest.py [--rows 1000000] [--quick]

Rows have 15 numeric and 5 categorical features, a prediction and a probability. The floor of
ingest is PostgreSQL's own COPY of the very same bytes, already encoded, into a table without an
index; that of the read is the same rows copied out and thrown away. Read the ratios and the CPU
seconds: what a wall clock says depends on who else uses the machine. Embedded servers of its own,
on the disk, in a temporary folder; every commit waits for the disk.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import os
import pstats
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
from sqlalchemy import Engine, text

from mondrift import Schema, embedded
from mondrift.store import Store
from mondrift.store.connect import engine_for, raw_cursor

START = datetime(2026, 3, 1, tzinfo=UTC)
SCHEMA = Schema(timestamp="at", prediction="yes", probability="score", target="truth")
TICKS = os.sysconf("SC_CLK_TCK")
PARTS = {
    "check": "validate.py:check",
    "keys": "keys.py:claim",
    "COPY": "copy.py:write",
    "rollups": "rollups.py:add",
}


def frame_of(rows: int) -> pd.DataFrame:
    """20 features, four days or so at any number of rows."""
    random = np.random.default_rng(20130422)
    data: dict[str, Any] = {
        "at": pd.date_range(START, START + timedelta(days=4), periods=rows).floor("us")
    }
    data |= {f"x{place:02d}": random.normal(size=rows) for place in range(15)}
    levels = pd.Index([f"level {place}" for place in range(8)])
    for place in range(5):
        data[f"c{place}"] = pd.Categorical.from_codes(random.integers(0, 8, rows), levels)
    data["score"] = random.random(rows)
    data["yes"] = (data["score"] > 0.5).astype(int)
    return pd.DataFrame(data)


@dataclass
class Cost:
    """Seconds of one piece of work: wall, CPU here, CPU of the server, each part's wall."""

    wall: float = 0.0
    client: float = 0.0
    server: float = 0.0
    parts: list[float] = field(default_factory=list)


@dataclass
class Bench:
    """A store of our own and what is measured in it."""

    store: Store
    engine: Engine
    home: Path
    models: int = 0

    @contextlib.contextmanager
    def cost(self) -> Iterator[Cost]:
        """What happens inside, measured."""
        result = Cost()
        before = self._server_cpu()
        cpu, wall = time.process_time(), time.perf_counter()
        yield result
        result.wall, result.client = time.perf_counter() - wall, time.process_time() - cpu
        after = self._server_cpu()
        result.server = sum(after[pid] - before.get(pid, 0.0) for pid in after)

    def _server_cpu(self) -> dict[int, float]:
        """Seconds per process of PostgreSQL (Linux; elsewhere none)."""
        found = {}
        for pid in embedded.status(self.home).postgres.pids:
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                found[pid] = (int(fields[11]) + int(fields[12])) / TICKS
        return found

    def empty(self) -> None:
        """Each measurement starts with empty tables."""
        self.sql("TRUNCATE predictions, prediction_keys, labels")

    def sql(self, statement: str) -> Any:
        """The one value of a statement, if it has any."""
        with self.engine.begin() as connection:
            result = connection.execute(text(statement))
            return result.scalar() if result.returns_rows else None

    def size(self, table: str) -> int:
        """Bytes on the disk, indexes included, of a table with all its partitions."""
        query = f"SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('{table}')"
        return int(self.sql(query))

    def copy_out(self, query: str, file: BinaryIO) -> None:
        """A bare COPY of a query's rows into `file`."""
        with self.engine.begin() as connection:
            statement = f"COPY ({query}) TO STDOUT WITH (FORMAT BINARY)"
            raw_cursor(connection).copy_expert(statement, file)

    def floor(self, table: str) -> Cost:
        """A bare COPY of what stands in `table` into one like it, without indexes."""
        with tempfile.TemporaryFile(dir=self.home) as file:
            self.copy_out(f"SELECT * FROM {table}", file)
            self.sql(f"DROP TABLE IF EXISTS floor; CREATE TABLE floor (LIKE {table})")
            file.seek(0)
            with self.cost() as cost, self.engine.begin() as connection:
                raw_cursor(connection).copy_expert(
                    "COPY floor FROM STDIN WITH (FORMAT BINARY)", file
                )
            self.sql("DROP TABLE floor")
        return cost

    def log(self, frame: pd.DataFrame, batch: int) -> tuple[str, list[str], Cost]:
        """A new model's rows, in batches: the model, the ids, the cost."""
        self.models += 1
        model = f"model {self.models}"
        self.store.register_model(model, SCHEMA, task="binary")
        ids: list[str] = []
        with self.cost() as cost:
            for rows in in_batches(frame, batch):
                began = time.perf_counter()
                ids += [each or "" for each in self.store.log(model, rows).ids]
                cost.parts.append(time.perf_counter() - began)
        assert all(ids)
        return model, ids, cost

    def label(self, model: str, labels: pd.DataFrame, batch: int) -> Cost:
        """Labels of rows that have been there for long, in batches."""
        with self.cost() as cost:
            for rows in in_batches(labels, batch):
                began = time.perf_counter()
                assert self.store.label(model, rows).stored == len(rows)
                cost.parts.append(time.perf_counter() - began)
        return cost


def in_batches(frame: pd.DataFrame, batch: int) -> Iterator[pd.DataFrame]:
    """Parts of so many rows."""
    for low in range(0, len(frame), batch):
        yield frame.iloc[low : low + batch]


def tell(what: str, rows: int, batch: int, cost: Cost, floor: Cost) -> None:
    """One line of the table; the spread is that of the batches' rates."""
    rates = sorted(min(batch, rows) / each for each in cost.parts or [cost.wall])
    low, high = rates[len(rates) // 10], rates[-1 - len(rates) // 10]
    spread = f"{low / 1000:.0f}-{high / 1000:.0f}" if len(rates) > 1 else ""
    ratio = cost.wall / floor.wall
    cpu = (cost.client + cost.server) / max(floor.client + floor.server, 0.01)
    told = f"{what:32} {statistics.median(rates) / 1000:7.0f} {spread:>9}"
    told += f" {cost.client * 1e6 / rows:8.1f} {cost.server * 1e6 / rows:8.1f}"
    print(f"{told} {ratio:9.1f} {cpu:9.1f}", flush=True)


def ingest(bench: Bench, frame: pd.DataFrame, ids: list[str], whole: int) -> None:
    """Rows with made ids and with ids of the client, in batches of three sizes."""
    for kind in ("made", "client"):
        for batch in (10_000, 50_000, whole):
            rows = frame if batch == 50_000 else frame.iloc[:: max(len(frame) // whole, 1)]
            rows = rows.assign(id=ids[: len(rows)]) if kind == "client" else rows
            bench.empty()
            cost = bench.log(rows, batch)[2]
            tell(
                f"log, {kind} ids, by {batch:,}", len(rows), batch, cost, bench.floor("predictions")
            )
            if batch == 50_000:
                used = bench.size("predictions") + bench.size("prediction_keys")
                print(f"{'':32} {used / len(rows):7.0f} bytes per row on the disk")


def shares(bench: Bench, frame: pd.DataFrame) -> None:
    """Where the time of a batch goes."""
    bench.empty()
    with cProfile.Profile() as profile:
        bench.log(frame, len(frame))
    stats: Any = pstats.Stats(profile)
    spent = {f"{Path(file).name}:{name}": each[3] for (file, _, name), each in stats.stats.items()}
    whole = spent["log.py:log"]
    found = {part: spent.get(name, 0.0) / whole for part, name in PARTS.items()}
    told = ", ".join(f"{part} {share:.0%}" for part, share in found.items())
    print(f"{'':32} of a batch with client ids: {told} (COPY: all of them, the keys' too)")


def late_labels(bench: Bench, frame: pd.DataFrame, ids: list[str]) -> None:
    """A label for every row, weeks later; and the read of what is then there."""
    for kind in ("client", "made"):
        bench.empty()
        rows = frame.assign(id=ids) if kind == "client" else frame
        model, given, _ = bench.log(rows, 50_000)
        labels = pd.DataFrame({"id": given, "value": (frame["score"] > 0.4).astype(int)})
        cost = bench.label(model, labels, 50_000)
        tell(f"label, {kind} ids, by 50,000", len(rows), 50_000, cost, bench.floor("labels"))
        used = bench.size("predictions") + bench.size("labels") + bench.size("prediction_keys")
        print(f"{'':32} {used / len(rows):7.0f} bytes per labelled row on the disk")
    read(bench, model, len(frame))


def read(bench: Bench, model: str, rows: int) -> None:
    """All rows into a DataFrame, against a bare COPY of them into nothing."""
    query = "SELECT * FROM predictions"
    steps: tuple[tuple[str, Callable[[], Any]], ...] = (
        ("read, all columns", lambda: bench.store.window(model, START, START + timedelta(days=9))),
        ("read, 3 columns", lambda: three(bench.store, model)),
    )
    for what, step in steps:
        costs = []
        for _ in range(3):
            with Path(os.devnull).open("wb") as nowhere, bench.cost() as floor:
                bench.copy_out(query, nowhere)
            with bench.cost() as cost:
                assert len(step()) == rows
            costs.append((cost, floor))
        cost, floor = sorted(costs, key=lambda pair: pair[0].wall / pair[1].wall)[1]
        cost.parts = [each.wall for each, _ in costs]
        tell(what, rows, rows, cost, floor)


def three(store: Store, model: str) -> pd.DataFrame:
    """Three columns of all rows."""
    end = START + timedelta(days=9)
    return store.window(model, START, end, columns=["x01", "x02", "c1"])


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--quick", action="store_true", help="100 000 rows")
    arguments = parser.parse_args()
    rows = 100_000 if arguments.quick else arguments.rows
    frame, ids = frame_of(rows), [f"order-{place}" for place in range(rows)]
    np.random.default_rng(7).shuffle(ids)
    home = Path(tempfile.mkdtemp(prefix="mondrift-bench-"))
    home.chmod(0o755)
    print(f"{rows:,} rows; batches of less or all of them take a fifth of the rows")
    print(f"{'':32} {'rows/s':>7} {'p10-p90':>9} {'µs CPU per row':>17} {'times the floor':>19}")
    columns = f"{'client':>8} {'server':>8} {'wall':>9} {'CPU':>9}"
    print(f"{'':32} {'/ 1000':>7} {'/ 1000':>9} {columns}")
    try:
        with embedded.attach(home) as servers, Store.open(servers.database_url) as store:
            engine = engine_for(servers.database_url)
            bench = Bench(store, engine, home)
            bench.log(frame.iloc[:1000], 1000)  # partitions, levels, warm files
            ingest(bench, frame, ids, max(rows // 5, 1))
            shares(bench, frame.iloc[:50_000].assign(id=ids[:50_000]))
            late_labels(bench, frame, ids)
            engine.dispose()
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
