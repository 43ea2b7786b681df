"""Retention: what is old goes, by each model's clock, and nothing else does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from sqlalchemy import create_engine, text

from mondrift import Schema, compare, judge
from mondrift.errors import SettingsError, StoreError
from mondrift.incident import Incident
from mondrift.store import Store
from mondrift.store.connect import address

pytestmark = pytest.mark.servers

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SCHEMA = Schema(
    timestamp="at",
    prediction="guess",
    target="truth",
    kinds={"at": "datetime", "x": "numeric", "guess": "numeric"},
)


@pytest.fixture
def url(new_database: Callable[[], str]) -> str:
    """A database of this test alone: retention is about all models of a store."""
    return new_database()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store.open(url, clock=lambda: NOW) as store:
        yield store


def _rows(days_ago: float, n: int = 10, prefix: str = "") -> pd.DataFrame:
    at = pd.date_range(NOW - days_ago * DAY, periods=n, freq="s")
    frame = pd.DataFrame({"at": at, "x": range(n), "guess": 1.0})
    return frame.assign(id=[f"{prefix}{i}" for i in range(n)]) if prefix else frame


def _ask(url: str, query: str) -> list[tuple[object, ...]]:
    engine = create_engine(address(url))
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(query))]
    engine.dispose()
    return found


def _partitions(url: str, table: str = "predictions") -> list[str]:
    query = (
        "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid "
        f"WHERE inhparent = '{table}'::regclass ORDER BY 1"
    )
    return [str(name) for (name,) in _ask(url, query)]


def test_rows_older_than_ninety_days_go_with_their_keys_and_labels(store: Store, url: str) -> None:
    store.register_model("m", SCHEMA, task="regression")
    for ago in (120, 91, 89, 1):
        store.log("m", _rows(ago, prefix=f"{ago}-"))
        store.label("m", [{"id": f"{ago}-{i}", "value": 2.0} for i in range(10)])
    done = store.retention()
    line = done.models.iloc[0]
    assert (line["predictions"], line["labels"]) == (20, 20)
    assert line["kept_from"] == pd.Timestamp("2026-04-01", tz="UTC")
    assert done.dropped == ("predictions_20260302", "predictions_20260331", "labels_202603")
    left = store.window("m", NOW - 365 * DAY, NOW)
    assert sorted(left["id"]) == sorted(
        [*(f"89-{i}" for i in range(10)), *(f"1-{i}" for i in range(10))]
    )
    assert left["truth"].tolist() == [2.0] * 20
    assert _ask(url, "SELECT count(*) FROM prediction_keys") == [(20,)]
    assert _ask(url, "SELECT count(*) FROM labels") == [(20,)]


def test_a_dry_run_says_the_same_and_changes_nothing(store: Store, url: str) -> None:
    store.register_model("m", SCHEMA, task="regression")
    store.log("m", _rows(120))
    store.log("m", {"at": NOW - 120 * DAY, "x": "bad", "guess": 1.0})
    before = _partitions(url)
    said = store.retention(raw=30 * DAY, dry_run=True)
    assert said.dry_run
    assert said.models["predictions"].tolist() == [10]
    assert said.dropped == ("predictions_20260302", "labels_202603")
    assert _partitions(url) == before
    assert len(store.window("m", NOW - 365 * DAY, NOW)) == 10
    assert len(store.audit("m")[store.audit("m")["action"].str.contains("retention")]) == 0
    assert store.log("m", _rows(120, prefix="late")).stored == 10, "and nothing is refused"
    done = store.retention(raw=30 * DAY)
    assert done.models["predictions"].tolist() == [20]
    assert done.dropped == said.dropped


def test_a_day_that_another_model_needs_is_only_emptied(store: Store, url: str) -> None:
    store.register_model("short", SCHEMA, task="regression")
    store.register_model("long", SCHEMA, task="regression")
    for name in ("short", "long"):
        store.log(name, _rows(120, prefix="id"))
    store.retention("long", raw=200 * DAY)
    done = store.retention()
    assert done.models.set_index("model_id")["predictions"].to_dict() == {"short": 10, "long": 0}
    assert done.dropped == (), "nor the month of its labels, which may still come"
    assert store.label("long", {"id": "id3", "value": 1.0}).stored == 1
    assert len(store.window("long", NOW - 365 * DAY, NOW)) == 10
    assert store.window("short", NOW - 365 * DAY, NOW).empty
    assert _ask(url, "SELECT count(*) FROM prediction_keys") == [(10,)]
    assert store.retention("long", raw=90 * DAY).dropped == (
        "predictions_20260302",
        "labels_202603",
    )


def test_a_model_of_history_counts_from_its_newest_row(store: Store) -> None:
    store.register_model("history", SCHEMA, task="regression", clock="data")
    store.log("history", _rows(4000))
    store.log("history", _rows(4080))
    store.log("history", _rows(4120))
    done = store.retention()
    assert done.models["predictions"].tolist() == [10], (
        "only what is 120 days older than the newest"
    )
    assert len(store.window("history", NOW - 5000 * DAY, NOW)) == 20


def test_a_model_without_rows_has_nothing_old(store: Store) -> None:
    store.register_model("empty", SCHEMA, task="regression", clock="data")
    done = store.retention()
    assert done.models["kept_from"].isna().all()
    assert store.log("empty", _rows(4000)).stored == 10


def test_rows_must_be_kept_longer_than_labels_take(store: Store) -> None:
    store.register_model("slow", SCHEMA, task="regression", label_delay=90 * DAY)
    store.register_model("fast", SCHEMA, task="regression")
    store.log("fast", _rows(120))
    message = (
        "Nothing was taken away: labels of model 'slow' come up to 90 days late.*"
        "mondrift retention slow --raw 120d"
    )
    with pytest.raises(SettingsError, match=message):
        store.retention()
    assert len(store.window("fast", NOW - 365 * DAY, NOW)) == 10
    with pytest.raises(SettingsError, match="counts for 30 days only: .* --aggregates 90d"):
        store.retention("fast", aggregates=30 * DAY)
    with pytest.raises(SettingsError, match="for less than a day"):
        store.retention("fast", raw=timedelta(hours=1))
    store.retention("slow", raw=120 * DAY)
    store.retention()


def test_a_setting_stays_and_is_in_the_audit_log(store: Store) -> None:
    store.register_model("m", SCHEMA, task="regression")
    store.retention("m", raw=30 * DAY)
    assert store.retention().models["raw"].tolist() == [30 * DAY]
    lines = store.audit("m")
    (line,) = lines[lines["action"] == "change retention"].to_dict("records")
    assert (line["before"]["raw"], line["after"]["raw"]) == ("90 days", "30 days")


def test_a_row_older_than_what_is_kept_is_refused_to_quarantine(store: Store) -> None:
    store.register_model("m", SCHEMA, task="regression")
    rows = _rows(120, prefix="old")
    store.log("m", rows)
    store.retention()
    result = store.log("m", pd.concat([rows, _rows(1, prefix="new")]))
    assert (result.stored, result.quarantined) == (10, 10)
    reasons = set(store.quarantine("m")["reason"])
    assert reasons == {"it is older than retention keeps: rows are kept from 2026-04-01 on"}


def test_counts_outlive_their_rows_by_nine_months(store: Store, url: str) -> None:
    store.register_model("m", SCHEMA, task="regression")
    store.log("m", _rows(120, n=20_000))
    store.log("m", _rows(364, n=2_000))
    store.log("m", _rows(370, n=1_000))
    assert store.retention().models["predictions"].tolist() == [23_000]
    start = (NOW - 120 * DAY).replace(hour=0)
    found = store.summaries("m", start, start + DAY)
    assert found is not None
    assert found.sizes[""] == 20_000
    counted = _ask(url, "SELECT sum(n) FROM rollups WHERE segment = 0 AND NOT folded")
    assert counted == [(22_000,)]
    cut = start + timedelta(hours=12, minutes=1)  # within an hour whose rows are gone
    assert store.summaries("m", start, cut) is None
    assert store.kept_from("m") == (NOW - 90 * DAY).replace(hour=0)
    year = (NOW - 365 * DAY).replace(hour=0)
    whole = store.summaries("m", year, year + 7 * DAY)
    assert whole is not None
    assert whole.sizes[""] == 2_000
    assert store.summaries("m", year - 7 * DAY, year + 7 * DAY) is None, "a part of it is gone"


def test_waiting_labels_and_quarantine_go_too(store: Store, url: str) -> None:
    with Store.open(url, clock=lambda: NOW - 100 * DAY) as earlier:
        earlier.register_model("m", SCHEMA, task="regression")
        earlier.log("m", {"at": NOW - 100 * DAY, "x": "bad", "guess": 1.0})
        assert earlier.label("m", {"id": "never", "value": 1.0}).unknown == 1
    store.log("m", {"at": NOW, "x": "bad", "guess": 1.0})
    assert store.label("m", {"id": "later", "value": 1.0}).unknown == 1
    line = store.retention().models.iloc[0]
    assert (line["waiting_labels"], line["quarantine"]) == (1, 1)
    assert len(store.quarantine("m")) == 1
    assert _ask(url, "SELECT prediction_id FROM waiting_labels") == [("later",)]


def _checked(store: Store, monitor: str, days_ago: int, *incidents: Incident) -> str:
    window = (NOW - days_ago * DAY, NOW - (days_ago - 1) * DAY)
    reference = _rows(days_ago, n=200).assign(truth=1.5)
    comparison = compare(reference, reference, schema=SCHEMA)
    with store.running(monitor):
        run = store.begin_run(monitor, "m", window, {})
        store.save_check(run, comparison, judge(comparison), incidents=incidents)
    return run.run_id


def test_results_go_after_a_year_unless_an_open_incident_speaks_of_them(store: Store) -> None:
    store.register_model("m", SCHEMA, task="regression")
    opened = NOW - 400 * DAY
    incident = Incident("m", "held", "data_drift", "high", "drift", opened, opened)
    old, recent = _checked(store, "daily", 400), _checked(store, "daily", 300)
    held = _checked(store, "held", 400, incident)
    before = store.history("m")
    line = store.retention().models.iloc[0]
    assert line["results"] > 0
    left = store.history("m")
    assert set(before["run_id"]) == {old, recent, held}
    assert set(left["run_id"]) == {recent, held}
    assert store.verdict(held).status == store.verdict(recent).status
    assert len(store.runs()) == 3, "a run is known to be done: nobody is told of it again"
    window = (NOW - 400 * DAY, NOW - 399 * DAY)
    assert not store.begin_run("daily", "m", window, {}).fresh


def test_baselines_keep_their_samples(store: Store) -> None:
    store.register_model("m", SCHEMA, task="regression")
    store.log("m", _rows(120, n=50))
    start = NOW - 121 * DAY
    made = store.register_baseline("m", [(start, start + 2 * DAY)])
    store.retention()
    assert store.window("m", start, start + 2 * DAY).empty
    assert len(store.baseline("m", made.version).rows()) == 50


def test_partitions_of_the_coming_week_are_made_ahead(store: Store, url: str) -> None:
    store.register_model("m", SCHEMA, task="regression")
    store.retention()
    assert _partitions(url) == [f"predictions_{NOW + i * DAY:%Y%m%d}" for i in range(8)]
    assert _partitions(url, "labels") == ["labels_202606", "labels_202607"]


@contextmanager
def _reading(url: str) -> Iterator[None]:
    engine = create_engine(address(url))
    with engine.connect() as reader:
        reader.execute(text("SELECT count(*) FROM predictions"))
        yield
    engine.dispose()


def test_a_reader_is_not_disturbed_and_the_day_goes_the_next_time(store: Store, url: str) -> None:
    store.register_model("m", SCHEMA, task="regression")
    store.log("m", _rows(120))
    with _reading(url):
        done = store.retention()
        assert done.busy == ("predictions_20260302",)
        assert done.models["predictions"].tolist() == [0]
        assert len(store.window("m", NOW - 365 * DAY, NOW)) == 10
    assert store.retention().dropped == ("predictions_20260302", "labels_202603")


def test_ingest_goes_on_meanwhile_and_every_acknowledged_row_is_there(
    store: Store, url: str
) -> None:
    store.register_model("m", SCHEMA, task="regression")
    for ago in range(91, 131):
        store.log("m", _rows(ago))
    stop, acknowledged = threading.Event(), []

    def ingest() -> None:
        with Store.open(url, clock=lambda: NOW) as mine:
            number = 0
            while not stop.is_set():
                number += 1
                result = mine.log("m", _rows(number % 85 + 1, prefix=f"b{number}-"))
                acknowledged.extend(each for each in result.ids if each)

    worker = threading.Thread(target=ingest)
    worker.start()
    try:
        done = store.retention()
    finally:
        stop.set()
        worker.join()
    assert acknowledged
    assert not worker.is_alive()
    assert done.models["predictions"].tolist() == [400]
    left = store.window("m", NOW - 365 * DAY, NOW + DAY)["id"]
    assert sorted(left) == sorted(acknowledged)
    assert all(each.good for each in store.check())


def test_two_retentions_at_once_do_the_work_once(store: Store, url: str) -> None:
    store.register_model("m", SCHEMA, task="regression")
    engine = create_engine(address(url))
    with engine.connect() as other:
        other.execute(text(f"SELECT pg_advisory_lock({0x72657461})"))
        with pytest.raises(StoreError, match="Another process is at retention just now"):
            store.retention()
    engine.dispose()
    store.retention()
