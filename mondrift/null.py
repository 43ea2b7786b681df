"""What past windows did without drift: the null of a window's largest effect, learned, not assumed.

Where rows depend on each other or swing with the calendar, p-values of any kind are wrong. Past
windows that people accepted show instead how far a window moves when nothing is the matter. An
effect is told in *heights* (multiples of its warning threshold, so that 1 is material), each column
in multiples of its own typical height, and per family of findings only the largest of a window
counts: so a window spends one level, however many columns it has.

The typical height that a past window is held against leaves that window out. With it, a column
that stood out once would hide itself: simulated, 20 columns with rare glitches are then flagged in
11 % of windows instead of 1 %.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mondrift.errors import SettingsError, nearest, shown

#: A column that hardly ever moved is held against this height, a tenth of a warning.
CALM = 0.1

#: {(segment, column): its height in each past window, NaN where it could not be measured}.
Heights = Mapping[tuple[str, str], NDArray[np.float64]]


@dataclass(frozen=True)
class Null:
    """One family of findings over k past windows.

    `typical` is the root mean square of a column's heights, {segment: {column: height}}; `largest`
    the largest height of each window in multiples of typical ones, where any was material.
    """

    typical: Mapping[str, Mapping[str, float]]
    largest: tuple[float, ...]

    @classmethod
    def of(cls, heights: Heights) -> Null:
        """What these heights teach, largest first.

        >>> Null.of({("", "x"): np.array([0.5, 0.5, 2.0])})
        Null(typical={'': {'x': 1.224745}}, largest=(4.0,))
        """
        if not heights:
            return cls({}, ())
        rows = np.array(list(heights.values()), dtype=np.float64)
        squares = np.nan_to_num(rows) ** 2
        known = (~np.isnan(rows)).sum(axis=1, keepdims=True)
        total = squares.sum(axis=1, keepdims=True)
        others = np.sqrt(np.maximum(total - squares, 0) / np.maximum(known - 1, 1))
        material = rows >= 1  # NaN is not
        largest = np.where(material, rows / np.maximum(others, CALM), 0).max(axis=0)
        sizes = np.sqrt(total / np.maximum(known, 1))[:, 0]
        typical: dict[str, dict[str, float]] = {}
        for (segment, column), size in zip(heights, sizes, strict=True):
            typical.setdefault(segment, {})[column] = float(size)
        return cls(typical, tuple(sorted((float(x) for x in largest if x > 0), reverse=True)))

    def scale(self, segment: str, column: str) -> float:
        """What a height of the column is divided by; NaN for a column that was not there."""
        typical = self.typical.get(segment, {}).get(column, math.nan)
        return typical if math.isnan(typical) else max(typical, CALM)


@dataclass(frozen=True)
class Learned:
    """Thresholds learned from `windows` past windows, and what they were learned on.

    `n_reference` and `smallest` are the rows of the reference and of the smallest past window;
    `start` and `end` the times of the first and last row ("" when not known); `warnings` the
    effects that were material, per measure; `families` what was learned, per family of findings.
    """

    windows: int
    n_reference: int
    smallest: int
    start: str
    end: str
    warnings: Mapping[str, float]
    families: Mapping[str, Null]

    def pvalue(self, family: str, segment: str, column: str, height: float) -> float:
        """P(any column of a window stands out so far, without drift), at least 1 / (k + 1).

        NaN when the column was not there when the thresholds were learned.
        """
        null = self.families.get(family, _NOTHING)
        far = height / null.scale(segment, column)
        if math.isnan(far):
            return math.nan
        return (1 + sum(each >= far for each in null.largest)) / (self.windows + 1)

    def stands_out(self, family: str, segment: str, column: str, level: float) -> float:
        """The height from which a column is flagged at `level`; infinite when k is too small.

        The conformal order statistic: of k + 1 windows, ⌊level (k + 1)⌋ may lie above it.
        """
        null = self.families.get(family, _NOTHING)
        may_exceed = math.floor(level * (self.windows + 1) + 1e-9) - 1
        if may_exceed < 0:
            return math.inf
        beyond = null.largest[may_exceed] if may_exceed < len(null.largest) else 0.0
        return max(beyond * null.scale(segment, column), 1.0)

    def short(self, level: float) -> str:
        """Why so few windows cannot decide at `level`; "" when they can.

        >>> Learned(40, 1000, 200, "", "", {}, {}).short(0.01)
        '40 windows can show at best 1 in 41, and 1 % needs 99'
        """
        needed = math.ceil(1 / level - 1e-9) - 1
        if self.windows >= needed:
            return ""
        return (
            f"{self.windows} windows can show at best 1 in {self.windows + 1}, "
            f"and {100 * level:g} % needs {needed}"
        )

    def foreign(self, n_reference: int, n_current: int) -> str:
        """Why windows of these sizes are none of those that were learned from; "" when they are."""
        if n_reference != self.n_reference:
            return (
                f"the thresholds were learned against a reference of {self.n_reference:,} rows, "
                f"this one has {n_reference:,}: learn them again"
            )
        if n_current < self.smallest:
            return (
                f"{n_current:,} rows are fewer than in any window that the thresholds were "
                f"learned from (the smallest has {self.smallest:,})"
            )
        return ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-valid; `Learned.from_mapping` reads it back."""
        families = {
            name: {"typical": {s: dict(c) for s, c in null.typical.items()},
                   "largest": list(null.largest)}
            for name, null in self.families.items()
        }  # fmt: skip
        return {**asdict(self), "warnings": dict(self.warnings), "families": families}

    @classmethod
    def from_mapping(cls, given: Any) -> Learned:
        """From the `learned:` part of a policy; SettingsError when it is none."""
        fields = cls.__dataclass_fields__
        if not isinstance(given, Mapping) or set(given) != set(fields):
            wrong = [key for key in given if key not in fields] if given else []
            hint = nearest(wrong[0], fields) if wrong else ""
            raise SettingsError(
                f"learned needs {shown(fields)} and nothing else.{hint} "
                "It is what `learn_thresholds(...).to_dict()` writes."
            )
        try:
            families = {
                str(name): Null(
                    {str(s): {str(c): float(x) for c, x in columns.items()}
                     for s, columns in null["typical"].items()},
                    tuple(sorted((float(x) for x in null["largest"]), reverse=True)),
                )
                for name, null in given["families"].items()
            }  # fmt: skip
            warnings = {str(name): float(x) for name, x in given["warnings"].items()}
            windows, n_reference, smallest = (
                int(given[key]) for key in ("windows", "n_reference", "smallest")
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise SettingsError(
                f"learned cannot be read ({type(error).__name__}: {error}). "
                "It is what `learn_thresholds(...).to_dict()` writes."
            ) from error
        start, end = str(given["start"]), str(given["end"])
        return cls(windows, n_reference, smallest, start, end, warnings, families)


_NOTHING = Null({}, ())
