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
    "AR(1), short blocks": lambda n, m: Memory((n, m), block=20),
}
#: Where neighbouring clusters hang together `cluster=` promises nothing; the rate is a warning.
UNPROMISED = ("AR(1), short blocks",)
PROMISED = tuple(name for name in SCENARIOS if name not in UNPROMISED)
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


class _Window(NamedTuple):
    """What all columns of a pair of windows share."""

    scenario: Dependence
    clusters: Clusters
    rng: np.random.Generator
    seed: int

    @classmethod
    def of(cls, cell: Cell, table: int, number: int) -> _Window:
        """The pair of a batch."""
        scenario: Dependence = SCENARIOS[cell[0]](*cell[1:])
        place = list(SCENARIOS).index(cell[0])
        rng = np.random.default_rng([SEED, table, place, *cell[1:], number])
        clusters = scenario.clusters(rng)
        return cls(scenario, clusters, rng, int(rng.integers(2**31)))

    @property
    def sizes(self) -> tuple[int, int]:
        """Rows of the reference and of the current window."""
        return len(self.clusters.reference), len(self.clusters.current)

    def columns(self, many: int) -> dict[str, list[_Column]]:
        """So many columns of each kind."""
        return {
            kind: [self.column(kind, f"{kind} {place}") for place in range(many)]
            for kind in COLUMNS
        }

    def column(self, kind: str, name: str, shift: float = 0.0) -> _Column:
        """A column; the latent of its current rows is shifted."""
        before, after = self.scenario.latent(self.rng, self.clusters)
        one, other = columns(kind, (before, after + shift))
        both = results(one, other, self.clusters, seed=self.seed)
        plain, clustered = (measurements(each, one.kind, name, self.sizes) for each in both)
        return _Column(plain, clustered)


def dependent(cell: Cell, number: int) -> Counter[Key]:
    """One window of 20 mixed columns, its columns by themselves, and shifts of one more."""
    window = _Window.of(cell, 1, number)
    by_kind = window.columns(FEW)
    every = [column for found in by_kind.values() for column in found]
    counts = _counted(("dependent", *cell, "mixed", len(every)), every, window.sizes)
    for label, found in by_kind.items():
        for column in found:
            counts.update(_counted(("dependent", *cell, label, 1), [column], window.sizes))
    for change, shift in SHIFTS.items():
        moved = window.column("normal", "changed", shift)
        for others in ([], every[1:]):
            where = ("dependent change", *cell, change, len(others) + 1)
            counts.update(_counted(where, [moved, *others], window.sizes, of="changed"))
    return counts


def wide(cell: Cell, number: int) -> Counter[Key]:
    """One window of 150 mixed columns."""
    window = _Window.of(cell, 2, number)
    every = [column for found in window.columns(MANY).values() for column in found]
    return _counted(("dependent", *cell, "mixed", len(every)), every, window.sizes)


def readings(cell: Cell) -> Readings:
    """What a window of one column of each kind says with `cluster=` (see fingerprint.py)."""
    window = _Window.of(cell, 3, 0)
    return {
        kind: reading([column.clustered for column in found], window.sizes)
        for kind, found in window.columns(1).items()
    }


def _counted(
    where: Key, window: list[_Column], sizes: tuple[int, int], of: str = ""
) -> Counter[Key]:
    """A window, and whether it is flagged: with any column, or with the column `of`."""
    counts: Counter[Key] = Counter({("windows", *where): 1})
    for way, (by_cluster, policy) in WAYS.items():
        judged = [column.clustered if by_cluster else column.plain for column in window]
        found = flagged(judged, policy, sizes)
        checks = [check for check, names in found.items() if not of or of in names]
        counts.update(("flagged", *where, way, check) for check in checks if not of)
        counts["flagged", *where, way, "any"] += bool(checks)
    return counts
