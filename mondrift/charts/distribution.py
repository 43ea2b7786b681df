"""Reference against current: what share of the rows fell into each bin or level."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import Any

import altair as alt
import pandas as pd

from mondrift import theme
from mondrift.charts.frame import inline, only_one, picked

ROW = 26
"""Height of one level, in pixels."""


def distribution(histogram: pd.DataFrame) -> alt.Chart:
    """One column's shares: the reference as wide pale bars, the current window as slim dark ones.

    Parameters
    ----------
    histogram : columns `column` (one), `position` (int), `label`, `window` ("reference" or
        "current"), `count`, `share` (0 to 1), and for numeric columns `start` and `end`.

    Numeric bins stand upright, each equally wide whatever it spans, with the bins' borders written
    between them: bins are quantiles of the reference, so a flat row of pale bars is the reference,
    and each dark bar shows how far its share has moved. Distances between values are not drawn.
    Levels lie on their side. Raises ColumnError and InputError (no rows, several columns).

    >>> frame = pd.DataFrame({"column": "c", "position": [0, 0], "label": "a", "count": [3, 1],
    ...                       "window": ["reference", "current"], "share": [1.0, 1.0]})
    >>> distribution(frame).to_dict()["encoding"]["color"]["field"]
    'window'
    """
    needed = ("column", "position", "label", "window", "count", "share")
    rows = picked(histogram, needed, "distribution", optional=("start", "end"))
    name = only_one(rows, "column", "distribution")
    borders = _borders(histogram) if rows["start"].notna().any() else None
    rank = {at: i for i, at in enumerate(sorted(set(rows["position"])))}
    rows["position"] = [rank[at] for at in rows["position"]]
    # The reference first, so that the slim bars are drawn in front.
    rows = rows.sort_values(["window", "position"], ascending=[False, True], kind="stable")
    rows = rows.drop(columns=["column", "start", "end"])
    share = alt.Axis(title="share of rows", format="%", tickCount=5)
    from_zero = alt.Scale(zero=True)
    chosen = alt.selection_point(name="chosen", fields=["window"], bind="legend")
    chart = (
        alt.Chart(inline(rows))
        .transform_calculate(
            near="datum.position + (datum.window == 'reference' ? 0.05 : 0.27)",
            far="datum.position + (datum.window == 'reference' ? 0.95 : 0.73)",
        )
        .encode(
            color=_colour(),
            opacity=alt.condition(chosen, alt.value(1.0), alt.value(0.12)),
            tooltip=[
                alt.Tooltip("label:N", title="bin" if borders else "level"),
                alt.Tooltip("window:N"),
                alt.Tooltip("share:Q", format=".2%"),
                alt.Tooltip("count:Q", title="rows", format=","),
            ],
        )
        .add_params(chosen)
    )
    if borders is not None:
        axis = _axis(borders, 0.0, title="")
        upright: alt.Chart = (
            chart.mark_rect()
            .encode(
                x=_across(alt.X, axis, len(rank)),
                x2="far:Q",
                y=alt.Y("share:Q", scale=from_zero, axis=share),
                y2=alt.datum(0),
            )
            .properties(width="container", height=230, description=_words(name))
        )
        return upright
    labels = dict(zip(rows["position"], rows["label"], strict=True))
    axis = _axis([str(labels[i]) for i in range(len(rank))], 0.5, title="")
    lying: alt.Chart = (
        chart.mark_rect()
        .encode(
            y=_across(alt.Y, axis, len(rank), reverse=True),
            y2="far:Q",
            x=alt.X("share:Q", scale=from_zero, axis=share),
            x2=alt.datum(0),
        )
        .properties(width="container", height=max(ROW * len(rank), 60), description=_words(name))
    )
    return lying


def _colour() -> alt.Color:
    scale = alt.Scale(
        domain=["reference", "current"], range=[theme.REFERENCE.light, theme.CURRENT.light]
    )
    return alt.Color("window:N", scale=scale, legend=alt.Legend(title=None, symbolType="square"))


def _across(channel: Any, axis: alt.Axis, bins: int, *, reverse: bool = False) -> Any:
    scale = alt.Scale(domain=[0, bins], nice=False, zero=False, reverse=reverse)
    return channel("near:Q", scale=scale, axis=axis)


def _axis(labels: list[str], offset: float, *, title: str) -> alt.Axis:
    """Ticks between (offset 0) or in the middle of (0.5) the slots, with these labels."""
    # A literal list of strings: JSON in ASCII is a literal of the expression language too.
    listed = json.dumps(labels)
    return alt.Axis(
        title=title or None,
        values=[i + offset for i in range(len(labels))],
        labelExpr=f"{listed}[floor(datum.value)]",
        grid=False,
        ticks=offset == 0.0,
        # Every second label, or every fourth: what is left out is left out evenly.
        labelOverlap="parity" if offset == 0.0 else False,
        labelSeparation=8,
    )


def _borders(histogram: pd.DataFrame) -> list[str]:
    """Borders as people read them: rounded as far as their bins are wide, exact in the data."""
    bins = histogram.drop_duplicates("position").sort_values("position")
    borders = [*bins["start"].astype("float64"), float(bins["end"].iloc[-1])]
    widths = [0.0, *(high - low for low, high in pairwise(borders)), 0.0]
    finite = [each if math.isfinite(each) else 0.0 for each in widths]
    labels = [
        _number(at, max(beside)) for at, beside in zip(borders, pairwise(finite), strict=True)
    ]
    alike = {label for label in labels if labels.count(label) > 1}
    return [
        _number(at, 0.0) if label in alike else label
        for at, label in zip(borders, labels, strict=True)
    ]


def _number(value: float, width: float) -> str:
    """In the fewest digits that stay within 1 % of the bin beside it; in three, within 10 %.

    >>> _number(0.009979, 0.01), _number(-9.125, 2.6), _number(12345.0, 4000.0)
    ('0.01', '-9.1', '12,300')
    >>> _number(2013.25, 0.5), _number(1234567.0, 1e5), _number(2e-5, 1e-5)
    ('2,013.2', '1.23e6', '2e-5')
    """
    if math.isnan(value):
        return ""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    for digits in range(1 if width else 3, 17):
        power = f"{value:.{digits - 1}e}"
        moved = abs(float(power) - value)
        if not width or moved <= width * (0.01 if digits < 3 else 0.1):
            break
    short = float(power)
    if short and not 1e-3 <= abs(short) < 1e6:
        mantissa, _, exponent = power.partition("e")
        return f"{float(mantissa):.15g}e{int(exponent)}"
    return f"{short:,.15g}"


def _words(name: str) -> str:
    return f"Share of rows in each bin of {name}, reference against current"
