"""What the model was estimated to do without labels, and what it did once they came."""

from __future__ import annotations

import altair as alt
import pandas as pd

from mondrift import theme
from mondrift.charts import scales
from mondrift.charts.frame import inline, only_one, picked, time_axis, tips, window_labels, zoom
from mondrift.errors import InputError

SERIES = ("estimated", "realised")


def estimated(history: pd.DataFrame, baseline: pd.DataFrame | None = None) -> alt.LayerChart:
    """The estimate as a line with wide bars for its limits, realised values as points before it.

    Parameters
    ----------
    history : columns `window_start` (UTC), `measure` (one: the metric's own name), `series`
        ("estimated" or "realised"), `statistic`; optional `window_end`, `low`, `high`, `n_current`
        (rows of the estimate, labelled rows of the realised value). A window without labels has
        no realised point.
    baseline : column `statistic` (one row): the reference's value, a dashed rule.

    Raises ColumnError, InputError.
    """
    rows = picked(
        history,
        ("window_start", "measure", "series", "statistic"),
        "estimated",
        optional=("window_end", "low", "high", "n_current"),
    )
    metric = only_one(rows, "measure", "estimated")
    unknown = sorted(set(map(str, rows["series"])) - set(SERIES))
    if unknown:
        raise InputError(f"estimated() draws the series {SERIES}, not {unknown[0]!r}.")
    rows = rows.assign(window=window_labels(rows)).drop(columns=["window_end"])
    written = scales.shape(metric)
    both = alt.Chart(inline(rows)).encode(
        x=time_axis(rows, padding=18),
        tooltip=tips(
            rows,
            ("window", "window", ""),
            ("series", "value", ""),
            ("statistic", scales.titled(metric), written),
            ("low", "from", written),
            ("high", "to", written),
            ("n_current", "rows", ","),
        ),
    )
    colour = alt.Color(
        "series:N",
        scale=alt.Scale(domain=list(SERIES), range=[theme.CURRENT.light, theme.INK.light]),
        legend=alt.Legend(title=None),
    )
    guess, truth = (both.transform_filter(f"datum.series == '{name}'") for name in SERIES)
    y, low = scales.level(metric), scales.level(metric, "low")
    reference, its_word = scales.baseline(baseline, metric, rows)
    layers = [
        *reference,
        scales.reach(alt.Chart(inline(rows)).encode(x=time_axis(rows, padding=18)), metric),
        guess.mark_rule(strokeWidth=16, color=theme.BAND.light).encode(y=low, y2="high:Q"),
        guess.mark_line(strokeWidth=1.8).encode(y=y, color=colour),
        guess.mark_point(filled=True, size=40, opacity=1).encode(y=y, color=colour),
        truth.mark_rule(strokeWidth=1.6).encode(y=low, y2="high:Q", color=colour),
        truth.mark_point(filled=True, size=80, opacity=1, shape="diamond")
        .encode(y=y, color=colour)
        .add_params(zoom()),
        *its_word,
    ]
    words = f"{scales.titled(metric)}, estimated and realised, over windows"
    return alt.LayerChart(layer=layers, width="container", height=250, description=words)
