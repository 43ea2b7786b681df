"""A metric in each segment: where it stood in the reference, and where it stands now."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from mondrift import theme
from mondrift.charts import scales
from mondrift.charts.frame import STATUSES, inline, only_one, picked, present, tips, with_status

ROW = 30
"""Height of one segment's row, in pixels."""
REFERENCE = "Reference"
TICK = "M-0.3,-1L0.3,-1L0.3,1L-0.3,1Z"
"""An upright stroke, as an SVG path: no status has that shape."""


def segments(frame: pd.DataFrame) -> alt.LayerChart:
    """A row per segment: a line from the reference's value to the current one, with its interval.

    Parameters
    ----------
    frame : columns `segment`, `measure` (one metric), `statistic`, `reference` (its value there);
        optional `low`, `high` (95 % limits of the statistic), `status`, `n_current`. Rows keep
        the frame's order, so put the worst first.

    Status is told by colour and by shape; what was not judged is a plain dot. Raises ColumnError,
    InputError.
    """
    rows = picked(
        frame,
        ("segment", "measure", "statistic", "reference"),
        "segments",
        optional=("low", "high", "status", "n_current"),
    )
    metric = only_one(rows, "measure", "segments")
    rows = with_status(rows)
    rows["segment"] = rows["segment"].map(str)
    written, title = scales.shape(metric), scales.titled(metric)
    base = alt.Chart(inline(rows)).encode(
        y=alt.Y(
            "segment:N",
            sort=list(dict.fromkeys(rows["segment"])),
            axis=alt.Axis(title=None, grid=True),
        ),
        tooltip=tips(
            rows,
            ("segment", "segment", ""),
            ("reference", "reference", written),
            ("statistic", title, written),
            ("low", "from", written),
            ("high", "to", written),
            ("n_current", "labelled rows", ","),
            ("status", "status", ""),
        ),
    )
    scale = alt.Scale(zero=False, nice=True)
    x = alt.X("statistic:Q", scale=scale, axis=scales.axis(metric))
    limits = base.mark_rule(strokeWidth=9, strokeCap="round", color=theme.BAND.light).encode(
        x=alt.X("low:Q", scale=scale, axis=scales.axis(metric)), x2="high:Q"
    )
    between = base.mark_rule(strokeWidth=1.8, color=theme.MUTED.light).encode(x=x, x2="reference:Q")
    layers = [
        *([limits] if rows["low"].notna().any() else []),
        between,
        *_points(base, rows, (alt.X("reference:Q", scale=scale), x)),
    ]
    height = max(ROW * rows["segment"].nunique(), 60)
    words = f"{title} in each segment, reference and current"
    return alt.LayerChart(layer=layers, width="container", height=height, description=words)


def _points(base: alt.Chart, rows: pd.DataFrame, ends: tuple[alt.X, alt.X]) -> list[alt.Chart]:
    """The reference's value and the current one, told apart by colour and by shape."""
    colours = [theme.MUTED.light, *(theme.STATUS[status].light for status in STATUSES)]
    shapes = [TICK, *(theme.SYMBOLS[status] for status in STATUSES)]
    both = {
        "color": _look(alt.Color, rows, [*colours, theme.CURRENT.light]),
        "shape": _look(alt.Shape, rows, [*shapes, "circle"]),
    }
    before = base.transform_calculate(look=f"'{REFERENCE}'").mark_point(filled=True, opacity=1)
    now = base.transform_calculate(look="datum.status || 'Not judged'").mark_point(
        filled=True, size=110, opacity=1
    )
    return [before.encode(x=ends[0], size=alt.value(150), **both), now.encode(x=ends[1], **both)]


def _look(channel: Any, rows: pd.DataFrame, looks: list[str]) -> Any:
    """Colour or shape of the reference and of every status, with one legend for both."""
    domain = [REFERENCE, *(theme.WORDS[status] for status in STATUSES), "Not judged"]
    unjudged = ["Not judged"] if rows["status"].isna().any() else []
    legend = alt.Legend(title=None, values=[REFERENCE, *present(rows), *unjudged])
    return channel("look:N", scale=alt.Scale(domain=domain, range=looks), legend=legend)
