"""The published table of false alarms and power: simulated, counted, written, rendered.

    python -m tests.calibration.table --minutes 60 --workers 2

Every task is a batch with a seed of its own, so that neither the order nor the number of workers
changes a count. `docs/calibration.json` holds the counts; a later run adds batches to it, unless
the statistics of mondrift have changed since: then it begins anew. `docs/calibration.md` shows
them with Clopper-Pearson intervals. A figure that was not simulated is not printed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import mondrift
from mondrift.measures import summarize
from tests.calibration import render
from tests.calibration.simulate import (
    CHANGES,
    KINDS,
    POLICIES,
    Measured,
    baseline,
    flagged,
    measured,
    pair,
)

SEED = 20261121
ROOT = Path(__file__).resolve().parent.parent.parent
JSON, PAGE = ROOT / "docs" / "calibration.json", ROOT / "docs" / "calibration.md"
ROUNDS = 10  # mixed windows of 150 columns per batch
SHARE = 15  # columns of each kind in one of them
FEW = 2  # and in a mixed window of 20
COUNTS = (1, 20, 150)
_OVERHEAD = 2000  # rows that take as long as what does not depend on rows
WINDOWS = 50  # successive windows on one baseline

Sizes = tuple[int, int]
Task = tuple[str, Sizes, int]
Key = tuple[Any, ...]

_SMALL = (20, 50, 100, 200, 1000, 10_000)
#: {(reference rows, current rows): batches wanted}; ten mixed windows of 150 columns in each.
FALSE_ALARMS: dict[Sizes, int] = {
    **{(n, m): 200 for m in _SMALL for n in (1000, 10_000)},
    (1000, 100_000): 20,
    (10_000, 100_000): 20,
    (100_000, 1000): 20,
    (100_000, 100_000): 20,
    (1_000_000, 1_000_000): 2,
}
#: Sizes at which the power is counted too, in the same mixed windows.
POWER = tuple((n, m) for n in (1000, 10_000) for m in (100, 1000, 10_000))
#: {(reference rows, current rows): batches of one column per change that must not show}.
TINY: dict[Sizes, int] = {(1_000_000, 1_000_000): 200}
#: {(reference rows, current rows): batches of one baseline with WINDOWS mixed windows of 20}.
SUCCESSIVE: dict[Sizes, int] = {(n, m): 200 for n in (1000, 10_000) for m in (100, 1000)}
PLAN = {"windows": FALSE_ALARMS, "tiny changes": TINY, "successive": SUCCESSIVE}
_TINY = ("0.01 σ", "0.05 σ")


def windows(sizes: Sizes, number: int) -> Counter[Key]:
    """Windows, and flagged ones, of every kind and number of columns; 1500 fresh pairs."""
    rng = np.random.default_rng([SEED, 1, *sizes, number])
    columns = _unchanged(rng, sizes, ROUNDS * SHARE)
    mixed = list(_mixed(columns))
    counts: Counter[Key] = Counter()
    for label, found in (("mixed", mixed), *_pure(columns)):
        for window in found:
            where = ("no change", *sizes, label, len(window))
            counts["windows", *where] += 1
            for name, policy in POLICIES.items():
                checks = flagged(window, policy, sizes)
                counts.update(("flagged", *where, name, check) for check in checks)
                counts["flagged", *where, name, "any"] += bool(checks)
    if sizes in POWER:
        for window in mixed:
            if len(window) == max(COUNTS):
                counts.update(_power(rng, sizes, window, CHANGES))
    return counts


def _unchanged(rng: np.random.Generator, sizes: Sizes, many: int) -> dict[str, list[Measured]]:
    return {
        label: [pair(kind, kind, rng, sizes, f"{label} {place}") for place in range(many)]
        for label, kind in KINDS.items()
    }


def _mixed(columns: dict[str, list[Measured]]) -> Iterator[list[Measured]]:
    """Windows of 150 and of 20 columns, every kind equally often."""
    rounds = len(columns["normal"]) // SHARE
    for start in range(0, rounds * SHARE, SHARE):
        yield [each for found in columns.values() for each in found[start : start + SHARE]]
        for few in range(start, start + SHARE - FEW + 1, FEW):
            yield [each for found in columns.values() for each in found[few : few + FEW]]


def _pure(columns: dict[str, list[Measured]]) -> Iterator[tuple[str, list[list[Measured]]]]:
    """Windows of 1, 20 and 150 columns of one kind."""
    for label, found in columns.items():
        yield (
            label,
            [
                found[start : start + size]
                for size in COUNTS
                for start in range(0, len(found) - size + 1, size)
            ],
        )


def _power(
    rng: np.random.Generator, sizes: Sizes, others: list[Measured], changes: Iterable[str]
) -> Counter[Key]:
    """Windows of which one column has changed, and how often that column is flagged."""
    counts: Counter[Key] = Counter()
    order = rng.permutation(len(others))
    for change in changes:
        changed = pair(*CHANGES[change], rng, sizes, "changed")
        for size in COUNTS if others else COUNTS[:1]:
            window = [changed, *(others[place] for place in order[: size - 1])]
            where = ("change", *sizes, change, size)
            counts["windows", *where] += 1
            for name, policy in POLICIES.items():
                found = flagged(window, policy, sizes).values()
                counts["flagged", *where, name, "any"] += any("changed" in each for each in found)
    return counts


def tiny_changes(sizes: Sizes, number: int) -> Counter[Key]:
    """Changes too small to matter, in so many rows that a test alone would see them."""
    return _power(np.random.default_rng([SEED, 2, *sizes, number]), sizes, [], _TINY)


def successive(sizes: Sizes, number: int) -> Counter[Key]:
    """One estimated baseline of 20 mixed columns and `WINDOWS` windows held against it."""
    rng = np.random.default_rng([SEED, 3, *sizes, number])
    mixed = [(kind, f"{label} {place}") for label, kind in KINDS.items() for place in range(FEW)]
    fixed = [(kind, name, *baseline(kind, rng, sizes[0], name)) for kind, name in mixed]
    counts: Counter[Key] = Counter()
    often: Counter[tuple[str, str]] = Counter()
    for _ in range(WINDOWS):
        window = [
            measured(reference, summarize(kind.column(name, rng, sizes[1]), layout), name)
            for kind, name, layout, reference in fixed
        ]
        for name, policy in POLICIES.items():
            often.update((name, check) for check in flagged(window, policy, sizes))
    where = ("successive", *sizes, "mixed", len(mixed))
    counts["windows", *where] = WINDOWS
    counts["baselines", *where] = 1
    for found, times in often.items():
        counts["flagged", *where, *found] = times
        counts["baselines flagged", *where, *found] = 1
    return counts


_RUN = {"windows": windows, "tiny changes": tiny_changes, "successive": successive}


def run(task: Task) -> tuple[Task, Counter[Key]]:
    """One task, wherever it is run."""
    table, sizes, number = task
    return task, _RUN[table](sizes, number)


@cache
def sources() -> str:
    """A digest of the files that decide what the figures are."""
    package = Path(mondrift.__file__).parent
    files = [*sorted((package / "measures").glob("*.py"))]
    files += [package / name for name in ("finding.py", "policy.py", "verdict.py")]
    files.append(Path(__file__).parent / "simulate.py")
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


class Table:
    """Counts on their way to and from the file."""

    def __init__(self, done: dict[str, int], counts: Counter[Key]) -> None:
        self.done, self.counts = done, counts

    @classmethod
    def read(cls, file: Path) -> Table:
        """What the file holds; nothing when there is none, or of other sources."""
        stored = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        if stored.get("sources") != sources():
            return cls({}, Counter())
        counts = Counter({tuple(key): count for *key, count in stored["counts"]})
        return cls(dict(stored["done"]), counts)

    def add(self, task: Task, counts: Counter[Key]) -> None:
        """A finished batch; batches of a cell are added in order."""
        table, sizes, number = task
        self.done[f"{table} {sizes[0]} {sizes[1]}"] = number + 1
        for key, count in counts.items():
            self.counts[key] += count

    def open_tasks(self, only: Sequence[str]) -> list[Task]:
        """What the plan still wants; every cell gets about the same time."""
        tasks = []
        for table, cells in PLAN.items():
            for sizes, wanted in cells.items():
                if table not in only:
                    continue
                first = self.done.get(f"{table} {sizes[0]} {sizes[1]}", 0)
                rows = sum(sizes) if table != "tiny changes" else 0
                tasks += [
                    ((number + 1) * (_OVERHEAD + rows), (table, sizes, number))
                    for number in range(first, wanted)
                ]
        return [task for _, task in sorted(tasks)]

    def write(self, file: Path, page: Path) -> None:
        """Sorted, so that the same counts are the same bytes."""
        rows = sorted(([*key, count] for key, count in self.counts.items()), key=str)
        stored = {
            "seed": SEED,
            "sources": sources(),
            "versions": {"mondrift": mondrift.__version__, "numpy": np.__version__},
            "done": dict(sorted(self.done.items())),
        }
        lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        head = json.dumps(stored, ensure_ascii=False, indent=1)
        file.write_text(head[:-2] + f',\n "counts": [\n{lines}\n]\n}}\n', encoding="utf-8")
        page.write_text(render.page(json.loads(file.read_text(encoding="utf-8"))), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0, help="stop after so long")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", action="append", choices=list(PLAN), help="this table only")
    parser.add_argument("--json", type=Path, default=JSON)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    table = Table.read(options.json)
    tasks = table.open_tasks(options.only or list(PLAN))
    until = time.monotonic() + 60 * options.minutes
    saved = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        for task, counts in pool.imap(run, tasks):
            table.add(task, counts)
            if time.monotonic() - saved > 60:
                table.write(options.json, options.page)
                saved = time.monotonic()
            if time.monotonic() > until:
                break
        pool.terminate()
    table.write(options.json, options.page)
    print(f"{len(tasks)} batches were open; {options.page} is written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
