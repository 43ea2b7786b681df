"""Why a metric changed: the part by other inputs, and the part by another relation."""

from __future__ import annotations

import altair as alt
import pandas as pd

from mondrift import theme
from mondrift.charts import scales
from mondrift.charts.frame import inline, only_one, picked, tips

ROW = 46
"""Height of one part's bar, in pixels."""


def parts(frame: pd.DataFrame) -> alt.LayerChart:
    """A bar per part of a change, from 0, with its 95 % limits.

    Parameters
    ----------
    frame : columns `part` (its name), `metric` (one: what changed), `statistic` (signed, in the
        metric's unit); optional `low`, `high`. Rows keep the frame's order.

    Raises ColumnError, InputError.
    """
    rows = picked(frame, ("part", "metric", "statistic"), "parts", optional=("low", "high"))
    metric = only_one(rows, "metric", "parts")
    title = scales.titled(metric)
    signed = "+.1%" if scales.is_share(metric) else "+.3g"
    axis = _axis(metric)
    base = alt.Chart(inline(rows)).encode(
        y=alt.Y(
            "part:N",
            sort=list(dict.fromkeys(rows["part"])),
            axis=alt.Axis(title=None),
        ),
        tooltip=tips(
            rows,
            ("part", "part", ""),
            ("statistic", f"change of {title}", signed),
            ("low", "from", signed),
            ("high", "to", signed),
        ),
    )
    x = alt.X("statistic:Q", scale=alt.Scale(zero=True, nice=True), axis=axis)
    bars = base.mark_bar(size=22, color=theme.CURRENT.light, fillOpacity=0.75).encode(x=x)
    limits = base.mark_rule(strokeWidth=1.8, color=theme.INK.light).encode(
        x=alt.X("low:Q", axis=axis), x2="high:Q"
    )
    zero = alt.Chart(inline(pd.DataFrame({"zero": [0]}))).mark_rule(color=theme.MUTED.light)
    layers = [
        bars,
        *([limits] if rows["low"].notna().any() else []),
        zero.encode(x=alt.X("zero:Q", axis=axis)),
    ]
    height = ROW * rows["part"].nunique()
    words = f"Parts of the change of {title}"
    return alt.LayerChart(layer=layers, width="container", height=height, description=words)


def _axis(metric: str) -> alt.Axis:
    title = f"change of {scales.titled(metric)}"
    if scales.is_share(metric):
        points = "abs(datum.value) < 1e-9 ? '0' : format(100 * datum.value, '+.0f')"
        return alt.Axis(title=f"{title}, points", tickCount=5, labelExpr=points)
    return alt.Axis(title=title, format="+", tickCount=5)
