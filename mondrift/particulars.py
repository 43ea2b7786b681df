"""One window's performance in detail: tidy frames for its charts, and tables.

Each function reads a comparison or verdict; a frame without rows means that there is nothing to
draw.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mondrift import phrases
from mondrift.comparison import Comparison
from mondrift.degradation import worsening
from mondrift.diagnosis import measurement
from mondrift.evidence import FEWEST
from mondrift.exhibits import View
from mondrift.split import CONCEPT, COVARIATE
from mondrift.verdict import Verdict

PARTS = {COVARIATE: "other inputs", CONCEPT: "other outcomes"}
"""The parts of a change, and what people call them."""


def segments(verdict: Verdict, metric: str) -> pd.DataFrame:
    """A metric in each segment, the worst change first: for `charts.segments`."""
    status = {f.segment: f.status for f in verdict.findings if f.check == metric}
    found = [
        each
        for each in verdict.comparison.measurements
        if each.measure == metric
        and each.segment in status
        and each.segment
        and not math.isnan(each.statistic)
        and each.detail.get("reference") is not None
    ]
    rows = [
        (each.segment, metric, each.statistic, each.detail["reference"], each.low, each.high,
         status[each.segment], each.n_current)
        for each in sorted(found, key=worsening, reverse=True)
    ]  # fmt: skip
    names = ("segment", "measure", "statistic", "reference", "low", "high", "status", "n_current")
    return pd.DataFrame(rows, columns=list(names))


def parts(comparison: Comparison, metric: str) -> pd.DataFrame:
    """The parts of a change: for `charts.parts`; no rows unless both are known."""
    found = {name: measurement(comparison, name) for name in PARTS}
    rows = [
        (PARTS[name], each.detail.get("metric", metric), each.statistic, each.low, each.high)
        for name, each in found.items()
        if each is not None and not math.isnan(each.statistic)
    ]
    names = ["part", "metric", "statistic", "low", "high"]
    return pd.DataFrame(rows if len(rows) == len(PARTS) else [], columns=names)


def curve(comparison: Comparison) -> pd.DataFrame:
    """Both calibration curves: for `charts.calibration`."""
    found = measurement(comparison, "calibration_error")
    both = found.detail.get("curve") or {} if found else {}
    points = [{"window": window, **point} for window, many in both.items() for point in many]
    return pd.DataFrame(points, columns=["window", "score", "share", "n", "low", "high"])


def confusion(comparison: Comparison) -> pd.DataFrame:
    """What was predicted of each class in both windows: for `charts.confusion`."""
    found = measurement(comparison, "accuracy")
    matrix = found.detail.get("confusion") if found else None
    rows = []
    if matrix:
        names = [_class(comparison.schema.target or "", label) for label in matrix["labels"]]
        rows = [
            row
            for window in ("reference", "current")
            for name, counts in zip(names, matrix[window], strict=True)
            for row in _cells(window, name, names, counts)
        ]
    return pd.DataFrame(rows, columns=["window", "target", "prediction", "count", "share"])


def estimates(comparison: Comparison) -> View:
    """Every estimate beside the realised value, and what it assumes."""
    from mondrift.page.sections import Table

    found = [
        each
        for each in comparison.measurements
        if each.measure.startswith("estimated_") and not each.segment
    ]
    lines = []
    for each in found:
        name = each.measure.removeprefix("estimated_")
        truth = measurement(comparison, name)
        known = truth is not None and not math.isnan(truth.statistic)
        lines.append(
            (phrases.measured(name), each.detail.get("reference"), _plain(each.statistic),
             each.low, each.high, truth.statistic if truth and known else None, each.reason)
        )  # fmt: skip
    names = ("metric", "reference", "estimated", "from", "to", "realised", "note")
    told = len(names) if any(each.reason for each in found) else len(names) - 1
    note = _assumptions([each.detail for each in found])
    shown = tuple(line[:told] for line in lines)
    return View((Table(names[:told], shown, "Estimated without labels", note),))


def _class(target: str, label: str) -> str:
    """A class as people read it: "late = 1", or its own name.

    >>> _class("late", "1"), _class("fruit", "apple")
    ('late = 1', 'apple')
    """
    return f"{target} = {label}" if label in ("0", "1", "True", "False") else label


def _cells(
    window: str, name: str, names: Sequence[str], counts: Sequence[int]
) -> list[tuple[Any, ...]]:
    """One row of a confusion matrix; a cell with few rows, but some, is not told.

    Beside it shares are whole percents and counts are left out, so that it cannot be worked out.
    """
    whole = sum(counts)
    if not whole:
        return [(window, name, other, 0, None) for other in names]
    few = [0 < count < FEWEST for count in counts]
    cells: list[tuple[Any, ...]] = []
    for other, count, hidden in zip(names, counts, few, strict=True):
        share = round(count / whole, 2 if any(few) else 4)
        shown = (None, None) if hidden else (None if any(few) else count, share)
        cells.append((window, name, other, *shown))
    return cells


def _assumptions(details: Sequence[Mapping[str, Any]]) -> str:
    """What the estimates rest on, each thing once."""
    told = [str(each["assumes"]) for each in details if each.get("assumes")]
    errors = [each["calibration_error"] for each in details if each.get("calibration_error")]
    outside = [each["outside"] for each in details if each.get("outside")]
    told += [f"calibration error in the reference: {phrases.percent(e)}" for e in errors[:1]]
    told += [
        f"{phrases.percent(each)} of the rows are unlike the reference" for each in outside[:1]
    ]
    return " ".join(f"{phrases.capital(each).rstrip('.')}." for each in dict.fromkeys(told))


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value
