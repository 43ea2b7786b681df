"""A reference that is known by its statistics alone: no rows, no counts on a grid.

    {"income": {"n": 5000, "missing": 12, "mean": 41.5, "std": 9.2, "min": 8.0, "max": 97.0,
                "quantiles": {"0.1": 30.1, ..., "0.9": 53.6}},
     "plan": {"n": 5000, "shares": {"basic": 0.62, "gold": 0.38}},
     "returning": {"n": 5000, "share": 0.45}}

What can honestly be measured against it: categories and booleans in every way, since shares times n
are counts; of a number its missing values and its range; with quantiles also what is counted in the
bins between them (PSI, chi-square, Jensen-Shannon, total variation), but never KS or Wasserstein,
which ask where in a bin rows lie. Quantiles tell bins apart as well as the column's ties allow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mondrift.errors import InputError, nearest, shown
from mondrift.measures import Layout, Summary
from mondrift.measures.fitting import summarize_levels
from mondrift.measures.grid import MANY_ROWS, Grid
from mondrift.measures.layout import Bins
from mondrift.measures.layout import Levels as LevelNames
from mondrift.schema import COMPARED, Schema
from mondrift.summaries import Summaries
from mondrift.window import Window

Stated = Mapping[str, Mapping[str, Any]]

_ALWAYS = ("n", "missing")
_KEYS: Mapping[str, tuple[str, ...]] = {
    "numeric": ("mean", "std", "min", "max", "quantiles"),
    "categorical": ("shares",),
    "boolean": ("share",),
    "datetime": (),
    "text": (),
}
_OPTIONAL = ("missing", "quantiles")
_ROUNDED = 0.005  # shares of people are rounded: so far from 1 they may add up to


def is_stated(reference: Any) -> bool:
    """Whether `reference` is statistics: {column: {name of a statistic: value}}."""
    return (
        isinstance(reference, Mapping)
        and bool(reference)
        and all(isinstance(each, Mapping) for each in reference.values())
    )


def summaries(stated: Stated, schema: Schema, grids: Mapping[str, Grid | None]) -> Summaries:
    """The statistics as a reference for `compare`; `grids` are those of columns counted before.

    Raises InputError with everything that is wrong with them.
    """
    complaints = _complaints(stated, schema)
    if complaints:
        raise InputError("These statistics are no baseline: " + "; ".join(complaints) + ".")
    columns = {}
    for name in (name for name in schema.kinds if name in stated):
        kind, given = schema.kinds[name], stated[name]
        if kind == "numeric":
            columns[name] = _numeric(given, grids.get(name))
        elif kind == "categorical":
            columns[name] = _levels(given, given["shares"], kind)
        elif kind == "boolean":
            share = given["share"]
            columns[name] = _levels(given, {"False": 1 - share, "True": share}, kind)
        else:
            columns[name] = Summary(Layout(kind), given["n"], given.get("missing", 0))
    n = max(each.n for each in columns.values())
    return Summaries(schema, Window(n=n, label="reference"), {"": columns}, {"": n})


# What is wrong


def _complaints(stated: Stated, schema: Schema) -> list[str]:
    known = [name for name in schema.kinds if schema.role(name) in COMPARED]
    found = []
    if schema.cluster is not None:
        found.append(
            f"the model's rows depend on each other (cluster {schema.cluster!r}), which statistics "
            "do not tell: register rows"
        )
    for name, given in stated.items():
        if name not in known:
            found.append(f"{name!r} is none of {shown(known)}.{nearest(name, known)}".rstrip("."))
        else:
            found += [f"{name!r}: {each}" for each in _about(given, schema.kinds[name])]
    sizes = {name: given.get("n") for name, given in stated.items() if name in known}
    if len(set(map(repr, sizes.values()))) > 1:
        found.append(
            f"n differs between columns ({shown(sorted(map(str, sizes.values())))}): it counts all "
            "rows, and `missing` those of them without a value"
        )
    return found


def _about(given: Mapping[str, Any], kind: str) -> list[str]:
    allowed = (*_ALWAYS, *_KEYS[kind])
    found = [
        f"{key!r} says nothing of a {kind} column, which has {shown(allowed)}"
        for key in given
        if key not in allowed
    ]
    lacking = [key for key in allowed if key not in given and key not in _OPTIONAL]
    if lacking:
        return [*found, f"it lacks {shown(lacking)}"]
    n, missing = given["n"], given.get("missing", 0)
    if not (_is_count(n) and _is_count(missing) and n > 0 and missing < n):
        found.append(f"n is {n!r} and missing {missing!r}; 0 <= missing < n must hold")
    elif kind == "numeric":
        found += _about_numbers(given, n - missing)
    elif kind in ("categorical", "boolean"):
        found += _about_shares(given, kind)
    return found


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _about_numbers(given: Mapping[str, Any], count: int) -> list[str]:
    values = {name: given[name] for name in ("mean", "std", "min", "max")}
    strange = [f"{name} is {value!r}" for name, value in values.items() if not _is_number(value)]
    if strange:
        return [f"{', '.join(strange)}: no finite number"]
    mean, std, low, high = values.values()
    if not low <= mean <= high:
        return [f"its mean {mean:g} is not between min {low:g} and max {high:g}"]
    most = (high - low) / 2 * (math.sqrt(count / (count - 1)) if count > 1 else 1.0)
    if not 0 <= std <= most * (1 + 1e-6) or (std == 0) != (low == high):
        return [f"its std {std:g} is impossible between min {low:g} and max {high:g}"]
    quantiles = given.get("quantiles", {})
    try:
        points = sorted((float(at), float(value)) for at, value in quantiles.items())
    except (AttributeError, TypeError, ValueError):
        return [f"quantiles are {{share of the rows: value}}, not {quantiles!r}"]
    if any(not 0 < at < 1 or not low <= value <= high for at, value in points):
        return ["its quantiles are of shares between 0 and 1, with values from min to max"]
    if any(before[1] > after[1] for before, after in pairwise(points)):
        return ["its quantiles do not ascend"]
    return []


def _about_shares(given: Mapping[str, Any], kind: str) -> list[str]:
    if kind == "boolean":
        share = given["share"]
        good = _is_number(share) and 0 <= share <= 1
        return [] if good else [f"share is {share!r}; it is that of true, from 0 to 1"]
    shares = given["shares"]
    if not isinstance(shares, Mapping) or not shares:
        return [f"shares are {{level: share of the rows}}, not {shares!r}"]
    strange = [level for level, x in shares.items() if not (_is_number(x) and 0 <= x <= 1)]
    if strange:
        return [f"the shares of {shown(strange)} are not from 0 to 1"]
    total = sum(shares.values())
    return [] if abs(total - 1) <= _ROUNDED else [f"its shares add up to {total:.4g}, not to 1"]


# Statistics as summaries


def _apportioned(shares: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """n rows by these shares, whole: the largest remainders are rounded up.

    >>> _apportioned(np.array([1 / 3, 1 / 3, 1 / 3]), 100).tolist()
    [34, 33, 33]
    """
    exact = shares / shares.sum() * n
    counts: NDArray[np.int64] = np.floor(exact + 1e-9).astype(np.int64)
    rest = n - int(counts.sum())
    counts[np.argsort(counts - exact, kind="stable")[:rest]] += 1
    return counts


def _levels(given: Mapping[str, Any], shares: Mapping[str, float], kind: str) -> Summary:
    n, missing = given["n"], given.get("missing", 0)
    by_name = {str(level): share for level, share in shares.items()}
    names = tuple(sorted(by_name))
    counts = _apportioned(np.array([by_name[name] for name in names]), n - missing)
    if kind == "categorical":
        return summarize_levels(names, counts, missing)
    layout = Layout(kind, names, levels=LevelNames(names, (0, 1)))
    return Summary(layout, n, missing, cells=counts)


def _numeric(given: Mapping[str, Any], grid: Grid | None) -> Summary:
    low, high, mean, std = (float(given[name]) for name in ("min", "max", "mean", "std"))
    n, count = given["n"], given["n"] - given.get("missing", 0)
    points = sorted((float(at), float(value)) for at, value in given.get("quantiles", {}).items())
    if grid is None:
        grid = _grid([(0.0, low), *points, (1.0, high)], mean, n)
    cuts, shares = _cuts(grid, points, low)
    known = "quantiles" if len(cuts) > 1 else "moments"
    ends = grid.locate(np.array([low, high])).tolist()
    scale, rule = (std, "std") if std else (0.0, "constant")
    bins = Bins(grid, cuts, False, low + 0.0, high + 0.0, scale, rule, ends[0], ends[1] + 1, known)
    cells = _spread(grid, (cuts, shares), (low, high), count)
    return Summary(
        Layout("numeric", _labels(bins), bins), n, n - count, minimum=low, maximum=high,
        mean=mean, m2=std * std * (count - 1), cells=cells,
    )  # fmt: skip


def _grid(knots: Sequence[tuple[float, float]], mean: float, n: int) -> Grid:
    """A grid around landmarks as the quantiles tell them, or as min, mean and max do."""
    if len(knots) == 2:
        knots = [knots[0], (0.5, mean), knots[1]]
    at, values = zip(*knots, strict=True)
    return Grid.around(np.interp(np.linspace(0, 1, 21), at, values), max(n, MANY_ROWS))


def _cuts(
    grid: Grid, points: Sequence[tuple[float, float]], low: float
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Cells where bins begin, and the share of rows before each; the first bin begins at 0.

    Where quantiles share a value, the first tells how many rows lie below it.
    """
    first = int(grid.locate(np.array([low]))[0])
    cuts, shares = [0], [0.0]
    for share, value in points:
        cut = int(grid.locate(np.array([value]))[0])
        if cut > max(cuts[-1], first):
            cuts.append(cut)
            shares.append(share)
    return tuple(cuts), tuple(shares)


def _spread(
    grid: Grid,
    bins: tuple[Sequence[int], Sequence[float]],
    ends: tuple[float, float],
    count: int,
) -> NDArray[np.int64]:
    """Rows per cell, evenly within each bin: right for the bins, a guess inside them."""
    cuts, shares = bins
    borders = grid.all_borders
    low, high = ends
    knots = [low, *borders[list(cuts[1:])].tolist(), np.nextafter(high, math.inf)]
    up_to = np.rint(count * np.interp(borders, knots, [*shares, 1.0])).astype(np.int64)
    up_to[0], up_to[-1] = 0, count
    return np.diff(up_to)


def _labels(bins: Bins) -> tuple[str, ...]:
    edges = bins.edges.tolist()
    if len(edges) == 2:
        return ("all",)
    inner = [f"{a:.4g} – {b:.4g}" for a, b in pairwise(edges[1:-1])]
    return (f"< {edges[1]:.4g}", *inner, f"≥ {edges[-2]:.4g}")
