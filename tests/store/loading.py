"""A process that loads a store and writes down what was acknowledged, until somebody kills it.

Batches of a hundred rows: the even ones with ids of the client, sent again until the store says
that they are stored; the odd ones with made ids, sent once. Every batch brings a level that is new
and every few a day that is new. Labels follow their batch, in a call of their own.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pandas as pd

from mondrift import Schema
from mondrift.errors import ServerError, StoreError
from mondrift.store import Store

MODEL = "loaded"
ROWS = 100
START = datetime(2026, 3, 1, tzinfo=UTC)
RECEIVED = START + timedelta(days=1000)
SCHEMA = Schema(
    timestamp="at",
    prediction="guess",
    target="truth",
    kinds={"at": "datetime", "batch": "numeric", "level": "categorical", "guess": "numeric"},
)


def batch_rows(batch: int) -> pd.DataFrame:
    """The rows of one batch."""
    rows: dict[str, Any] = {
        "at": pd.date_range(START + timedelta(hours=5 * batch), periods=ROWS, freq="s"),
        "batch": [float(batch)] * ROWS,
        "level": [f"level {batch}"] * ROWS,
        "guess": [place / 4 for place in range(ROWS)],
    }
    if batch % 2 == 0:
        rows["id"] = [f"{batch}-{place}" for place in range(ROWS)]
    return pd.DataFrame(rows)


def label_rows(batch: int, ids: list[str]) -> pd.DataFrame:
    """Their labels."""
    return pd.DataFrame({"id": ids, "value": [float(batch)] * ROWS, "received_at": RECEIVED})


def clock() -> datetime:
    """The store's present: after everything that is sent, whenever the test runs."""
    return RECEIVED


class Journal:
    """Lines (word, batch, ids) that outlive the process that wrote them, kill -9 included."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, word: str, batch: int, ids: list[str] | None = None) -> None:
        """One line, in one write."""
        line = json.dumps([word, batch, ids or []]) + "\n"
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, line.encode())
        os.close(descriptor)

    def lines(self) -> list[tuple[str, int, list[str]]]:
        """What was written."""
        if not self._path.exists():
            return []
        return [tuple(json.loads(line)) for line in self._path.read_text().splitlines()]

    def of(self, word: str) -> dict[int, list[str]]:
        """The batches with that word, and their ids."""
        return {batch: ids for said, batch, ids in self.lines() if said == word}


def load(url: str, redis_url: str | None, path: str) -> None:
    """Load until killed. An error that is no refusal by the store ends it, and is written down."""
    journal = Journal(Path(path))
    try:
        while True:
            with contextlib.suppress(ServerError, StoreError):
                _load(url, redis_url, journal)
            time.sleep(0.02)
    except BaseException as error:
        journal.write(f"failed: {error!r}", -1)
        raise


def _load(url: str, redis_url: str | None, journal: Journal) -> None:
    with Store.open(url, redis_url=redis_url, clock=clock) as store:
        for batch in _batches(journal):
            if batch % 2:
                journal.write("began", batch)
            ids = [each or "" for each in store.log(MODEL, batch_rows(batch)).ids]
            journal.write("stored", batch, ids)
            store.label(MODEL, label_rows(batch, ids))
            journal.write("labelled", batch)


def _batches(journal: Journal) -> Iterator[int]:
    """What is to be sent: what was not acknowledged, unless it has made ids; then the next ones."""
    tried = {batch for _, batch, _ in journal.lines()}
    following = max(tried, default=-1) + 1
    yield from sorted(set(range(0, following, 2)) - set(journal.of("stored")))
    while True:
        yield following
        following += 1


def log_together(url: str, worker: int, together: Barrier, results: Queue[list[int]]) -> None:
    """Log ten batches, each of a new day and level, when all the others do."""
    with Store.open(url) as store:
        stored = []
        for batch in range(10):
            rows = batch_rows(5 * batch).assign(level=f"level {batch}")
            rows["id"] = [f"{worker} {batch} {place}" for place in range(ROWS)]
            together.wait(60)
            stored.append(store.log(MODEL, rows).stored)
    results.put(stored)
