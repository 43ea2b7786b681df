"""What came true beside what the scores expected, window by window."""

from __future__ import annotations

import altair as alt
import pandas as pd

from mondrift import theme
from mondrift.charts.frame import day_labels, inline, picked


def outcomes(rates: pd.DataFrame) -> alt.Chart:
    """Two lines: the share of the positive class, and the mean score of the same rows.

    Parameters
    ----------
    rates : columns `window` (its first day, or moment, as text), `series` (name of a line), `share`
        in [0, 1], `n` (labelled rows).

    Where the lines part, the scores are no longer to be taken as probabilities. Raises ColumnError,
    InputError.
    """
    rows = picked(rates, ("window", "series", "share", "n"), "outcomes")
    windows = [str(window) for window in rows["window"]]
    names = list(dict.fromkeys(map(str, rows["series"])))
    colours = [theme.INK.light, theme.CURRENT.light]
    drawn: alt.Chart = (
        alt.Chart(inline(rows))
        .mark_line(point=True, strokeWidth=1.8)
        .encode(
            x=alt.X("window:O", title="start of window", axis=alt.Axis(**day_labels(windows))),
            y=alt.Y("share:Q", title="share of labelled rows", axis=alt.Axis(format="%")),
            color=alt.Color(
                "series:N", title=None, scale=alt.Scale(domain=names, range=colours[: len(names)])
            ),
            tooltip=["window:O", "series:N", alt.Tooltip("share:Q", format=".1%"), "n:Q"],
        )
        .properties(width="container", height=230, description="Outcomes beside mean scores")
    )
    return drawn
