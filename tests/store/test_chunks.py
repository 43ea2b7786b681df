"""Windows larger than memory: the same rows in frames, of one moment, through a reader's rights."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from mondrift import Schema
from mondrift.errors import ColumnError, InputError, WindowError
from mondrift.store import Store

pytestmark = pytest.mark.servers

START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=4)
DAY = timedelta(days=1)
Rows = Callable[..., pd.DataFrame]


def _joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """All frames as one, with the categories that occur."""
    whole = pd.concat(frames, ignore_index=True)
    levels = {n: whole[n].cat.remove_unused_categories() for n in whole.select_dtypes("category")}
    return whole.assign(**levels)


@pytest.fixture(scope="module")
def days(store: Store) -> Store:
    """A store with a model of 997 rows in three days, some of one instant."""
    rng = np.random.default_rng(5)
    n = 997
    rows = pd.DataFrame(
        {
            "at": START + pd.to_timedelta(rng.integers(0, 3 * 24 * 6, n) * 600, unit="s"),
            "x": rng.normal(size=n),
            "plan": pd.array(rng.choice(["a", "b", "c"], n), dtype="str"),
            "ok": rng.random(n) < 0.5,
            "note": [f"note {i}" for i in range(n)],
            "y": rng.normal(size=n),
        }
    )
    rows.loc[5, ["x", "plan"]] = None
    store.register_model(
        "days", Schema(timestamp="at", prediction="y", kinds={"note": "text"}), task="regression"
    )
    store.log("days", rows)
    return store


@pytest.mark.parametrize("rows", [10, 137, 997, 5000])
def test_frames_together_are_the_window(days: Store, rows: int) -> None:
    frames = list(days.chunks("days", START, END, rows=rows))
    assert max(map(len, frames)) <= rows
    assert len(frames) >= 997 / rows
    whole = days.window("days", START, END)
    pd.testing.assert_frame_equal(_joined(frames), whole)
    assert {str(frame.dtypes.to_dict()) for frame in frames} == {str(frames[0].dtypes.to_dict())}
    assert [list(f["plan"].cat.categories) for f in frames] == [["a", "b", "c"]] * len(frames)


def test_an_instant_with_more_rows_than_a_frame_is_cut_by_id(days: Store) -> None:
    days.register_model("nightly", Schema(timestamp="at", prediction="y"), task="regression")
    days.log(
        "nightly",
        [{"at": START + DAY * (i // 50), "id": f"r{i:03}", "x": i, "y": 1.0} for i in range(150)],
    )
    frames = list(days.chunks("nightly", START, END, rows=20, columns=["id", "at", "x"]))
    assert max(map(len, frames)) <= 20
    whole = pd.concat(frames)
    assert whole["at"].is_monotonic_increasing
    assert sorted(whole["id"]) == [f"r{i:03}" for i in range(150)]
    assert list(frames[0].columns) == list(whole.columns)


def test_rows_that_come_meanwhile_are_not_seen(
    days: Store, make_rows: Rows, schema: Schema
) -> None:
    days.register_model("moving", schema, task="binary")
    days.log("moving", make_rows(60))
    frames = days.chunks("moving", START, END, rows=25)
    first = next(frames)
    days.log("moving", make_rows(60, start=START + timedelta(minutes=30)).assign(carrier="ZZ"))
    rest = list(frames)
    assert [len(first), *map(len, rest)] == [25, 25, 10]
    assert "ZZ" not in set(pd.concat([first, *rest])["carrier"])
    assert sum(map(len, days.chunks("moving", START, END, rows=25))) == 120


def test_an_unfinished_reading_gives_its_connection_back(days: Store) -> None:
    for _ in range(30):  # more than the pool has
        assert len(next(days.chunks("days", START, END, rows=100))) <= 100
    assert len(days.window("days", START, END)) == 997


def test_what_cannot_be_read_is_told_at_once(days: Store) -> None:
    with pytest.raises(InputError, match="rows is 0; a frame holds at least 1 row"):
        days.chunks("days", START, END, rows=0)
    with pytest.raises(WindowError, match="before it starts"):
        days.chunks("days", END, START)
    with pytest.raises(ColumnError, match="planet"):
        days.chunks("days", START, END, columns=["planet"])
    assert list(days.chunks("days", END, END + DAY)) == []
