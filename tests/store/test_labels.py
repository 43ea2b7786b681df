"""Labels: late, bulk, corrected, doubled, unknown; and what was known when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from mondrift import Schema
from mondrift.errors import ColumnError, InputError, SchemaError
from mondrift.store import LabelResult, Store

pytestmark = pytest.mark.servers

START = datetime(2026, 3, 1, tzinfo=UTC)
END = datetime(2026, 4, 1, tzinfo=UTC)
Rows = Callable[..., pd.DataFrame]


def _day(n: int) -> datetime:
    return START + timedelta(days=n)


def _truth(store: Store, model_id: str, as_of: datetime | None = None) -> list[str | None]:
    found = store.window(model_id, START, END, columns=["was_late"], as_of=as_of)["was_late"]
    return [None if pd.isna(value) else value for value in found]


@pytest.fixture(params=["made ids", "client ids"])
def prefix(request: pytest.FixtureRequest) -> str:
    """Ids that mondrift makes, and ids that the client gives."""
    return "" if request.param == "made ids" else "c"


def test_the_label_received_last_holds_whenever_it_arrives(
    store: Store, schema: Schema, make_rows: Rows, prefix: str
) -> None:
    model_id = f"last {prefix}"
    store.register_model(model_id, schema, task="binary")
    ids = store.log(model_id, make_rows(3, prefix=prefix)).ids
    labels = [
        {"id": ids[0], "value": 1, "received_at": _day(5)},
        {"id": ids[1], "value": 0, "received_at": _day(5)},
        {"id": ids[0], "value": 0, "received_at": _day(3)},
    ]
    assert store.label(model_id, labels) == LabelResult(3, 0, 0, 0)
    assert _truth(store, model_id) == ["1", "0", None]
    corrected = {"id": ids[0], "value": 0, "received_at": _day(9)}
    assert store.label(model_id, corrected).stored == 1
    assert _truth(store, model_id) == ["0", "0", None]
    assert _truth(store, model_id, as_of=_day(2)) == [None, None, None]
    assert _truth(store, model_id, as_of=_day(4)) == ["0", None, None]
    assert _truth(store, model_id, as_of=_day(6)) == ["1", "0", None]
    assert _truth(store, model_id, as_of=_day(9)) == ["0", "0", None]


def test_of_two_labels_received_at_once_the_later_one_holds(
    store: Store, schema: Schema, make_rows: Rows, prefix: str
) -> None:
    model_id = f"at once {prefix}"
    store.register_model(model_id, schema, task="binary")
    ids = store.log(model_id, make_rows(1, prefix=prefix)).ids
    at = _day(5)
    values = [{"id": ids[0], "value": value, "received_at": at} for value in (0, 1)]
    store.label(model_id, values)
    assert _truth(store, model_id) == ["1"] == _truth(store, model_id, as_of=at)


def test_a_label_that_repeats_what_was_known_is_not_kept(
    store: Store, schema: Schema, make_rows: Rows, prefix: str
) -> None:
    model_id = f"repeat {prefix}"
    store.register_model(model_id, schema, task="binary")
    ids = store.log(model_id, make_rows(2, prefix=prefix)).ids
    labels = pd.DataFrame({"id": ids, "value": [1, 0], "received_at": [_day(5)] * 2})
    assert store.label(model_id, labels) == LabelResult(2, 0, 0, 0)
    assert store.label(model_id, labels) == LabelResult(0, 2, 0, 0)
    assert store.label(model_id, pd.concat([labels, labels])).unchanged == 4
    earlier = store.label(model_id, labels.assign(received_at=_day(4)))
    assert earlier == LabelResult(2, 0, 0, 0), "it answers a question about day 4"
    assert _truth(store, model_id, as_of=_day(4)) == ["1", "0"]


def test_a_label_that_says_its_time_is_kept_since_another_may_come_from_before(
    store: Store, schema: Schema, make_rows: Rows, prefix: str
) -> None:
    model_id = f"confirmed {prefix}"
    store.register_model(model_id, schema, task="binary")
    ids = store.log(model_id, make_rows(1, prefix=prefix)).ids
    for value, day in ((0, 3), (0, 9), (1, 6)):
        at = _day(day)
        assert store.label(model_id, {"id": ids[0], "value": value, "received_at": at}).stored == 1
    assert _truth(store, model_id, as_of=_day(7)) == ["1"]
    assert _truth(store, model_id) == ["0"] == _truth(store, model_id, as_of=_day(9))


def test_a_table_of_labels_without_times_is_kept_once_however_often_it_is_sent(
    store: Store, schema: Schema, make_rows: Rows, prefix: str
) -> None:
    model_id = f"nightly {prefix}"
    store.register_model(model_id, schema, task="binary")
    ids = store.log(model_id, make_rows(2, prefix=prefix)).ids
    table = pd.DataFrame({"id": [*ids, "ghost"], "value": [1, 0, 1]})
    assert store.label(model_id, table) == LabelResult(2, 0, 1, 0)
    assert store.label(model_id, table) == LabelResult(0, 2, 1, 0)
    assert len(store.waiting_labels(model_id)) == 1
    changed = table.assign(value=[1, 1, 0])
    assert store.label(model_id, changed) == LabelResult(1, 1, 1, 0)
    assert store.waiting_labels(model_id)["value"].tolist() == ["1", "0"]
    assert store.label(model_id, table) == LabelResult(1, 1, 1, 0), "changed back"
    assert store.waiting_labels(model_id)["value"].tolist() == ["1", "0", "1"]


def test_labels_of_unknown_ids_wait_for_their_prediction(
    store: Store, schema: Schema, make_rows: Rows
) -> None:
    store.register_model("waiting", schema, task="binary")
    store.log("waiting", make_rows(1, prefix="first"))
    labels = [
        {"id": "late0", "value": 0, "received_at": _day(5)},
        {"id": "late0", "value": 1, "received_at": _day(6)},
        {"id": "never", "value": 1, "received_at": _day(7)},
    ]
    assert store.label("waiting", labels) == LabelResult(0, 0, 3, 0)
    told = store.waiting_labels("waiting")
    assert told["id"].tolist() == ["late0", "late0", "never"]
    assert told["value"].tolist() == ["0", "1", "1"]
    assert told["received_at"].tolist() == [_day(5), _day(6), _day(7)]
    assert store.waiting_ids("waiting") == 2
    assert len(store.waiting_labels("waiting", limit=1)) == 1
    with pytest.raises(InputError, match="at least 1"):
        store.waiting_labels("waiting", limit=0)
    store.log("waiting", make_rows(1, prefix="late", start=_day(1)))
    assert _truth(store, "waiting") == [None, "1"]
    assert _truth(store, "waiting", as_of=_day(5)) == [None, "0"]
    assert store.waiting_labels("waiting")["id"].tolist() == ["never"]
    assert store.waiting_ids("waiting") == 1


def test_labels_that_wait_and_are_sent_again_wait_once(store: Store, schema: Schema) -> None:
    store.register_model("sent again", schema, task="binary")
    labels = [{"id": f"none{i}", "value": i % 2, "received_at": _day(2)} for i in range(3)]
    for _ in range(2):
        assert store.label("sent again", labels) == LabelResult(0, 0, 3, 0)
    assert store.waiting_labels("sent again")["id"].tolist() == ["none0", "none1", "none2"]


def test_targets_that_come_with_the_rows_are_labels(
    store: Store, schema: Schema, make_rows: Rows, prefix: str
) -> None:
    model_id = f"with rows {prefix}"
    store.register_model(model_id, schema, task="binary")
    result = store.log(model_id, make_rows(3, prefix=prefix).assign(was_late=[1, None, 0]))
    assert (result.stored, result.labels) == (3, 2)
    assert _truth(store, model_id) == ["1", None, "0"]
    assert _truth(store, model_id, as_of=END) == [None, None, None], "received when logged: now"


def test_a_row_sent_again_with_its_target_is_a_duplicate_and_a_label(
    store: Store, schema: Schema, make_rows: Rows
) -> None:
    store.register_model("again", schema, task="binary")
    store.log("again", make_rows(2, prefix="a"))
    result = store.log("again", make_rows(2, prefix="a").assign(was_late=[1, 0]))
    assert (result.stored, result.duplicates, result.conflicts, result.labels) == (0, 2, 0, 2)
    assert _truth(store, "again") == ["1", "0"]


def test_labels_that_cannot_be_read_are_quarantined(
    store: Store, schema: Schema, make_rows: Rows
) -> None:
    store.register_model("unreadable", schema, task="binary")
    ids = store.log("unreadable", make_rows(2, prefix="u")).ids
    labels = [
        {"id": ids[0], "value": None},
        {"id": None, "value": 1},
        {"id": ids[0], "value": "maybe"},
        {"id": ids[1], "value": 1},
    ]
    assert store.label("unreadable", labels) == LabelResult(1, 0, 0, 3)
    kept = store.quarantine("unreadable")
    assert kept["part"].unique().tolist() == ["label"]
    assert kept["reason"].tolist() == [
        "it has no value",
        "it has no id",
        "'maybe' is neither of the two classes ['0', '1']",
    ]


def test_what_cannot_be_a_label_is_refused_plainly(
    store: Store, schema: Schema, make_rows: Rows
) -> None:
    store.register_model("history", schema, task="binary", clock="data")
    store.log("history", make_rows(1, prefix="h"))
    with pytest.raises(InputError, match="say when each label came, in a column 'received_at'"):
        store.label("history", {"id": "h0", "value": 1})
    with pytest.raises(ColumnError, match="'value' is not in the labels"):
        store.label("history", {"id": "h0", "label": 1})
    with pytest.raises(InputError, match="without a time zone"):
        store.label("history", {"id": "h0", "value": 1, "received_at": datetime(2026, 3, 5)})  # noqa: DTZ001
    store.register_model("no target", Schema(timestamp="at"), task="binary")
    with pytest.raises(SchemaError, match="declares no target, so it takes no labels"):
        store.label("no target", {"id": "x", "value": 1})
    assert store.label("history", pd.DataFrame({"id": [], "value": []})) == LabelResult(0, 0, 0, 0)
