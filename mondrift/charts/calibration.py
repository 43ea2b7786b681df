"""Calibration: of the rows with a score of .7, did 70 % come true?"""

from __future__ import annotations

import altair as alt
import pandas as pd

from mondrift import theme
from mondrift.charts.frame import inline, picked, tips


def calibration(curve: pd.DataFrame) -> alt.LayerChart:
    """The share that came true at each score, reference against current, beside the diagonal.

    Parameters
    ----------
    curve : columns `window` ("reference" or "current"), `score` (mean of its rows, 0 to 1),
        `share` (of them that came true, 0 to 1), `n` (rows); optional `low`, `high` (95 % limits
        of the share).

    On the diagonal scores are probabilities; above it, more came true than the scores said. A
    larger point stands for more rows. Raises ColumnError, InputError.

    >>> frame = pd.DataFrame({"window": ["current"], "score": [0.2], "share": [0.5], "n": [90]})
    >>> len(calibration(frame).to_dict()["layer"])
    3
    """
    needed = ("window", "score", "share", "n")
    rows = picked(curve, needed, "calibration", optional=("low", "high"))
    rows = rows.sort_values(["window", "score"], ascending=[False, True], kind="stable")
    base = alt.Chart(inline(rows)).encode(
        x=alt.X("score:Q", scale=_UNIT, axis=_axis("mean score of the rows")),
        y=alt.Y("share:Q", scale=_UNIT, axis=_axis("share that came true")),
        color=alt.Color(
            "window:N",
            scale=alt.Scale(
                domain=["reference", "current"], range=[theme.MUTED.light, theme.CURRENT.light]
            ),
            legend=alt.Legend(title=None),
        ),
    )
    ends = pd.DataFrame({"score": [0.0, 1.0], "share": [0.0, 1.0]})
    diagonal = (
        alt.Chart(inline(ends))
        .mark_line(strokeDash=[5, 4], strokeWidth=1.4, color=theme.MUTED.light, opacity=0.8)
        .encode(x=alt.X("score:Q", scale=_UNIT), y=alt.Y("share:Q", scale=_UNIT))
    )
    limits = base.mark_rule(strokeWidth=1.6, opacity=0.55).encode(y=alt.Y("low:Q"), y2="high:Q")
    line = base.mark_line(strokeWidth=1.8).encode(
        strokeDash=alt.condition(
            "datum.window == 'reference'", alt.value([3, 3]), alt.value([1, 0])
        )
    )
    points = base.mark_point(filled=True, opacity=1).encode(
        size=alt.Size("n:Q", scale=alt.Scale(range=[30, 240], zero=True), legend=None),
        tooltip=tips(
            rows,
            ("window", "window", ""),
            ("score", "mean score", ".3f"),
            ("share", "came true", ".1%"),
            ("low", "from", ".1%"),
            ("high", "to", ".1%"),
            ("n", "rows", ","),
        ),
    )
    layers = [diagonal, *([limits] if rows["low"].notna().any() else []), line, points]
    words = "Share that came true at each score, reference against current, and the diagonal"
    return alt.LayerChart(layer=layers, width="container", height=320, description=words)


_UNIT = alt.Scale(domain=[0, 1], nice=False)


def _axis(title: str) -> alt.Axis:
    return alt.Axis(title=title, format="%", tickCount=5)
