"""What was predicted of what happened: the reference above, the current window below."""

from __future__ import annotations

import altair as alt
import pandas as pd

from mondrift import theme
from mondrift.charts.frame import inline, picked

ROW = 27
"""Height of one window's row, in pixels."""


def confusion(cells: pd.DataFrame) -> alt.LayerChart:
    """A row per class that happened, a column per class that was predicted, both windows in each.

    Parameters
    ----------
    cells : columns `window` ("reference" or "current"), `target`, `prediction` (names of classes),
        `count` and `share` (of the target's rows in that window, 0 to 1); a `count` of None is one
        that is too small to be told, and so is its share. Classes keep the frame's order.

    The fuller the colour, the larger the share; what was predicted right has a frame. Raises
    ColumnError, InputError.
    """
    needed = ("window", "target", "prediction", "count", "share")
    rows = picked(cells, needed, "confusion")
    for name in ("target", "prediction"):
        rows[name] = rows[name].map(str)
    classes = list(dict.fromkeys([*rows["target"], *rows["prediction"]]))
    rows["right"] = rows["target"] == rows["prediction"]
    rows["told"] = ["few" if s is None else f"{100 * s:.0f} %" for s in rows["share"]]
    base = alt.Chart(inline(rows)).encode(
        x=alt.X(
            "prediction:N",
            sort=classes,
            scale=alt.Scale(paddingInner=0.04, paddingOuter=0),
            axis=alt.Axis(title="predicted", orient="top", ticks=False, domain=False, labelAngle=0),
        ),
        y=alt.Y(
            "target:N",
            sort=classes,
            scale=alt.Scale(paddingInner=0.16, paddingOuter=0),
            axis=alt.Axis(title="happened", grid=False),
        ),
        yOffset=alt.YOffset("window:N", sort=list(_WINDOWS)),
        tooltip=[
            alt.Tooltip("window:N"),
            alt.Tooltip("target:N", title="happened"),
            alt.Tooltip("prediction:N", title="predicted"),
            alt.Tooltip("told:N", title="share of what happened"),
            alt.Tooltip("count:Q", title="rows", format=","),
        ],
    )
    colours = alt.Scale(domain=list(_WINDOWS), range=[theme.REFERENCE.light, theme.CURRENT.light])
    tiles = base.mark_rect(cornerRadius=3).encode(
        color=alt.Color("window:N", scale=colours, legend=_LEGEND),
        fillOpacity=alt.FillOpacity(
            "share:Q", scale=alt.Scale(domain=[0, 1], range=[0.08, 0.62]), legend=None
        ),
        stroke=alt.condition("datum.right", alt.value(theme.INK.light), alt.value(None)),
        strokeWidth=alt.condition("datum.right", alt.value(1.2), alt.value(0)),
    )
    size = alt.ExprRef(f"min(12, 0.3 * width / {len(classes)})")
    words = base.mark_text(fontSize=size, color=theme.INK.light).encode(text="told:N")
    height = ROW * len(_WINDOWS) * rows["target"].nunique()
    said = "What was predicted of each class that happened, reference above current"
    return alt.LayerChart(layer=[tiles, words], width="container", height=height, description=said)


_WINDOWS = ("reference", "current")
_LEGEND = alt.Legend(title=None, symbolType="square")
