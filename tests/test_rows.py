"""Any frame in, checked columns out; what cannot be read is counted, never dropped in silence."""

from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from mondrift.errors import ColumnError, InputError, SchemaError
from mondrift.rows import read
from mondrift.schema import Schema


def fitted(frame, **declared):
    return Schema(**declared).fit(frame)


def column(frame, name="x", **declared):
    return read(frame, fitted(frame, **declared)).columns[name]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1.5, 2.5, None], "numeric"),
        ([1, 2, 3], "numeric"),
        (pd.array([1, None, 3], dtype="Int64"), "numeric"),
        (np.array([1, 2, 3], dtype="uint8"), "numeric"),
        (np.array([1, 2, 3], dtype="float32"), "numeric"),
        ([Decimal("1.5"), Decimal("2.5"), None], "numeric"),
        ([True, False, True], "boolean"),
        ([True, None, False], "boolean"),
        (pd.array([True, None], dtype="boolean"), "boolean"),
        (["a", "b", None], "categorical"),
        (pd.Categorical(["a", "b", None]), "categorical"),
        (pd.to_datetime(["2013-01-01", None]), "datetime"),
        (pd.to_datetime(["2013-01-01", None], utc=True), "datetime"),
        ([1, "a", None], "text"),
        ([None, None], "text"),
    ],
)
def test_the_kind_of_a_column_is_inferred_from_the_reference(values, kind):
    assert fitted(pd.DataFrame({"x": values})).kinds["x"] == kind


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ([f"user {i}" for i in range(60)], "60 distinct values"),
        (list(range(1000, 1060)), "running id"),
        ([2**53 + 2, 1], "not exact as float64"),
        ([1, "a"], "mixed types"),
    ],
)
def test_ids_and_mixtures_are_not_compared_and_say_why(values, note):
    schema = fitted(pd.DataFrame({"x": values}))
    assert schema.kinds["x"] == "text"
    assert note in schema.notes["x"]


@pytest.mark.parametrize("dtype", ["int64", "Int64", "uint8", "float32", "float64", "object"])
def test_every_type_of_number_reads_as_the_same_float64(dtype):
    values = column(pd.DataFrame({"x": pd.Series([1, 2, 250], dtype=dtype)})).values
    assert values.dtype == np.float64
    assert values.tolist() == [1.0, 2.0, 250.0]


def test_missing_values_of_every_type_are_nan():
    frame = pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": [Decimal(1), None]})
    rows = read(frame, fitted(frame))
    assert [np.isnan(c.values).tolist() for c in rows.columns.values()] == [[False, True]] * 2


def test_strings_categories_and_objects_give_the_same_levels():
    for values in (["b", "a", None], pd.Categorical(["b", "a", None], categories=["a", "b"])):
        read_column = column(pd.DataFrame({"x": values}))
        assert [read_column.levels[c] if c >= 0 else None for c in read_column.values] == [
            "b", "a", None,
        ]  # fmt: skip


@pytest.mark.parametrize("values", [[0, 1, 1], [0.0, 1.0, 1.0], [False, True, True]])
def test_a_class_has_one_name_whatever_its_type(values):
    read_column = column(pd.DataFrame({"x": values}), target="x")
    assert [read_column.levels[c] for c in read_column.values] == ["0", "1", "1"]


def test_polars_and_pandas_read_alike():
    data = {"x": [1.0, None, 3.0], "c": ["a", "b", None], "b": [True, None, False]}
    one = read(pd.DataFrame(data), fitted(pd.DataFrame(data)))
    other = read(pl.DataFrame(data), fitted(pl.DataFrame(data)))
    for name in data:
        np.testing.assert_array_equal(one.columns[name].values, other.columns[name].values)
        assert one.columns[name].levels == other.columns[name].levels


def test_pyarrow_tables_are_read():
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"x": [1.0, None], "c": ["a", "b"]})
    assert read(table, fitted(table)).n == 2


def test_the_current_window_is_read_as_the_reference_kinds():
    schema = fitted(pd.DataFrame({"x": [1.0, 2.0]}))
    rows = read(pd.DataFrame({"x": ["3.5", "none of it", None]}), schema)
    np.testing.assert_array_equal(rows.columns["x"].values, [3.5, np.nan, np.nan])
    assert rows.unreadable == {"x": 1}


def test_absent_and_extra_columns_are_named():
    schema = fitted(pd.DataFrame({"x": [1.0], "y": [1.0]}))
    rows = read(pd.DataFrame({"x": [1.0], "z": [1.0]}), schema)
    assert (rows.absent, rows.extra) == (("y",), ("z",))


def test_column_names_that_are_no_strings_become_strings():
    frame = pd.DataFrame(np.ones((3, 2)))
    assert list(fitted(frame).kinds) == ["0", "1"]
    with pytest.raises(ColumnError, match="more than once"):
        fitted(pd.DataFrame([[1, 2]], columns=[1, "1"]))


def test_doubled_column_names_are_refused():
    with pytest.raises(ColumnError, match=r"\['x'\] appear more than once"):
        fitted(pd.DataFrame([[1, 2]], columns=["x", "x"]))


def test_what_is_no_table_is_refused_with_the_fix():
    with pytest.raises(InputError, match=r"pandas.DataFrame\(rows\)"):
        fitted([{"x": 1}])
    with pytest.raises(InputError, match="no columns"):
        fitted(pd.DataFrame())


def test_a_declared_column_that_is_not_there_is_named_with_the_nearest():
    with pytest.raises(ColumnError, match="Did you mean 'target'"):
        fitted(pd.DataFrame({"target": [1]}), target="targte")


def test_contradictions_are_told_at_once():
    with pytest.raises(
        SchemaError, match=r"has kind 'number'.*declared as prediction and as target"
    ):
        Schema(prediction="y", target="y", kinds={"x": "number"})


def test_naive_timestamps_are_refused_with_the_fix():
    frame = pd.DataFrame({"at": pd.to_datetime(["2013-01-01"]), "x": [1.0]})
    with pytest.raises(InputError, match="tz_localize"):
        read(frame, fitted(frame, timestamp="at"))
    words = pd.DataFrame({"at": ["2013-01-01"], "x": [1.0]})
    with pytest.raises(InputError, match="to_datetime"):
        read(words, fitted(words, timestamp="at"))


def test_the_window_is_the_span_of_the_timestamps():
    frame = pd.DataFrame({"at": pd.to_datetime(["2013-01-02", "2013-01-01"], utc=True)})
    window = read(frame, fitted(frame, timestamp="at")).window
    assert (window.start.day, window.end.day, window.n) == (1, 2, 2)


@pytest.mark.parametrize("zone", ["America/New_York", "Etc/GMT+5", "UTC+05:30", "Europe/Berlin"])
def test_timestamps_of_any_zone_are_read_as_the_moments_they_are(zone):
    utc = pd.DataFrame({"at": pd.to_datetime(["2013-01-01T05:00", "2013-07-01T05:00"], utc=True)})
    local = utc.assign(at=utc["at"].dt.tz_convert(zone))
    schema = fitted(local, timestamp="at")
    assert read(local, schema).window == read(utc, schema).window
    assert str(local["at"].dt.tz) == str(utc["at"].dt.tz_convert(zone).dt.tz)  # left alone


def test_a_schema_survives_json():
    schema = Schema(target="y", probability={"a": "p_a"}, segments="s", private=("x",), id="id")
    assert Schema.from_dict(schema.to_dict()) == schema


def test_reading_leaves_the_frame_alone():
    frame = pd.DataFrame({"x": [1.0, None], "c": ["a", None], 3: [True, False]})
    before = frame.copy(deep=True)
    read(frame, fitted(frame))
    pd.testing.assert_frame_equal(frame, before)
