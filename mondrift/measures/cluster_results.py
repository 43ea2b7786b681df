"""What clusters change in the result of each measure: p-value, corrected effect, interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mondrift.measures.cluster_column import POINTS, ClusteredColumn, inflation, root_weights
from mondrift.measures.cluster_dealing import Dealt, levels_pvalue, outside_pvalue
from mondrift.measures.cluster_null import Contrast, Null, null
from mondrift.measures.column import Column
from mondrift.measures.fitting import COMMON
from mondrift.measures.measure import Result
from mondrift.measures.psi import EXPECTED, tolerance_pvalue

_Change = Callable[[ClusteredColumn, Result], Result]


def _told(column: ClusteredColumn, result: Result, found: Null, effect: float) -> Result:
    """The p-value, how it was counted, and the design effect."""
    method = "signs by cluster" if column.design.signs else "permutation of clusters"
    detail = {
        **result.detail,
        "method": method + (", tail extrapolated" if found.tail else ""),
        "draws": found.draws,
        "seed": column.seed,
        "design_effect": max(effect, 1.0),
    }
    return replace(result, pvalue=found.pvalue, detail=detail)


def _ks(column: ClusteredColumn, result: Result) -> Result:
    """At quantiles; the interval by the distance that one draw in twenty exceeds."""
    found = null(column.curve, largest=True)
    made = _told(column, result, found, inflation(column.curve))
    most = max(result.statistic, result.detail.get("at_most", 0.0))
    low, high = max(result.statistic - found.usual, 0.0), min(most + found.usual, 1.0)
    return replace(made, low=low, high=high, detail={**made.detail, "points": POINTS})


def _chi_square(column: ClusteredColumn, result: Result) -> Result:
    """Sum of squares over the layout's bins or groups, rare ones together."""
    tested, weights = column.tested, root_weights(column.tested)
    found = null(tested.scaled(weights), largest=False)
    made = _told(column, result, found, inflation(tested, weights**2))
    kept = ("method", "draws", "seed", "clusters", "design_effect", "null")
    detail = {name: made.detail[name] for name in kept if name in made.detail}
    columns = int(np.count_nonzero(tested.shares))
    return replace(made, detail={"df": columns - 1, "columns": columns, **detail})


def _cramer_von_mises(column: ClusteredColumn, result: Result) -> Result:
    curve = column.curve
    mass = np.diff(curve.shares, append=1.0)
    found = null(curve.scaled(np.sqrt(mass)), largest=False)
    return _told(column, result, found, inflation(curve, mass))


def _anderson_darling(column: ClusteredColumn, result: Result) -> Result:
    """The rows between two quantiles are a tie, as in the measure's form for counts."""
    mass, middle = column.quantiles.shares, column.quantiles.midway()
    weights = mass / np.maximum(middle.shares * (1 - middle.shares) - mass / 4, 1e-12)
    weights[mass > 1 - 1e-12] = 0.0  # one value is all there is
    found = null(middle.scaled(np.sqrt(weights)), largest=False)
    return _told(column, result, found, inflation(middle, weights))


def _psi(column: ClusteredColumn, result: Result) -> Result:
    """Less the bias of this dependence; not estimable when the effective rows are too few."""
    effect = group_inflation(column)
    detail = {**result.detail, "design_effect": max(effect, 1.0)}
    groups, raw = detail.get("groups"), detail.get("corrected_raw")
    if groups is None or raw is None:
        return replace(result, detail=detail)
    shares = column.groups.shares
    smallest = shares[shares >= COMMON].min(initial=1.0)  # what PSI does not pool
    if column.groups.m / max(effect, 1.0) * smallest < EXPECTED:
        unknown = {"estimable": False, "corrected": None, "corrected_raw": None}
        return replace(result, pvalue=None, detail={**detail, **unknown, "tolerance_pvalue": None})
    noise = 1 / column.groups.n + 1 / column.groups.m
    grouped = raw + (groups - 1) * noise
    bias = effect * (groups - 1) * noise
    covariance = column.groups.scaled(root_weights(column.groups)).covariance()
    freedom = max(round(float(np.trace(covariance) ** 2 / (covariance**2).sum())), 1)
    made = {
        "corrected": max(grouped - bias, 0.0),
        "corrected_raw": grouped - bias,
        "bias": bias,
        "tolerance_pvalue": tolerance_pvalue(grouped, freedom, bias / freedom),
    }
    pvalue = float(special.chdtrc(freedom, grouped * freedom / bias))
    return replace(result, pvalue=pvalue, detail={**detail, **made})


def _total_variation(column: ClusteredColumn, result: Result) -> Result:
    groups = column.groups
    variances = groups.variances()
    apart = groups.parts.sum(axis=0)
    corrected = float(np.sqrt(np.maximum(apart**2 - variances, 0)).sum()) / 2
    made = {
        "noise": float(np.sqrt(2 / np.pi * variances).sum() / 2),
        "corrected": min(corrected, result.statistic),
        "design_effect": max(group_inflation(column), 1.0),
    }
    return replace(result, detail={**result.detail, **made})


def _effect_only(column: ClusteredColumn, result: Result) -> Result:
    effect = max(group_inflation(column), 1.0)
    return replace(result, detail={**result.detail, "design_effect": effect})


def _wasserstein(column: ClusteredColumn, result: Result) -> Result:
    """The noise shown grows with the root of the curve's design effect."""
    effect = inflation(column.curve)
    noise = result.detail["noise"] * float(np.sqrt(effect)) if "noise" in result.detail else 0.0
    detail = {**result.detail, "noise": noise, "design_effect": max(effect, 1.0)}
    return replace(result, detail=detail)


def _missing(column: ClusteredColumn, result: Result) -> Result:
    marked = (_is_missing(column.one), _is_missing(column.other))
    return _share(column, result, column.share(marked))


def _infinite(column: ClusteredColumn, result: Result) -> Result:
    marked = (np.isinf(column.one.values), np.isinf(column.other.values))
    return _share(column, result, column.share(marked))


def _is_missing(column: Column) -> NDArray[np.bool_]:
    values = column.values
    if column.kind in ("numeric", "boolean"):
        return np.asarray(np.isnan(values))
    return np.asarray(values < 0 if column.kind == "categorical" else values, dtype=bool)


def _share(column: ClusteredColumn, result: Result, contrast: Contrast) -> Result:
    """A change of one share; its interval by Student's law with as many clusters as there are.

    An interval narrower than that of independent rows is not believed.
    """
    made = _told(column, result, null(contrast, largest=True), inflation(contrast))
    freedom = max(min(int(units.max(initial=0)) for units in column.units), 1)
    reach = float(special.stdtrit(freedom, 0.975) * np.sqrt(contrast.variances()[0]))
    change = float(result.detail["change"])
    low = change - reach if result.low is None else min(result.low, change - reach)
    high = change + reach if result.high is None else max(result.high, change + reach)
    return replace(made, low=max(low, -1.0), high=min(high, 1.0))


def _unseen(column: ClusteredColumn, result: Result) -> Result:
    return _only_in(column, result, (1, 0))


def _vanished(column: ClusteredColumn, result: Result) -> Result:
    return _only_in(column, result, (0, 1))


def _only_in(column: ClusteredColumn, result: Result, order: tuple[int, int]) -> Result:
    """Whole clusters dealt to the windows anew; `order` puts the window in question first."""
    here, there = order
    dealt = Dealt(column.units[here], column.units[there])
    rows = int(result.detail["rows"])
    pvalue = levels_pvalue(rows, dealt, (column.levels[here], column.levels[there]), column.seed)
    detail = {
        **result.detail,
        "method": "clusters dealt anew",
        "design_effect": max(group_inflation(column), 1.0),
        "seed": column.seed,
    }
    return replace(result, pvalue=pvalue, detail=detail)


def _out_of_range(column: ClusteredColumn, result: Result) -> Result:
    """Clusters dealt anew; the test of two shares where the range is not this reference's."""
    bins = column.layout.bins
    assert bins is not None
    values = (column.one.values, column.other.values)
    finite = (np.isfinite(values[0]), np.isfinite(values[1]))
    before, now = (
        known & ((each < bins.minimum) | (each > bins.maximum))
        for each, known in zip(values, finite, strict=True)
    )
    made = _share(column, result, column.share((before, now), finite))
    if before.any():
        return made
    dealt = Dealt(column.units[1], column.units[0])
    pvalue = outside_pvalue(int(now.sum()), dealt, (values[1], values[0]))
    detail = {**made.detail, "method": "clusters dealt anew, exceedances"}
    return replace(made, pvalue=pvalue, detail=detail)


def group_inflation(column: ClusteredColumn) -> float:
    """Variance of the shares of bins or groups over that of independent rows."""
    return inflation(column.groups, root_weights(column.groups) ** 2)


CHANGES: Mapping[str, _Change] = {
    "ks": _ks,
    "chi_square": _chi_square,
    "cramer_von_mises": _cramer_von_mises,
    "anderson_darling": _anderson_darling,
    "psi": _psi,
    "total_variation": _total_variation,
    "jensen_shannon": _effect_only,
    "hellinger": _effect_only,
    "wasserstein": _wasserstein,
    "missing": _missing,
    "infinite": _infinite,
    "unseen": _unseen,
    "vanished": _vanished,
    "out_of_range": _out_of_range,
}
