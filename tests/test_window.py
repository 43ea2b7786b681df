"""Windows are half-open and know their time zone; chunks lose no row."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from mondrift.errors import ColumnError, WindowError
from mondrift.window import Window, chunk


def hours(n: int, start: str = "2013-03-01") -> pd.DataFrame:
    return pd.DataFrame({"at": pd.date_range(start, periods=n, freq="h", tz="UTC"), "x": range(n)})


def test_a_window_survives_json():
    window = Window(datetime(2013, 4, 22, tzinfo=UTC), None, n=3, label="since April")
    assert Window.from_dict(window.to_dict()) == window


def test_a_naive_bound_is_refused_with_the_fix():
    with pytest.raises(WindowError, match="has no time zone.*tzinfo=UTC"):
        Window(datetime(2013, 4, 22))  # noqa: DTZ001


def test_a_window_that_ends_before_it_starts_is_refused():
    with pytest.raises(WindowError, match="before it starts"):
        Window(datetime(2013, 2, 1, tzinfo=UTC), datetime(2013, 1, 1, tzinfo=UTC))


def test_chunks_by_size_keep_every_row_once():
    chunks = chunk(hours(10), 4)
    assert [w.n for w, _ in chunks] == [4, 4, 2]
    assert np.concatenate([c["x"] for _, c in chunks]).tolist() == list(range(10))


def test_the_day_the_clocks_change_has_23_hours_in_new_york():
    chunks = chunk(hours(24 * 12), "1D", timestamp="at", zone="America/New_York")
    lengths = {w.label: (w.end - w.start).total_seconds() / 3600 for w, _ in chunks}
    assert lengths["2013-03-10"] == 23
    assert lengths["2013-03-11"] == 24


def test_weeks_begin_on_the_declared_day():
    chunks = chunk(hours(24 * 20), "W-MON", timestamp="at", zone="UTC")
    assert {w.start.weekday() for w, _ in chunks} == {0}
    assert sum(w.n for w, _ in chunks) == 24 * 20


def test_an_empty_day_between_two_is_a_chunk_with_no_rows():
    rows = pd.concat([hours(3), hours(3, "2013-03-03")])
    assert [w.n for w, _ in chunk(rows, "1D", timestamp="at")] == [3, 0, 3]


def test_unsorted_rows_with_a_repeated_index_are_cut_by_time():
    rows = pd.concat([hours(30), hours(30)]).sample(frac=1, random_state=0)
    chunks = chunk(rows, "1D", timestamp="at")
    assert [w.n for w, _ in chunks] == [48, 12]
    assert all(c["at"].is_monotonic_increasing for _, c in chunks)


def test_chunks_need_a_time_zone_a_column_and_a_period():
    naive = hours(3).assign(at=lambda d: d["at"].dt.tz_localize(None))
    with pytest.raises(WindowError, match="tz_localize"):
        chunk(naive, "1D", timestamp="at")
    with pytest.raises(ColumnError, match="Did you mean 'at'"):
        chunk(hours(3), "1D", timestamp="att")
    with pytest.raises(WindowError, match="no period"):
        chunk(hours(3), "often", timestamp="at")
    with pytest.raises(WindowError, match="timestamp='column'"):
        chunk(hours(3), "1D")
    with pytest.raises(WindowError, match="at least 1 row"):
        chunk(hours(3), 0)
