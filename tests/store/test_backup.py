"""Backup and restore: what comes back is what was there, row by row, or nothing at all."""

from __future__ import annotations

import json
import signal
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import create_engine, text

from mondrift import Schema, compare, judge
from mondrift.errors import InputError, StoreError
from mondrift.store import Store, schema
from mondrift.store.connect import address, engine_for
from mondrift.store.tables import metadata
from tests.processes import forked

pytestmark = pytest.mark.servers

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SCHEMA = Schema(timestamp="at", prediction="late", target="was_late", probability="score")


def contents(url: str) -> dict[str, list[str]]:
    """Every row of every table as text, sorted; the store's own id left out."""
    engine = create_engine(address(url))
    found = {}
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            rows = connection.execute(text(f"SELECT t::text FROM {table.name} t")).scalars()
            found[table.name] = sorted(rows)
    engine.dispose()
    found["store_info"] = [str(len(found["store_info"]))]
    return found


def fill(store: Store, make_rows: Callable[..., pd.DataFrame]) -> str:
    """A bit of everything; returns the id of a checked run."""
    store.register_model("flights", SCHEMA, task="binary")
    made = store.log("flights", make_rows(6000))
    given = store.log("flights", make_rows(100, start=START + 40 * DAY, prefix="c"))
    store.label("flights", pd.DataFrame({"id": made.ids + given.ids, "value": 1}))
    store.label("flights", {"id": "later", "value": 0})
    store.log("flights", {"at": START, "temperature": "\0 odd", "carrier": "AA", "late": 1})
    reference = store.register_baseline("flights", [(START, START + DAY)]).rows()
    window = (START + DAY, START + 2 * DAY)
    current = store.window("flights", *window)
    comparison = compare(reference, current, schema=store.model("flights").schema)
    with store.running("daily"):
        run = store.begin_run("daily", "flights", window, {})
        store.save_check(run, comparison, judge(comparison))
    return run.run_id


def test_every_row_comes_back_and_work_goes_on(
    new_database: Callable[[], str], make_rows: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    first, second = new_database(), new_database()
    told: list[tuple[int, int]] = []
    with Store.open(first) as store:
        run_id = fill(store, make_rows)
        made = store.backup(tmp_path, progress=lambda *step: told.append(step))
        before = contents(first)
        verdict = store.verdict(run_id)
    assert made.path.parent == tmp_path
    assert made.path.name.startswith("mondrift-20")
    assert (made.rows["predictions"], made.rows["labels"]) == (6100, 6100)
    assert told[-1][0] == told[-1][1] == len(told)
    restored = Store.restore(made.path, second)
    assert restored == made.rows
    assert contents(second) == before
    engine = engine_for(second)
    assert schema.differences(engine) == []
    engine.dispose()
    with Store.open(second) as store:
        assert store.verdict(run_id).to_dict() == verdict.to_dict()
        again = make_rows(100, start=START + 40 * DAY, prefix="c")
        assert store.log("flights", again).duplicates == 100
        assert store.log("flights", make_rows(10, start=START + 90 * DAY)).stored == 10
        assert store.log("flights", make_rows(1, prefix="later").assign(id="later")).stored == 1
        entries = store.quarantine("flights")["entry"]
        store.log("flights", {"at": START, "temperature": "\0", "carrier": "AA", "late": 1})
        assert store.quarantine("flights")["entry"].max() > entries.max(), "no number comes twice"
        store.register_model("another", SCHEMA, task="binary")
        assert all(each.good for each in store.check())


def test_a_copy_has_an_identity_of_its_own(new_database: Callable[[], str], tmp_path: Path) -> None:
    first, second = new_database(), new_database()
    with Store.open(first) as store:
        made = store.backup(tmp_path / "one.zip")
    Store.restore(made.path, second)
    ids = []
    for url in (first, second):
        engine = create_engine(address(url))
        with engine.connect() as connection:
            ids.append(connection.execute(text("SELECT store_id FROM store_info")).scalar_one())
        engine.dispose()
    assert ids[0] != ids[1], "a shared cache would mix them up"


def test_a_store_that_has_rows_is_never_touched(
    new_database: Callable[[], str], make_rows: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    url = new_database()
    with Store.open(url) as store:
        store.register_model("flights", SCHEMA, task="binary")
        made = store.backup(tmp_path / "one.zip")
        store.log("flights", make_rows(10))
    before = contents(url)
    with pytest.raises(StoreError, match=r"has rows in .*'models'.*set DATABASE_URL to a new"):
        Store.restore(made.path, url)
    assert contents(url) == before


def test_a_backup_is_of_one_moment_while_rows_come_in(
    new_database: Callable[[], str], make_rows: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    first, second = new_database(), new_database()
    with Store.open(first) as store, Store.open(first) as other:
        fill(store, make_rows)

        def log_meanwhile(done: int, _: int) -> None:
            if done % 4 > 1:  # often enough
                return
            other.log("flights", make_rows(50, start=START + done * DAY, prefix=f"p{done}-"))
            other.label("flights", {"id": f"p{done}-1", "value": 1})

        before = contents(first)
        made = store.backup(tmp_path, progress=log_meanwhile)
        Store.restore(made.path, second)
        assert contents(second) == before
        assert len(contents(first)["predictions"]) > len(before["predictions"])


def test_a_damaged_file_changes_nothing(
    new_database: Callable[[], str], make_rows: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    first, second = new_database(), new_database()
    with Store.open(first) as store:
        fill(store, make_rows)
        path = store.backup(tmp_path / "one.zip").path
    before = contents(second)
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda each: each.compress_size)
    data[largest.header_offset + largest.compress_size // 2] ^= 0xFF
    broken = tmp_path / "broken.zip"
    broken.write_bytes(data)
    with pytest.raises(InputError, match="is damaged: its part"):
        Store.restore(broken, second)
    cut = tmp_path / "cut.zip"
    cut.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="is no backup"):
        Store.restore(cut, second)
    with pytest.raises(InputError, match="is no backup"):
        Store.restore(tmp_path / "nowhere.zip", second)
    assert contents(second) == before
    Store.restore(path, second)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format": 2}, "newer than this one"),
        ({"schema": "9999"}, "newer than this one"),
        ({"sequences": {"x; DROP TABLE models": 1}}, "it speaks of"),
        ({"format": "x"}, "is no backup of mondrift"),
    ],
)
def test_a_foreign_manifest_is_refused(
    new_database: Callable[[], str], tmp_path: Path, changes: dict[str, object], reason: str
) -> None:
    url = new_database()
    with Store.open(url) as store:
        path = store.backup(tmp_path / "one.zip").path
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(other, "w") as changed:
        manifest = json.loads(archive.read("manifest.json"))
        changed.writestr("manifest.json", json.dumps({**manifest, **changes}))
    with pytest.raises(InputError, match=reason):
        Store.restore(other, url)


def test_a_backup_never_writes_over_another(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    path = tmp_path / "one.zip"
    path.write_text("precious")
    with Store.open(new_database()) as store:
        with pytest.raises(InputError, match="is there already"):
            store.backup(path)
        with pytest.raises(InputError, match="There is no folder"):
            store.backup(tmp_path / "away" / "one.zip")
    assert path.read_text() == "precious"
    assert [each.name for each in tmp_path.iterdir()] == ["one.zip"]


def test_only_its_owner_may_read_a_backup(new_database: Callable[[], str], tmp_path: Path) -> None:
    path = tmp_path / "one.zip"
    with Store.open(new_database()) as store:
        store.backup(path)
    assert path.stat().st_mode & 0o777 == 0o600


def _back_up_slowly(url: str, path: str, begun: object) -> None:
    def slowly(done: int, _: int) -> None:
        if done == 5:
            begun.set()  # type: ignore[attr-defined]
            time.sleep(600)

    with Store.open(url) as store:
        store.backup(path, progress=slowly)


def _restore_slowly(path: str, url: str, begun: object) -> None:
    def slowly(done: int, total: int) -> None:
        if done == total:
            begun.set()  # type: ignore[attr-defined]
            time.sleep(600)

    Store.restore(path, url, progress=slowly)


def _killed(target: Callable[..., None], *arguments: str) -> None:
    processes = forked()
    begun = processes.Event()
    process = processes.Process(target=target, args=(*arguments, begun), daemon=True)
    process.start()
    assert begun.wait(60)
    process.kill()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


def test_a_killed_backup_leaves_no_file_under_its_name(
    new_database: Callable[[], str], make_rows: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    url = new_database()
    with Store.open(url) as store:
        fill(store, make_rows)
        path = tmp_path / "one.zip"
        _killed(_back_up_slowly, url, str(path))
        assert not path.exists()
        assert store.backup(path).rows["predictions"] == 6100


def test_a_killed_restore_leaves_an_empty_store_that_can_be_restored(
    new_database: Callable[[], str], make_rows: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    first, second = new_database(), new_database()
    with Store.open(first) as store:
        fill(store, make_rows)
        path = store.backup(tmp_path / "one.zip").path
        before = contents(first)
    _killed(_restore_slowly, str(path), second)
    with Store.open(second) as store:
        assert store.models().empty
    Store.restore(path, second)
    assert contents(second) == before


def test_a_backup_of_an_older_version_is_upgraded(
    new_database: Callable[[], str], make_rows: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    """Written as mondrift wrote it at schema version 0002: without the columns of 0003."""
    first, second = new_database(), new_database()
    with Store.open(first) as store:
        fill(store, make_rows)
        path = store.backup(tmp_path / "new.zip").path
    older = tmp_path / "older.zip"
    with Store.open(first) as store:
        kept = store.quarantine("flights")
    _as_version_2(first, path, older)
    rows = Store.restore(older, second)
    assert "retention" not in rows
    engine = engine_for(second)
    assert schema.current(engine) == schema.needed()
    assert schema.differences(engine) == []
    engine.dispose()
    with Store.open(second) as store:
        assert store.quarantine("flights")["row"].tolist() == kept["row"].tolist()
        assert len(store.window("flights", START, START + 90 * DAY)) == 6100


# Columns that came after version 0002.
LATER = {"quarantine": ("tries", "content"), "runs": ("reference_watermark",)}


def _as_version_2(url: str, path: Path, older: Path) -> None:
    import hashlib

    engine = engine_for(url)
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(older, "w") as target:
        manifest = json.loads(archive.read("manifest.json"))
        at_2 = set(_tables_at("0002"))
        members = []
        for member in manifest["members"]:
            if member["table"] not in at_2:
                continue
            data = archive.read(member["name"])
            later = LATER.get(member["table"], ())
            if later:
                member["columns"] = [c for c in member["columns"] if c not in later]
                data = _copied(engine, member["table"], member["columns"])
                member["sha256"] = hashlib.sha256(data).hexdigest()
            target.writestr(member["name"], data)
            members.append(member)
        names = {name for name in manifest["sequences"] if "self_metrics" not in name}
        sequences = {name: manifest["sequences"][name] for name in names}
        changed = {**manifest, "schema": "0002", "members": members, "sequences": sequences}
        target.writestr("manifest.json", json.dumps(changed))
    engine.dispose()


def _tables_at(version: str) -> list[str]:
    later = {"0002": {"retention", "self_metrics", "sampled_hours"}}
    return [table.name for table in metadata.sorted_tables if table.name not in later[version]]


def _copied(engine: object, table: str, columns: list[str]) -> bytes:
    import io

    buffer = io.BytesIO()
    raw = engine.raw_connection()  # type: ignore[attr-defined]
    query = f"COPY {table} ({', '.join(columns)}) TO STDOUT WITH (FORMAT BINARY)"
    raw.cursor().copy_expert(query, buffer)
    raw.close()
    return buffer.getvalue()
