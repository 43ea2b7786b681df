"""Batches of windows whose rows depend on each other, judged with `cluster=` and without.

All columns of a window share its clusters and the draws that these give, as in `compare`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from mondrift.measures.clusters import Clusters
from mondrift.policy import Policy
from tests.calibration.dependent import COLUMNS, Dependence, Memory, Users, columns, results
from tests.calibration.fingerprint import Readings, reading
from tests.calibration.simulate import POLICIES, Measured, flagged, measurements

SEED = 20261122
FEW, MANY = 4, 30  # columns of each kind in a window of 20 and of 150
SHIFTS = {"0.5 σ": 0.5, "1 σ": 1.0}

#: {name: (users or blocks of the reference, of the current window) → windows like these}.
SCENARIOS: Mapping[str, Any] = {
    "other users": lambda n, m: Users((n, m)),
    "the same users": lambda n, m: Users((n, m), shared=min(n, m)),
    "AR(1) in blocks": lambda n, m: Memory((n, m)),
}
#: {how it is judged: (whether by cluster, policy)}.
WAYS: Mapping[str, tuple[bool, Policy]] = {
    "with": (True, POLICIES["default"]),
    "without": (False, POLICIES["default"]),
    "classic": (False, POLICIES["classic"]),
}

Cell = tuple[str, int, int]
Key = tuple[Any, ...]


class _Column(NamedTuple):
    """A column as if rows were independent, and by cluster."""

    plain: Measured
    clustered: Measured


def dependent(cell: Cell, number: int) -> Counter[Key]:
    """One window of 20 mixed columns, its columns by themselves, and shifts of one more."""
    scenario, clusters, rng, seed = _begun(cell, 1, number)
    window = _columns(scenario, clusters, rng, seed, FEW)
    every = [column for found in window.values() for column in found]
    counts: Counter[Key] = Counter()
    _count(counts, ("dependent", *cell, "mixed", len(every)), every, clusters)
    for label, found in window.items():
        for column in found:
            _count(counts, ("dependent", *cell, label, 1), [column], clusters)
    for change, shift in SHIFTS.items():
        moved = _column("normal", scenario, clusters, rng, seed, "changed", shift)
        for others in ([], every[1:]):
            where = ("dependent change", *cell, change, len(others) + 1)
            _count(counts, where, [moved, *others], clusters, of="changed")
    return counts


def wide(cell: Cell, number: int) -> Counter[Key]:
    """One window of 150 mixed columns."""
    scenario, clusters, rng, seed = _begun(cell, 2, number)
    window = _columns(scenario, clusters, rng, seed, MANY)
    every = [column for found in window.values() for column in found]
    counts: Counter[Key] = Counter()
    _count(counts, ("dependent", *cell, "mixed", len(every)), every, clusters)
    return counts


def readings(cell: Cell) -> Readings:
    """What a window of one column of each kind says with `cluster=` (see fingerprint.py)."""
    scenario, clusters, rng, seed = _begun(cell, 3, 0)
    sizes = (len(clusters.reference), len(clusters.current))
    return {
        kind: reading([column.clustered for column in found], sizes)
        for kind, found in _columns(scenario, clusters, rng, seed, 1).items()
    }


def _begun(
    cell: Cell, table: int, number: int
) -> tuple[Dependence, Clusters, np.random.Generator, int]:
    scenario: Dependence = SCENARIOS[cell[0]](*cell[1:])
    place = list(SCENARIOS).index(cell[0])
    rng = np.random.default_rng([SEED, table, place, *cell[1:], number])
    clusters = scenario.clusters(rng)
    return scenario, clusters, rng, int(rng.integers(2**31))


def _columns(
    scenario: Dependence, clusters: Clusters, rng: np.random.Generator, seed: int, many: int
) -> dict[str, list[_Column]]:
    return {
        kind: [
            _column(kind, scenario, clusters, rng, seed, f"{kind} {place}") for place in range(many)
        ]
        for kind in COLUMNS
    }


def _column(
    kind: str,
    scenario: Dependence,
    clusters: Clusters,
    rng: np.random.Generator,
    seed: int,
    name: str,
    shift: float = 0.0,
) -> _Column:
    before, after = scenario.latent(rng, clusters)
    one, other = columns(kind, (before, after + shift))
    both = results(one, other, clusters, seed=seed)
    plain, clustered = (measurements(each, one.kind, name, (one.n, other.n)) for each in both)
    return _Column(plain, clustered)


def _count(
    counts: Counter[Key], where: Key, window: list[_Column], clusters: Clusters, of: str = ""
) -> None:
    """Windows, and flagged ones: with any column, or with the column `of`."""
    sizes = (len(clusters.reference), len(clusters.current))
    counts["windows", *where] += 1
    for way, (by_cluster, policy) in WAYS.items():
        judged = [column.clustered if by_cluster else column.plain for column in window]
        found = flagged(judged, policy, sizes)
        checks = [check for check, names in found.items() if not of or of in names]
        counts.update(("flagged", *where, way, check) for check in checks if not of)
        counts["flagged", *where, way, "any"] += bool(checks)
