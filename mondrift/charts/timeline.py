"""A statistic over windows, one line per column, with the thresholds it is judged by."""

from __future__ import annotations

import altair as alt
import pandas as pd

from mondrift import theme
from mondrift.charts import scales
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
    word,
    zoom,
)

HEIGHT = 260
NAMED = 4
"""So many lines are named at their end; pointing at a line tells its name in any case."""


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
    named = scales.titled(measure)
    # Not nearest=True: Vega-Lite then fills the tooltip from the wrong row ("undefined").
    pointed = alt.selection_point(
        name="pointed", fields=["column"], on="pointerover", clear="pointerout"
    )
    lines = (
        alt.Chart(inline(rows))
        .mark_line(color=theme.CURRENT.light, strokeWidth=1.8)
        .encode(
            x=time_axis(rows, padding=14),
            y=alt.Y("statistic:Q", title=named, scale=alt.Scale(nice=True, zero=True)),
            detail="column:N",
            opacity=alt.condition(pointed, alt.value(0.9), alt.value(0.18)),
        )
    )
    points = _points(rows).encode(
        x=time_axis(rows, padding=14),
        y=alt.Y("statistic:Q", title=named, scale=alt.Scale(nice=True, zero=True)),
        opacity=alt.condition(pointed, alt.value(1.0), alt.value(0.3)),
    )
    rules, words = _rules(thresholds)
    said = f"{named} over windows, by column"
    layers = [*rules, lines, points.add_params(pointed, zoom()), *words, *_names(rows)]
    return alt.LayerChart(layer=layers, width="container", height=HEIGHT, description=said)


def _names(rows: pd.DataFrame) -> list[alt.Chart]:
    """The names of the highest lines at their last point, those that would not touch each other."""
    known = rows.dropna(subset="statistic")
    if known["column"].nunique() < 2:
        return []
    last = known[known["window_start"] == known["window_start"].max()]
    if last["status"].notna().any():
        last = last[last["status"].isin([theme.WORDS["warning"], theme.WORDS["alarm"]])]
    if last.empty:
        return []
    gap = float(known["statistic"].max()) * 16 / HEIGHT
    shown: list[dict[str, object]] = []
    for _, row in last.sort_values("statistic", ascending=False, kind="stable").iterrows():
        if shown and float(str(shown[-1]["statistic"])) - row["statistic"] < gap:
            continue
        shown.append({"column": row["column"], "statistic": row["statistic"]})
    base = alt.Chart(inline(pd.DataFrame(shown[:NAMED]))).encode(
        y=alt.Y("statistic:Q"), text="column:N"
    )
    return word(base, theme.INK.light, "right", baseline="bottom", dy=-7, limit=160)


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


def _rules(thresholds: pd.DataFrame | None) -> tuple[list[alt.Chart], list[alt.Chart]]:
    """Dashed lines across, and their words at the left end, in the colour of their status."""
    rules: list[alt.Chart] = []
    words: list[alt.Chart] = []
    if thresholds is None or thresholds.empty:
        return rules, words
    for _, row in picked(thresholds, ("status", "statistic"), "timeline").iterrows():
        status = str(row["status"])
        colour = theme.STATUS.get(status, theme.MUTED).light
        said = theme.WORDS.get(status, status)
        base = alt.Chart(inline(pd.DataFrame({"threshold": [said], "at": [row["statistic"]]})))
        rule = base.mark_rule(strokeDash=[5, 4], strokeWidth=1.3, color=colour)
        tooltip = [alt.Tooltip("threshold:N"), alt.Tooltip("at:Q", format=".4g")]
        rules.append(rule.encode(y="at:Q", tooltip=tooltip))
        text = base.encode(y="at:Q", text="threshold:N")
        words += word(text, colour, "left", baseline="bottom", dy=-3)
    return rules, words
