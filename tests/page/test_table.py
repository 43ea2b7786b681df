"""Frames to tables: what is shown, and what does not belong on a page."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from mondrift.errors import ReportError
from mondrift.page.sections import Spark, Status
from mondrift.page.sparkline import sparkline
from mondrift.page.table import from_frame, numeric_columns, text


def test_statuses_become_badges_and_gaps_stay_gaps() -> None:
    frame = pd.DataFrame({"status": ["ok", "alarm"], "x": [1.5, np.nan], "n": [1, 2]})
    table = from_frame(frame)
    assert table.rows == ((Status("ok"), 1.5, 1), (Status("alarm"), None, 2))
    assert numeric_columns(table) == (False, True, True)


def test_a_named_index_is_shown_and_a_plain_one_is_not() -> None:
    frame = pd.DataFrame({"a": [1]})
    assert from_frame(frame).columns == ("a",)
    assert from_frame(frame.rename_axis("column")).columns == ("column", "a")


def test_every_kind_of_cell_has_words() -> None:
    frame = pd.DataFrame(
        {
            "t": pd.to_datetime(["2013-04-22", None], utc=True),
            "c": pd.Categorical(["a", None]),
            "i": pd.array([1, None], dtype="Int64"),
            "b": [True, False],
            "o": [("x", 1), dt.date(2013, 1, 1)],
        }
    )
    rows = [[text(cell) for cell in row] for row in from_frame(frame).rows]
    assert rows == [
        ["2013-04-22", "a", "1", "yes", "('x', 1)"],
        ["–", "–", "–", "no", "2013-01-01"],
    ]


def test_column_names_of_several_levels_are_joined() -> None:
    frame = pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")]))
    assert from_frame(frame).columns == ("a · b",)


def test_rows_by_the_thousand_do_not_belong_in_a_report() -> None:
    with pytest.raises(ReportError, match=r"2,001 rows does not belong.*Aggregate it"):
        from_frame(pd.DataFrame({"a": range(2001)}))


def test_a_sparkline_leaves_gaps_and_survives_flat_and_empty_series() -> None:
    assert sparkline(Spark((0.1, float("nan"), 0.2)).current).count("M") == 2
    assert "nan" not in sparkline([0.0, 0.0])
    assert sparkline([]) == ""
    assert sparkline([None]) == ""
