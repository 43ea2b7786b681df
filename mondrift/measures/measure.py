"""What a measure is: a plain function of two summaries, its facts declared beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mondrift.errors import InputError
from mondrift.measures.summary import Summary

TESTABLE = frozenset({"numeric", "categorical", "boolean"})
ANY_KIND = TESTABLE | {"datetime", "text"}


@dataclass(frozen=True)
class Result:
    """One measure on one column.

    `statistic` is NaN when it cannot be computed; then `reason` says why. `pvalue` is None when
    the measure has no test, or none at these sizes. `low` and `high` bound the statistic
    (95 % interval) where there is one. `detail` holds JSON-valid facts.

    >>> Result.unknown("the current window has no values")
    Result(statistic=nan, pvalue=None, low=None, high=None, reason='the current window has no
    values', detail={})
    """

    statistic: float
    pvalue: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def unknown(cls, reason: str, **detail: Any) -> Result:
        """A statistic that cannot be computed, and why."""
        return cls(math.nan, reason=reason, detail=detail)


@dataclass(frozen=True)
class Measure:
    """A function of two summaries and its facts; the conformance suite reads the facts.

    kinds: the kinds of column it works on. bounds: closed range of the statistic. symmetric:
    swapping the windows changes nothing (on a fixed layout). unit_free: scaling a numeric column
    changes nothing. default: computed when nobody asks. counts_missing: looks at all rows, not
    only at those with a finite value. grows: a copy shifted further scores at least as high; not
    so for binned distances, where a shift by the gap between two modes brings rows back together.
    size_free: ten times the rows with the same shares leave it unchanged.
    smoothed: adds half a count per bin, so that proportional counts agree only to O(bins / n).
    draws: may draw at random and takes the seed of its local generator.
    coarse: from counts alone it answers for the grid's cells, not for the rows (with rows in
    memory it is exact); `detail["method"]` then says "grid".
    inside: asks where in a bin the rows lie, which a reference of quantiles does not tell.
    """

    name: str
    label: str
    function: Callable[..., Result]
    kinds: frozenset[str]
    bounds: tuple[float, float]
    symmetric: bool
    unit_free: bool = True
    default: bool = True
    counts_missing: bool = False
    grows: bool = False
    size_free: bool = True
    smoothed: bool = False
    draws: bool = False
    coarse: bool = False
    inside: bool = False

    def __call__(self, reference: Summary, current: Summary, *, seed: int = 0) -> Result:
        """Compute the measure; a window without a usable value gives NaN and the reason.

        Raises InputError when the summaries have different layouts, or a kind that the measure
        does not know.
        """
        kind = reference.layout.kind
        if kind not in self.kinds:
            raise InputError(
                f"Measure {self.name!r} does not work on a {kind} column, only on "
                f"{', '.join(sorted(self.kinds))}."
            )
        if reference.layout is not current.layout and reference.layout != current.layout:
            raise InputError(
                f"Measure {self.name!r} needs two summaries with the same layout. Summarize the "
                "current column with the layout fitted on the reference."
            )
        for window, summary in (("reference", reference), ("current", current)):
            if (summary.n if self.counts_missing else summary.count) == 0:
                what = "rows" if summary.n == 0 else "values, only missing ones"
                if summary.n > summary.missing:
                    what = "finite values"
                return Result.unknown(f"the {window} window has no {what}")
        bins = reference.layout.bins
        if self.inside and bins is not None and bins.known:
            return Result.unknown(f"the reference is known by its {bins.known} only")
        if self.draws:
            return self.function(reference, current, seed=seed)
        return self.function(reference, current)
