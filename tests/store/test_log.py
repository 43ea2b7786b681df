"""Logging: what goes in comes out, what does not fit is kept apart, nothing is stored twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sqlalchemy import create_engine, text

from mondrift import Schema, compare
from mondrift.errors import ColumnError, InputError, ModelError, SchemaError
from mondrift.store import Store
from mondrift.store.connect import address
from mondrift.store.ids import times

pytestmark = pytest.mark.servers

START = datetime(2026, 3, 1, tzinfo=UTC)
END = datetime(2026, 4, 1, tzinfo=UTC)
Rows = Callable[..., pd.DataFrame]


def _one(**changes: Any) -> dict[str, Any]:
    row = {"at": START, "temperature": 1.0, "carrier": "AA", "late": 0, "score": 0.5}
    return row | changes


def _reasons(store: Store, model_id: str) -> list[str]:
    return store.quarantine(model_id)["reason"].tolist()


def test_every_kind_comes_back_as_it_went_in(store: Store) -> None:
    frame = pd.DataFrame(
        {
            "at": pd.date_range("2026-03-01T00:00:00.000001Z", periods=3, freq="31us"),
            "number": [1.5, np.nan, np.inf],
            "small": np.array([-0.0, -np.inf, 5e-324]),
            "whole": pd.array([2**53, None, -(2**53)], dtype="Int64"),
            "flag": pd.array([True, False, None], dtype="boolean"),
            "sure": [True, False, True],
            "level": ["naïve ☃", None, "'; DROP TABLE models; --"],
            "when": pd.to_datetime(["1999-12-31T23:59:59.999999Z", None, "2100-01-01T00:00:00.0Z"]),
            "note": ["a\tb\\N", None, ""],
            "guess": [0.25, 1e300, np.nan],
        }
    )
    kinds = {"note": "text", "level": "categorical"}
    schema = Schema(timestamp="at", prediction="guess", kinds=kinds)
    store.register_model("kinds", schema, task="regression")
    assert store.log("kinds", frame).stored == 3
    back = store.window("kinds", START, END)
    expected = frame.assign(
        at=frame["at"].dt.as_unit("us"),
        when=frame["when"].dt.as_unit("us"),
        whole=frame["whole"].astype("float64"),
        level=frame["level"].astype("category"),
    )
    pd.testing.assert_frame_equal(
        back[list(frame.columns)], expected, check_dtype=False, check_categorical=False
    )
    assert back["id"].is_unique
    assert str(back["at"].dtype) == "datetime64[us, UTC]"
    assert str(back["level"].dtype) == "category"


@pytest.mark.parametrize(
    "convert", [pl.from_pandas, pa.Table.from_pandas, lambda frame: frame.to_dict("records")]
)
def test_any_frame_and_lists_of_dicts_are_read_alike(
    store: Store, schema: Schema, make_rows: Rows, convert: Callable[[pd.DataFrame], Any]
) -> None:
    model_id = f"any {convert}"
    store.register_model(model_id, schema, task="binary")
    frame = make_rows(7, prefix="r")
    assert store.log(model_id, frame).stored == 7
    assert store.log(model_id, convert(frame)).duplicates == 7


def test_the_window_is_half_open_and_sorted_by_time(
    store: Store, schema: Schema, make_rows: Rows
) -> None:
    store.register_model("half open", schema, task="binary")
    frame = make_rows(10)
    store.log("half open", frame.iloc[::-1])
    found = store.window("half open", START, START + timedelta(minutes=5))
    assert found["temperature"].tolist() == [0, 0.25, 0.5, 0.75, 1.0]
    assert len(store.window("half open", END, END + timedelta(days=1))) == 0
    chosen = store.window("half open", START, END, columns=["carrier", "at"])
    assert list(chosen.columns) == ["at", "carrier"]
    with pytest.raises(ColumnError, match="Did you mean 'carrier'"):
        store.window("half open", START, END, columns=["carier"])


def test_an_empty_window_can_be_compared(store: Store, schema: Schema, make_rows: Rows) -> None:
    store.register_model("empty", schema, task="binary")
    store.log("empty", make_rows(50))
    reference = store.window("empty", START, END)
    current = store.window("empty", END, END + timedelta(days=1))
    comparison = compare(reference, current, schema=store.model("empty").schema)
    assert comparison.current.n == 0


def test_made_ids_carry_the_time_of_their_row(
    store: Store, schema: Schema, make_rows: Rows
) -> None:
    store.register_model("ids", schema, task="binary")
    frame = make_rows(1000, start=START + timedelta(microseconds=987_653))
    result = store.log("ids", frame)
    expected = frame["at"].dt.as_unit("us").astype("int64")
    assert times([each or "" for each in result.ids]).tolist() == expected.tolist()
    assert len(set(result.ids)) == 1000


def test_rows_that_do_not_fit_are_kept_whole_with_every_reason(
    store: Store, schema: Schema
) -> None:
    store.register_model("bad", schema, task="binary")
    rows: list[dict[str, Any]] = [
        _one(),
        _one(temperature="warm", score=1.5),
        _one(at="yesterday"),
        _one(at="2026-03-01 12:00"),
        _one(at=None),
        _one(at="1970-01-01T00:00Z"),
        _one(at="2200-01-01T00:00Z"),
        _one(id=""),
        _one(id="x" * 300),
        _one(carrier="nul\0"),
        _one(carrier="\ud800"),
        _one(carrier="x" * 501),
        _one(temperature=2**53 + 1),
        {k: v for k, v in _one().items() if k != "carrier"},
        _one(humidity=0.5),
        _one(temperature=Decimal("1.25")),
    ]
    result = store.log("bad", rows)
    assert (result.stored, result.quarantined) == (2, 14)
    assert [each is None for each in result.ids] == [False] + 14 * [True] + [False]
    kept = store.quarantine("bad")
    assert kept["part"].unique().tolist() == ["prediction"]
    expected = [
        "column 'temperature': 'warm' is no number; column 'score': 1.5 is no probability",
        "timestamp 'yesterday' cannot be read",
        "timestamp 2026-03-01 12:00 has no time zone",
        "it has no timestamp",
        "timestamp 1970-01-01T00:00Z is not between 2000-01-01 and now + 1 day",
        "timestamp 2200-01-01T00:00Z is not between 2000-01-01 and now + 1 day",
        "id '' is not 1 to 255 plain characters",
        f"id '{56 * 'x'}... is not 1 to 255 plain characters",
        "column 'carrier': 'nul\\x00' holds a character that PostgreSQL cannot keep",
        "column 'carrier': '\\ud800' holds a character that PostgreSQL cannot keep",
        "is longer than 500 characters: declare the column text",
        "column 'temperature': 9007199254740993 is beyond 2^53: declare the column text",
        "it lacks ['carrier']",
        "the schema has no ['humidity']",
    ]
    for reason, part in zip(kept["reason"], expected, strict=True):
        assert part in reason
    row = kept["row"].iloc[0]
    assert row["temperature"] == "warm"
    assert row["at"] == {"$datetime": "2026-03-01T00:00:00+00:00"}
    assert kept["row"].iloc[8]["carrier"] == "nul\0"
    assert kept["row"].iloc[13]["humidity"] == 0.5


def test_bad_rows_of_a_frame_are_quarantined_and_the_others_stored(
    store: Store, schema: Schema, make_rows: Rows
) -> None:
    store.register_model("one percent", schema, task="binary")
    frame = make_rows(1000)
    frame["temperature"] = frame["temperature"].astype(object)
    frame.loc[::100, "temperature"] = "?"
    result = store.log("one percent", frame)
    assert (result.stored, result.quarantined) == (990, 10)
    assert len(store.window("one percent", START, END)) == 990


def test_frames_with_wrong_columns_are_refused_whole(
    store: Store, schema: Schema, make_rows: Rows
) -> None:
    store.register_model("columns", schema, task="binary")
    frame = make_rows(3)
    with pytest.raises(ColumnError, match=r"lack \['carrier'\]; .*no \['carier'\]"):
        store.log("columns", frame.rename(columns={"carrier": "carier"}))
    with pytest.raises(ColumnError, match=r"no \['humidity'\]. Nothing .*register its"):
        store.log("columns", frame.assign(humidity=1))
    with pytest.raises(ColumnError, match="more than once"):
        store.log("columns", pd.concat([frame, frame[["late"]]], axis=1))
    with pytest.raises(InputError, match="as a DataFrame, a list of dicts or one dict, not as str"):
        store.log("columns", "rows.csv")
    assert len(store.window("columns", START, END)) == 0


def test_naive_timestamps_are_refused_or_declared(
    store: Store, schema: Schema, make_rows: Rows
) -> None:
    store.register_model("naive", schema, task="binary")
    frame = make_rows(2)
    naive = frame.assign(at=frame["at"].dt.tz_localize(None))
    for given in (naive, naive.to_dict("records"), naive.assign(at=naive["at"].astype(str))):
        with pytest.raises(InputError, match=r"without a time zone.*log\(..., zone='UTC'\)"):
            store.log("naive", given)
        store.log("naive", given, zone="America/New_York")
    found = store.window("naive", START, END)
    assert found["at"].unique().tolist() == [
        START + timedelta(hours=5), START + timedelta(hours=5, minutes=1)
    ]  # fmt: skip
    with pytest.raises(InputError, match="'Mars/Olympus' is no time zone"):
        store.log("naive", naive, zone="Mars/Olympus")
    with pytest.raises(InputError, match="holds numbers, not timestamps"):
        store.log("naive", frame.assign(at=[1, 2]))


def test_an_hour_that_clocks_skip_or_repeat_is_quarantined(store: Store, schema: Schema) -> None:
    store.register_model("dst", schema, task="binary")
    rows = [_one(at="2026-03-08 02:30"), _one(at="2026-03-08 03:30")]
    result = store.log("dst", rows, zone="America/New_York")
    assert (result.stored, result.quarantined) == (1, 1)


def test_other_zones_become_utc(store: Store, schema: Schema) -> None:
    store.register_model("zones", schema, task="binary")
    india = timezone(timedelta(hours=5, minutes=30))
    store.log("zones", [_one(at=START.astimezone(india)), _one(at="2026-03-01T05:30:00+05:30")])
    assert store.window("zones", START, END)["at"].unique().tolist() == [START]


def test_hostile_names_are_only_names(store: Store, database_url: str) -> None:
    name = 'x"; DROP TABLE predictions; --%s%(a)s'
    model_id = "m'; DROP TABLE models; --%s"
    rows = pd.DataFrame({"at": [START], name: [1.0], "a:b": ["'%"], "guess": [0.5]})
    schema = Schema(timestamp="at", prediction="guess", kinds={"a:b": "categorical"})
    store.register_model(model_id, schema, task="regression")
    assert store.log(model_id, rows).stored == 1
    assert store.window(model_id, START, END)[name].tolist() == [1.0]
    engine = create_engine(address(database_url))
    with engine.connect() as connection:
        query = "SELECT features_json FROM predictions_json WHERE model_id = :model_id"
        shown = connection.execute(text(query), {"model_id": model_id}).scalar_one()
    engine.dispose()
    assert shown == {name: 1.0, "a:b": "'%"}


def test_people_with_psql_see_features_as_json(
    store: Store, schema: Schema, database_url: str
) -> None:
    store.register_model("psql", schema, task="binary")
    store.log("psql", [_one(id="p", temperature=None), _one(id="q", carrier=None)])
    store.label("psql", {"id": "p", "value": 1})
    engine = create_engine(address(database_url))
    with engine.connect() as connection:
        query = (
            "SELECT id, features_json, prediction, probabilities, ground_truth "
            "FROM predictions_json WHERE model_id = 'psql' ORDER BY id"
        )
        rows = [tuple(row) for row in connection.execute(text(query))]
    engine.dispose()
    assert rows == [
        ("p", {"temperature": None, "carrier": "AA"}, "0", [0.5], "1"),
        ("q", {"temperature": 1.0, "carrier": None}, "0", [0.5], None),
    ]


def test_kinds_are_inferred_once_from_the_first_rows_and_recorded(store: Store) -> None:
    store.register_model("inferred", Schema(timestamp="at", prediction="late"), task="binary")
    assert not store.model("inferred").fitted
    store.log("inferred", pd.DataFrame({"at": [START], "x": [1.5], "late": [1]}))
    assert store.model("inferred").schema.kinds["x"] == "numeric"
    assert store.log("inferred", {"at": START, "x": "high", "late": 1}).quarantined == 1
    assert store.audit("inferred")["action"].tolist() == ["register", "fit schema"]


def test_registering_again_changes_nothing_and_another_schema_is_the_next_version(
    store: Store, schema: Schema, make_rows: Rows
) -> None:
    first = store.register_model("versions", schema, task="binary")
    assert store.register_model("versions", schema, task="binary") == first
    store.log("versions", make_rows(2))
    wider = Schema(**{**vars(schema), "kinds": {**schema.kinds, "wind": "numeric"}})
    assert store.register_model("versions", wider, task="binary").schema_version == 2
    store.log("versions", make_rows(2, start=START + timedelta(days=1)).assign(wind=3.0))
    found = store.window("versions", START, END)
    assert found["wind"].isna().tolist() == [True, True, False, False]
    assert found["carrier"].tolist() == ["AA", "UA", "AA", "UA"]
    assert len(store.audit("versions")) == 2
    with pytest.raises(SchemaError, match="its task cannot become 'regression'"):
        store.register_model("versions", wider, task="regression")


def test_unknown_models_and_impossible_ones_are_told_plainly(store: Store, schema: Schema) -> None:
    store.register_model("flights", schema, task="binary")
    with pytest.raises(ModelError, match="Did you mean 'flights'"):
        store.log("flight", [])
    with pytest.raises(SchemaError, match="declares no timestamp"):
        store.register_model("no time", Schema(), task="binary")
    with pytest.raises(SchemaError, match=r"task is 'guess'; it is one of \['binary'"):
        store.register_model("no task", schema, task="guess")  # type: ignore[arg-type]


def test_progress_and_volume_are_told(store: Store, schema: Schema, make_rows: Rows) -> None:
    store.register_model("volume", schema, task="binary")
    told: list[tuple[int, int]] = []
    store.log("volume", make_rows(90), progress=lambda done, n: told.append((done, n)))
    assert told[-1] == (90, 90)
    found = store.volume("volume", START, START + timedelta(hours=3))
    assert found["n"].tolist() == [60, 30, 0]
    assert store.latest("volume") == START + timedelta(minutes=89)


def test_latency_version_segments_and_class_probabilities_are_kept(store: Store) -> None:
    schema = Schema(
        timestamp="at", prediction="kind", probability={"a": "p_a", "b": "p_b"}, segments=("site",),
        latency="ms", version="model", cluster="user",
    )  # fmt: skip
    rows = pd.DataFrame(
        {
            "at": pd.date_range(START, periods=2, freq="h"),
            "x": [1.0, 2.0],
            "site": ["north", "south"],
            "user": ["u1", "u2"],
            "kind": ["a", "b"],
            "p_a": [0.9, 0.2],
            "p_b": [0.1, 0.8],
            "ms": [12.5, np.nan],
            "model": ["1.0", None],
        }
    )
    store.register_model("roles", schema, task="multiclass")
    store.log("roles", rows)
    back = store.window("roles", START, END)
    for name in ("site", "user", "kind", "p_a", "p_b"):
        assert back[name].tolist() == rows[name].tolist()
    assert back["ms"].iloc[0] == 12.5
    assert back["ms"].isna().tolist() == [False, True]
    assert back["model"].isna().tolist() == [False, True]


def test_live_volume_follows_the_rows_that_are_logged(
    store: Store, schema: Schema, make_rows: Rows
) -> None:
    store.register_model("live", schema, task="binary", clock="data")
    assert len(store.live_volume("live")) == 0
    store.log("live", make_rows(90))
    assert store.live_volume("live", hours=1)["n"].tolist() == [60, 30]
    store.log("live", make_rows(10, start=START + timedelta(hours=1)))
    hits = store.cache.counts.hits
    found = store.live_volume("live", hours=1)
    assert found["n"].tolist() == [60, 40]
    assert found["start"].tolist() == [START, START + timedelta(hours=1)]
    assert store.cache.counts.hits == hits + 2


def test_rows_of_which_none_names_a_column_go_to_quarantine(
    store: Store, schema: Schema, make_rows: Rows
) -> None:
    store.register_model("sparse", schema, task="binary")
    store.log("sparse", make_rows(2))
    rows = make_rows(2, start=START + timedelta(hours=1)).drop(columns="carrier")
    assert store.log("sparse", rows.to_dict("records")).quarantined == 2
    assert all("carrier" in reason for reason in _reasons(store, "sparse"))
