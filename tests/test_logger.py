"""The client in a model's process: it never raises, never waits, and loses nothing in silence."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mondrift import Logger, Schema
from mondrift.errors import InputError
from mondrift.logger.record import Record, from_line, row, settled, to_line
from mondrift.logger.spill import Spill
from mondrift.store import Store
from mondrift.store.ids import times

SCHEMA = Schema(
    timestamp="at",
    prediction="late",
    probability="score",
    target="was_late",
    latency="took",
    kinds={
        "at": "datetime",
        "wind": "numeric",
        "carrier": "categorical",
        "late": "categorical",
        "score": "numeric",
        "took": "numeric",
        "was_late": "categorical",
    },
)
NOBODY = "postgresql://ann@127.0.0.1:1/nothing"
FEATURES = {"wind": 3.5, "carrier": "AA"}
SOON = 60.0  # seconds in which a background thread on a busy machine does what it has to


@pytest.fixture
def model(store: Store, request: pytest.FixtureRequest) -> str:
    store.register_model(request.node.name, SCHEMA, task="binary")
    return str(request.node.name)


@pytest.fixture
def logger(database_url: str, model: str, tmp_path: Path) -> Iterator[Logger]:
    with Logger(model, url=database_url, spill=tmp_path / "spill", seconds=0.05) as made:
        yield made


def stored(store: Store, model_id: str) -> pd.DataFrame:
    return store.window(
        model_id, datetime(2020, 1, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(days=2)
    )


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def settled_down(logger: Logger) -> None:
    until(lambda: logger.flush() and logger.stats.on_disk == 0)


# What a row becomes


def test_a_record_comes_back_from_its_line_as_it_was() -> None:
    odd = {"inf": float("inf"), "text": "a\ud800\0\n", "large": 10**30, "gone": None, "yes": True}
    odd |= {
        "when": datetime(2026, 3, 1, 2, 3, 4, 5, tzinfo=UTC),
        "day": date(2026, 1, 1),
    }
    record = settled(Record("a", 7, odd, {"probability": {"x": 0.5}, "prediction": 1}))
    assert from_line(to_line(record)) == record
    nan = from_line(to_line(Record("a", 7, {"x": float("nan")}, {})))
    assert nan is not None
    assert np.isnan(nan.features["x"])


def test_a_torn_line_is_no_record() -> None:
    line = to_line(Record("a", 7, {"x": 1}, {}))
    assert [from_line(line[:end]) for end in range(len(line))] == [None] * len(line)


def test_values_of_libraries_become_plain_ones() -> None:
    class Carrier(StrEnum):
        AA = "AA"

    class Place(IntEnum):
        HOME = 3

    given = {"n": np.int8(3), "t": np.bool_(True), "c": Carrier.AA, "p": Place.HOME, "m": pd.NA}
    plain = settled(Record("a", 0, given, {})).features
    assert plain == {"n": 3, "t": True, "c": "AA", "p": 3, "m": None}
    assert [type(value) for value in plain.values()] == [int, bool, str, int, type(None)]


def test_roles_go_to_the_columns_that_the_schema_declares() -> None:
    roles = {"prediction": 1, "probability": 0.9, "latency_ms": 2.0, "version": "v2"}
    found = row(Record("a", 0, FEATURES, roles), SCHEMA)
    assert (found["late"], found["score"], found["took"]) == (1, 0.9, 2.0)
    assert found["version"] == "v2"  # declared nowhere: the store will say so
    assert found["at"] == datetime(1970, 1, 1, tzinfo=UTC)


def test_probabilities_by_class_go_to_their_columns() -> None:
    schema = Schema(probability={"cat": "p_cat", "dog": "p_dog"})
    given = {"probability": {"cat": 0.2, "dog": 0.7, "cow": 0.1}}
    found = row(Record("a", 0, {}, given), schema)
    assert (found["p_cat"], found["p_dog"], found["probability of cow"]) == (0.2, 0.7, 0.1)
    positive = Schema(probability="score", positive="yes")
    assert (
        row(Record("a", 0, {}, {"probability": {"yes": 0.8, "no": 0.2}}), positive)["score"] == 0.8
    )


# Rows on disk


def lines(*numbers: int) -> list[bytes]:
    return [b"%d\n" % number for number in numbers]


def test_the_disk_takes_no_more_than_its_bound(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "spill", 10, tmp_path)
    assert spill.append(lines(1111, 2222, 3333)) == 2
    assert spill.append(lines(4)) == 0
    assert spill.size() == 10
    spill.end()


def test_files_are_private_and_claimed_by_one_only_in_order(tmp_path: Path) -> None:
    first, second = (Spill(tmp_path / "spill", 1000, tmp_path) for _ in range(2))
    first.append(lines(1))
    second.append(lines(2))
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "spill").iterdir()} == {0}
    with first.claimed() as held:
        assert held is None  # both are being written
    first.end()
    second.end()
    with first.claimed() as held, second.claimed() as other:
        assert held is not None and other is not None
        assert [held.read_bytes(), other.read_bytes()] == lines(1, 2)
        held.unlink()
    with second.claimed() as held:
        assert held is not None
        assert held.read_bytes() == b"2\n"


# Without a store


def test_a_store_that_is_away_costs_the_model_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "mondrift"):
        with Logger("m", url=NOBODY, spill=tmp_path / "s", seconds=0.01) as logger:
            ids = [logger.log(FEATURES, prediction=1) for _ in range(100)]
            assert logger.flush(SOON)
            stats = logger.stats
        assert len(set(ids)) == 100
        assert (stats.spilled, stats.dropped, stats.sent, stats.pending) == (100, 0, 0, 0)
        assert "127.0.0.1" in stats.last_error
        assert stats.on_disk > 0
    assert len([r for r in caplog.records if "go to disk" in r.message]) == 1


def test_what_memory_does_not_hold_goes_to_disk_and_then_loss_is_loud(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "mondrift"):
        logger = Logger("m", url=NOBODY, spill=tmp_path / "s", memory=10, disk=3000, seconds=60)
        for _ in range(100):
            logger.log(FEATURES, prediction=1)
        logger.close()
    stats = logger.stats
    assert stats.dropped > 0
    assert stats.spilled + stats.dropped == 100
    assert 2000 < stats.on_disk <= 3000
    told = [r.message for r in caplog.records if "are lost" in r.message]
    assert told
    assert f"({stats.dropped} in all)" in told[-1]


def test_nothing_that_is_logged_raises(tmp_path: Path) -> None:
    class Hostile(dict[str, Any]):
        def keys(self) -> Any:
            raise RuntimeError("no")

        def __iter__(self) -> Any:
            raise RuntimeError("no")

        def get(self, *_: Any) -> Any:
            raise RuntimeError("no")

    logger = Logger("m", url=NOBODY, spill=tmp_path / "s", seconds=60)
    strange: Any = object()
    assert logger.log(None)  # type: ignore[arg-type]
    assert logger.log({"x": strange}, timestamp="yesterday", id=strange, probability=strange)
    assert logger.log(Hostile(x=1))
    assert logger.log({1: 2, None: 3})  # type: ignore[dict-item]
    assert logger.log({"x": 10**5000})
    logger.close()
    assert (logger.stats.spilled, logger.stats.dropped) == (5, 0)
    assert logger.log(FEATURES)  # closed: to disk
    assert logger.stats.spilled == 6
    logger.close()


def test_a_folder_that_cannot_be_written_loses_rows_loudly_and_not_the_model(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING, "mondrift"):
        logger = Logger("m", url=NOBODY, spill=tmp_path / "file" / "s", seconds=0.01)
        logger.log(FEATURES)
        logger.close()
    assert logger.stats.dropped == 1
    assert "1 rows of 'm' are lost" in caplog.text


def test_bounds_below_one_are_refused() -> None:
    with pytest.raises(InputError, match="memory is 0; it must be at least 1"):
        Logger("m", memory=0)


def test_ids_are_those_of_the_store_and_carry_the_time(tmp_path: Path) -> None:
    logger = Logger("m", url=NOBODY, spill=tmp_path / "s", seconds=60)
    moment = datetime(2026, 3, 1, 1, 2, 3, 456789, tzinfo=UTC)
    made = [logger.log(FEATURES, timestamp=moment) for _ in range(1000)]
    assert len(set(made)) == 1000
    assert set(times(made).tolist()) == {int(moment.timestamp()) * 1_000_000 + 456789}
    assert logger.log(FEATURES, id=17) == "17"
    assert logger.log({**FEATURES, "id": "a"}) == "a"
    logger.close()


def test_a_forked_child_begins_empty(tmp_path: Path) -> None:
    logger = Logger("m", url=NOBODY, spill=tmp_path / "s", seconds=60)
    first = logger.log(FEATURES)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        second = logger.log(FEATURES)
        logger.close()
        os.write(writing, f"{logger.stats.spilled} {second != first}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 100) == b"1 True"
    logger.close()
    assert logger.stats.spilled == 1
    os.close(reading)
    os.close(writing)


# With a store


@pytest.mark.servers
def test_what_is_logged_is_stored_under_the_names_of_the_schema(
    logger: Logger, store: Store, model: str
) -> None:
    id_ = logger.log(FEATURES, prediction=1, probability=0.75, latency_ms=2.5, target=0)
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    logger.log({"at": moment, "wind": 1, "carrier": "UA", "late": 0, "score": 0.5, "id": "mine"})
    settled_down(logger)
    rows = stored(store, model).set_index("id")
    found = rows.loc[id_]
    assert (found["wind"], found["carrier"], found["late"]) == (3.5, "AA", "1")
    assert (found["score"], found["took"], found["was_late"]) == (0.75, 2.5, "0")
    assert rows.loc["mine", "at"] == moment
    assert logger.stats.sent == 2
    assert store.label(model, {"id": "mine", "value": 1}).stored == 1


@pytest.mark.servers
def test_bad_rows_are_quarantined_with_their_reason_and_good_ones_stored(
    logger: Logger, store: Store, model: str
) -> None:
    good: dict[str, Any] = {"prediction": 1, "probability": 0.5}
    naive = datetime(2026, 3, 1)  # noqa: DTZ001
    for _ in range(50):
        logger.log(FEATURES, **good)
    logger.log({**FEATURES, "wind": object()}, **good)
    logger.log({**FEATURES, "colour": "red"}, **good)
    logger.log({**FEATURES, "wind": "strong"}, **good)
    logger.log(FEATURES, timestamp=naive, **good)
    logger.log({**FEATURES, "at": naive}, **good)
    logger.log({"wind": 1.0}, **good)
    logger.log([1, 2], **good)  # type: ignore[arg-type]
    logger.log(FEATURES, version="v2", **good)
    settled_down(logger)
    assert (logger.stats.sent, logger.stats.quarantined, logger.stats.dropped) == (50, 8, 0)
    reasons = sorted(store.quarantine(model)["reason"])
    expected = [
        "column 'wind' holds a object, which is no value",
        "column 'wind': 'strong' is no number",
        "features are a list, not a mapping",
        "it lacks ['carrier']",
        "the schema has no ['colour']",
        "the schema has no ['version']",
        "timestamp '2026-03-01 00:00:00' is no moment with a time zone",
        "timestamp datetime.datetime(2026, 3, 1, 0, 0) is no moment with a time zone",
    ]
    assert [
        part for part, reason in zip(expected, reasons, strict=True) if part not in reason
    ] == []
    assert len(stored(store, model)) == 50


@pytest.mark.servers
def test_a_model_registered_late_gets_the_rows_logged_before(
    database_url: str, store: Store, tmp_path: Path
) -> None:
    with Logger("late", url=database_url, spill=tmp_path / "s", seconds=0.05) as logger:
        logger.log(FEATURES, prediction=1, probability=0.5)
        until(lambda: logger.stats.spilled == 1)
        assert "The store has no model 'late'" in logger.stats.last_error
        store.register_model("late", SCHEMA, task="binary")
        settled_down(logger)
        assert logger.stats.last_error == ""
    assert len(stored(store, "late")) == 1


@pytest.mark.servers
def test_many_threads_log_at_once_and_every_row_is_there_once(
    logger: Logger, store: Store, model: str
) -> None:
    def work(number: int) -> list[str]:
        return [logger.log({"wind": i, "carrier": f"c{number}"}, prediction=0) for i in range(500)]

    with ThreadPoolExecutor(8) as pool:
        ids = [each for part in pool.map(work, range(8)) for each in part]
    settled_down(logger)
    assert sorted(stored(store, model)["id"]) == sorted(ids)


@pytest.mark.servers
def test_forked_workers_and_their_parent_each_send_their_own_rows_once(
    logger: Logger, store: Store, model: str, database_url: str
) -> None:
    before = [logger.log(FEATURES, prediction=0) for _ in range(100)]
    until(lambda: logger.stats.sent > 0)  # the parent's connection is open when it forks
    before += [logger.log(FEATURES, prediction=0) for _ in range(100)]
    children = []
    for number in range(3):
        child = os.fork()
        if child == 0:
            for i in range(100):
                logger.log(FEATURES, prediction=1, id=f"{number}-{i}")
            logger.close(SOON)
            os._exit(0 if logger.stats.sent == 100 else 1)
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert codes == [0, 0, 0]
    before += [logger.log(FEATURES, prediction=0)]
    settled_down(logger)
    theirs = [f"{number}-{i}" for number in range(3) for i in range(100)]
    assert sorted(stored(store, model)["id"]) == sorted(before + theirs)


@pytest.mark.servers
def test_what_a_crash_left_on_disk_is_sent_by_the_next_process(
    database_url: str, store: Store, model: str, tmp_path: Path
) -> None:
    folder = tmp_path / "s"
    with Logger(model, url=NOBODY, spill=folder, seconds=60) as dying:
        ids = [dying.log(FEATURES, prediction=0) for _ in range(20)]
    (file,) = folder.glob("*.jsonl")
    with file.open("ab") as torn:
        torn.write(to_line(Record("torn", 0, {}, {}))[:-5])
    with Logger(model, url=database_url, spill=folder) as heir:
        settled_down(heir)
        assert (heir.stats.sent, heir.stats.torn) == (20, 1)
    assert sorted(stored(store, model)["id"]) == sorted(ids)
