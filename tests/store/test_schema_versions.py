"""A schema that changes mid-stream: old rows readable with the new ones, never a mixture."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mondrift import Schema, compare, judge
from mondrift.errors import ColumnError, SchemaError
from mondrift.kinds import Kind
from mondrift.store import Store
from mondrift.store.versions import read_as
from tests.processes import forked

pytestmark = pytest.mark.servers

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
N = 200


def _schema(**kinds: Kind) -> Schema:
    return Schema(timestamp="at", prediction="y", kinds={"at": "datetime", "y": "numeric", **kinds})


def _rows(day: int, **columns: Any) -> pd.DataFrame:
    times = pd.date_range(START + day * DAY, periods=N, freq="5min")
    return pd.DataFrame({"at": times, "y": np.arange(N) / 7, **columns})


def _register(store: Store, name: str, schema: Schema) -> int:
    return store.register_model(name, schema, task="regression").schema_version


def test_a_new_feature_is_missing_in_the_rows_before_it(store: Store) -> None:
    plans = np.array(["basic", "gold"])[np.arange(N) % 2]
    assert _register(store, "grows", _schema(x="numeric")) == 1
    store.log("grows", _rows(0, x=1.5))
    new = _schema(x="numeric", plan="categorical", ok="boolean", note="text", seen="datetime")
    assert _register(store, "grows", new) == 2
    added = {"plan": plans, "ok": plans == "gold", "note": "hello", "seen": START}
    store.log("grows", _rows(1, x=2.5, **added))
    both = store.window("grows", START, START + 2 * DAY)
    assert len(both) == 2 * N
    old, young = both.iloc[:N], both.iloc[N:]
    assert old[list(added)].isna().all(axis=None)
    assert old["x"].tolist() == [1.5] * N
    assert young["plan"].tolist() == plans.tolist()
    assert young["ok"].tolist() == (plans == "gold").tolist()
    assert young["note"].tolist() == ["hello"] * N
    assert (young["seen"] == pd.Timestamp(START)).all()
    dtypes = both.dtypes.astype(str)
    assert dtypes[["plan", "ok", "seen"]].tolist() == ["category", "boolean", "datetime64[us, UTC]"]
    assert "object" not in set(dtypes.drop(["note", "id"]))
    before = store.window("grows", START, START + DAY)
    assert before.dtypes.astype(str)[["plan", "ok"]].tolist() == ["category", "boolean"]


def test_a_new_feature_is_told_and_is_no_alarm(store: Store) -> None:
    _register(store, "told", _schema(x="numeric"))
    store.log("told", _rows(0, x=np.arange(N) / 3))
    baseline = store.register_baseline("told", [(START, START + DAY)])
    _register(store, "told", _schema(x="numeric", plan="categorical"))
    plans = np.array(["basic", "gold"])[np.arange(N) % 2]
    store.log("told", _rows(1, x=np.arange(N) / 3, plan=plans))
    model, now = store.model("told"), store.window("told", START + DAY, START + 2 * DAY)
    verdict = judge(compare(store.baseline("told").rows(), now, schema=model.schema))
    found = verdict.columns()
    assert found["x"].status == "ok"
    assert (found["plan"].status, verdict.status) == ("inconclusive", "inconclusive")
    assert found["plan"].reason == "the reference window has no values, only missing ones"
    assert not verdict.flagged()
    assert baseline.summaries() is not None
    assert not judge(compare(store.baseline("told").summaries(), now)).flagged()


def test_a_dropped_feature_is_left_out_and_the_rows_stay(store: Store) -> None:
    _register(store, "drops", _schema(x="numeric", z="numeric"))
    store.log("drops", _rows(0, x=1.0, z=2.0))
    store.register_baseline("drops", [(START, START + DAY)])
    assert _register(store, "drops", _schema(x="numeric")) == 2
    store.log("drops", _rows(1, x=3.0))
    both = store.window("drops", START, START + 2 * DAY)
    assert both["x"].tolist() == [1.0] * N + [3.0] * N
    assert "z" not in both
    with pytest.raises(ColumnError, match="'z' is not in the schema of 'drops'"):
        store.window("drops", START, START + DAY, columns=["z"])
    assert list(store.baseline("drops").rows(["x", "y"])) == ["y", "x"]
    now = store.window("drops", START + DAY, START + 2 * DAY)
    verdict = judge(
        compare(store.baseline("drops").rows(), now, schema=store.model("drops").schema)
    )
    assert "z" not in verdict.columns()


@pytest.mark.parametrize(
    ("old", "young", "before", "after", "read"),
    [
        ("numeric", "categorical", [1.0, 2.5], ["1", "3"], ["1", "2.5"]),
        ("boolean", "categorical", [True, False], ["1", "yes"], ["1", "0"]),
        ("boolean", "numeric", [True, False], [1.0, 0.25], [1.0, 0.0]),
        ("categorical", "text", ["a", "b"], ["a long story", "b"], ["a", "b"]),
        ("numeric", "text", [1.0, 2.5], ["1", "x"], ["1", "2.5"]),
        ("categorical", "numeric", ["7", "8"], [7.5, 8.0], [7.0, 8.0]),
        ("text", "categorical", ["a", "b"], ["c", "b"], ["a", "b"]),
        ("numeric", "boolean", [1.0, 0.0], [True, False], [True, False]),
        ("text", "datetime", ["2026-01-02T00:00Z", "2026-01-03T00:00Z"], [START, START],
         [pd.Timestamp("2026-01-02", tz="UTC"), pd.Timestamp("2026-01-03", tz="UTC")]),
    ],
)  # fmt: skip
def test_a_column_of_another_kind_is_read_as_the_new_one(
    store: Store, old: Kind, young: Kind, before: list[Any], after: list[Any], read: list[Any]
) -> None:
    name = f"{old} to {young}"
    _register(store, name, _schema(x=old))
    store.log(name, _rows(0, x=np.resize(before, N)))
    assert _register(store, name, _schema(x=young)) == 2
    assert store.log(name, _rows(1, x=pd.Series(after * (N // 2)))).stored == N
    both = store.window(name, START, START + 2 * DAY)["x"]
    assert both.iloc[:2].tolist() == read
    assert both.iloc[N : N + 2].tolist() == [pd.Timestamp(v) if v is START else v for v in after]
    assert young == "text" or both.dtype != object
    (chunk,) = store.chunks(name, START, START + 2 * DAY, columns=["x"])
    assert chunk["x"].tolist() == both.tolist()


def test_what_cannot_be_read_as_the_new_kind_is_counted_not_lost(store: Store) -> None:
    _register(store, "narrows", _schema(x="categorical"))
    store.log("narrows", _rows(0, x="large"))
    _register(store, "narrows", _schema(x="numeric"))
    store.log("narrows", _rows(1, x=4.0))
    both = store.window("narrows", START, START + 2 * DAY)
    assert both["x"].tolist() == ["large"] * N + [4.0] * N
    now, old = both.iloc[N:], both.iloc[:N]
    comparison = compare(now, old, schema=store.model("narrows").schema)
    of_x = [m for m in comparison.measurements if m.column == "x"]
    (changed,) = [m for m in of_x if m.measure == "type_change"]
    assert changed.statistic == 1.0
    assert judge(comparison).columns()["x"].status == "alarm"


@pytest.mark.parametrize("kind", ["numeric", "boolean", "datetime"])
def test_a_value_that_cannot_be_read_keeps_its_column_as_it_is(kind: Kind) -> None:
    column = pd.Series(pd.Categorical(["7", "x", None]))
    assert read_as(column, kind) is column


def test_columns_that_change_without_registration_are_refused_with_the_remedy(
    store: Store,
) -> None:
    _register(store, "strict", _schema(x="numeric", z="numeric"))
    with pytest.raises(ColumnError, match=r"lack \['z'\].*no \['plan', 'colour'\].*register its"):
        store.log("strict", _rows(0, x=1.0, plan="gold", colour="red"))
    assert len(store.window("strict", START, START + DAY)) == 0
    with pytest.raises(ColumnError, match=r"no \['plan'\].*register its next version"):
        store.log("strict", _rows(0, x=1.0, z=2.0, plan="gold"))


def test_the_first_schema_again_is_the_next_version_and_the_newest_again_is_none(
    store: Store,
) -> None:
    first, second = _schema(x="numeric"), _schema(x="numeric", z="numeric")
    assert [_register(store, "turns", each) for each in (first, second, second, first)] == [
        1, 2, 2, 3,
    ]  # fmt: skip


def _race(url: str, number: int) -> int:
    schema = _schema(**{f"x{number}": "numeric", f"c{number}": "categorical"})
    with Store.open(url) as store:
        return _register(store, "raced", schema)


def test_processes_that_register_at_once_get_versions_of_their_own(
    store: Store, database_url: str
) -> None:
    with ProcessPoolExecutor(4, forked()) as pool:
        numbers = range(4)
        versions = list(pool.map(_race, [database_url] * 4, numbers, timeout=120))
    assert sorted(versions) == [1, 2, 3, 4]
    newest = store.model("raced")
    winner = versions.index(4)
    assert {name[-1] for name in newest.schema.features} == {str(winner)}, "never a mixture"
    store.log("raced", _rows(0, **{f"x{winner}": 1.0, f"c{winner}": "a"}))
    assert len(store.window("raced", START, START + DAY)) == N


def test_importances_are_kept_with_the_version_and_unknown_ones_are_refused(store: Store) -> None:
    schema = _schema(x="numeric", z="numeric")
    _register(store, "weighed", schema)
    assert _register(store, "weighed", replace(schema, importances={"x": 0.9, "z": 0.1})) == 2
    assert store.model("weighed").schema.importances == {"x": 0.9, "z": 0.1}
    with pytest.raises(SchemaError, match=r"importances are given for \['zz'\], which the schema"):
        _register(store, "weighed", replace(schema, importances={"zz": 1.0}))
    assert store.audit("weighed")["after"].iloc[-1]["schema"]["importances"]["x"] == 0.9


def test_what_a_schema_declares_besides_kinds_is_a_version_too(store: Store) -> None:
    schema = _schema(x="numeric", plan="categorical")
    assert _register(store, "declared", schema) == 1
    private = replace(schema, private=("x",), segments=("plan",))
    assert _register(store, "declared", private) == 2
    assert store.model("declared").schema.private == ("x",)
    assert store.audit("declared")["action"].tolist() == ["register", "change model"]
