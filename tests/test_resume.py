"""A file that is logged goes on after a crash, and every row is stored once."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mondrift import Schema
from mondrift.errors import InputError
from mondrift.ingest import label_file, log_file
from mondrift.ingest.pieces import UNREADABLE, look_through
from mondrift.settings import Settings
from mondrift.store import Store

START, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
SCHEMA = Schema(
    timestamp="at",
    prediction="late",
    target="was_late",
    kinds={"wind": "numeric", "carrier": "categorical", "late": "categorical"},
)


def frame(n: int, *, ids: bool = False) -> pd.DataFrame:
    at = pd.date_range(START, periods=n, freq="17s").strftime("%Y-%m-%dT%H:%M:%SZ")
    rows = pd.DataFrame({"at": at, "wind": np.arange(n) / 4})
    rows["carrier"] = np.array(["AA", "UA", "DL"])[np.arange(n) % 3]
    rows["late"] = np.arange(n) % 2
    return rows.assign(id=[f"r{i}" for i in range(n)]) if ids else rows


def written(rows: pd.DataFrame, path: Path) -> Path:
    name = path.name.removesuffix(".gz")
    if name.endswith((".csv", ".tsv")):
        rows.to_csv(path, index=False, sep="\t" if name.endswith(".tsv") else ",")
    elif "json" in name:
        rows.to_json(path, orient="records", lines=True)
    else:
        rows.to_parquet(path)
    return path


# Pieces


@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.csv.gz", "x.jsonl", "x.ndjson.gz"])
def test_a_file_falls_into_the_same_pieces_each_time(tmp_path: Path, name: str) -> None:
    source = look_through(written(frame(25), tmp_path / name))
    assert source.rows == 25
    pieces = [pd.DataFrame(piece) for piece in source.pieces(10)]
    assert [len(piece) for piece in pieces] == [10, 10, 5]
    together = pd.concat(pieces, ignore_index=True)
    assert together["wind"].tolist() == frame(25)["wind"].tolist()
    assert together["carrier"].tolist() == frame(25)["carrier"].tolist()


def test_parquet_is_read_in_pieces(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    source = look_through(written(frame(25), tmp_path / "x.parquet"))
    assert source.rows == 25
    assert [len(piece) for piece in source.pieces(10)] == [10, 10, 5]


def test_codes_with_a_leading_zero_stay_codes_in_every_piece(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("zip\n" + "007\n" + "123\n" * 9)
    pieces = list(look_through(tmp_path / "x.csv").pieces(4))
    assert [value for piece in pieces for value in pd.DataFrame(piece)["zip"]] == ["007"] + [
        "123"
    ] * 9


def test_a_line_that_does_not_fit_its_header_is_told_before_anything_is_stored(
    tmp_path: Path,
) -> None:
    (tmp_path / "x.csv").write_text('a,b\n1,"x\ny"\n1,2,3\n')
    with pytest.raises(InputError, match="line 4 has 3 fields, the header 2. Nothing was stored"):
        look_through(tmp_path / "x.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(InputError, match="it has no header"):
        look_through(tmp_path / "empty.csv")
    with pytest.raises(InputError, match="of no kind that can be read"):
        look_through(tmp_path / "x.xlsx")
    with pytest.raises(InputError, match="No such file"):
        look_through(tmp_path / "absent.csv")
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(b"a\n" * 1000)[:-10])
    with pytest.raises(InputError, match="cannot be read"):
        look_through(tmp_path / "x.csv.gz")


def test_a_line_that_is_no_json_is_a_row_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"a": 1}\n{no json\n\n[1]\n')
    (piece,) = look_through(tmp_path / "x.jsonl").pieces()
    assert piece == [{"a": 1}, {UNREADABLE: "{no json"}, {UNREADABLE: "[1]"}]


# Into the store

servers = pytest.mark.servers


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def shop(database_url: str, home: Path, request: pytest.FixtureRequest) -> Iterator[Store]:
    settings = Settings.load(overrides={"mondrift_home": home})
    with Store.open(database_url, settings=settings) as store:
        store.register_model(request.node.name, SCHEMA, task="binary")
        yield store


@pytest.fixture
def model(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


def winds(store: Store, model: str) -> list[float]:
    return sorted(store.window(model, START, END, columns=["wind"])["wind"].tolist())


@servers
def test_the_same_file_again_stores_nothing_new(shop: Store, model: str, tmp_path: Path) -> None:
    path = written(frame(1000), tmp_path / "x.csv")
    assert log_file(shop, model, path).counts["stored"] == 1000
    again = log_file(shop, model, path).counts
    assert (again["stored"], again["duplicates"]) == (0, 1000)
    copy = written(frame(1000), tmp_path / "another name.csv")
    assert log_file(shop, model, copy).counts["duplicates"] == 1000
    other = written(frame(999), tmp_path / "other.csv")
    assert log_file(shop, model, other).counts["stored"] == 999


@servers
def test_ids_of_the_file_are_kept_and_missing_ones_made(
    shop: Store, model: str, tmp_path: Path
) -> None:
    rows = frame(10, ids=True)
    rows.loc[3, "id"] = None
    assert log_file(shop, model, written(rows, tmp_path / "x.csv")).counts["stored"] == 10
    ids = shop.window(model, START, END)["id"].tolist()
    assert ids.count("r4") == 1
    assert len([name for name in ids if name.endswith("-4") and len(name) > 20]) == 1


@servers
def test_an_interrupted_file_goes_on_where_it_was(shop: Store, model: str, tmp_path: Path) -> None:
    path = written(frame(50_000), tmp_path / "x.csv")

    def stop(done: int, total: int) -> None:
        assert total == 50_000
        if done == 20_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        log_file(shop, model, path, told=stop)
    seen: list[int] = []
    done = log_file(shop, model, path, told=lambda now, _: seen.append(now))
    assert (seen, done.resumed) == ([20_000, 40_000, 50_000], 20_000)
    assert done.counts["stored"] == 50_000
    assert winds(shop, model) == [i / 4 for i in range(50_000)]


@servers
def test_progress_is_not_believed_when_the_store_has_lost_the_rows(
    shop: Store, model: str, tmp_path: Path, home: Path
) -> None:
    path = written(frame(100), tmp_path / "x.csv")
    log_file(shop, model, path)
    (note,) = (home / "ingest").iterdir()
    told = json.loads(note.read_text()) | {"finished": False}
    other = written(frame(100).assign(wind=-1.0), tmp_path / "x.csv")
    log_file(shop, model, other)
    (another,) = set((home / "ingest").iterdir()) - {note}
    another.write_text(json.dumps(told | {"probe": [0, 0]}))
    assert log_file(shop, model, other).resumed == 100
    unknown = written(frame(100).assign(wind=-2.0), tmp_path / "x.csv")

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        log_file(shop, model, unknown, told=stop)
    (third,) = set((home / "ingest").iterdir()) - {note, another}
    third.write_text(json.dumps(told))
    done = log_file(shop, model, unknown)
    assert (done.resumed, winds(shop, model).count(-2.0)) == (0, 100)
    third.write_text("{torn")
    assert log_file(shop, model, unknown).counts["duplicates"] == 100


@servers
def test_lines_that_are_no_rows_are_quarantined_and_the_others_stored(
    shop: Store, model: str, tmp_path: Path
) -> None:
    log_file(shop, model, written(frame(10), tmp_path / "first.csv"))
    path = written(frame(20).assign(wind=-1.0), tmp_path / "x.jsonl")
    path.write_text(path.read_text() + "{no json\n")
    counts = log_file(shop, model, path).counts
    assert (counts["stored"], counts["quarantined"]) == (20, 1)
    entry = shop.quarantine(model).iloc[0]
    assert entry["row"][UNREADABLE] == "{no json"
    assert "the schema has no ['unreadable line']" in entry["reason"]


@servers
def test_a_model_without_rows_learns_nothing_from_lines_that_are_none(
    shop: Store, model: str, tmp_path: Path
) -> None:
    (tmp_path / "x.jsonl").write_text("{no json\n")
    with pytest.raises(InputError, match="row 1 is no JSON object"):
        log_file(shop, model, tmp_path / "x.jsonl")


@servers
def test_timestamps_without_a_zone_are_refused_or_declared(
    shop: Store, model: str, tmp_path: Path
) -> None:
    rows = frame(10)
    path = written(rows.assign(at=rows["at"].str.rstrip("Z")), tmp_path / "x.csv")
    with pytest.raises(InputError, match="without a time zone.*--zone UTC"):
        log_file(shop, model, path)
    assert log_file(shop, model, path, zone="UTC").counts["stored"] == 10
    labels = pd.DataFrame({"id": ["a"], "value": [1], "received_at": ["2026-03-02T00:00:00"]})
    path = written(labels, tmp_path / "labels.csv")
    with pytest.raises(InputError, match="without a time zone.*--zone UTC"):
        label_file(shop, model, path)
    assert label_file(shop, model, path, zone="Europe/Berlin").counts["unknown"] == 1


@servers
def test_labels_go_on_where_they_were(shop: Store, model: str, tmp_path: Path) -> None:
    log_file(shop, model, written(frame(30_000, ids=True), tmp_path / "rows.csv"))
    labels = pd.DataFrame({"id": [f"r{i}" for i in range(30_000)], "value": np.arange(30_000) % 2})
    path = written(labels, tmp_path / "labels.csv")

    def stop(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        label_file(shop, model, path, told=stop)
    done = label_file(shop, model, path)
    assert (done.resumed, done.counts["stored"], done.counts["unchanged"]) == (20_000, 30_000, 0)
    truth = shop.window(model, START, END, columns=["was_late", "late"])
    assert (truth["was_late"].astype(str) == truth["late"].astype(str)).all()
    assert label_file(shop, model, path).counts["unchanged"] == 30_000


# Killed


def command(*words: Any, url: str, home: Path) -> subprocess.Popen[str]:
    code = "from mondrift.cli import main; main()"
    environment = os.environ | {"DATABASE_URL": url, "MONDRIFT_HOME": str(home)}
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@servers
def test_killed_at_any_moment_and_begun_again_every_row_is_stored_once(
    shop: Store, model: str, tmp_path: Path, home: Path, database_url: str
) -> None:
    seed = int(os.environ.get("SEED", time.time_ns() % 10**6))
    print(f"seed {seed}")
    chance = random.Random(seed)
    n = 45_000  # three pieces
    path = written(frame(n), tmp_path / "x.csv")
    notes = home / "ingest"
    before = -1
    for _ in range(2):
        with command("log", model, path, url=database_url, home=home) as process:
            _wait_for_a_piece(notes, before, process)
            time.sleep(chance.uniform(0, 0.5))
            process.kill()
        before = _pieces(notes)
    with command("log", model, path, "--json", url=database_url, home=home) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    counts = json.loads(out)
    assert counts["conflicts"] == counts["quarantined"] == 0
    assert counts["stored"] + counts["duplicates"] == n
    assert winds(shop, model) == [i / 4 for i in range(n)], f"seed {seed}"


def _pieces(notes: Path) -> int:
    for note in notes.glob("*.json"):
        try:
            found = json.loads(note.read_text())
        except ValueError:
            return 0
        return 10**6 if found["finished"] else int(found["pieces"])
    return -1


def _wait_for_a_piece(notes: Path, before: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while _pieces(notes) <= before and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@servers
def test_two_processes_with_the_same_file_store_it_once(
    shop: Store, model: str, tmp_path: Path, home: Path, database_url: str
) -> None:
    rows = frame(5_000)
    rows.loc[7, "carrier"] = "A" * 1000  # quarantined: longer than a level may be
    path = written(rows, tmp_path / "x.csv")
    both = [command("log", model, path, url=database_url, home=home) for _ in range(2)]
    told = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert len(winds(shop, model)) == 4_999
    assert len(shop.quarantine(model)) == 1
    assert all("4,999 stored" in out for out, _ in told) or "4,999 duplicates" in "".join(
        out for out, _ in told
    )
    assert f"mondrift quarantine list {model}" in told[0][0]


@servers
def test_ctrl_c_says_how_to_go_on(
    shop: Store, model: str, tmp_path: Path, home: Path, database_url: str
) -> None:
    path = written(frame(160_000), tmp_path / "x y.csv")
    with command("log", model, path, "--zone", "UTC", url=database_url, home=home) as process:
        _wait_for_a_piece(home / "ingest", 0, process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "of 160,000 rows are done. To go on: mondrift log" in err
    assert "x y.csv' --zone UTC" in err
    assert "Traceback" not in err
