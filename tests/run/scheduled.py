"""A model with some history, a folder to schedule in, and schedulers as processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil

from mondrift.schema import Schema
from mondrift.store import Store
from tests.run.notebooks import made, save

NUMBERS = count()
# A run stays in the middle of its notebook until the file `go` is there, and takes it away.
SLOW = """\
import pathlib, time
with open("begun", "a") as file: print("begun", file=file)
while not pathlib.Path("go").exists():
    time.sleep(0.1)
pathlib.Path("go").unlink()
"""
FILE = """\
model: {model}
notebook: small
schedule: "0 * * * *"
window:
  length: 1D
  zone: UTC
  start: 2024-01-02
"""


def day(number: int, n: int = 300) -> pd.DataFrame:
    generator = np.random.default_rng(number)
    begin = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=number)
    return pd.DataFrame(
        {
            "id": [f"{number}-{i}" for i in range(n)],
            "at": pd.date_range(begin, periods=n, freq="4min"),
            "x": generator.normal(size=n),
            "guess": generator.integers(0, 2, n),
        }
    )


def history(store: Store) -> str:
    """A model of history: its newest row is of 4 January, so two days from the 2nd on are over."""
    name = f"shop_{next(NUMBERS)}"
    schema = Schema(timestamp="at", target="bought", prediction="guess", id="id")
    kinds = {"bought": "categorical"}
    known = replace(schema, kinds=kinds).fit(day(0).assign(bought=0))
    store.register_model(name, known, task="binary", clock="data")
    store.register_baseline(name, day(0).assign(bought=0))
    for each in (1, 2, 3):
        store.log(name, day(each))
    return name


def prepared(folder: Path, model: str) -> Path:
    """A folder to schedule in, with one monitor and a notebook that waits for a file `go`."""
    save(made(SLOW), folder / "notebooks" / "small.ipynb")
    monitors = folder / "params" / "monitors"
    monitors.mkdir(parents=True)
    (monitors / f"{model}.yaml").write_text(FILE.format(model=model), encoding="utf-8")
    return folder


def until(look: Callable[[], Any], seconds: float = 120.0) -> Any:
    """What `look` finds; it is asked ten times a second, so long and no longer."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come about")


MONDRIFT = (sys.executable, "-P", "-m", "mondrift.cli")


def begun(folder: Path) -> int:
    """How many notebooks have begun."""
    path = folder / "begun"
    return len(path.read_text().split()) if path.exists() else 0


def environ(folder: Path, store_url: str, redis_url: str | None) -> dict[str, str]:
    """The environment of a process that works in a folder on a store."""
    home = str(folder / "home")
    address = {"DATABASE_URL": store_url, "REDIS_URL": redis_url or "", "MONDRIFT_HOME": home}
    return {**os.environ, **address}


@contextmanager
def schedulers(
    n: int, folder: Path, store_url: str, redis_url: str | None, *options: str
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """n schedulers at once in one folder, on one store; what is left of them is killed."""
    environment = environ(folder, store_url, redis_url)
    command = (*MONDRIFT, "schedule", "--every", "1s", *options)
    started = [
        subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL)
        for _ in range(n)
    ]
    try:
        yield started
    finally:
        for each in started:
            each.kill()
            each.wait()


def runs_of(*among: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return [child for each in among for child in psutil.Process(each.pid).children()]


def states(store: Store, monitor: str) -> Counter[tuple[str, str]]:
    runs = store.runs(monitor=monitor)
    days = [f"{start:%d}" for start in runs["window_start"]]
    return Counter(zip(days, runs["state"], strict=True))
