"""How old labels were, as of any moment; and what was known then, against pandas."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import create_engine, text

from mondrift import Schema, compare
from mondrift.errors import InputError, ModelError, WindowError
from mondrift.store import Store
from mondrift.store.connect import address

pytestmark = pytest.mark.servers

START = datetime(2026, 3, 1, tzinfo=UTC)
END = datetime(2026, 4, 1, tzinfo=UTC)
Rows = Callable[..., pd.DataFrame]


def _day(n: float) -> datetime:
    return START + timedelta(days=n)


def test_delayed_labels_replayed_day_by_day_give_the_tables_that_pandas_gives(
    store: Store, schema: Schema, make_rows: Rows
) -> None:
    """Random delays, corrections, repetitions, ghosts whose row comes later or never."""
    generator = np.random.default_rng(6)
    n = 300
    store.register_model("replayed", schema, task="binary", clock="data")
    rows = make_rows(n, prefix="r").assign(at=pd.date_range(START, periods=n, freq="37min"))
    first, later = rows.iloc[: n // 2], rows.iloc[n // 2 :]
    store.log("replayed", first)
    sent = _events(rows, generator)
    for some in np.split(np.arange(len(sent)), np.sort(generator.integers(0, len(sent), 2))):
        store.label("replayed", sent.iloc[some])
    store.log("replayed", later)
    again = sent.sample(50, random_state=1)
    store.label("replayed", again)
    events = pd.concat([sent, again], ignore_index=True).reset_index(names="place")
    for day in range(0, 45, 4):
        expected = _known(rows, events, _day(day))
        found = store.window("replayed", START, END, columns=["id", "was_late"], as_of=_day(day))
        told = found.set_index("id")["was_late"].astype("object").reindex(rows["id"])
        assert told.where(told.notna(), None).tolist() == expected, day
        ages = store.label_ages("replayed", START, END, as_of=_day(day)).maturity
        assert ages[["rows", "labelled"]].to_numpy().tolist() == _in_time(rows, events, _day(day))


def _events(rows: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
    """Labels in the order in which they are sent, some of ids that nobody ever logs."""
    n = len(rows)
    who = generator.integers(0, n, 2 * n)
    delay = pd.to_timedelta(generator.exponential(8, 2 * n).round(1), unit="D")  # ties happen
    ghost = np.where(generator.uniform(size=2 * n) < 0.1, "ghost", "")
    of = rows.iloc[who].reset_index(drop=True)
    value = generator.integers(0, 2, 2 * n)
    return pd.DataFrame(
        {"id": ghost + of["id"], "value": value, "received_at": of["at"] + pd.Series(delay)}
    )


def _known(rows: pd.DataFrame, events: pd.DataFrame, at: datetime) -> list[str | None]:
    """The label of each row received last until `at`; of two received at once, the later sent."""
    known = events[events["received_at"] <= at].sort_values(["received_at", "place"])
    last = known.groupby("id")["value"].last()
    return [None if pd.isna(v) else str(int(v)) for v in last.reindex(rows["id"])]


def _in_time(rows: pd.DataFrame, events: pd.DataFrame, at: datetime) -> list[list[int]]:
    known = events[events["received_at"] <= at]
    firsts = known.groupby("id")["received_at"].min()
    made = rows.set_index("id")["at"]
    age = firsts.reindex(made.index).astype(made.dtype) - made
    old = pd.Timestamp(at) - made
    return [
        [int((old >= days).sum()), int(((old >= days) & (age <= days)).sum())]
        for days in (pd.Timedelta(days=each) for each in (1, 7, 30))
    ]


def test_what_was_known_on_a_day_is_compared_in_two_lines(
    store: Store, schema: Schema, make_rows: Rows
) -> None:
    store.register_model("asked", schema, task="binary", clock="data")
    rows = make_rows(400, prefix="a")
    store.log("asked", rows)
    labels = pd.DataFrame({"id": rows["id"], "value": rows["late"], "received_at": _day(3)})
    wrong = labels.assign(value=1 - labels["value"])
    store.label("asked", wrong.iloc[:200])
    store.label("asked", labels.iloc[:200].assign(received_at=_day(9)))  # corrected
    reference = store.window("asked", START, END, as_of=_day(9))

    def accuracy(day: int) -> float:
        known = compare(reference, store.window("asked", START, END, as_of=_day(day)),
                        schema=store.model("asked").schema)  # fmt: skip
        return next(m.statistic for m in known.measurements if m.measure == "accuracy")

    assert [accuracy(3), accuracy(9)] == [0.0, 1.0]


def test_ages_are_counted_among_rows_that_are_old_enough(
    store: Store, schema: Schema, make_rows: Rows
) -> None:
    store.register_model("aged", schema, task="binary", clock="data")
    rows = make_rows(40, prefix="g").assign(at=[_day(each / 4) for each in range(40)])
    store.log("aged", rows)
    late = [timedelta(days=1 if i % 2 else 5) for i in range(30)]
    received = [moment + wait for moment, wait in zip(rows["at"], late, strict=False)]
    labels = pd.DataFrame({"id": rows["id"][:30], "value": [1, 0] * 15, "received_at": received})
    store.label("aged", labels)
    store.label("aged", labels.assign(value=1, received_at=_day(20)))  # corrections are no news
    ages = store.label_ages("aged", START, END, as_of=_day(12))
    told = ages.maturity.set_index("days")
    assert told.loc[1, ["rows", "labelled"]].tolist() == [40, 15]
    assert told.loc[7, ["rows", "labelled"]].tolist() == [21, 21]
    assert (told.loc[1, "share"], told.loc[7, "share"]) == (15 / 40, 1.0)
    assert told.loc[30, "reason"] == "no row is 30 days old"
    assert np.isnan(told.loc[30, "share"])
    classes = ages.classes.set_index("value")
    assert classes.loc["0"].tolist() == [15, 0], "zeros come on the first day"
    assert classes.loc["1"].tolist() == [0, 15]


def test_labels_that_came_with_the_rows_of_history_have_no_age(
    store: Store, schema: Schema, make_rows: Rows
) -> None:
    store.register_model("with rows", schema, task="binary", clock="data")
    rows = make_rows(10, prefix="w").assign(was_late=1, at=[_day(each) for each in range(10)])
    store.log("with rows", rows)
    told = store.label_ages("with rows", START, END)
    assert told.maturity["share"].isna().all()
    assert told.maturity["reason"][0].startswith("the labels came with their rows")
    assert told.classes.empty


def test_a_model_without_rows_or_labels_has_no_ages(store: Store, schema: Schema) -> None:
    store.register_model("empty", schema, task="binary", clock="data")
    assert store.label_ages("empty", START, END).maturity["reason"].tolist() == [
        "no row is 1 day old", "no row is 7 days old", "no row is 30 days old"
    ]  # fmt: skip
    with pytest.raises(InputError, match="whole numbers from 1 on, ascending"):
        store.label_ages("empty", START, END, days=(7, 1))
    with pytest.raises(WindowError, match="without a time zone|before it starts"):
        store.label_ages("empty", END, START)
    with pytest.raises(ModelError, match="emtpy"):
        store.label_ages("emtpy", START, END)


def test_numbers_are_labels_of_a_regression_with_ages_and_no_classes(store: Store) -> None:
    schema = Schema(timestamp="at", prediction="guess", target="price")
    store.register_model("prices", schema, task="regression")
    rows = pd.DataFrame({"at": [START, _day(1)], "x": [1.0, 2.0], "guess": [10.5, 11.5]})
    ids = store.log("prices", rows).ids
    store.label("prices", {"id": ids[1], "value": -3.25, "received_at": _day(3)})
    found = store.window("prices", START, END)["price"]
    assert found.tolist()[1] == -3.25
    assert found.isna().tolist() == [True, False]
    told = store.label_ages("prices", START, END, as_of=_day(30))
    assert told.maturity["labelled"].tolist() == [0, 1, 0], "one row is 30 days old, unlabelled"
    assert told.classes.empty


def test_only_the_months_of_the_window_are_read(
    store: Store, database_url: str, schema: Schema, make_rows: Rows
) -> None:
    store.register_model("pruned", schema, task="binary", clock="data")
    for month in (1, 2, 3, 4):
        start = datetime(2025, month, 5, tzinfo=UTC)
        rows = make_rows(50, prefix=f"m{month}-", start=start).assign(was_late=1)
        store.log("pruned", rows)
    from mondrift.store.label_ages import _LABELS
    from mondrift.store.windows import _AS_OF

    engine = create_engine(address(database_url))
    window = {"low": datetime(2025, 2, 1, tzinfo=UTC), "high": datetime(2025, 3, 1, tzinfo=UTC)}
    parameters = {"model": store.model("pruned").number, "as_of": END, **window}
    with engine.connect() as connection:
        raw = connection.connection.cursor()
        raw.execute(
            "EXPLAIN SELECT r.id, known.value FROM " + _AS_OF + " WHERE r.model = %(model)s "
            "AND r.timestamp >= %(low)s AND r.timestamp < %(high)s", parameters,
        )  # fmt: skip
        plans = ["\n".join(row[0] for row in raw.fetchall())]
        asked = {**parameters, "ages": [timedelta(days=1)], "classes": True}
        lines = connection.execute(text("EXPLAIN " + _LABELS), asked)
        plans.append("\n".join(row[0] for row in lines))
    engine.dispose()
    for plan in plans:
        assert "labels_2025_02" in plan or "labels_202502" in plan, plan
        assert "2025_03" not in plan and "202503" not in plan, plan
        assert "2025_01" not in plan and "202501" not in plan, plan


def test_a_label_of_a_quarantined_row_waits_until_the_row_is_replayed(
    store: Store, schema: Schema, make_rows: Rows
) -> None:
    store.register_model("mended", schema, task="binary")
    store.log("mended", make_rows(1, prefix="fits"))
    bad = make_rows(1, prefix="bad", start=_day(2)).astype({"temperature": object})
    bad.loc[0, "temperature"] = "warm"
    assert store.log("mended", bad).quarantined == 1
    store.label("mended", {"id": "bad0", "value": 1, "received_at": _day(4)})
    assert store.waiting_ids("mended") == 1
    entries = store.quarantine("mended")["entry"]
    store.replay("mended", fixed=make_rows(1, prefix="bad", start=_day(2)).assign(entry=entries))
    assert store.waiting_ids("mended") == 0
    found = store.window("mended", START, END, columns=["id", "was_late"], as_of=_day(4))
    assert found.set_index("id")["was_late"]["bad0"] == "1"
