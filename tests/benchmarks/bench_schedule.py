"""50 monitors × 1 window on 2 workers: throughput, CPU, peak memory; and what a check costs.

    python tests/benchmarks/bench_schedule.py [--monitors 50]

A model with 12 columns, labels and 10,000 rows a day, in an embedded PostgreSQL of its own; the
shipped notebook `drift_report`; `mondrift schedule --once` as a user runs it. Memory is the sum of
the resident memory of the scheduler and everything it started, looked at five times a second (what
processes share counts for each). A check's cost is the slope: CPU of a process with all checks
less that of a process with one. CPU seconds disturb less than the clock where others are at work.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from mondrift import Schema, embedded
from mondrift.run.workspace import layout
from mondrift.store import Store

START = datetime(2025, 1, 6, tzinfo=UTC)
FILE = "model: m\n{how}\nwindow: {{length: 1D, zone: UTC, start: 2025-01-07}}\n"
N = 10_000


def rows(day: int) -> pd.DataFrame:
    """A day of rows."""
    random = np.random.default_rng(day)
    score = random.beta(2, 5, N)
    return pd.DataFrame(
        {
            "id": [f"{day}-{i}" for i in range(N)],
            "at": pd.date_range(START + timedelta(days=day), periods=N, freq="8s"),
            "score": score,
            "y": score + random.normal(scale=0.1, size=N),
            **{f"x{i}": random.normal(size=N) for i in range(8)},
            **{f"c{i}": random.choice(list("abcdef"), N) for i in range(3)},
        }
    )


def fill() -> None:
    """One model, a day of baseline, and one window that is over."""
    with Store.open() as store:
        kinds = {"at": "datetime", "id": "text", "score": "numeric", "y": "numeric"}
        kinds |= {f"x{i}": "numeric" for i in range(8)} | {f"c{i}": "categorical" for i in range(3)}
        schema = Schema(timestamp="at", id="id", prediction="score", target="y", kinds=kinds)
        store.register_model("m", schema, task="regression", clock="data")
        for day in range(3):
            store.log("m", rows(day))
        store.register_baseline("m", [(START, START + timedelta(days=1))])


def timed(folder: Path, monitors: int, how: str, *options: str) -> tuple[float, float, float]:
    """`mondrift schedule --once` over so many monitors: (seconds, CPU seconds, peak bytes)."""
    plans = folder / "params" / "monitors"
    shutil.rmtree(plans, ignore_errors=True)
    plans.mkdir(parents=True)
    for number in range(monitors):
        (plans / f"m{number}_{monitors}.yaml").write_text(FILE.format(how=how), encoding="utf-8")
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = (sys.executable, "-P", "-m", "mondrift.cli", "schedule", "--once", *options)
    with (
        (folder / "log").open("ab") as log,
        subprocess.Popen(command, cwd=folder, stderr=log) as scheduler,
    ):
        peak = 0
        while scheduler.poll() is None:
            peak = max(peak, resident(psutil.Process(scheduler.pid)))
            time.sleep(0.2)
    if scheduler.returncode:
        raise SystemExit((folder / "log").read_text()[-2000:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - begun, spent, peak


def resident(top: psutil.Process) -> int:
    """Bytes of a process and everything it has started."""
    total = 0
    try:
        for each in (top, *top.children(recursive=True)):
            total += each.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--monitors", type=int, default=50)
    n = parser.parse_args().monitors
    home = Path(tempfile.mkdtemp(prefix="mondrift-bench-"))
    home.chmod(0o755)
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    try:
        with embedded.attach(home / "home") as servers:
            os.environ |= {
                "DATABASE_URL": servers.database_url,
                "REDIS_URL": servers.redis_url or "",
            }
            os.environ["MONDRIFT_HOME"] = str(home / "scheduler")
            fill()
            shutil.copytree(layout() / "notebooks", home / "notebooks")
            _, one, _ = timed(home, 1, "check_every: 1h")
            clock, all_, peak = timed(home, n + 1, "check_every: 1h")
            print(
                f"{n + 1} checks in one process: {clock:.1f} s, {all_:.1f} CPU s, peak "
                f"{peak / 1e6:.0f} MB; one alone {one:.1f} CPU s, so "
                f"{(all_ - one) / n * 1e3:.0f} ms of CPU for each further one",
                flush=True,
            )
            clock, spent, peak = timed(home, n, "schedule: '@daily'", "--workers", "2")
            print(
                f"{n} runs on 2 workers: {clock:.0f} s, {n / clock * 60:.1f} a minute; "
                f"{spent / n:.2f} CPU s each; peak {peak / 1e6:.0f} MB"
            )
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
