"""What a check tells of windows whose rows are a sample: how many rows there were, of how many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mondrift.comparison import Comparison
from mondrift.run.plan import Monitor
from mondrift.run.reference import bounds, reference_windows
from mondrift.store import Store
from mondrift.window import Window


def with_all_rows(
    store: Store, monitor: Monitor, window: Window, comparison: Comparison
) -> Comparison:
    """The same comparison, its volume counting rows seen, where a Logger kept a sample of them.

    `detail["sampled"]` of the volume then says {"kept": rows measured, "seen": rows there were,
    "seeds": of the samples}. Segments have the rows that were kept: of the others only the number
    is known.
    """
    now, seeds = _unkept(store, monitor, [window])
    before, _ = _unkept(store, monitor, reference_windows(monitor, window))
    if not now and not before:
        return comparison
    told = []
    for each in comparison.measurements:
        if each.family == "volume" and not each.segment:
            seen = each.n_current + now
            detail = dict(each.detail)
            if now:
                detail["sampled"] = {"kept": each.n_current, "seen": seen, "seeds": seeds}
            each = replace(
                each, statistic=float(seen), n_current=seen,
                n_reference=each.n_reference + before, detail=detail,
            )  # fmt: skip
        told.append(each)
    return replace(comparison, measurements=tuple(told))


def _unkept(store: Store, monitor: Monitor, windows: Sequence[Window]) -> tuple[int, list[int]]:
    found = [store.unkept(monitor.model, *bounds(each)) for each in windows]
    seeds = {seed for each in found for seed in each.seeds}
    return sum(each.rows for each in found), sorted(seeds)
