"""Runs, results, history and the outbox: once, whole, and never stale."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mondrift import Comparison, Schema, Verdict, Window, compare, embedded, judge
from mondrift.alert import Alert
from mondrift.errors import ModelError, StoreError, WindowError
from mondrift.incident import Incident
from mondrift.run.schedule import past_of
from mondrift.store import Message, Run, Store
from mondrift.store.outbox import ATTEMPTS
from mondrift.store.runs import config_hash

pytestmark = pytest.mark.servers

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
WINDOW = (START, START + DAY)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 4, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture
def clock() -> Clock:
    """The present."""
    return Clock()


@pytest.fixture
def store(
    new_database: Callable[[], str], servers: embedded.Servers, clock: Clock
) -> Iterator[Store]:
    """A store with 300 rows, whose clock the test moves."""
    url = new_database()
    with Store.open(url, redis_url=servers.redis_url, clock=clock) as store:
        schema = Schema(timestamp="at", prediction="late", target="was_late", segments=("site",))
        store.register_model("flights", schema, task="binary")
        store.log("flights", _rows(300))
        yield store


def _rows(n: int, shift: float = 0.0, start: datetime = START) -> pd.DataFrame:
    values = np.arange(n)
    return pd.DataFrame(
        {
            "at": pd.date_range(start, periods=n, freq="min"),
            "x": np.random.default_rng(1).normal(shift, size=n),
            "site": np.array(["north", "south"])[values % 2],
            "late": values % 2,
            "was_late": (values // 2) % 2,
        }
    )


def _check(store: Store, shift: float = 2.0) -> tuple[Comparison, Verdict]:
    reference = _rows(300, shift).assign(id="reference")
    current = store.window("flights", *WINDOW)
    comparison = compare(reference, current, schema=store.model("flights").schema)
    return comparison, judge(comparison)


def _begin(store: Store, *, window: Any = WINDOW, force: bool = False) -> Run:
    with store.running("weekly"):
        return store.begin_run("weekly", "flights", window, {"policy": "default"}, force=force)


def _alert(title: str = "x drifted") -> Alert:
    return Alert("data_drift", "low", title, "text", "flights", "weekly", Window(*WINDOW))


def test_a_check_comes_back_as_it_was_stored(store: Store) -> None:
    run = _begin(store)
    comparison, verdict = _check(store)
    assert store.save_check(run, comparison, verdict) == ()
    assert store.comparison(run).to_dict() == comparison.to_dict()
    assert store.verdict(run.run_id).to_dict() == verdict.to_dict()
    found = store.run(run.run_id)
    assert (found.state, found.status) == ("checked", verdict.status)
    assert (found.rows, found.labels) == (300, 300)
    history = store.history("flights")
    expected = verdict.to_frame()
    keys = ["segment", "family", "column", "measure"]
    joined = history.merge(expected, on=keys, suffixes=("", "_expected"))
    assert len(history) == len(expected) == len(joined)
    for name in ("statistic", "pvalue", "low", "high", "status", "n_current", "kind", "role"):
        pd.testing.assert_series_equal(
            joined[name], joined[f"{name}_expected"], check_names=False, check_dtype=False
        )


def test_sql_keeps_the_names_of_the_field(store: Store) -> None:
    store.save_check(_begin(store), *_check(store))
    history = store.history("flights", families="drift", measures="ks", columns=["x"])
    whole = history[history["segment"] == ""]
    assert whole["status"].tolist() == ["alarm"]
    assert history["measure"].unique().tolist() == ["ks"]
    accuracy = store.history("flights", measures=["accuracy"])
    assert set(accuracy["family"]) == {"performance"}


@pytest.mark.parametrize(
    "asked",
    [
        {"families": ("performance", "volume")},
        {"measures": ("rows", "psi", "accuracy")},
        {"columns": ["x", ""]},
        {"families": "drift", "measures": "ks", "columns": "x"},
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_a_narrow_history_is_a_part_of_the_full_one(
    store: Store, asked: dict[str, Any], whole: bool
) -> None:
    store.save_check(_begin(store), *_check(store))
    later = (START + DAY, START + 2 * DAY)
    store.save_check(_begin(store, window=later), *_check(store))
    part = store.history("flights")
    for plural, names in asked.items():
        name = {"families": "family", "measures": "measure", "columns": "column"}[plural]
        part = part[part[name].isin([names] if isinstance(names, str) else names)]
    part = part[part["segment"] == ""] if whole else part
    found = store.history("flights", **asked, whole=whole)
    assert 0 < len(found) == len(part)
    pd.testing.assert_frame_equal(found, part.reset_index(drop=True))


def test_the_same_inputs_again_are_a_no_op(store: Store) -> None:
    run = _begin(store)
    assert (run.fresh, run.revision, run.state) == (True, 1, "started")
    store.save_check(run, *_check(store))
    again = _begin(store, window=Window(*WINDOW))
    assert (again.run_id, again.fresh, again.state) == (run.run_id, False, "checked")
    finished = store.finish_run(again, report="weekly/1/report.html")
    assert (finished.state, finished.report) == ("finished", "weekly/1/report.html")
    assert not _begin(store).fresh
    with pytest.raises(StoreError, match="has been checked"):
        store.save_check(run, *_check(store))


def test_new_rows_late_labels_and_force_make_the_next_revision(store: Store) -> None:
    def done() -> int:
        run = _begin(store)
        if run.fresh:
            store.save_check(run, *_check(store))
        return run.revision

    assert [done(), done()] == [1, 1]
    ids = store.log("flights", _rows(5).drop(columns="was_late")).ids
    assert [done(), done()] == [2, 2]
    store.label("flights", {"id": ids[0], "value": 1})
    assert [done(), done()] == [3, 3]
    forced = _begin(store, force=True)
    assert (forced.revision, forced.fresh) == (4, True)
    store.save_check(forced, *_check(store))
    assert store.history("flights")["revision"].unique().tolist() == [4]
    assert len(store.runs(monitor="weekly")) == 4
    assert len(store.runs(model_id="flights", last=2)) == 2


def test_a_window_that_was_looked_at_before_its_end_is_looked_at_once_more_after_it(
    store: Store, clock: Clock
) -> None:
    clock.moment = START + DAY / 2
    early = _begin(store)
    store.save_check(early, *_check(store))
    assert not _begin(store).fresh
    clock.moment = START + DAY
    again = _begin(store)
    assert (again.revision, again.fresh) == (2, True)
    store.save_check(again, *_check(store))
    assert not _begin(store).fresh
    known = store.runs(monitor="weekly")
    assert [len(past_of(known, of)) for of in ("wall", "data")] == [1, 2]


def test_a_run_whose_process_died_is_failed_and_begun_again(store: Store) -> None:
    dead = _begin(store)
    again = _begin(store)
    assert (again.revision, again.fresh) == (2, True)
    assert store.run(dead.run_id).state == "failed"
    assert "killed" in str(store.run(dead.run_id).error)
    failed = store.fail_run(again, "the notebook failed")
    assert (failed.state, failed.error) == ("failed", "the notebook failed")
    assert _begin(store).revision == 3


def test_one_process_at_a_time_runs_a_monitor(store: Store) -> None:
    with (
        store.running("weekly"),
        store.running("daily"),
        pytest.raises(StoreError, match="'weekly' is being run by another process"),
        store.running("weekly"),
    ):
        pass
    with store.running("weekly"):
        pass


def test_unknown_runs_and_empty_windows_are_told_plainly(store: Store) -> None:
    with pytest.raises(ModelError, match="no run 'nope'"):
        store.run("nope")
    with pytest.raises(ModelError, match="has stored no check"):
        store.verdict(_begin(store))
    with pytest.raises(WindowError, match="is empty"):
        _begin(store, window=(START, START))
    with pytest.raises(WindowError, match="without a time zone"):
        _begin(store, window=(START.replace(tzinfo=None), START))


def test_the_order_of_a_configuration_does_not_matter() -> None:
    assert config_hash({"a": [1], "b": {"c": 2, "d": 3}}) == config_hash(
        {"b": {"d": 3, "c": 2}, "a": [1]}
    )
    assert config_hash({"a": 1}) != config_hash({"a": 2})


def test_a_check_is_stored_whole_or_not_at_all(store: Store) -> None:
    run = _begin(store)
    broken = Message(_alert(), ("webhook",), {"not": {"json"}})
    with pytest.raises(Exception, match="not JSON serializable"):
        store.save_check(run, *_check(store), messages=[broken])
    assert store.run(run.run_id).state == "started"
    assert len(store.history("flights")) == 0
    assert len(store.alerts()) == 0


def test_history_is_cached_and_never_stale(store: Store) -> None:
    store.save_check(_begin(store), *_check(store))
    first = store.history("flights")
    hits = store.cache.counts.hits
    pd.testing.assert_frame_equal(store.history("flights"), first)
    assert store.cache.counts.hits == hits + 1
    later = (START + DAY, START + 2 * DAY)
    store.save_check(_begin(store, window=later), *_check(store))
    both = store.history("flights")
    assert len(both) == 2 * len(first)
    assert both["window_start"].is_monotonic_increasing
    newest = store.history("flights", last=1)
    assert newest["window_start"].unique().tolist() == [later[0]]
    assert len(store.history("flights", monitor="daily")) == 0


def test_alerts_and_open_incidents_are_counted_through_the_cache_and_never_stale(
    store: Store,
) -> None:
    def counts() -> dict[str, tuple[int, int]]:
        rows = store.alert_counts("flights").itertuples()
        return {each.severity: (each.open, each.alerts) for each in rows}

    nothing = {"critical": (0, 0), "high": (0, 0), "medium": (0, 0), "low": (0, 0)}
    assert counts() == nothing
    incident = Incident("flights", "weekly", "data_drift", "low", "x drifted", START, START + DAY)
    message = Message(_alert(), ("webhook",), {})
    store.save_check(_begin(store), *_check(store), messages=[message], incidents=[incident])
    assert counts() == {**nothing, "low": (1, 1)}
    hits = store.cache.counts.hits
    assert counts() == {**nothing, "low": (1, 1)}
    assert store.cache.counts.hits == hits + 1
    closed = Incident(**{**vars(incident), "closed_at": START + 2 * DAY, "calm": 1})
    store.save_check(_begin(store, force=True), *_check(store), incidents=[closed])
    assert counts() == {**nothing, "low": (0, 1)}


def test_an_alert_is_sent_once_however_often_its_window_is_checked(
    store: Store, clock: Clock
) -> None:
    message = Message(_alert(), ("webhook", "mail"), {"title": "x drifted"})
    store.save_check(_begin(store), *_check(store), messages=[message])
    taken = store.outbox.claim()
    assert [each.channel for each in taken] == ["webhook", "mail"]
    assert taken[0].payload == {"title": "x drifted"}
    assert store.outbox.claim() == ()
    store.outbox.sent(taken[0])
    assert store.alerts("flights")["delivered"].tolist() == [True]
    again = Message(_alert("x drifted more"), ("webhook",), {"title": "x drifted more"})
    store.save_check(_begin(store, force=True), *_check(store), messages=[again])
    assert len(store.alerts("flights", last=5)) == 2
    assert len(store.outbox.to_frame()) == 2
    recovered = Message(_alert(), ("webhook",), {"title": "over"}, event="recovered")
    store.save_check(_begin(store, force=True), *_check(store), messages=[recovered])
    assert [each.payload["title"] for each in store.outbox.claim()] == ["over"]
    clock.moment += timedelta(seconds=61)
    assert [each.channel for each in store.outbox.claim()] == ["mail", "webhook"], "leases ran out"


def test_a_delivery_that_fails_is_tried_later_and_ends_as_a_dead_letter(
    store: Store, clock: Clock
) -> None:
    message = Message(_alert(), ("webhook",), {})
    store.save_check(_begin(store), *_check(store), messages=[message])
    for attempt in range(1, ATTEMPTS + 1):
        (taken,) = store.outbox.claim()
        assert taken.attempts == attempt
        store.outbox.failed(taken, "503")
        assert store.outbox.claim() == (), "not at once"
        clock.moment += timedelta(hours=1)
    assert store.outbox.claim() == ()
    found = store.outbox.to_frame().iloc[0]
    assert (found["state"], found["last_error"]) == ("dead", "503")


def test_two_senders_never_take_the_same_delivery(store: Store) -> None:
    alert = _alert()
    channels = tuple(f"channel {n}" for n in range(40))
    store.save_check(_begin(store), *_check(store), messages=[Message(alert, channels, {})])
    taken: list[int] = []

    def send() -> None:
        while claimed := store.outbox.claim(limit=3):
            taken.extend(each.delivery_id for each in claimed)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 40


def test_incidents_stand_as_they_were_last_moved(store: Store) -> None:
    incident = Incident("flights", "weekly", "data_drift", "low", "x drifted", START, START + DAY)
    store.save_check(_begin(store), *_check(store), incidents=[incident])
    assert store.incidents("flights", "weekly") == (incident,)
    closed = Incident(**{**vars(incident), "closed_at": START + 2 * DAY, "calm": 1})
    store.save_check(_begin(store, force=True), *_check(store), incidents=[closed])
    assert store.incidents("flights") == (closed,)
    assert store.incidents("flights", "daily") == ()
