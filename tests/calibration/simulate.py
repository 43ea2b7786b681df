"""Windows without drift, and with a known one: what the table of false alarms counts.

Rows are independent; a fresh reference is drawn for every column, except in `successive`. The
measures and `judge` are mondrift's own. Only two things are done by hand, for speed: histograms
are left out, and the exact Kolmogorov-Smirnov p-value is remembered, and counted only where it
can decide. `test_calibration.py` shows that `compare` and `judge` say the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mondrift.comparison import Comparison
from mondrift.measurement import Measurement
from mondrift.measures import MEASURES, Column, Layout, Result, Summary, fit_layout, summarize
from mondrift.measures.kolmogorov import EXACT, exact_pvalue, one_sample_pvalue
from mondrift.policy import Policy
from mondrift.schema import Schema
from mondrift.verdict import judge
from mondrift.window import Window

Values = NDArray[Any]
Draw = Callable[[np.random.Generator, int], Values]
Measured = tuple[Measurement, ...]

QUALITY = ("missing", "infinite", "unseen", "vanished", "out_of_range")
#: What no status rests on: not computed.
UNUSED = ("jensen_shannon",)
#: From here on up no p-value can decide anything, however many columns there are.
UNDECIDED = 0.2
POLICIES = {"default": Policy(), "classic": Policy(name="classic")}


@dataclass(frozen=True)
class Kind:
    """A type of column: how its rows are drawn, and the levels of a categorical one."""

    draw: Draw
    kind: str = "numeric"
    levels: tuple[str, ...] = ()
    holes: tuple[str, ...] = ()  # "missing", "infinite": what some rows are instead of values

    @property
    def checks(self) -> tuple[str, ...]:
        """The families of findings that such a column can give rise to without drift."""
        by_kind = {"numeric": ("out_of_range",), "categorical": ("unseen", "vanished")}
        return ("drift", *self.holes, *by_kind.get(self.kind, ()))

    def column(self, name: str, rng: np.random.Generator, n: int) -> Column:
        """`n` independent rows."""
        return Column(name, self.kind, self.draw(rng, n), self.levels)


def _holes(values: Values, rng: np.random.Generator, share: float, hole: float) -> Values:
    values[rng.random(len(values)) < share] = hole
    return values


def _choice(shares: Values) -> Draw:
    cuts = np.cumsum(shares / shares.sum())[:-1]
    return lambda rng, n: np.searchsorted(cuts, rng.random(n), side="right").astype(np.int32)


def _zero_inflated(rng: np.random.Generator, n: int) -> Values:
    return np.where(rng.random(n) < 0.7, 0.0, rng.lognormal(size=n))


def _levels(count: int) -> tuple[str, ...]:
    return tuple(f"level {place:04d}" for place in range(count))


_FIVE = _choice(np.array([0.5, 0.25, 0.15, 0.08, 0.02]))
_ZIPF = _choice(1 / np.arange(1.0, 201))

#: The types of a mixed window, in equal numbers.
KINDS: Mapping[str, Kind] = {
    "normal": Kind(lambda rng, n: rng.normal(size=n)),
    "lognormal": Kind(lambda rng, n: rng.lognormal(size=n)),
    "Cauchy": Kind(lambda rng, n: rng.standard_cauchy(size=n)),
    "Poisson(2)": Kind(lambda rng, n: rng.poisson(2.0, n).astype(float)),
    "whole numbers": Kind(lambda rng, n: np.round(rng.normal(50.0, 12.0, n))),
    "70 % zeros": Kind(_zero_inflated),
    "200 levels": Kind(_ZIPF, "categorical", _levels(200)),
    "5 levels, 5 % missing": Kind(
        lambda rng, n: _holes(_FIVE(rng, n), rng, 0.05, -1),
        "categorical",
        _levels(5),
        ("missing",),
    ),
    "boolean": Kind(lambda rng, n: (rng.random(n) < 0.1).astype(float), "boolean"),
    "normal, 5 % missing": Kind(
        lambda rng, n: _holes(rng.normal(size=n), rng, 0.05, np.nan), holes=("missing",)
    ),
}
#: Not among the mixed ones.
INFINITE: Mapping[str, Kind] = {
    "normal, 2 % infinite": Kind(
        lambda rng, n: _holes(rng.normal(size=n), rng, 0.02, np.inf), holes=("infinite",)
    ),
}
_NORMAL, _FIVE_LEVELS = KINDS["normal"], KINDS["5 levels, 5 % missing"]


def _with_new_level(rng: np.random.Generator, n: int) -> Values:
    return _holes(_FIVE(rng, n), rng, 0.01, 5)


def _shifted(by: float) -> tuple[Kind, Kind]:
    return _NORMAL, Kind(lambda rng, n: rng.normal(by, 1.0, n))


#: {what has happened: the column before, the column after}.
CHANGES: Mapping[str, tuple[Kind, Kind]] = {
    "0.01 σ": _shifted(0.01),
    "0.05 σ": _shifted(0.05),
    "0.25 σ": _shifted(0.25),
    "0.5 σ": _shifted(0.5),
    "1 σ": _shifted(1.0),
    "variance × 1.5": (_NORMAL, Kind(lambda rng, n: rng.normal(0.0, math.sqrt(1.5), n))),
    "10 % of rows at +3 σ": (
        _NORMAL,
        Kind(lambda rng, n: rng.normal(size=n) + 3.0 * (rng.random(n) < 0.1)),
    ),
    "a new level, 1 % of rows": (
        Kind(_FIVE, "categorical", _levels(5)),
        Kind(_with_new_level, "categorical", _levels(6)),
    ),
    "60 % newly missing": (
        _NORMAL,
        Kind(lambda rng, n: _holes(rng.normal(size=n), rng, 0.6, np.nan)),
    ),
}


def measured(
    reference: Summary, current: Summary, name: str, *, unused: tuple[str, ...] = UNUSED
) -> Measured:
    """What `compare` measures for a column, as far as a verdict rests on it."""
    kind = reference.layout.kind
    if not reference.infinite + current.infinite:
        unused = (*unused, "infinite")
    results = {}
    for measure in MEASURES.values():
        if kind not in measure.kinds or not measure.default or measure.name in unused:
            continue
        short = measure.name == "ks" and 0 < reference.count * current.count <= EXACT
        results[measure.name] = _ks(reference, current) if short else measure(reference, current)
    return measurements(results, kind, name, (reference.n, current.n))


def measurements(
    results: Mapping[str, Result], kind: str, name: str, sizes: tuple[int, int]
) -> Measured:
    """The results of one column, as `compare` gives them to `judge`."""
    return tuple(
        Measurement(
            "quality" if measure in QUALITY else "drift", name, "feature", kind, measure,
            float(result.statistic), result.pvalue, *sizes, result.low, result.high, "",
            result.reason, result.detail,
        )
        for measure, result in results.items()
    )  # fmt: skip


def _ks(reference: Summary, current: Summary) -> Result:
    """The distance in whole numbers, from sorted rows; its exact p-value, where it can decide."""
    n, m = reference.count, current.count
    points = np.concatenate([reference.ordered, current.ordered])
    below = np.searchsorted(reference.ordered, points, side="right") * m
    furthest = int(np.abs(below - np.searchsorted(current.ordered, points, side="right") * n).max())
    rough = one_sample_pvalue(furthest / (n * m), round(n * m / (n + m)))
    return Result(furthest / (n * m), rough if rough > UNDECIDED else _remembered(furthest, n, m))


@lru_cache(maxsize=200_000)
def _remembered(furthest: int, n: int, m: int) -> float:
    return exact_pvalue(furthest / (n * m), n, m)


def pair(
    before: Kind, after: Kind, rng: np.random.Generator, sizes: tuple[int, int], name: str
) -> Measured:
    """A fresh reference and a current window of one column, measured."""
    reference = before.column(name, rng, sizes[0])
    layout = fit_layout(reference)
    current = summarize(after.column(name, rng, sizes[1]), layout)
    return measured(summarize(reference, layout), current, name)


def baseline(kind: Kind, rng: np.random.Generator, n: int, name: str) -> tuple[Layout, Summary]:
    """A reference that is to serve many windows."""
    column = kind.column(name, rng, n)
    layout = fit_layout(column)
    return layout, summarize(column, layout)


def compared(columns: Sequence[Measured], sizes: tuple[int, int]) -> Comparison:
    """The comparison of two windows that these columns make up."""
    return Comparison(
        Window(None, None, sizes[0], "reference"),
        Window(None, None, sizes[1], "current"),
        Schema(),
        tuple(each for column in columns for each in column),
        (),
    )


def flagged(
    columns: Sequence[Measured], policy: Policy, sizes: tuple[int, int]
) -> dict[str, set[str]]:
    """{check: columns with `warning` or `alarm`} of one window; `judge` decides."""
    found: dict[str, set[str]] = {}
    for finding in judge(compared(columns, sizes), policy).flagged():
        found.setdefault(finding.check, set()).add(finding.column)
    return found
