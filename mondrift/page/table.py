"""Frames become tables, and cells become text: one way of writing numbers on every page."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pandas as pd

from mondrift.page.sections import MAX_ROWS, STATUS_WORDS, Cell, Status, Table

DASH = "–"


def from_frame(frame: pd.DataFrame, *, caption: str = "", note: str = "") -> Table:
    """A frame's rows as a table; its index is shown only when it is named.

    A column called `status` shows its words as badges. More than 2,000 rows are an error: a page
    holds numbers, not rows.

    >>> from_frame(pd.DataFrame({"column": ["age"], "psi": [0.25]})).rows
    (('age', 0.25),)
    """
    frame = frame.head(MAX_ROWS + 1)  # one too many is enough for the table to refuse
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    names = [
        " · ".join(str(part) for part in name) if isinstance(name, tuple) else str(name)
        for name in frame.columns
    ]
    rows = tuple(
        tuple(_cell(value, name) for value, name in zip(row, names, strict=True))
        for row in frame.itertuples(index=False, name=None)
    )
    return Table(tuple(names), rows, caption, note)


def number(value: float) -> str:
    """A number as people read it: four significant digits, thousands apart, never a long tail.

    >>> [number(v) for v in (0.0, 1234567, 0.123456, 2500.4, 1.2e-7, float("nan"))]
    ['0', '1,234,567', '0.1235', '2,500', '1.2e-07', '–']
    """
    if isinstance(value, int):
        return f"{value:,}"
    if math.isnan(value):
        return DASH
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if size == 0:
        return "0"
    if size < 0.0005:
        return f"{value:.1e}"
    if size < 1000:
        return f"{value:.4g}"
    return f"{value:,.0f}" if size < 1e12 else f"{value:.3e}"


def text(cell: Cell) -> str:
    """A cell as text, for everything that is not a badge or a picture.

    >>> [text(c) for c in (None, True, "a<b", 3)]
    ['–', 'yes', 'a<b', '3']
    """
    if cell is None:
        return DASH
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, (int, float)):
        return number(cell)
    if isinstance(cell, Status):
        return cell.label or STATUS_WORDS[cell.status]
    return str(cell)


def numeric_columns(table: Table) -> tuple[bool, ...]:
    """Which columns hold numbers only, and so stand at the right."""
    return tuple(
        any(row[i] is not None for row in table.rows)
        and all(
            row[i] is None or (isinstance(row[i], (int, float)) and not isinstance(row[i], bool))
            for row in table.rows
        )
        for i in range(len(table.columns))
    )


def _cell(value: Any, name: str) -> Cell:
    if isinstance(value, (Status, str)):
        if name == "status" and isinstance(value, str) and value in STATUS_WORDS:
            return Status(value)
        return str(value) if isinstance(value, str) else value
    if hasattr(value, "item"):  # a numpy scalar
        value = value.item()
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, dt.datetime):
        return moment(value)
    return str(value)


def moment(value: dt.datetime) -> str:
    """A point in time; midnight is only its date, and UTC is not repeated in every cell.

    >>> moment(dt.datetime(2013, 4, 22)), moment(dt.datetime(2013, 4, 22, 6, 30))
    ('2013-04-22', '2013-04-22 06:30')
    """
    midnight = (value.hour, value.minute, value.second) == (0, 0, 0)
    shape = "%Y-%m-%d" if midnight else "%Y-%m-%d %H:%M"
    offset = value.utcoffset()
    zone = "" if not offset else value.strftime(" %z")
    return value.strftime(shape) + zone
