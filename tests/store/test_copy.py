"""COPY BINARY against a real server: exact, and refusing what has another shape."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import psycopg2
import pytest

from mondrift import embedded
from mondrift.errors import StoreError
from mondrift.store import copy, encode, ids
from mondrift.store.copy import Field, Wanted

pytestmark = pytest.mark.servers

FLOAT, INT = np.dtype(">f8"), np.dtype(">i4")


@pytest.fixture
def cursor(servers: embedded.Servers) -> Iterator[Any]:
    """A cursor in a transaction that is rolled back."""
    connection = psycopg2.connect(servers.database_url.replace("+psycopg2", ""))
    with connection.cursor() as cursor:
        yield cursor
    connection.rollback()
    connection.close()


def test_rows_of_many_shapes_arrive_as_they_are(cursor: Any) -> None:
    cursor.execute("CREATE TEMP TABLE t (n int4, x float8, a float8[], b int4[], s text, l text[])")
    n = 500
    generator = np.random.default_rng(3)
    numbers, arrays = generator.normal(size=n), generator.normal(size=(n, 3))
    null = generator.random(n) < 0.3
    words = ["é" * int(k) for k in generator.integers(0, 40, n)]
    fields = [
        Field(np.arange(n, dtype=np.int32)),
        Field(numbers, null),
        Field(arrays),
        Field(np.empty((n, 0), dtype=np.int32)),
        copy.texts([None if gone else word for gone, word in zip(null, words, strict=True)]),
        copy.text_array([[word, None] for word in words]),
    ]
    copy.write(cursor, "t", fields, n)
    cursor.execute("SELECT * FROM t ORDER BY n")
    for at, row in enumerate(cursor.fetchall()):
        gone = bool(null[at])
        assert row == (
            at,
            None if gone else numbers[at],
            arrays[at].tolist(),
            [],
            None if gone else words[at],
            [words[at], None],
        )


def test_times_are_exact_to_the_microsecond(cursor: Any) -> None:
    cursor.execute("CREATE TEMP TABLE t (at timestamptz)")
    moment = datetime(2013, 4, 22, 1, 2, 3, 456_789, tzinfo=UTC)
    value = int(moment.timestamp()) * 1_000_000 + moment.microsecond
    copy.write(cursor, "t", [Field(copy.moments(np.array([value])))], 1)
    cursor.execute("SELECT at FROM t")
    assert cursor.fetchone() == (moment,)


@pytest.mark.parametrize("even", [True, False])
def test_what_is_read_is_what_was_written(cursor: Any, even: bool) -> None:
    length = "36" if even else "36 + i % 5"
    query = (
        f"SELECT i::float8 / 7, ARRAY[i, -i], repeat('x', {length}) FROM generate_series(1, 1000) i"
    )
    wanted = [Wanted("x", FLOAT), Wanted("a", INT, 2), Wanted("s", None)]
    found = copy.read(cursor, query, wanted)
    i = np.arange(1, 1001)
    np.testing.assert_array_equal(found["x"], i / 7)
    np.testing.assert_array_equal(found["a"], np.column_stack([i, -i]))
    lengths = [36] * 1000 if even else [36 + k % 5 for k in range(1, 1001)]
    assert [len(word) for word in found["s"]] == lengths


def test_no_rows_and_missing_strings_are_read(cursor: Any) -> None:
    wanted = [Wanted("x", FLOAT), Wanted("s", None)]
    found = copy.read(cursor, "SELECT 1::float8, 'a' WHERE false", wanted)
    assert (len(found["x"]), found["s"]) == (0, [])
    query = "SELECT 1::float8, s FROM (VALUES ('aa'), (NULL), ('')) v(s)"
    assert copy.read(cursor, query, wanted)["s"] == ["aa", None, ""]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT CASE WHEN i <> 500 THEN i::float8 END, 'x' FROM generate_series(1, 1000) i",
        "SELECT i, 'x' FROM generate_series(1, 1000) i",
        "SELECT i::float8, 'x', 1 FROM generate_series(1, 1000) i",
    ],
    ids=["a NULL", "another type", "another number of columns"],
)
def test_a_row_of_another_shape_is_refused_and_never_misread(cursor: Any, query: str) -> None:
    with pytest.raises(StoreError, match="another shape"):
        copy.read(cursor, query, [Wanted("x", FLOAT), Wanted("s", None)])


@pytest.mark.parametrize("array", ["ARRAY[1.5::float8, NULL]", "ARRAY[1.5::float8]", "ARRAY[1, 2]"])
def test_a_ragged_array_is_refused(cursor: Any, array: str) -> None:
    query = f"SELECT CASE WHEN i = 7 THEN {array} ELSE ARRAY[i, i] END FROM generate_series(1, 9) i"
    if "NULL" not in array and "1.5" not in array:
        query = "SELECT ARRAY[i, i] FROM generate_series(1, 9) i"
    with pytest.raises(StoreError, match="another shape"):
        copy.read(cursor, query, [Wanted("a", FLOAT, 2)])


def test_the_hash_of_a_row_depends_on_its_content_only() -> None:
    numbers = np.array([1.0, 2.0, 1.0, np.nan])
    fields = [Field(numbers, np.isnan(numbers)), Field([b"a", b"bb", b"a", b"a"])]
    found = encode.hashes(fields, 4)
    assert found[0] == found[2]
    assert len(set(found.tolist())) == 3
    reordered = encode.hashes([field.take(np.array([3, 2, 1, 0])) for field in fields], 4)
    assert reordered.tolist() == found[::-1].tolist()


def test_ids_hold_every_microsecond_exactly() -> None:
    base = 1_366_588_800_000_000
    moments = np.arange(base, base + 2000)
    assert ids.times(ids.make(moments).astype(str)).tolist() == moments.tolist()
    assert ids.times(["", "order-17", "018f" * 9]).tolist() == [ids.NO_TIME] * 3
