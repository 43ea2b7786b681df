"""A statistic over windows, one line per column, with the thresholds it is judged by."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from mondrift import theme
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


def timeline(history: pd.DataFrame, thresholds: pd.DataFrame | None = None) -> alt.LayerChart:
    """How one measure moved, window by window.

    Parameters
    ----------
    history : columns `window_start` (UTC), `column`, `measure` (one), `statistic`; optional
        `window_end`, `status`, `pvalue`, `n_current`, `reason`. One line per column; a point's
        shape and colour are its status, a plain dot what was not judged. A missing statistic is a
        gap.
    thresholds : columns `status` ("warning" or "alarm") and `statistic`: a dashed rule each.

    Pointing at a line brings it forward. Raises ColumnError and InputError.
    """
    rows = picked(
        history,
        ("window_start", "column", "measure", "statistic"),
        "timeline",
        optional=("window_end", "status", "pvalue", "n_current", "reason"),
    )
    measure = only_one(rows, "measure", "timeline")
    rows = with_status(rows.assign(window=window_labels(rows))).drop(columns=["window_end"])
    rows["column"] = rows["column"].map(str)
    # Not nearest=True: Vega-Lite then fills the tooltip from the wrong row ("undefined").
    pointed = alt.selection_point(
        name="pointed", fields=["column"], on="pointerover", clear="pointerout"
    )
    lines = (
        alt.Chart(inline(rows))
        .mark_line(color=theme.CURRENT.light, strokeWidth=1.8)
        .encode(
            x=time_axis(rows, padding=14),
            y=alt.Y("statistic:Q", title=measure, scale=alt.Scale(nice=True, zero=True)),
            detail="column:N",
            opacity=alt.condition(pointed, alt.value(0.9), alt.value(0.18)),
        )
    )
    points = _points(rows).encode(
        x=time_axis(rows, padding=14),
        y=alt.Y("statistic:Q", title=measure, scale=alt.Scale(nice=True, zero=True)),
        opacity=alt.condition(pointed, alt.value(1.0), alt.value(0.3)),
    )
    layers = [*_rules(thresholds), lines, points.add_params(pointed, zoom())]
    words = f"{measure} over windows, by column"
    return alt.LayerChart(layer=layers, width="container", height=260, description=words)


def _points(rows: pd.DataFrame) -> alt.Chart:
    points: alt.Chart = (
        alt.Chart(inline(rows))
        .mark_point(filled=True, size=70, opacity=1)
        .encode(
            color=status_colour(rows, theme.CURRENT),
            shape=status_shape(rows),
            tooltip=tips(
                rows,
                ("window", "window", ""),
                ("column", "column", ""),
                ("statistic", "statistic", ".4g"),
                ("pvalue", "pvalue", ".3g"),
                ("n_current", "rows", ","),
                ("status", "status", ""),
                ("reason", "reason", ""),
            ),
        )
    )
    return points


def _rules(thresholds: pd.DataFrame | None) -> list[alt.Chart]:
    if thresholds is None or thresholds.empty:
        return []
    rows = picked(thresholds, ("status", "statistic"), "timeline")
    return [layer for _, row in rows.iterrows() for layer in _rule(row)]


def _rule(row: pd.Series[Any]) -> tuple[alt.Chart, alt.Chart]:
    """A dashed line across and its word at the right end, in the colour of its status."""
    status = str(row["status"])
    colour = theme.STATUS.get(status, theme.MUTED).light
    data = pd.DataFrame({"threshold": [theme.WORDS.get(status, status)], "at": [row["statistic"]]})
    tooltip = [alt.Tooltip("threshold:N"), alt.Tooltip("at:Q", format=".4g")]
    rule: alt.Chart = alt.Chart(inline(data)).mark_rule(
        strokeDash=[5, 4], strokeWidth=1.3, color=colour
    )
    word: alt.Chart = alt.Chart(inline(data)).mark_text(
        align="right", baseline="bottom", dy=-3, fontSize=11, color=colour
    )
    return (
        rule.encode(y="at:Q", tooltip=tooltip),
        word.encode(y="at:Q", text="threshold:N", x=alt.value("width")),
    )
