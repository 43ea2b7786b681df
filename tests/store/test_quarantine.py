"""Quarantine: a row that did not fit is kept whole, once, and can be tried again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pandas as pd
import pytest

from mondrift import Schema
from mondrift.errors import ColumnError, InputError, StoreError
from mondrift.kinds import Kind
from mondrift.store import Store
from mondrift.store.replay import restored_row
from mondrift.store.validate import plain_row

pytestmark = pytest.mark.servers

START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=1)


def _schema(**more: Kind) -> Schema:
    kinds: dict[str, Kind] = {"at": "datetime", "temperature": "numeric", "guess": "numeric"}
    return Schema(timestamp="at", prediction="guess", target="truth", kinds={**kinds, **more})


def _registered(store: Store, model: str) -> None:
    store.register_model(model, _schema(), task="regression")


def _rows(n: int, **values: object) -> list[dict[str, object]]:
    return [
        {"id": f"r{i}", "at": START, "temperature": float(i), "guess": 1.0, **values}
        for i in range(n)
    ]


def test_a_row_with_an_id_is_kept_once_however_often_it_is_sent(store: Store) -> None:
    _registered(store, "again")
    bad = _rows(2, temperature="warm")
    assert [store.log("again", bad).quarantined for _ in range(3)] == [2, 2, 2]
    assert len(store.quarantine("again")) == 2
    store.log("again", _rows(1, temperature="hot"))
    assert len(store.quarantine("again")) == 3, "other content is another row"


def test_rows_without_an_id_are_kept_as_often_as_they_come(store: Store) -> None:
    _registered(store, "nameless")
    bad = {"at": START, "temperature": "warm", "guess": 1.0}
    store.log("nameless", [bad, bad])
    store.log("nameless", bad)
    assert len(store.quarantine("nameless")) == 3


def test_processes_that_send_the_same_bad_rows_in_another_order_keep_each_once(
    store: Store,
) -> None:
    _registered(store, "together")
    bad = _rows(200, temperature="warm")
    with ThreadPoolExecutor(4) as pool:
        orders = [bad, bad[::-1], bad, bad[::-1]]
        results = list(pool.map(lambda rows: store.log("together", rows), orders))
    assert [each.quarantined for each in results] == [200] * 4
    assert len(store.quarantine("together")) == 200


def test_a_new_schema_version_lets_rows_through_that_came_too_early(store: Store) -> None:
    _registered(store, "early")
    result = store.log("early", _rows(3, wind=4.0))
    assert result.quarantined == 3
    again = store.replay("early")
    assert (again.stored, again.failed) == (0, 3)
    assert store.quarantine("early")["tries"].tolist() == [1, 1, 1]
    store.register_model("early", _schema(wind="numeric"), task="regression")
    done = store.replay("early")
    assert (done.stored, done.duplicates, done.failed) == (3, 0, 0)
    assert store.quarantine("early").empty
    assert store.window("early", START, END)["wind"].tolist() == [4.0] * 3


def test_only_the_entries_that_were_asked_for_are_tried(store: Store) -> None:
    _registered(store, "some")
    store.log("some", _rows(3, wind=1.0))
    store.register_model("some", _schema(wind="numeric"), task="regression")
    first, second, third = store.quarantine("some")["entry"].tolist()
    assert store.replay("some", [third, first]).stored == 2
    assert store.quarantine("some")["entry"].tolist() == [second]
    with pytest.raises(InputError, match=f"has no entries \\[{first}\\]; nothing was replayed"):
        store.replay("some", [first, second])
    assert len(store.quarantine("some")) == 1


def test_mended_rows_are_stored_in_place_of_what_came(store: Store) -> None:
    _registered(store, "mended")
    store.log("mended", [*_rows(2, temperature="warm"), {"at": START, "guess": 2.0}])
    kept = store.quarantine("mended")
    first, second, third = kept["entry"].tolist()
    fixed = pd.DataFrame(
        {
            "entry": [first, third],
            "id": ["r0", None],
            "at": [START.isoformat()] * 2,
            "temperature": [21.5, None],
            "guess": [1.0, 2.0],
            "value": [None, None],  # a column of the labels in the same file
        }
    )
    done = store.replay("mended", fixed=fixed)
    assert (done.stored, done.failed) == (2, 0)
    assert store.quarantine("mended")["entry"].tolist() == [second]
    stored = store.window("mended", START, END).set_index("guess")["temperature"]
    assert stored[1.0] == 21.5
    assert pd.isna(stored[2.0])


def test_a_mended_row_that_fails_leaves_what_came_as_it_was(store: Store) -> None:
    _registered(store, "worse")
    store.log("worse", _rows(1, temperature="warm"))
    (entry,) = store.quarantine("worse")["entry"]
    fixed = [{"entry": entry, "id": "r0", "at": START, "temperature": 1.0, "guess": "much"}]
    assert store.replay("worse", fixed=fixed).failed == 1
    kept = store.quarantine("worse").iloc[0]
    assert kept["row"]["temperature"] == "warm"
    assert kept["reason"] == "column 'guess': 'much' is no number"
    assert kept["tries"] == 1


def test_mended_rows_must_name_their_entries(store: Store) -> None:
    _registered(store, "unnamed")
    with pytest.raises(ColumnError, match="'entry' is not in the mended rows"):
        store.replay("unnamed", fixed=[{"id": "r0"}])
    with pytest.raises(InputError, match="each entry once"):
        store.replay("unnamed", fixed=[{"entry": 1}, {"entry": 1}])
    with pytest.raises(InputError, match=r"has no entries \[987654\]"):
        store.replay("unnamed", fixed=[{"entry": 987654, "id": "x"}])


def test_a_row_that_has_been_stored_since_leaves_as_a_duplicate(store: Store) -> None:
    _registered(store, "since")
    store.log("since", _rows(1, wind=1.0))
    store.register_model("since", _schema(wind="numeric"), task="regression")
    assert store.log("since", _rows(1, wind=1.0)).stored == 1
    done = store.replay("since")
    assert (done.stored, done.duplicates, done.failed) == (0, 1, 0)
    assert len(store.window("since", START, END)) == 1
    assert store.quarantine("since").empty


def test_two_replays_at_once_store_each_row_once(store: Store) -> None:
    _registered(store, "twice")
    nameless = [{k: v for k, v in row.items() if k != "id"} for row in _rows(500, wind=1.0)]
    store.log("twice", nameless)
    store.register_model("twice", _schema(wind="numeric"), task="regression")

    def one(_: int) -> int:
        try:
            return store.replay("twice").stored
        except (StoreError, InputError):  # the other one has done it
            return 0

    with ThreadPoolExecutor(4) as pool:
        stored = list(pool.map(one, range(4)))
    assert sum(stored) == 500
    assert len(store.window("twice", START, END)) == 500
    assert store.quarantine("twice").empty


def test_one_row_that_spoils_its_batch_does_not_hold_up_the_others(store: Store) -> None:
    _registered(store, "spoilt")
    naive = {"id": "n", "at": "2026-03-01 00:00", "temperature": 1.0, "guess": 1.0}
    store.log("spoilt", [*_rows(1), naive])
    store.log("spoilt", _rows(3, wind=1.0))
    store.register_model("spoilt", _schema(wind="numeric"), task="regression")
    rows = store.quarantine("spoilt")
    assert len(rows) == 4
    alone = store.replay("spoilt", rows["entry"].head(1))
    assert (alone.stored, alone.failed) == (0, 1)
    assert "log(..., zone='UTC')" in store.quarantine("spoilt")["reason"].iloc[0]
    done = store.replay("spoilt", zone="UTC")
    assert (done.stored, done.duplicates, done.failed) == (2, 0, 2)
    reasons = store.quarantine("spoilt")["reason"].tolist()
    assert reasons == ["it lacks ['wind']", "its id is taken by a row with other content"]


def test_labels_are_replayed_with_the_time_at_which_they_came(store: Store) -> None:
    _registered(store, "labelled")
    store.log("labelled", _rows(1))
    assert store.label("labelled", {"id": "r0", "value": "many"}).quarantined == 1
    kept = store.quarantine("labelled").iloc[0]
    assert kept["part"] == "label"
    done = store.replay("labelled", fixed=[{"entry": kept["entry"], "id": "r0", "value": 3.0}])
    assert (done.stored, done.failed) == (1, 0)
    assert store.window("labelled", START, END)["truth"].tolist() == [3.0]
    before = kept["received_at"].to_pydatetime() - timedelta(seconds=1)
    earlier = store.window("labelled", START, END, as_of=before)
    assert earlier["truth"].isna().all()
    after = store.window("labelled", START, END, as_of=kept["received_at"].to_pydatetime())
    assert after["truth"].tolist() == [3.0]


def test_conflicts_can_be_listed_and_thrown_away_with_a_line_in_the_audit_log(
    store: Store,
) -> None:
    _registered(store, "conflicts")
    store.log("conflicts", _rows(2))
    assert store.log("conflicts", _rows(2, guess=9.0)).conflicts == 2
    store.log("conflicts", _rows(1, temperature="warm"))
    conflicts = store.quarantine("conflicts", conflicts=True)
    assert len(conflicts) == 2
    assert store.replay("conflicts", conflicts["entry"]).failed == 2, "they stay conflicts"
    with pytest.raises(InputError, match="Say what is to be discarded"):
        store.discard("conflicts")
    with pytest.raises(InputError, match="nothing was discarded"):
        store.discard("conflicts", [*conflicts["entry"], 987654])
    assert store.discard("conflicts", conflicts=True) == 2
    assert len(store.quarantine("conflicts")) == 1
    line = store.audit("conflicts").iloc[-1]
    assert line["action"] == "discard quarantine"
    assert line["before"] == {"entries": conflicts["entry"].tolist()}


def test_a_large_quarantine_is_read_in_pages(store: Store) -> None:
    _registered(store, "pages")
    store.log("pages", _rows(25, temperature="warm"))
    pages, after = [], 0
    while len(page := store.quarantine("pages", after=after, limit=10)):
        pages.append(len(page))
        after = int(page["entry"].iloc[-1])
    assert pages == [10, 10, 5]


def test_a_replay_says_how_far_it_is(store: Store) -> None:
    _registered(store, "progress")
    store.log("progress", _rows(3, temperature="warm"))
    told: list[tuple[int, int]] = []
    store.replay("progress", progress=lambda done, total: told.append((done, total)))
    assert told == [(3, 3)]


def test_a_kept_row_is_restored_as_it_came() -> None:
    row = {
        "at": pd.Timestamp("2026-03-01 12:00:00.123456789", tz="UTC"),
        "day": date(2026, 3, 1),
        "x": float("inf"),
        "price": Decimal("12.30"),
        "none": None,
        "list": [1, "a"],
        "text": "\0",
        "flag": True,
    }
    assert restored_row(plain_row(row)) == row
    assert restored_row({"x": {"$uuid": "abc"}, "y": {"$float": "no"}}) == {"x": "abc", "y": "no"}
