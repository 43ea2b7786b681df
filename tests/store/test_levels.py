"""Levels of categorical columns: there is an end to them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pandas as pd
import pytest
from sqlalchemy import create_engine, text

from mondrift import Schema
from mondrift.errors import InputError
from mondrift.store import Store
from mondrift.store.connect import address

pytestmark = pytest.mark.servers

START = datetime(2026, 3, 1, tzinfo=UTC)
END = datetime(2026, 4, 1, tzinfo=UTC)
Rows = Callable[..., pd.DataFrame]


def test_a_level_beyond_the_most_that_are_kept_is_quarantined_with_the_fix(
    store: Store, schema: Schema, make_rows: Rows, database_url: str
) -> None:
    model = store.register_model("many levels", schema, task="binary")
    store.log("many levels", make_rows(3))
    engine = create_engine(address(database_url))
    with engine.begin() as connection:
        query = (
            "INSERT INTO category_levels (model, column_name, code, level) "
            "SELECT :model, 'carrier', n, 'carrier ' || n FROM generate_series(3, 99998) AS n"
        )
        connection.execute(text(query), {"model": model.number})
    engine.dispose()
    levels = ["a last one", "no room", "AA", "no room either", "carrier 70000"]
    rows = make_rows(5, prefix="m").assign(carrier=levels)
    result = store.log("many levels", rows)
    assert (result.stored, result.quarantined) == (3, 2)
    assert result.ids == ("m0", None, "m2", None, "m4")
    assert store.quarantine("many levels")["reason"].tolist() == [
        f"column 'carrier': {level!r} would be one more than the 100000 levels that are kept: "
        "declare the column text"
        for level in ("no room", "no room either")
    ]
    with pytest.raises(InputError, match=r"2 of 5 rows cannot be part of a baseline.*'no room'"):
        store.register_baseline("many levels", rows.drop(columns="id"))
    found = store.window("many levels", START, END)
    assert sorted(found["carrier"]) == ["AA", "AA", "DL", "UA", "a last one", "carrier 70000"]
    wider = Schema(**{**vars(schema), "kinds": {**schema.kinds, "carrier": "text"}})
    store.register_model("many levels", wider, task="binary")
    assert store.log("many levels", rows).stored == 2, "the fix that was offered"
