"""The cells of the table: how each is simulated, how often, and by what it is known again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.calibration import clustered_rows, fingerprint, learned_windows, tasks
from tests.calibration.fingerprint import Readings
from tests.calibration.past_windows import SCENARIOS
from tests.calibration.simulate import CHANGES, INFINITE, KINDS

Cell = tuple[Any, ...]
Key = tuple[Any, ...]


@dataclass(frozen=True)
class Part:
    """Cells that are simulated in the same way.

    run: one batch of a cell, by its number. readings: of a cell, for its fingerprint, and how far
    they may differ (tolerance). cells: {cell: batches wanted}. seconds: that a batch takes, about.
    share: of the time, relative to that of other cells.
    """

    run: Callable[[Any, int], Counter[Key]]
    readings: Callable[[Any], Readings]
    cells: Mapping[Cell, int]
    seconds: Callable[[Any], float]
    share: float = 1.0
    tolerance: float = fingerprint.TOLERANCE


@cache
def _kinds(sizes: tuple[int, int]) -> Readings:
    read = fingerprint.of_kinds(sizes, KINDS)
    return read | fingerprint.of_changes(sizes, CHANGES) if sizes in tasks.POWER else read


def _infinite(sizes: tuple[int, int]) -> Readings:
    return fingerprint.of_kinds(sizes, INFINITE)


def _large(sizes: tuple[int, int]) -> Readings:
    return fingerprint.of_kinds(sizes, {**KINDS, **INFINITE})


def _tiny(sizes: tuple[int, int]) -> Readings:
    return fingerprint.of_changes(sizes, tasks.TINY_CHANGES)


_SMALL = (20, 50, 100, 200, 1000, 10_000)
_MILLION = 1_000_000
_CLUSTERS = ((20, 20), (50, 50), (1000, 50), (200, 200), (1000, 1000))

PLAN: Mapping[str, Part] = {
    # ten mixed windows of 150 columns in each batch
    "windows": Part(
        tasks.windows,
        _kinds,
        {
            **{(n, m): 200 for m in _SMALL for n in (1000, 10_000)},
            (1000, 100_000): 20,
            (10_000, 100_000): 20,
            (100_000, 1000): 20,
            (100_000, 100_000): 20,
        },
        lambda sizes: 2.0 + sum(sizes) / 1000,
        share=0.5,
    ),
    "infinite": Part(
        tasks.infinite,
        _infinite,
        {(n, m): 40 for n in (1000, 10_000) for m in (20, 100, 1000, 10_000)},
        lambda sizes: 0.2 + sum(sizes) / 10_000,
        share=0.2,
    ),
    "large": Part(
        tasks.large,
        _large,
        {(n, _MILLION): 300 for n in (1000, 100_000, _MILLION)},
        lambda sizes: sum(sizes) / 1_500_000,
    ),
    "tiny changes": Part(
        tasks.tiny_changes, _tiny, {(_MILLION, _MILLION): 200}, lambda _: 0.5, share=0.5
    ),
    "successive": Part(
        tasks.successive,
        _kinds,
        {(n, m): 200 for n in (1000, 10_000) for m in (100, 1000)},
        lambda sizes: 2.0 + sum(sizes) / 1000,
        share=0.5,
    ),
    "dependent": Part(
        clustered_rows.dependent,
        clustered_rows.readings,
        {(name, *sizes): 2000 for name in clustered_rows.PROMISED for sizes in _CLUSTERS}
        | {(name, 100, 100): 400 for name in clustered_rows.UNPROMISED},
        lambda cell: 0.6 + sum(cell[1:]) / 800,
        tolerance=fingerprint.COARSE,
    ),
    "wide": Part(
        clustered_rows.wide,
        clustered_rows.readings,
        {(name, 200, 200): 400 for name in clustered_rows.PROMISED},
        lambda _: 5.0,
        tolerance=fingerprint.COARSE,
    ),
    "learned": Part(
        learned_windows.learned,
        learned_windows.readings,
        {(name,): 400 for name in SCENARIOS},
        lambda _: 4.5,
        share=2.0,
    ),
}
