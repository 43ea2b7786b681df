"""Everything at a glance: the status of each column, by measure or window by window."""

from __future__ import annotations

import altair as alt
import pandas as pd

from mondrift import theme
from mondrift.charts.frame import (
    JUDGED,
    day_labels,
    inline,
    picked,
    present,
    status_colour,
    status_shape,
    tips,
    when,
    window_labels,
    with_status,
)
from mondrift.errors import InputError

ROW = 24
"""Height of one column's row, in pixels."""


def overview(frame: pd.DataFrame, across: str = "measure") -> alt.LayerChart:
    """A heat map with a row per column; a cell's tint and symbol are its status, if it has one.

    Parameters
    ----------
    frame : columns `column`, `status`, `statistic` and, by `across`, `measure` or `window_start`;
        optional `window_end`, `pvalue`, `measure`, `reason`. Rows keep the frame's order, so put
        the worst first. One line per cell: aggregate windows before.
    across : "measure" or "window_start": what stands side by side.

    A click on the legend dims the other statuses. Raises ColumnError, InputError.

    >>> cells = pd.DataFrame({"column": ["age"], "measure": ["psi"], "statistic": [0.3],
    ...                       "status": ["alarm"]})
    >>> len(overview(cells).to_dict()["layer"])
    2
    """
    if across not in ("measure", "window_start"):
        raise InputError(f"across is 'measure' or 'window_start', not {across!r}.")
    rows = picked(
        frame,
        ("column", "status", "statistic", across),
        "overview",
        optional=("measure", "window_start", "window_end", "pvalue", "reason"),
    )
    if rows.duplicated(["column", across]).any():
        raise InputError(
            f"overview() draws one cell per column and {across}, but the frame has several for "
            "some. Keep the one that counts, for instance the worst status."
        )
    by_window = across == "window_start"
    cells = [when(each) if by_window else str(each) for each in rows[across]]
    rows = with_status(rows.assign(cell=cells, window=window_labels(rows)))
    rows["column"] = rows["column"].map(str)
    order = rows.sort_values("window_start", kind="stable") if by_window else rows
    rows = rows.drop(columns=["window_start", "window_end"])
    chosen = alt.selection_point(name="chosen", fields=["status"], bind="legend")
    base = alt.Chart(inline(rows)).encode(
        x=alt.X(
            "cell:N",
            sort=list(dict.fromkeys(order["cell"])),
            scale=alt.Scale(paddingInner=0.05, paddingOuter=0),
            axis=_axis(cells if by_window else []),
        ),
        y=alt.Y(
            "column:N",
            sort=None,
            scale=alt.Scale(paddingInner=0.12, paddingOuter=0),
            axis=alt.Axis(title=None, grid=False),
        ),
        opacity=alt.condition(chosen, alt.value(1.0), alt.value(0.15))
        if present(rows)
        else alt.value(1.0),
        tooltip=tips(
            rows,
            ("column", "column", ""),
            ("window", "window", ""),
            ("measure", "measure", ""),
            ("statistic", "statistic", ".4g"),
            ("pvalue", "pvalue", ".3g"),
            ("status", "status", ""),
            ("reason", "reason", ""),
        ),
    )
    words = f"Status of each column by {'window' if by_window else 'measure'}"
    height = max(ROW * rows["column"].nunique(), 48)
    layers = _cells(base, rows, chosen)
    return alt.LayerChart(layer=layers, width="container", height=height, description=words)


def _cells(base: alt.Chart, rows: pd.DataFrame, chosen: alt.Parameter) -> list[alt.Chart]:
    colour = status_colour(rows, theme.MUTED)
    tints = base.mark_rect(cornerRadius=3, stroke=None).encode(
        color=colour,
        # What is in order, or not judged, stays pale: the eye lands on what is not.
        fillOpacity=alt.condition(
            f"{JUDGED} && datum.status != 'OK'", alt.value(0.24), alt.value(0.08)
        ),
    )
    symbols = (
        base.transform_filter(JUDGED)
        .mark_point(filled=True, size=55, opacity=1)
        .encode(color=colour, shape=status_shape(rows))
    )
    return [tints, symbols.add_params(chosen) if present(rows) else symbols]


def _axis(windows: list[str]) -> alt.Axis:
    labels = day_labels(windows) if windows else {"labelAngle": 0}
    return alt.Axis(title=None, domain=False, ticks=False, labelLimit=140, **labels)
