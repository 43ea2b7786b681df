"""Partitions and levels: made ahead, by many processes at once, each exactly once.

tests/store/test_faults.py has eight processes that need the same ones at the same moment.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from sqlalchemy import create_engine, text

from mondrift import Schema
from mondrift.store import Store
from mondrift.store.connect import address
from tests.processes import forked

pytestmark = pytest.mark.servers

START = datetime(2026, 3, 1, tzinfo=UTC)


def _rows() -> pd.DataFrame:
    """Rows of ten days and twenty levels."""
    places = range(300)
    return pd.DataFrame(
        {
            "at": [START + timedelta(days=place % 10, seconds=place) for place in places],
            "level": [f"level {place % 20}" for place in places],
            "guess": [float(place) for place in places],
            "id": [f"{place}" for place in places],
        }
    )


def _same(arguments: tuple[str, int]) -> tuple[int, int]:
    url, worker = arguments
    frame = _rows().sample(frac=1, random_state=worker)
    with Store.open(url) as store:
        result = store.log("same", frame)
        return result.stored, result.duplicates


@pytest.fixture
def model_schema() -> Schema:
    """One categorical feature and a number to predict."""
    return Schema(
        timestamp="at",
        prediction="guess",
        kinds={"at": "datetime", "level": "categorical", "guess": "numeric"},
    )


def test_processes_that_log_the_same_ids_store_each_once(
    store: Store, database_url: str, model_schema: Schema
) -> None:
    store.register_model("same", model_schema, task="regression")
    with ProcessPoolExecutor(4, forked()) as pool:
        arguments = [(database_url, worker) for worker in range(4)]
        results = list(pool.map(_same, arguments, timeout=120))
    assert sum(stored for stored, _ in results) == 300
    assert sum(duplicates for _, duplicates in results) == 900
    found = store.window("same", START, START + timedelta(days=30)).set_index("id")
    assert len(found) == 300
    expected = _rows().set_index("id").loc[found.index]
    assert found["level"].tolist() == expected["level"].tolist()
    assert found["guess"].tolist() == expected["guess"].tolist()


def test_a_reader_does_not_hold_up_a_new_partition(
    store: Store, database_url: str, model_schema: Schema
) -> None:
    store.register_model("reader", model_schema, task="regression")
    store.log("reader", {"at": START, "level": "a", "guess": 1.0})
    engine = create_engine(address(database_url))
    with engine.connect() as reader:
        reader.execute(text("SELECT count(*) FROM predictions"))  # holds its lock until the end
        later = START + timedelta(days=200)
        assert store.log("reader", {"at": later, "level": "a", "guess": 1.0}).stored == 1
    engine.dispose()
