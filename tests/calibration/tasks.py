"""Batches of windows whose rows are independent: what is drawn, judged and counted.

A batch has a seed of its own, made of the cell and its number, so that neither the order nor the
number of workers changes a count. A key of the counts starts with what is counted ("windows",
"flagged") and goes on with the table, the sizes, what the columns are and how many there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from mondrift.measures import summarize
from tests.calibration.simulate import (
    CHANGES,
    INFINITE,
    KINDS,
    POLICIES,
    Kind,
    Measured,
    baseline,
    flagged,
    measured,
    pair,
)

SEED = 20261121
ROUNDS = 10  # mixed windows of 150 columns per batch
SHARE = 15  # columns of each kind in one of them
FEW = 2  # and in a mixed window of 20
COUNTS = (1, 20, 150)
WINDOWS = 50  # successive windows on one baseline
TINY_CHANGES = ("0.01 σ", "0.05 σ")

Sizes = tuple[int, int]
Key = tuple[Any, ...]

#: Sizes at which the power is counted too, in the same mixed windows.
POWER = tuple((n, m) for n in (1000, 10_000) for m in (100, 1000, 10_000))


def windows(sizes: Sizes, number: int) -> Counter[Key]:
    """Windows, and flagged ones, of every kind and number of columns; 1500 fresh pairs."""
    rng = np.random.default_rng([SEED, 1, *sizes, number])
    columns = _unchanged(rng, sizes, KINDS, ROUNDS * SHARE)
    mixed = list(_mixed(columns))
    counts = _counted(sizes, (("mixed", mixed), *_pure(columns)))
    if sizes in POWER:
        for window in mixed:
            if len(window) == max(COUNTS):
                counts.update(_power(rng, sizes, window, CHANGES))
    return counts


def infinite(sizes: Sizes, number: int) -> Counter[Key]:
    """Windows of columns of which some rows are infinite; 150 fresh pairs."""
    rng = np.random.default_rng([SEED, 4, *sizes, number])
    return _counted(sizes, _pure(_unchanged(rng, sizes, INFINITE, SHARE * ROUNDS)))


def large(sizes: Sizes, number: int) -> Counter[Key]:
    """Windows of a single column, one of every kind; for sizes that take long."""
    rng = np.random.default_rng([SEED, 5, *sizes, number])
    return _counted(sizes, _pure(_unchanged(rng, sizes, {**KINDS, **INFINITE}, 1)))


def _unchanged(
    rng: np.random.Generator, sizes: Sizes, kinds: Mapping[str, Kind], many: int
) -> dict[str, list[Measured]]:
    return {
        label: [pair(kind, kind, rng, sizes, f"{label} {place}") for place in range(many)]
        for label, kind in kinds.items()
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


def _counted(sizes: Sizes, labelled: Iterable[tuple[str, list[list[Measured]]]]) -> Counter[Key]:
    counts: Counter[Key] = Counter()
    for label, found in labelled:
        for window in found:
            where = ("no change", *sizes, label, len(window))
            counts["windows", *where] += 1
            for name, policy in POLICIES.items():
                checks = flagged(window, policy, sizes)
                counts.update(("flagged", *where, name, check) for check in checks)
                counts["flagged", *where, name, "any"] += bool(checks)
    return counts


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
    return _power(np.random.default_rng([SEED, 2, *sizes, number]), sizes, [], TINY_CHANGES)


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
