"""An archive of 50,000 runs: what one more run costs, as a ratio to reading its records as JSON.

Run with `python -m tests.benchmarks.bench_archive [runs]`; prints CPU seconds, megabytes and the
ratio to a floor in the same process: `json.loads` of every line.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mondrift.run.archive import RUNS, Archive, Record
from mondrift.run.keeping import Keeping
from mondrift.run.pruning import old_runs

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def record(number: int) -> Record:
    """Of one of 50 monitors, an hour after the one before."""
    start = NOW - timedelta(hours=number // 50)
    at = start.isoformat()
    return Record(
        run_id=f"{number:012d}", monitor=f"monitor_{number % 50:02d}", model_id="model",
        window={"start": at, "end": (start + timedelta(hours=1)).isoformat(), "label": at},
        revision=1, config_hash="0" * 64, state="finished", started_at=at, finished_at=at,
        status=("ok", "ok", "ok", "warning", "alarm")[number % 5], value=0.8, rows=1000,
        headline="Accuracy held; 3 of 14 columns drifted: weather (3 columns)",
        notebook="drift_report", parameters={"top": 8}, versions={"mondrift": "0.1.0"},
    )  # fmt: skip


def timed(work: object) -> float:
    """CPU seconds of one call."""
    begin = time.process_time()
    work()  # type: ignore[operator]
    return time.process_time() - begin


def main(runs: int = 50_000) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive(folder)
        archive.note(*map(record, range(runs)))
        lines = (Path(folder) / RUNS).read_text().splitlines()
        floor = timed(lambda: [json.loads(line) for line in lines])
        records = archive.records()
        one = replace(record(0), run_id="one")
        figures = {
            "read the records": timed(archive.records),
            "build the index": timed(archive.index),
            "note one more run (and the index)": timed(lambda: archive.note(one)),
            "choose what is old": timed(lambda: old_runs(records, {"monitor_00": Keeping()}, NOW)),
        }
        print(f"{runs:,} runs; json.loads of all lines: {floor:.2f} s")
        for name, seconds in figures.items():
            print(f"  {name:<36} {seconds:6.2f} s  {seconds / floor:5.1f} x")
        sizes = {path.name: path.stat().st_size / 1e6 for path in sorted(Path(folder).iterdir())}
        print("  " + ", ".join(f"{name} {size:.1f} MB" for name, size in sizes.items() if size))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
