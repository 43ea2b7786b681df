"""A metric over windows: its interval, its status, and the baseline it is held against."""

from __future__ import annotations

import altair as alt
import pandas as pd

from mondrift import theme
from mondrift.charts import scales
from mondrift.charts.frame import (
    inline,
    only_one,
    picked,
    side,
    status_colour,
    status_shape,
    time_axis,
    tips,
    window_labels,
    with_status,
    word,
    zoom,
)


def performance(
    history: pd.DataFrame,
    baseline: pd.DataFrame | None = None,
    *,
    thresholds: pd.DataFrame | None = None,
    since: pd.DataFrame | None = None,
) -> alt.LayerChart:
    """How well the model did, window by window.

    Parameters
    ----------
    history : columns `window_start` (UTC), `measure` (one metric), `statistic`; optional
        `window_end`, `low`, `high` (the interval), `status`, `n_current`. Each window has its own
        bar from low to high: nothing is drawn between windows that was not measured. A window
        without a status was not judged: it is a plain dot.
    baseline : column `statistic` (one row): the rule to compare with; optional `low`, `high`: its
        interval, a band across.
    thresholds : columns `status` ("warning" or "alarm") and `statistic`: a dashed rule each.
    since : one row: `at` (UTC), when the change began; optional `from`, `to`: its 95 % range.

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
    base = alt.Chart(inline(rows)).encode(x=time_axis(rows, padding=18))
    bands = base.mark_rule(strokeWidth=9, strokeCap="round", color=theme.BAND.light).encode(
        y=scales.level(metric, "low"), y2="high:Q"
    )
    y, written = scales.level(metric), scales.shape(metric)
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
                ("statistic", scales.titled(metric), written),
                ("low", "from", written),
                ("high", "to", written),
                ("n_current", "labelled rows", ","),
                ("status", "status", ""),
            ),
        )
        .add_params(zoom())
    )
    words = f"{scales.titled(metric)} over windows with its interval"
    reference, its_word = scales.baseline(baseline, metric, rows)
    limits, their_words = _thresholds(thresholds, metric, rows)
    layers = [
        *(*reference, *limits, *_since(since, rows)),
        *(scales.reach(base, metric), bands, line, points),
        *(*its_word, *their_words),
    ]
    return alt.LayerChart(layer=layers, width="container", height=250, description=words)


def _thresholds(
    thresholds: pd.DataFrame | None, metric: str, windows: pd.DataFrame
) -> tuple[list[alt.Chart], list[alt.Chart]]:
    """A dashed rule and its word, in the colour of its status."""
    rules: list[alt.Chart] = []
    words: list[alt.Chart] = []
    if thresholds is None or thresholds.empty:
        return rules, words
    for _, row in picked(thresholds, ("status", "statistic"), "performance").iterrows():
        colour = theme.STATUS.get(str(row["status"]), theme.MUTED).light
        said = f"{theme.WORDS.get(str(row['status']), row['status'])} from here"
        base = alt.Chart(inline(pd.DataFrame({"threshold": [said], "at": [row["statistic"]]})))
        rule = base.mark_rule(strokeDash=[2, 3], strokeWidth=1.3, color=colour)
        rules.append(rule.encode(y=scales.level(metric, "at")))
        text = base.encode(y=scales.level(metric, "at"), text="threshold:N")
        end = side(windows, float(row["statistic"]))
        words += word(text, colour, end, baseline="top", dy=4)
    return rules, words


def _since(since: pd.DataFrame | None, windows: pd.DataFrame) -> list[alt.Chart]:
    """A rule where the change began, its range as a shade behind it, the date above."""
    if since is None or since.empty:
        return []
    rows = picked(since, ("at",), "performance", optional=("from", "to"))
    began = str(rows["at"].iloc[0])
    day = pd.Timestamp(began)
    rows = rows.assign(what=f"since {day.day} {day:%b %Y}")
    base = alt.Chart(inline(rows))
    shade = base.mark_rect(color=theme.STATUS["alarm"].light, opacity=0.12).encode(
        x=time_axis(windows, padding=18, field="from"), x2="to:T"
    )
    at = time_axis(windows, padding=18, field="at")
    colour = theme.STATUS["alarm"].light
    rule = base.mark_rule(strokeWidth=1.6, color=colour).encode(
        x=at, tooltip=[alt.Tooltip("what:N", title="changed")]
    )
    late = began > str(windows["window_start"].iloc[len(windows) // 2])
    text = base.mark_text(
        align="right" if late else "left",
        dx=-5 if late else 5,
        dy=4,
        baseline="top",
        fontSize=11,
        color=colour,
    ).encode(x=at, y=alt.value(0), text="what:N")
    return [*([shade] if rows["from"].notna().all() else []), rule, text]
