"""What is wrong with which row, gathered before anything is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Complaints:
    """Reasons against rows, gathered: {position of the row: reasons}."""

    reasons: dict[int, list[str]] = field(default_factory=dict)

    def add(self, bad: np.ndarray, reason: Callable[[int], str]) -> None:
        """`reason(row)` against each row at which the mask `bad` is true."""
        for row in np.flatnonzero(bad).tolist():
            self.reasons.setdefault(row, []).append(reason(row))

    def keep(self, n: int) -> np.ndarray:
        """Mask of the n rows against which nothing was said."""
        good = np.ones(n, dtype=bool)
        good[list(self.reasons)] = False
        return good
