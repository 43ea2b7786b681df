"""Thresholds learned from past windows, for rows that depend on each other or on the calendar."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from mondrift.comparing import compare
from mondrift.comparison import Comparison
from mondrift.drift import EFFECTS, by_column, largest_effect
from mondrift.errors import InputError, SettingsError, shown
from mondrift.finding import effect
from mondrift.null import Heights, Learned, Null
from mondrift.policy import Policy
from mondrift.quality import QUALITY
from mondrift.rows import Rows, read
from mondrift.schema import Schema
from mondrift.summaries import Summaries
from mondrift.window import Window

_MEASURES = tuple(dict.fromkeys(name for names in EFFECTS.values() for name in names))
_Side = Rows | Summaries
_TELLING = 0.95  # share of distinct values from which a column tells its rows apart
_COPIED = 0.5  # share of such values found in another window from which rows are the same


def learn_thresholds(
    reference: Any,
    chunks: Iterable[Any],
    *,
    schema: Schema | None = None,
    policy: Policy | None = None,
    level: float = 0.01,
    seed: int = 0,
) -> Policy:
    """A policy whose evidence is what past windows did, for rows that are not independent.

    Every chunk is compared with the reference. Per family of findings (drift, missing, unseen and
    so on) the largest effect of each chunk is kept, each column in multiples of its own typical
    one; a window is flagged when an effect is material by `policy` *and* further out than all but
    the level's share of the chunks. p-values take no part, so that autocorrelation, clusters and
    weekly swings do no harm, provided the chunks have them too.

    Parameters
    ----------
    reference : table, `Rows` or `Summaries`; the one that later windows are compared with.
    chunks : the same, or the (Window, table) pairs of `chunk`: windows that people accepted, none
        of them part of the reference or of each other, cut like the windows to be judged.
    schema : as in `compare`.
    policy : what is material, and the rest that a policy holds; `Policy()` by default.
    level : probability, in (0, 1), that a window without drift is flagged, per family. k chunks
        can show 1 / (k + 1) at best: 0.01 needs 99. With fewer, an effect beyond all of them is
        `inconclusive`.
    seed : of every random choice.

    Raises
    ------
    InputError
        When there are no chunks, or some have too few rows, or share rows with the reference or
        with each other (seen by their timestamps, or by values that occur only once).
    SettingsError
        When `policy` is the classic one, or `level` is no probability.

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> days = [pd.DataFrame({"x": rng.normal(rng.normal(0, 0.3), 1, 100)}) for _ in range(101)]
    >>> policy = learn_thresholds(pd.concat(days[:2]), days[2:])
    >>> policy.name, policy.learned.windows
    ('learned', 99)
    """
    base = policy or Policy()
    if base.name == "classic":
        raise SettingsError(
            "The classic policy has fixed rules and learns nothing; give learn_thresholds() a "
            "policy named 'default'."
        )
    before: _Side
    if isinstance(reference, Rows | Summaries):
        before = reference
    else:
        before = read(reference, (schema or Schema()).fit(reference), label="reference")
    windows = list(_read(chunks, before.schema))
    complaints = [*_small(before, windows, base.minimum_rows), *_overlaps(before, windows)]
    if complaints:
        raise InputError("Nothing can be learned: " + "; ".join(complaints) + ".")
    comparisons = [compare(before, each, measures=_MEASURES, seed=seed) for each in windows]
    return learned_from(comparisons, base, level)


def learned_from(comparisons: Sequence[Comparison], base: Policy, level: float) -> Policy:
    """The policy that comparisons of past windows, all with one reference, teach."""
    windows = [each.current for each in comparisons]
    families = {"drift": [_drift_heights(each, base) for each in comparisons]}
    for check in QUALITY:
        families[check] = [_quality_heights(each, check, base) for each in comparisons]
    nulls = {name: Null.of(_gathered(heights)) for name, heights in families.items()}
    learned = Learned(
        windows=len(windows),
        n_reference=comparisons[0].reference.n,
        smallest=min(each.n for each in windows),
        start=min((each.start.isoformat() for each in windows if each.start), default=""),
        end=max((each.end.isoformat() for each in windows if each.end), default=""),
        warnings={measure: each.warning for measure, each in base.effects.items()},
        families={name: null for name, null in nulls.items() if null.typical},
    )
    fields = {name: getattr(base, name) for name in Policy.__dataclass_fields__}
    return Policy(**{**fields, "name": "learned", "level": level, "learned": learned})


# Heights: effects in multiples of their warning thresholds

_OneWindow = dict[tuple[str, str], float]


def _drift_heights(comparison: Comparison, policy: Policy) -> _OneWindow:
    """The largest height of each column; 0 where both windows hold the same single value."""
    heights = {
        ("", column): 0.0
        for column in comparison.skipped
        if comparison.schema.kinds[column] in EFFECTS
    }
    for by in by_column(comparison):
        worst = largest_effect(by, policy)
        size = math.nan
        if worst.measure in policy.effects and _enough(worst.n_reference, worst.n_current, policy):
            size = effect(worst) / policy.effects[worst.measure].warning
        heights[worst.segment, worst.column] = size
    return heights


def _quality_heights(comparison: Comparison, check: str, policy: Policy) -> _OneWindow:
    warning = policy.effects[check].warning
    return {
        (each.segment, each.column): (
            abs(each.statistic) / warning
            if _enough(each.n_reference, each.n_current, policy)
            else math.nan
        )
        for each in comparison.measurements
        if each.measure == check and each.pvalue is not None
    }


def _enough(n_reference: int, n_current: int, policy: Policy) -> bool:
    return min(n_reference, n_current) >= policy.minimum_rows


def _gathered(windows: Sequence[_OneWindow]) -> Heights:
    keys = dict.fromkeys(key for each in windows for key in each)
    return {key: np.array([each.get(key, math.nan) for each in windows]) for key in keys}


# What is no past window


def _read(chunks: Iterable[Any], schema: Schema) -> Iterator[_Side]:
    for place, each in enumerate(chunks, start=1):
        if isinstance(each, Rows | Summaries):
            yield each
        elif isinstance(each, tuple) and len(each) == 2 and isinstance(each[0], Window):
            yield read(each[1], schema, window=each[0])
        else:
            yield read(each, schema, label=f"chunk {place}")


def _small(before: _Side, windows: Sequence[_Side], least: int) -> Iterator[str]:
    if not windows:
        yield "there are no chunks; cut them with mondrift.chunk(rows, '1D', timestamp=...)"
    if before.n < least:
        yield f"the reference has {before.n} rows, and {least} are needed"
    small = [_name(each, place) for place, each in enumerate(windows, 1) if each.n < least]
    if small:
        yield (
            f"{len(small)} of {len(windows)} chunks have fewer than {least} rows: "
            f"{shown(small)}; leave them out, or cut longer ones"
        )


def _name(window: _Side, place: int) -> str:
    return window.window.label or f"chunk {place}"


def _overlaps(before: _Side, windows: Sequence[_Side]) -> Iterator[str]:
    """Chunks that hold rows of the reference, or of each other."""
    named = [(_name(each, place), each) for place, each in enumerate(windows, 1)]
    known = dict(_telling(before))
    within = [name for name, each in named if _same_time(before, each) or _copied(known, each)]
    if within:
        yield (
            f"{len(within)} of {len(named)} chunks share rows with the reference: "
            f"{shown(within)}; a window that is part of the reference looks calmer than any other: "
            "cut the chunks from other rows"
        )
    timed = sorted(
        ((each.window.start, each.window.end, name) for name, each in named
         if each.window.start and each.window.end),
        key=lambda entry: entry[:2],
    )  # fmt: skip
    doubled = [later[2] for earlier, later in pairwise(timed) if later[0] < earlier[1]]
    first: dict[int, str] = {}
    for name, each in named:
        if (key := _fingerprint(each)) and first.setdefault(key, name) != name:
            doubled.append(name)
    if doubled:
        names = dict.fromkeys(doubled)
        yield (
            f"{len(names)} of {len(named)} chunks share rows with another: {shown(names)}; "
            "each row may be in one chunk only"
        )


def _same_time(one: _Side, other: _Side) -> bool:
    mine, theirs = one.window, other.window
    if not (mine.start and mine.end and theirs.start and theirs.end):
        return False
    return theirs.start < mine.end and mine.start < theirs.end


def _telling(rows: _Side) -> Iterator[tuple[str, np.ndarray]]:
    """Numeric columns whose values hardly ever repeat, with these values; none from counts."""
    if isinstance(rows, Summaries):
        return
    for name, column in rows.columns.items():
        if column.kind == "numeric":
            values = np.unique(column.values[np.isfinite(column.values)])
            if len(values) >= max(_TELLING * rows.n, 2):
                yield name, values


def _copied(known: Mapping[str, np.ndarray], window: _Side) -> bool:
    """Whether values that tell rows apart are mostly among the `known` ones of the reference."""
    return any(
        np.isin(values, known[name], assume_unique=True).mean() > _COPIED
        for name, values in _telling(window)
        if name in known
    )


def _fingerprint(rows: _Side) -> int:
    """One number for the values that tell rows apart; 0 when none do."""
    parts = tuple((name, values.tobytes()) for name, values in _telling(rows))
    return hash(parts) if parts else 0
