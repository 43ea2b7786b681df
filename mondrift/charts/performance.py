"""A metric over windows: its interval, its status, and the baseline it is held against."""

from __future__ import annotations

import altair as alt
import pandas as pd

from mondrift.charts import theme
from mondrift.charts.frame import (
    inline,
    only_one,
    picked,
    status_colour,
    status_shape,
    time_axis,
    tips,
    window_labels,
    with_status,
    zoom,
)


def performance(history: pd.DataFrame, baseline: pd.DataFrame | None = None) -> alt.LayerChart:
    """How well the model did, window by window.

    Parameters
    ----------
    history : columns `window_start` (UTC), `measure` (one metric), `statistic`; optional
        `window_end`, `low`, `high` (the interval), `status`, `n_current`. Each window has its own
        bar from low to high: nothing is drawn between windows that was not measured. A window
        without a status was not judged: it is a plain dot.
    baseline : column `statistic` (one row): the rule to compare with.

    The axis need not start at 0: a metric is read against its baseline. Raises ColumnError,
    InputError.
    """
    rows = picked(
        history,
        ("window_start", "measure", "statistic"),
        "performance",
        optional=("window_end", "low", "high", "status", "n_current"),
    )
    metric = only_one(rows, "measure", "performance")
    rows = with_status(rows.assign(window=window_labels(rows))).drop(columns=["window_end"])
    y = alt.Y("statistic:Q", title=metric, scale=alt.Scale(zero=False, nice=True))
    base = alt.Chart(inline(rows)).encode(x=time_axis(rows, padding=18))
    bands = base.mark_rule(strokeWidth=9, strokeCap="round", color=theme.BAND.light).encode(
        y=alt.Y("low:Q", title=metric, scale=alt.Scale(zero=False, nice=True)), y2="high:Q"
    )
    line = base.mark_line(color=theme.CURRENT.light, strokeWidth=1.8).encode(y=y)
    points = (
        base.mark_point(filled=True, size=80, opacity=1)
        .encode(
            y=y,
            color=status_colour(rows, theme.CURRENT),
            shape=status_shape(rows),
            tooltip=tips(
                rows,
                ("window", "window", ""),
                ("statistic", metric, ".4g"),
                ("low", "from", ".4g"),
                ("high", "to", ".4g"),
                ("n_current", "labelled rows", ","),
                ("status", "status", ""),
            ),
        )
        .add_params(zoom())
    )
    words = f"{metric} over windows with its interval"
    layers = [bands, *_baseline(baseline), line, points]
    return alt.LayerChart(layer=layers, width="container", height=250, description=words)


def _baseline(baseline: pd.DataFrame | None) -> list[alt.Chart]:
    if baseline is None or baseline.empty:
        return []
    rows = picked(baseline, ("statistic",), "performance").assign(what="reference")
    y = alt.Y("statistic:Q", scale=alt.Scale(zero=False, nice=True))
    rule = alt.Chart(inline(rows)).mark_rule(
        strokeDash=[5, 4], strokeWidth=1.4, color=theme.MUTED.light
    )
    words = alt.Chart(inline(rows)).mark_text(
        align="right", baseline="bottom", dy=-4, fontSize=11, color=theme.MUTED.light
    )
    tooltip = [alt.Tooltip("what:N", title="rule"), alt.Tooltip("statistic:Q", format=".4g")]
    return [
        rule.encode(y=y, tooltip=tooltip),
        words.encode(y=y, text="what:N", x=alt.value("width")),
    ]
