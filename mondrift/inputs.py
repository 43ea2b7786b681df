"""The inputs of a model as plain numbers, for whoever tells two windows apart by them.

Inputs are the features and the segment columns: numbers in bins of the reference and as they are,
levels, what is missing. The model's own output is none, so that a model which answers otherwise is
not told as other inputs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mondrift.measures.column import Column
from mondrift.rows import Rows

INPUTS = 30  # those that moved most; more would cost minutes and say the same
_BINS, _FEW_BINS, _MANY = 10, 5, 15  # fewer bins when there are more inputs than that
_LEVELS = 12  # the reference's most frequent; the others are one

Sides = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Inputs:
    """Both windows as numbers of shape (rows, terms): `used` inputs of `all`."""

    reference: np.ndarray
    current: np.ndarray
    used: int
    all: int


def inputs_of(before: Rows, after: Rows) -> Inputs:
    """The inputs of both windows; without terms when there are none or no rows."""
    schema = before.schema
    names = [
        name
        for name in before.columns
        if schema.role(name) in ("feature", "segment") and name in after.columns
    ]
    bins = _BINS if len(names) <= _MANY else _FEW_BINS
    if not before.n or not after.n:
        names = []
    coded = [_coded(before.columns[name], after.columns[name], bins) for name in names]
    coded = sorted((each for each in coded if each[0].size), key=_moved, reverse=True)[:INPUTS]
    if not coded:
        return Inputs(np.empty((before.n, 0)), np.empty((after.n, 0)), 0, len(names))
    one, other = (np.column_stack([each[at] for each in coded]) for at in (0, 1))
    return Inputs(one, other, len(coded), len(names))


def _moved(coded: Sides) -> float:
    """How far an input moved: the sum of the changes of its shares."""
    return float(np.abs(coded[1].mean(axis=0) - coded[0].mean(axis=0)).sum())


def _coded(before: Column, after: Column, bins: int) -> Sides:
    """An input of both windows as indicators less their share in the reference, and as a number."""
    numbers: list[np.ndarray] = []
    if before.kind in ("datetime", "text"):
        places = [each.values.astype(int) for each in (before, after)]
    elif before.kind == "categorical":
        counts = np.bincount(before.values[before.values >= 0], minlength=len(before.levels))
        known = [before.levels[at] for at in np.argsort(-counts, kind="stable")[:_LEVELS]]
        places = [_positions(each, known, before.levels) for each in (before, after)]
    else:
        finite = before.values[np.isfinite(before.values)]
        if not len(finite):
            return np.empty((before.n, 0)), np.empty((after.n, 0))
        borders = np.unique(np.quantile(finite, np.arange(1, bins) / bins))
        places = [
            np.where(np.isnan(each.values), len(borders) + 1, np.searchsorted(borders, each.values))
            for each in (before, after)
        ]
        low, high = np.quantile(finite, [0.005, 0.995])
        if high > low:
            middle, size = float(finite.mean()), float(finite.clip(low, high).std())
            numbers = [_numbers(each, (low, high), (middle, size)) for each in (before, after)]
    levels = np.arange(max(int(each.max(initial=0)) for each in places) + 1)
    hits = [(each[:, None] == levels).astype(float) for each in places]
    met = hits[0].any(axis=0) | hits[1].any(axis=0)
    share = hits[0][:, met].mean(axis=0)
    one, other = (each[:, met] - share for each in hits)
    if numbers:
        return np.column_stack([one, numbers[0]]), np.column_stack([other, numbers[1]])
    return one, other


def _numbers(column: Column, limits: tuple[float, float], scale: tuple[float, float]) -> np.ndarray:
    """A number within the reference's 0.5 and 99.5 % quantiles, standardised; missing is 0."""
    values = (column.values.clip(*limits) - scale[0]) / scale[1]
    return np.where(np.isnan(values), 0.0, values)


def _positions(column: Column, known: list[str], seen: tuple[str, ...]) -> np.ndarray:
    """Levels by their place in `known`; then the rarer ones, those never seen, what is missing."""
    rarer = set(seen)
    place = {level: at for at, level in enumerate(known)}
    table = [
        place.get(level, len(known) if level in rarer else len(known) + 1)
        for level in column.levels
    ]
    return np.asarray(np.array([*table, len(known) + 2])[column.values])
