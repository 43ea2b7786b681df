"""The commands of upkeep: quarantine, retention, backup, restore, db check."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from mondrift import Schema
from mondrift.store import Store
from tests.conftest import execute
from tests.test_cli import call

pytestmark = pytest.mark.servers

START = datetime(2026, 3, 1, tzinfo=UTC)
SCHEMA = Schema(
    timestamp="at",
    prediction="guess",
    private=("income",),
    kinds={"at": "datetime", "x": "numeric", "income": "numeric", "guess": "numeric"},
)


def _rows(n: int, **values: object) -> list[dict[str, object]]:
    plain = {"at": START, "x": 1.0, "income": 5.0, "guess": 1.0}
    return [{**plain, "id": f"r{i}", **values} for i in range(n)]


@pytest.fixture
def url(new_database: Callable[[], str]) -> str:
    url = new_database()
    with Store.open(url) as store:
        store.register_model("m", SCHEMA, task="regression", clock="data")
        store.log("m", _rows(3))
        store.log("m", _rows(1, x=9.0))
        store.log("m", [{**row, "id": f"bad{i}"} for i, row in enumerate(_rows(3, x="warm"))])
        store.log("m", [{**_rows(1)[0], "id": "poor", "income": "secret", "x": "hot"}])
    return url


@pytest.fixture
def env(url: str) -> dict[str, str]:
    return {"DATABASE_URL": url}


def test_quarantine_is_listed_in_pages_without_private_values(env: dict[str, str]) -> None:
    first = call("quarantine", "list", "m", "--limit", "3", env=env)
    assert first.exit_code == 0
    assert "its id is taken by a row with other content" in first.output
    assert "more: mondrift quarantine list m --after 3" in first.output
    second = call("quarantine", "list", "m", "--limit", "3", "--after", "3", env=env)
    assert "more:" not in second.output
    assert "secret" not in second.output
    assert "column 'income': (private)" in second.output
    listed = json.loads(call("quarantine", "list", "m", "--json", env=env).output)
    assert [each["entry"] for each in listed] == [1, 2, 3, 4, 5]
    assert {each["row"]["income"] for each in listed} == {"(private)"}
    conflicts = call("quarantine", "list", "m", "--conflicts", "--json", env=env)
    assert [each["entry"] for each in json.loads(conflicts.output)] == [1]


def test_an_entry_is_shown_whole(env: dict[str, str]) -> None:
    shown = call("quarantine", "show", "2", env=env).output
    assert "entry 2 of m: a prediction" in shown
    assert "column 'x': 'warm' is no number" in shown
    assert "income                   '(private)'" in shown
    assert (
        json.loads(call("quarantine", "show", "2", "--json", env=env).output)["row"]["x"] == "warm"
    )
    gone = call("quarantine", "show", "99", env=env)
    assert gone.exit_code == 1
    assert "no entry 99" in gone.output


def test_mended_rows_of_a_file_are_replayed_and_the_rest_discarded(
    env: dict[str, str], tmp_path: Path
) -> None:
    mended = tmp_path / "mended.csv"
    rows = pd.DataFrame(_rows(2, x=2.5)).assign(entry=[2, 3], id=["bad0", "bad1"])
    rows.to_csv(mended, index=False)
    done = call("quarantine", "replay", "m", "--fixed", str(mended), env=env)
    assert done.output == "2 stored, 0 duplicates, 0 failed\n"
    again = call("quarantine", "replay", "m", "--entries", "4", env=env)
    assert "0 stored, 0 duplicates, 1 failed\nsee why: mondrift quarantine list m" in again.output
    assert "(tried 1 times)" in call("quarantine", "show", "4", env=env).output
    assert call("quarantine", "discard", "m", "--entries", "4,5", env=env).output == "2 discarded\n"
    assert "1 discarded" in call("quarantine", "discard", "m", "--conflicts", env=env).output
    assert "nothing is in quarantine" in call("quarantine", "list", "m", env=env).output
    assert call("quarantine", "discard", "m", env=env).exit_code == 1
    assert call("quarantine", "discard", "m", "--entries", "a", env=env).exit_code == 2


def test_retention_says_what_goes_and_a_wrong_span_is_wrong_usage(env: dict[str, str]) -> None:
    with Store.open(env["DATABASE_URL"]) as store:
        store.log("m", {**_rows(1)[0], "id": "old", "at": START - timedelta(days=40)})
    dry = json.loads(call("retention", "--dry-run", "--raw", "4w", "--json", env=env).output)
    assert dry["dry_run"]
    assert dry["models"][0]["predictions"] == 1
    done = call("retention", "m", "--raw", "4w", env=env)
    assert done.exit_code == 0, done.output
    assert "28d" in done.output
    assert "2 partitions dropped" in done.output
    assert call("retention", "--raw", "soon", env=env).exit_code == 2


def test_db_check_ends_with_1_when_something_is_wrong(url: str, env: dict[str, str]) -> None:
    good = call("db", "check", env=env)
    assert good.exit_code == 0, good.output
    assert "ok  m: 3 rows" in good.output
    execute(url, "ALTER TABLE models ADD COLUMN remark text")
    bad = call("db", "check", env=env)
    assert bad.exit_code == 1
    assert "BAD 1 differences" in bad.output
    assert not json.loads(call("db", "check", "--json", env=env).output)[0]["good"]


def test_db_stats_says_how_the_store_did(env: dict[str, str]) -> None:
    told = call("db", "stats", env=env)
    assert told.exit_code == 0, told.output
    assert "3 rows stored" in told.output
    lines = json.loads(call("db", "stats", "--hours", "1", "--json", env=env).output)
    assert lines[0] | {"seconds": 0, "worst": 0} == {
        "name": "ingest", "n": 3, "seconds": 0, "worst": 0, "counts": "rows stored",
    }  # fmt: skip


@pytest.fixture
def home() -> Iterator[Path]:
    """A home for embedded servers; short, because sockets have short names."""
    folder = Path(tempfile.mkdtemp(prefix="mondrift-restored-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_a_backup_goes_into_the_embedded_store_of_a_new_folder(
    env: dict[str, str], tmp_path: Path, home: Path
) -> None:
    made = call("backup", str(tmp_path), "--json", env=env)
    assert made.exit_code == 0, made.output
    path = json.loads(made.output)["path"]
    refused = call("restore", path, env=env)
    assert refused.exit_code == 1
    assert "a backup only goes into an empty one" in refused.output
    embedded = {"MONDRIFT_HOME": str(home)}
    restored = call("restore", path, env=embedded)
    assert restored.exit_code == 0, restored.output
    assert "restored" in restored.output
    assert len(json.loads(call("quarantine", "list", "m", "--json", env=embedded).output)) == 5
