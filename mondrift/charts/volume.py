"""How many rows came, window by window, and how many were to be expected."""

from __future__ import annotations

import altair as alt
import pandas as pd

from mondrift import theme
from mondrift.charts.frame import (
    inline,
    picked,
    status_colour,
    time_axis,
    tips,
    window_labels,
    with_status,
    zoom,
)


def volume(history: pd.DataFrame) -> alt.LayerChart:
    """Rows per window as bars from 0, with the expected range where there is one.

    Parameters
    ----------
    history : columns `window_start`, `window_end` (UTC), `n_current` (rows, ≥ 0); optional `low`
        and `high` (rows expected), `status`; without one nothing was judged and none is shown.

    Raises ColumnError, InputError.

    >>> days = pd.DataFrame({"window_start": ["2013-01-01"], "window_end": ["2013-01-02"],
    ...                      "n_current": [842]})
    >>> volume(days).to_dict()["layer"][0]["mark"]["type"]
    'rect'
    """
    rows = picked(
        history,
        ("window_start", "window_end", "n_current"),
        "volume",
        optional=("low", "high", "status"),
    )
    rows = with_status(rows.assign(window=window_labels(rows)))
    tooltip = tips(
        rows,
        ("window", "window", ""),
        ("n_current", "rows", ","),
        ("low", "expected from", ","),
        ("high", "expected to", ","),
        ("status", "status", ""),
    )
    base = alt.Chart(inline(rows)).encode(x=time_axis(rows), x2="window_end:T", tooltip=tooltip)
    bars = base.mark_rect(stroke=theme.CARD.light, strokeWidth=1.5, fillOpacity=0.6).encode(
        y=alt.Y("n_current:Q", title="rows", scale=alt.Scale(zero=True)),
        y2=alt.datum(0),
        color=status_colour(rows, theme.CURRENT, symbol="square"),
    )
    layers = [bars.add_params(zoom())]
    if rows["low"].notna().any():
        # In front of the bars and see-through: a bar is to end inside it.
        band = base.mark_rect(fill=theme.INK.light, fillOpacity=0.14)
        layers.append(band.encode(y=alt.Y("low:Q", title="rows"), y2="high:Q"))
    words = "Rows in each window"
    return alt.LayerChart(layer=layers, width="container", height=200, description=words)
