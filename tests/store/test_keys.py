"""Ids that clients give: the same one is stored once, whoever sends it how often."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from mondrift import Schema
from mondrift.store import Store

pytestmark = pytest.mark.servers

START = datetime(2026, 3, 1, tzinfo=UTC)
END = datetime(2026, 4, 1, tzinfo=UTC)
Rows = Callable[..., pd.DataFrame]


def _one(**changes: Any) -> dict[str, Any]:
    row = {"at": START, "temperature": 1.0, "carrier": "AA", "late": 0, "score": 0.5}
    return row | changes


def _reasons(store: Store, model_id: str) -> list[str]:
    return store.quarantine(model_id)["reason"].tolist()


def test_the_same_id_is_stored_once_and_other_content_is_a_conflict(
    store: Store, schema: Schema, make_rows: Rows
) -> None:
    store.register_model("same", schema, task="binary")
    frame = make_rows(10, prefix="k")
    assert store.log("same", frame).stored == 10
    changed = frame.copy()
    changed.loc[3, "temperature"] = 99.0
    changed.loc[4, "at"] += timedelta(days=1)
    result = store.log("same", pd.concat([changed, make_rows(2, prefix="new")]))
    assert (result.stored, result.duplicates, result.conflicts) == (2, 8, 2)
    assert result.ids[3] is None
    assert result.ids[0] == "k0"
    reasons = _reasons(store, "same")
    assert reasons == ["its id is taken by a row with other content"] * 2
    assert store.quarantine("same")["row"].iloc[0]["temperature"] == 99.0
    assert len(store.window("same", START, END)) == 12


def test_the_same_id_twice_in_one_batch_counts_as_sent_twice(store: Store, schema: Schema) -> None:
    store.register_model("twice", schema, task="binary")
    rows = [_one(id="a"), _one(id="a"), _one(id="a", temperature=2.0), _one(id=7), _one(id="7")]
    result = store.log("twice", rows)
    assert (result.stored, result.duplicates, result.conflicts) == (2, 2, 1)
    assert store.window("twice", START, END)["id"].tolist().count("a") == 1


@pytest.mark.parametrize("known", range(4))
def test_a_few_known_ids_among_many_new_ones_are_found(
    store: Store, schema: Schema, make_rows: Rows, known: int
) -> None:
    model_id = f"few known {known}"
    store.register_model(model_id, schema, task="binary")
    frame = make_rows(200, prefix="f").assign(id=[f"{place:03d}" for place in range(200)])
    store.log(model_id, frame.iloc[[known, 150 + known]])
    changed = frame.assign(temperature=[99.0 if n == known else n / 4 for n in range(200)])
    result = store.log(model_id, changed.iloc[::-1])
    assert (result.stored, result.duplicates, result.conflicts) == (198, 1, 1)
    assert result.ids[199 - known] is None
    found = store.window(model_id, START, END)
    assert sorted(found["id"]) == frame["id"].tolist()
    assert found["temperature"].tolist() == frame["temperature"].tolist()


def test_rows_without_an_id_among_rows_with_one_get_one(store: Store, schema: Schema) -> None:
    store.register_model("mixed", schema, task="binary")
    result = store.log("mixed", [_one(id="mine"), _one(), _one(id=None)])
    assert result.stored == 3
    assert result.ids[0] == "mine"
    assert None not in result.ids


def test_ids_are_unique_per_model_only(store: Store, schema: Schema) -> None:
    for model_id in ("first of two", "second of two"):
        store.register_model(model_id, schema, task="binary")
        assert store.log(model_id, _one(id="shared")).stored == 1


def test_zero_has_one_sign_so_that_its_hash_is_one(store: Store, schema: Schema) -> None:
    store.register_model("zero", schema, task="binary")
    store.log("zero", _one(id="z", temperature=0.0))
    assert store.log("zero", _one(id="z", temperature=-0.0)).duplicates == 1
