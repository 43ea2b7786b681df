"""The verdict on a window: from counts where they can answer, from its rows where they cannot.

Counts answer over any stretch of time at once. Rows are read when the reference is no plain
baseline, when clusters are declared, when rows are not counted yet or were of another kind; and
when counts leave open on which side of a threshold a column stands, then of that column: such an
`inconclusive` does not reach people while the rows are there. The bins are the same on both ways.
What labels and latencies tell always comes from rows, of the columns that it takes.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from mondrift.comparing import compare
from mondrift.comparison import Comparison
from mondrift.diagnosis import FLAGGED
from mondrift.errors import ModelError, nearest, shown
from mondrift.finding import UNDECIDED
from mondrift.measurement import Measurement
from mondrift.measures import Layout, fit_layout
from mondrift.measures.column import Column
from mondrift.performance import DECISIVE
from mondrift.rows import Rows, read
from mondrift.run.causes import causes
from mondrift.run.maturity import with_label_ages
from mondrift.run.plan import Monitor
from mondrift.run.reference import bounds, reference_rows, window_rows
from mondrift.run.sampled import with_all_rows
from mondrift.schema import Schema
from mondrift.slices import slices
from mondrift.store import Model, Store
from mondrift.store.reference_counts import LayoutOf, counted
from mondrift.summaries import Summaries
from mondrift.verdict import Verdict, judge
from mondrift.window import Window

_LOG = logging.getLogger(__name__)


def judge_window(store: Store, monitor: Monitor, window: Window) -> Verdict:
    """The verdict on a window of the store; writes nothing.

    `detail["from"]` of every measurement says whether "counts" or "rows" gave it.
    """
    verdict = by_counts(store, monitor, window)
    if verdict is None:
        verdict = by_rows(store, monitor, window)
    else:
        verdict = _decided(store, monitor, window, verdict)
    return _explained(store, monitor, window, verdict)


def by_counts(store: Store, monitor: Monitor, window: Window) -> Verdict | None:
    """The verdict without reading features; None where counts have no answer at all."""
    model = watched(store, monitor)
    reference = _baseline_counts(store, monitor, model)
    if reference is None:
        return None
    segments = bool(reference.segments)
    current = store.summaries(model.model_id, *bounds(window), segments=segments)
    if current is None or not set(reference.segments) <= set(current.segments):
        return None
    if not _on_one_grid(reference, current):
        return None
    current = replace(current, window=replace(window, n=current.n))
    if model.schema.target is not None or model.schema.latency is not None:
        if _rows_gone(store, model, window):
            return None
        before, after = _rows_of(store, monitor, model, window, _needed(model.schema))
        current = _with_target(current, after, reference)
        reference = replace(reference, labelled=before)
    comparison = with_all_rows(store, monitor, window, compare(reference, current))
    comparison = with_label_ages(store, monitor, window, comparison)
    return judge(_told(comparison, "counts"), monitor.policy)


def by_rows(store: Store, monitor: Monitor, window: Window) -> Verdict:
    """The verdict from all rows of the window and the reference's, or a baseline's sample."""
    model = watched(store, monitor)
    reference: Rows | Summaries = reference_rows(store, monitor, model, window)
    counts = _baseline_counts(store, monitor, model)
    if counts is not None and not reference.n:  # a baseline of statistics alone
        reference = replace(counts, labelled=reference if isinstance(reference, Rows) else None)
    elif counts is not None and isinstance(reference, Rows):
        fitted = counted(reference, _layouts(counts), counts)
        reference = replace(fitted, labelled=reference)
    comparison = compare(reference, window_rows(store, model, window))
    comparison = with_all_rows(store, monitor, window, comparison)
    comparison = with_label_ages(store, monitor, window, comparison)
    return judge(_told(comparison, "rows"), monitor.policy)


def _decided(store: Store, monitor: Monitor, window: Window, verdict: Verdict) -> Verdict:
    """The same verdict, with the columns that counts left open measured from their rows.

    One column's p-value moves the correction of the others, so that more may be left open then.
    Where retention has taken the rows, they stay `inconclusive`.
    """
    if not _left_open(verdict):
        return verdict
    model = watched(store, monitor)
    counts = _baseline_counts(store, monitor, model)
    if counts is None or _rows_gone(store, model, window):
        return verdict
    read: set[str] = set()
    while left := _left_open(verdict) - read:
        names = [n for n in model.schema.kinds if n in left or n in model.schema.segments]
        rows, current = _rows_of(store, monitor, model, window, names)
        reference = counted(rows, _layouts(counts), counts) if rows.n else counts
        told = _told(compare(reference, current, columns=left), "rows")
        verdict = judge(_replaced(verdict.comparison, told), monitor.policy)
        read |= left
    return verdict


def _left_open(verdict: Verdict) -> set[str]:
    return {each.column for each in verdict.findings if each.reason.startswith(UNDECIDED)}


def _replaced(comparison: Comparison, newer: Comparison) -> Comparison:
    """The comparison with what the newer one measured of the same columns, in its place."""
    found: dict[tuple[str, str], list[Measurement]] = {}
    for each in newer.measurements:
        if each.column:
            found.setdefault((each.segment, each.column), []).append(each)
    kept: list[Measurement] = []
    for each in comparison.measurements:
        place = (each.segment, each.column)
        if each.family == "performance" or place not in found:
            kept.append(each)
        else:
            kept += found[place]
            found[place] = []
    return replace(comparison, measurements=tuple(kept))


def _explained(store: Store, monitor: Monitor, window: Window, verdict: Verdict) -> Verdict:
    """The same verdict, and where, why and since when the model got worse if it did.

    Only rows of features can say; a quiet check reads none.
    """
    worse = any(f.check in DECISIVE and f.status in FLAGGED for f in verdict.findings)
    known = verdict.comparison.measurements
    if not worse:
        return verdict
    try:
        told = _told_why(store, monitor, window, verdict)
    except (ArithmeticError, ValueError):  # an alarm without a reason is better than none
        _LOG.exception("%s, %s: the alarm stays unexplained", monitor.name, window.label)
        return verdict
    return replace(verdict, comparison=replace(verdict.comparison, measurements=(*known, *told)))


def _told_why(
    store: Store, monitor: Monitor, window: Window, verdict: Verdict
) -> list[Measurement]:
    """The slices, the split and the moment of a change for the worse."""
    model = watched(store, monitor)
    before = reference_rows(store, monitor, model, window)
    after = window_rows(store, model, window)
    known = verdict.comparison.measurements
    searched = any(each.measure.startswith("slice_") for each in known)
    found = [] if searched else slices(before, after)
    found = [replace(each, detail={**each.detail, "from": "rows"}) for each in found]
    return [*found, *causes(store, monitor, verdict, before, after)]


def watched(store: Store, monitor: Monitor) -> Model:
    """The monitor's model, of whose segment columns those that it does not look at are features.

    Raises ModelError when it names a segment that the model does not have.
    """
    model = store.model(monitor.model)
    for name in monitor.segments or ():
        if name not in model.schema.segments:
            raise ModelError(
                f"Monitor {monitor.name!r} looks at the segments of {name!r}, but model "
                f"{model.model_id!r} has {shown(model.schema.segments)}."
                f"{nearest(name, model.schema.segments)} Name those in `segments:`, or declare the "
                "column as a segment when you register the model."
            )
    return replace(model, schema=_narrowed(model.schema, monitor))


def _narrowed(schema: Schema, monitor: Monitor) -> Schema:
    if monitor.segments is None:
        return schema
    chosen = tuple(name for name in schema.segments if name in monitor.segments)
    return replace(schema, segments=chosen)


def _baseline_counts(store: Store, monitor: Monitor, model: Model) -> Summaries | None:
    """The counts of a plain baseline; None when there are none, or rows depend on each other."""
    if monitor.reference.kind != "baseline" or monitor.reference.match:
        return None
    if model.schema.cluster is not None:
        return None
    found = store.baseline(monitor.model, monitor.reference.version).summaries()
    return None if found is None else replace(found, schema=_narrowed(found.schema, monitor))


def _on_one_grid(reference: Summaries, current: Summaries) -> bool:
    """Whether the bins of one are bins of the other: not when statistics came before any row."""
    for name, one in reference.columns[""].items():
        bins = one.layout.bins
        other = current.columns[""][name].layout.bins if name in current.columns[""] else None
        if bins is not None and other is not None and bins.grid != other.grid:
            return False
    return True


def _rows_gone(store: Store, model: Model, window: Window) -> bool:
    """Whether retention has taken rows of the window."""
    kept = store.kept_from(model.model_id)
    return kept is not None and bounds(window)[0] < kept


def _rows_of(
    store: Store, monitor: Monitor, model: Model, window: Window, names: Sequence[str]
) -> tuple[Rows, Rows]:
    """The rows of these columns: of the monitor's baseline, and of the window."""
    baseline = store.baseline(monitor.model, monitor.reference.version)
    before = read(baseline.rows(names), model.schema, label="reference", columns=names)
    frame = store.window(model.model_id, *bounds(window), columns=names)
    after = read(frame, model.schema, window=window, label=window.label, columns=names)
    return before, after


def _needed(schema: Schema) -> list[str]:
    """Columns that performance is measured on, together and by segment."""
    wanted = {
        schema.target, schema.prediction, schema.latency,
        *schema.probabilities.values(), *schema.segments,
    }  # fmt: skip
    return [name for name in schema.kinds if name in wanted]


def _with_target(current: Summaries, rows: Rows, reference: Summaries) -> Summaries:
    """Counts and rows of the same window, the target counted from its rows: labels come late."""
    columns = dict(current.columns)
    target = rows.schema.target
    if target is not None:
        names = (target, *rows.schema.segments)
        few = replace(rows, columns={name: rows.columns[name] for name in names})
        for label, each in counted(few, _layouts(reference), reference).columns.items():
            columns[label] = {**columns[label], target: each[target]}
    return replace(current, labelled=rows, columns=columns)


def _layouts(reference: Summaries) -> LayoutOf:
    """The layouts of a reference, for rows that are measured with the same bins."""

    def layout_of(label: str, column: Column) -> Layout:
        known = reference.columns.get(label, {}).get(column.name)
        return fit_layout(column) if known is None else known.layout

    return layout_of


def _told(comparison: Comparison, source: Literal["counts", "rows"]) -> Comparison:
    """The same comparison, each measurement with what it was made from."""
    told = []
    for each in comparison.measurements:
        labels = each.family == "performance" or each.role == "target"
        detail = {**each.detail, "from": "rows" if labels else source}
        told.append(replace(each, detail=detail))
    return replace(comparison, measurements=tuple(told))
