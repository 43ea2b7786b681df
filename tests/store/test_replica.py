"""A replica that refuses to write and lags behind: reports read it, decisions do not.

The replica is a copy of the database that only reads, and that is never brought up to date: the
longest lag there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from sqlalchemy.engine import make_url

from mondrift import Schema, compare, embedded, judge
from mondrift.errors import ModelError, StoreError
from mondrift.run.check import check
from mondrift.run.plan import Monitor
from mondrift.run.windows import Calendar, Length
from mondrift.settings import Settings
from mondrift.store import Store
from tests.conftest import execute

pytestmark = pytest.mark.servers

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SCHEMA = Schema(
    timestamp="at",
    prediction="y",
    kinds={"at": "datetime", "x": "numeric", "plan": "categorical", "y": "numeric"},
)


def _rows(day: int, shift: float = 0.0) -> pd.DataFrame:
    n = 400
    return pd.DataFrame(
        {
            "at": pd.date_range(START + day * DAY, periods=n, freq="3min"),
            "x": np.random.default_rng(day).normal(shift, size=n),
            "plan": np.array(["a", "b", f"day {day}"])[np.arange(n) % 3],
            "y": np.arange(n) / 3,
        }
    )


@pytest.fixture
def store(new_database: Callable[[], str], servers: embedded.Servers) -> Iterator[Store]:
    """A store whose replica knows one day and one baseline, and will not know more."""
    url = new_database()
    with Store.open(url) as before:
        before.register_model("m", SCHEMA, task="regression", clock="data")
        before.log("m", _rows(0))
        before.register_baseline("m", [(START, START + DAY)])
        before.fold("m")
    name = make_url(url).database
    copy = f"{name}_replica"
    execute(
        servers.database_url,
        f"CREATE DATABASE {copy} TEMPLATE {name}",
        f"ALTER DATABASE {copy} SET default_transaction_read_only = on",
    )
    replica = make_url(url).set(database=copy).render_as_string(hide_password=False)
    settings = Settings.load(overrides={"database_replica_url": replica})
    with Store.open(url, redis_url=servers.redis_url, settings=settings) as store:
        yield store


def test_reports_read_the_replica_and_writes_go_to_the_primary(store: Store) -> None:
    assert store.log("m", _rows(1)).stored == 400
    assert len(store.window("m", START, START + 9 * DAY)) == 400, "the replica lags"
    assert sum(map(len, store.chunks("m", START, START + 9 * DAY, rows=150))) == 400
    assert store.latest("m") == store.window("m", START, START + DAY)["at"].iloc[-1]
    assert int(store.volume("m", START, START + 2 * DAY, every="1D")["n"].sum()) == 400
    counts = store.summaries("m", START, START + 2 * DAY)
    assert counts is not None
    assert counts.n == 400
    assert len(store.primary.window("m", START, START + 9 * DAY)) == 800
    store.fold("m")
    assert "register baseline" in store.audit("m")["action"].tolist()
    for read in (store.runs, store.alerts, lambda: store.history("m"), store.models):
        read()


def test_the_replica_could_not_be_written_to(store: Store) -> None:
    replica = store.settings.database_replica_url
    assert replica is not None
    with (
        Store.open(replica.get_secret_value()) as only_reads,
        pytest.raises(StoreError, match="the database is read-only"),
    ):
        only_reads.log("m", _rows(1))


def test_a_baseline_registered_a_moment_ago_is_read_from_the_primary(store: Store) -> None:
    assert store.baseline("m").version == 1
    assert len(store.baseline("m").rows()) == 400
    store.log("m", _rows(1))
    made = store.register_baseline("m", store.primary.window("m", START, START + 2 * DAY))
    newest = store.baseline("m")
    assert (made.version, newest.version, len(newest.rows())) == (2, 2, 800)
    assert newest.features()["n"].unique().tolist() == [800]
    counts = newest.summaries()
    assert counts is not None
    assert counts.n == 800
    assert len(store.baseline("m", 1).rows()) == 400


def test_a_run_written_a_moment_ago_is_read_from_the_primary(store: Store) -> None:
    run = store.begin_run("daily", "m", (START, START + DAY), {})
    with pytest.raises(ModelError, match="is started and has stored no check"):
        store.comparison(run)
    comparison = compare(_rows(0), _rows(0, 2.0), schema=SCHEMA)
    store.save_check(run, comparison, judge(comparison))
    assert store.run(run.run_id).state == "checked"
    assert store.verdict(run).status == "alarm"
    assert store.comparison(run.run_id).to_dict() == comparison.to_dict()
    with pytest.raises(ModelError, match="'nope' is not known"):
        store.comparison("nope")


def test_a_check_decides_by_the_primary(store: Store) -> None:
    store.log("m", _rows(1, shift=3.0))
    monitor = Monitor("daily", "m", Calendar(Length.parse("1D"), "UTC", date(2026, 3, 1)))
    done = check(store, monitor, monitor.window("2026-03-02"))
    assert done.run.rows == 400
    assert done.verdict.columns()["x"].status == "alarm"
    assert done.verdict.comparison.current.n == 400
    again = check(store, monitor, monitor.window("2026-03-02"))
    assert (again.run.fresh, again.verdict.status) == (False, "alarm")
