"""`db check`: what is wrong is found, with what to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from mondrift import Schema
from mondrift.store import Store
from tests.conftest import execute

pytestmark = pytest.mark.servers

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
SCHEMA = Schema(
    timestamp="at",
    prediction="guess",
    kinds={"at": "datetime", "x": "numeric", "guess": "numeric"},
)


def _rows(n: int) -> pd.DataFrame:
    at = pd.date_range(NOW - timedelta(days=2), periods=n, freq="s")
    return pd.DataFrame({"at": at, "x": range(n), "guess": 1.0})


def test_a_store_in_order_is_said_to_be_so(new_database: Callable[[], str]) -> None:
    with Store.open(new_database(), clock=lambda: NOW) as store:
        assert [each.good for each in store.check()] == [True, True]
        store.register_model("m", SCHEMA, task="regression")
        store.log("m", _rows(20_000))
        store.log("m", {"at": NOW, "x": "bad", "guess": 1.0})
        found = store.check()
        assert [each.good for each in found] == [True] * 3
        assert "run daily: mondrift retention" in found[1].fix
        assert found[2].what == "m: 20,000 rows, 20,000 counted, 1 in quarantine"
        store.retention()
        assert store.check()[1].fix == ""


def test_few_rows_are_counted_later(new_database: Callable[[], str]) -> None:
    with Store.open(new_database(), clock=lambda: NOW) as store:
        store.register_model("m", SCHEMA, task="regression")
        store.log("m", _rows(10))
        (finding,) = store.check()[2:]
        assert finding.good
        assert finding.what == "m: 10 rows, 0 counted, 1 days still to be counted"


def test_rows_deleted_by_hand_and_changed_tables_are_found(
    new_database: Callable[[], str],
) -> None:
    url = new_database()
    with Store.open(url, clock=lambda: NOW) as store:
        store.register_model("m", SCHEMA, task="regression")
        store.log("m", _rows(20_000))
        execute(url, "DELETE FROM predictions WHERE numerics[1] < 100")
        execute(url, "ALTER TABLE models ADD COLUMN remark text")
        tables, _, counts = store.check()
        assert not tables.good
        assert "remark" in tables.what
        assert "undo that" in tables.fix
        assert not counts.good
        assert counts.what == "m: 19,900 rows, 20,000 counted, where 19,900 should be"
        assert "cannot be trusted" in counts.fix
