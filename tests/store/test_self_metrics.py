"""Self-metrics: what the processes of a store did, summed up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from mondrift import Schema
from mondrift.store import Store
from tests.conftest import execute

pytestmark = pytest.mark.servers

START = datetime(2026, 3, 1, tzinfo=UTC)


def test_what_each_process_did_is_summed_up_when_it_closes(
    new_database: Callable[[], str],
    schema: Schema,
    make_rows: Callable[..., pd.DataFrame],
) -> None:
    url = new_database()
    for prefix in ("a", "b"):
        with Store.open(url) as store:
            store.register_model("m", schema, task="binary")
            store.log("m", make_rows(20, prefix=prefix))
            store.label("m", [{"id": f"{prefix}1", "value": 1}])
            store.primary.window("m", START, START + timedelta(days=1))
    with Store.open(url) as store:
        found = store.self_metrics().set_index("name")
    assert found.loc["ingest", "n"] == 40
    assert found.loc["labels", "n"] == 2
    assert found.loc["read", "n"] == 2
    assert 0 < found.loc["read", "worst"] <= found.loc["read", "seconds"]
    assert found.loc["checks", "n"] == 0
    assert pd.isna(found.loc["checks", "worst"])


def test_work_goes_on_where_sums_cannot_be_kept(
    new_database: Callable[[], str], schema: Schema, make_rows: Callable[..., pd.DataFrame]
) -> None:
    url = new_database()
    with Store.open(url) as store:
        store.register_model("m", schema, task="binary")
        execute(url, "DROP TABLE self_metrics")
        assert store.log("m", make_rows(10)).stored == 10


def test_old_sums_are_no_part_of_the_last_hours(
    new_database: Callable[[], str], schema: Schema, make_rows: Callable[..., pd.DataFrame]
) -> None:
    url = new_database()
    now = datetime.now(UTC)
    with Store.open(url, clock=lambda: now - timedelta(hours=30)) as store:
        store.register_model("m", schema, task="binary")
        store.log("m", make_rows(10))
    with Store.open(url, clock=lambda: now) as store:
        assert store.self_metrics(hours=24)["n"].sum() == 0
        assert store.self_metrics(hours=31)["n"].sum() == 10


def test_threads_lose_no_count(
    new_database: Callable[[], str], schema: Schema, make_rows: Callable[..., pd.DataFrame]
) -> None:
    url = new_database()
    with Store.open(url) as store:
        store.register_model("m", schema, task="binary")
        store.log("m", make_rows(1))

        def read() -> None:
            for _ in range(20):
                store.window("m", START, START + timedelta(days=1))

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with Store.open(url) as store:
        assert store.self_metrics().set_index("name").loc["read", "n"] == 80
