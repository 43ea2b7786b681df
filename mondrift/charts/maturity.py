"""How soon labels come: what share of each window's rows was labelled after so many days."""

from __future__ import annotations

import altair as alt
import pandas as pd

from mondrift import theme
from mondrift.charts.frame import inline, picked, time_axis, tips, window_labels, zoom

SHAPES = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down")


def maturity(history: pd.DataFrame) -> alt.LayerChart:
    """One line per age of the rows: the share of them that had a label by then.

    Parameters
    ----------
    history : columns `window_start` (UTC), `series` (such as "within 1 day" or "by now"), `share`
        (of rows, 0 to 1); optional `window_end`, `n` (rows that are so old). Series keep the
        frame's order. A missing share is a gap: no row of that window is so old.

    Where lines part, labels come late; where they fall together, there is nothing to wait for.
    Raises ColumnError, InputError.
    """
    rows = picked(
        history, ("window_start", "series", "share"), "maturity", optional=("window_end", "n")
    )
    rows = rows.assign(window=window_labels(rows)).drop(columns=["window_end"])
    names = [str(name) for name in dict.fromkeys(rows["series"])]
    colours = [theme.SERIES[i % len(theme.SERIES)].light for i in range(len(names))]
    shapes = [SHAPES[i % len(SHAPES)] for i in range(len(names))]
    base = alt.Chart(inline(rows)).encode(
        x=time_axis(rows, padding=18),
        y=alt.Y(
            "share:Q",
            scale=alt.Scale(domain=[0, 1.04], nice=False),  # a mark at 100 % is drawn whole
            axis=alt.Axis(title="share of rows labelled", format="%", tickCount=5),
        ),
        color=alt.Color(
            "series:N",
            scale=alt.Scale(domain=names, range=colours),
            legend=alt.Legend(title=None),
        ),
    )
    line = base.mark_line(strokeWidth=1.8)
    points = base.mark_point(filled=True, size=70, opacity=1).encode(
        shape=alt.Shape("series:N", scale=alt.Scale(domain=names, range=shapes)),
        tooltip=tips(
            rows,
            ("window", "window", ""),
            ("series", "labelled", ""),
            ("share", "share of rows", ".1%"),
            ("n", "rows so old", ","),
        ),
    )
    words = "Share of rows that had a label, by the age of the rows, over windows"
    layers = [line, points.add_params(zoom())]
    return alt.LayerChart(layer=layers, width="container", height=220, description=words)
