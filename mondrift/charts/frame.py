"""What every chart asks of its frame, and how a window and a status are written and drawn."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import altair as alt
import pandas as pd

from mondrift import theme
from mondrift.errors import ColumnError, InputError

STATUSES = tuple(theme.WORDS)
JUDGED = "isValid(datum.status)"
"""What holds for a row of data that has a status."""
SHORT = 365
"""Windows over fewer days are dated without the year: no day stands there twice."""
MAX_TICKS = 26
"""Above so many windows, ticks stand at round dates instead."""


def picked(
    frame: pd.DataFrame, needed: Iterable[str], chart: str, optional: Iterable[str] = ()
) -> pd.DataFrame:
    """A copy with the columns a chart draws, times as ISO text; rows in their order.

    Optional columns that are absent come as None. Raises ColumnError for a needed column that is
    absent, InputError for a frame without rows.
    """
    for name in needed:
        if name not in frame.columns:
            raise ColumnError.unknown(name, frame.columns, f"the frame given to {chart}()")
    if frame.empty:
        raise InputError(f"The frame given to {chart}() has no rows, so there is nothing to draw.")
    names = dict.fromkeys([*needed, *optional])
    # dtype object: None must stay None, because JSON has no NaN.
    return pd.DataFrame(
        {
            name: pd.Series(
                _plain(frame[name]) if name in frame.columns else [None] * len(frame), dtype=object
            )
            for name in names
        }
    )


def inline(rows: pd.DataFrame) -> alt.InlineData:
    """The rows as they are: Altair would turn None in a column of mixed kinds into NaN."""
    names = [str(name) for name in rows.columns]
    values = [dict(zip(names, row, strict=True)) for row in rows.itertuples(index=False, name=None)]
    return alt.InlineData(values=values)


def tips(rows: pd.DataFrame, *wanted: tuple[str, str, str]) -> list[alt.Tooltip]:
    """Lines of a tooltip, each (column, title, number format or ""); unknown columns stay away."""
    return [
        alt.Tooltip(f"{name}:Q", title=title, format=shape)
        if shape
        else alt.Tooltip(f"{name}:N", title=title)
        for name, title, shape in wanted
        if rows[name].notna().any()
    ]


def only_one(frame: pd.DataFrame, name: str, chart: str) -> str:
    """The one value of a column that a chart may hold once, for its axis title."""
    values = list(dict.fromkeys(frame[name]))
    if len(values) != 1:
        raise InputError(
            f"{chart}() draws one {name}, but the frame has {len(values)} "
            f"({', '.join(map(str, values[:5]))}). Select one: frame[frame[{name!r}] == …]"
        )
    return str(values[0])


def window_labels(frame: pd.DataFrame) -> pd.Series[Any]:
    """How each row's window is written: its date or hour, and its end when it is another day.

    >>> window_labels(pd.DataFrame({"window_start": ["2013-04-22T00:00:00Z"],
    ...                             "window_end": ["2013-04-29T00:00:00Z"]})).tolist()
    ['2013-04-22 to 2013-04-29']
    """
    labels = [
        None if start is None else when(start) if end is None else f"{when(start)} to {when(end)}"
        for start, end in zip(frame["window_start"], frame["window_end"], strict=True)
    ]
    return pd.Series(labels, index=frame.index, dtype=object)


def with_status(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with its status as a word people read, None for what was not judged."""
    words = [theme.WORDS.get(str(status)) for status in frame["status"]]
    return frame.assign(status=pd.Series(words, index=frame.index, dtype=object))


def status_colour(rows: pd.DataFrame, unjudged: theme.Colour, symbol: str = "") -> Any:
    """Colour by status with its legend; rows without a status get `unjudged` and no legend."""
    colours = [theme.STATUS[status].light for status in STATUSES]
    return _by_status(rows, alt.Color, colours, unjudged.light, symbol)


def status_shape(rows: pd.DataFrame) -> Any:
    """A shape for each status; rows without one get a dot."""
    shapes = [theme.SYMBOLS[status] for status in STATUSES]
    return _by_status(rows, alt.Shape, shapes, "circle", "")


def present(rows: pd.DataFrame) -> list[str]:
    """The status words that occur, in the order of their weight: what a legend lists."""
    found = set(rows["status"])
    return [word for word in theme.WORDS.values() if word in found]


def _by_status(
    rows: pd.DataFrame, channel: Any, looks: list[str], unjudged: str, symbol: str
) -> Any:
    words = present(rows)
    if not words:
        return alt.value(unjudged)
    legend = alt.Legend(title=None, values=words)
    if symbol:
        legend.symbolType = symbol
    scale = alt.Scale(domain=[theme.WORDS[status] for status in STATUSES], range=looks)
    judged = channel("status:N", scale=scale, legend=legend)
    if rows["status"].notna().all():
        return judged
    return alt.condition(JUDGED, judged, alt.value(unjudged))


def time_axis(rows: pd.DataFrame, padding: int = 0, field: str = "window_start") -> alt.X:
    """The x axis of windows: in UTC, whatever the reader's zone, with ticks where windows start.

    `field` is what is drawn on it, when it is another moment than the start of the windows `rows`.
    """
    starts = sorted({str(start) for start in rows["window_start"]})
    axis = alt.Axis(title="start of window")
    if len(starts) <= MAX_TICKS:
        days = all(len(when(start)) == len("2013-04-22") for start in starts)
        days_apart = (pd.Timestamp(starts[-1]) - pd.Timestamp(starts[0])).days
        years = "" if days_apart < SHORT else " %Y"
        axis = alt.Axis(
            title="start of window",
            values=[_tick(start) for start in starts],
            format="%-d %b" + years + ("" if days else " %H:%M"),
        )
    scale = alt.Scale(type="utc", padding=padding)
    return alt.X(f"{field}:T", scale=scale, axis=axis)


def day_labels(windows: list[str]) -> dict[str, Any]:
    """How an axis of windows writes them: "7 Jan" where they are days of one year, else as it is.

    >>> day_labels(["2013-01-07", "2013-01-14"])["labelExpr"]
    "utcFormat(toDate(datum.value), '%-d %b')"
    >>> day_labels(["2013-01-07 06:00"])
    {'labelAngle': -40}
    """
    days = sorted(each for each in windows if len(each) == len("2013-04-22"))
    apart = (pd.Timestamp(days[-1]) - pd.Timestamp(days[0])).days if days else SHORT
    if len(days) < len(windows) or apart >= SHORT:
        return {"labelAngle": -40}
    return {"labelAngle": 0, "labelExpr": "utcFormat(toDate(datum.value), '%-d %b')"}


def side(rows: pd.DataFrame, at: float) -> str:
    """The end of a level line, "left" or "right", at which marks stand less in the way of a word.

    `rows` have `window_start`, `statistic` and, where there are any, `low` and `high`.
    """
    ordered = rows.sort_values("window_start", kind="stable")
    near = max(2, len(ordered) // 6)
    free = {"left": _clearance(ordered.head(near), at), "right": _clearance(ordered.tail(near), at)}
    return "left" if free["left"] > free["right"] else "right"


def _clearance(rows: pd.DataFrame, at: float) -> float:
    names = [name for name in ("statistic", "low", "high") if name in rows.columns]
    values = rows[names].astype("float64")
    between = (values.min(axis=1) <= at) & (at <= values.max(axis=1))
    apart = (values - at).abs().min(axis=1).mask(between, 0.0)
    crossed = values["statistic"].min() < at < values["statistic"].max()  # by the line between
    return 0.0 if crossed else float(apart.min()) if apart.notna().any() else float("inf")


def word(base: alt.Chart, colour: str, end: str, **look: Any) -> list[alt.Chart]:
    """A word at one end of the drawing, readable on top of whatever it covers.

    `base` brings y and the text; the same word in the colour of the ground lies below it.
    """
    x = alt.value(4 if end == "left" else "width")
    look = {"align": end, "fontSize": 11, **look}
    ground = theme.CARD.light
    halo = base.mark_text(
        **look, color=ground, stroke=ground, strokeWidth=4, strokeJoin="round", opacity=0.85
    )
    return [halo.encode(x=x), base.mark_text(**look, color=colour).encode(x=x)]


def zoom() -> alt.Parameter:
    """Drag moves along the time axis, Shift and wheel zoom; a page still scrolls as before."""
    return alt.selection_interval(
        name="zoom", bind="scales", encodings=["x"], zoom="wheel![event.shiftKey]"
    )


def _plain(values: Any) -> list[Any]:
    plain: list[Any] = []
    for value in values:
        if isinstance(value, pd.Timestamp):
            zoned = value if value.tzinfo is not None else value.tz_localize("UTC")
            plain.append(None if pd.isna(value) else zoned.tz_convert("UTC").strftime(_ISO))
        elif isinstance(value, str):
            plain.append(value)
        elif value is None or pd.isna(value) or value in (float("inf"), float("-inf")):
            plain.append(None)
        else:
            plain.append(value.item() if hasattr(value, "item") else value)
    return plain


_ISO = "%Y-%m-%dT%H:%M:%SZ"


def when(iso: Any) -> str:
    """A point in time as people write it; midnight is only its date.

    >>> when("2013-04-22T00:00:00Z"), when("2013-04-22T06:00:00Z")
    ('2013-04-22', '2013-04-22 06:00')
    """
    text = str(iso)
    return text[:10] if text[11:16] in ("", "00:00") else f"{text[:10]} {text[11:16]}"


def _tick(iso: str) -> alt.DateTime:
    at = pd.Timestamp(iso)
    return alt.DateTime(
        year=at.year, month=at.month, date=at.day, hours=at.hour, minutes=at.minute, utc=True
    )
