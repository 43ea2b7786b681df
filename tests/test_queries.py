"""Rows out of any database: compared where they are kept, its address told to nobody."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine, text

from mondrift.cli import main
from mondrift.errors import InputError
from mondrift.ingest import read_query
from mondrift.store.connect import address

pytestmark = pytest.mark.servers

QUERY = "SELECT at, amount, shop FROM sales WHERE month = {}"


@pytest.fixture(scope="module")
def warehouse(database_url: str) -> str:
    """A table of somebody else's: 300 sales in January, 300 dearer ones in June."""
    engine = create_engine(address(database_url))
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE TABLE sales AS SELECT m AS month, timestamptz '2026-01-01 00:00+01' "
                "+ n * interval '1 hour' AS at, (n * 37 % 100) + 80.0 * (m = 6)::int AS amount, "
                "CASE WHEN n % 3 = 0 THEN 'north' ELSE 'south' END AS shop "
                "FROM generate_series(0, 299) n, unnest(ARRAY[1, 6]) m"
            )
        )
    engine.dispose()
    return database_url


def test_a_query_gives_rows_with_times_in_utc(warehouse: str) -> None:
    rows = read_query(QUERY.format(1) + " ORDER BY at", warehouse, timestamps=("at",))
    assert len(rows) == 300
    assert rows["at"][0] == datetime(2025, 12, 31, 23, tzinfo=UTC)
    assert pd.api.types.is_float_dtype(rows["amount"].astype(float))


def test_two_queries_are_compared(warehouse: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", warehouse)
    options = ("compare", "--database", "WAREHOUSE_URL", "--timestamp", "at")
    result = CliRunner().invoke(main, [*options, QUERY.format(1), QUERY.format(6)])
    assert result.exit_code == 0, result.output
    assert result.output.startswith("alarm: 1 of 2 columns drifted: amount")


def test_what_a_query_writes_is_rolled_back(warehouse: str) -> None:
    assert len(read_query("DELETE FROM sales RETURNING month", warehouse)) == 600
    assert len(read_query(QUERY.format(1), warehouse)) == 300


@pytest.mark.parametrize(
    ("query", "url", "words"),
    [
        ("SELECT * FROM nowhere", None, 'relation "nowhere" does not exist'),
        ("SELECT 1", "postgresql://me:secret@127.0.0.1:1/x", "onnection refused"),
        ("SELECT 1", "secret", "The address of the database cannot be used"),
        ("SELECT 1", "nosuchdb://me:secret@host/x", "nosuchdb"),
    ],
)
def test_a_query_without_an_answer_is_told_without_the_password(
    warehouse: str, query: str, url: str | None, words: str
) -> None:
    with pytest.raises(InputError, match=words) as error:
        read_query(query, url or warehouse)
    assert "secret" not in str(error.value)


def test_an_address_that_is_not_set_is_told() -> None:
    result = CliRunner().invoke(main, ["compare", "--database", "NOT_SET", "SELECT 1", "SELECT 1"])
    assert result.exit_code == 2
    assert "the environment variable NOT_SET is not set" in result.output
