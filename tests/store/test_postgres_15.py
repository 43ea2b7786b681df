"""The oldest PostgreSQL that is promised: a whole way through, on Debian's own binaries."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import create_engine, text

from mondrift import Schema, compare, embedded, judge
from mondrift.embedded.programs import Program, Programs
from mondrift.store import Store, schema
from mondrift.store.connect import address, engine_for

BINARY = Path("/usr/lib/postgresql/15/bin/postgres")

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(not BINARY.exists(), reason="Debian's postgresql-15 is not installed"),
]

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server of version 15."""
    home = Path(tempfile.mkdtemp(prefix="mondrift-15-"))
    home.chmod(0o755)
    programs = Programs((Program(BINARY, "Debian's"),), ())
    with embedded.attach(home, redis=False, programs=programs, sync=False) as servers:
        yield servers.database_url
    shutil.rmtree(home, ignore_errors=True)


def test_a_backup_of_version_15_goes_into_the_newest_and_old_days_are_dropped(
    url: str,
    new_database: Callable[[], str],
    make_rows: Callable[..., pd.DataFrame],
    tmp_path: Path,
) -> None:
    with Store.open(url) as store:
        declared = Schema(timestamp="at", prediction="late", target="was_late", probability="score")
        store.register_model("kept", declared, task="binary", clock="data")
        store.log("kept", make_rows(100, start=START - 100 * DAY, prefix="old"))
        store.log("kept", make_rows(100, prefix="new"))
        store.log("kept", make_rows(1).astype(object).assign(temperature="warm"))
        path = store.backup(tmp_path).path
        assert store.retention().models["predictions"].tolist() == [100]
        assert all(each.good for each in store.check())
    newest = new_database()
    Store.restore(path, newest)
    with Store.open(newest) as store:
        assert len(store.window("kept", START - 101 * DAY, START + DAY)) == 200
        assert store.log("kept", make_rows(100, prefix="new")).duplicates == 100
        assert store.retention().dropped == ("predictions_20251121", "labels_202511")
        assert len(store.window("kept", START - 101 * DAY, START + DAY)) == 100


def test_the_whole_way_works_on_version_15(
    url: str, make_rows: Callable[..., pd.DataFrame]
) -> None:
    with Store.open(url) as store:
        declared = Schema(timestamp="at", prediction="late", target="was_late", probability="score")
        store.register_model("flights", declared, task="binary")
        made = store.log("flights", make_rows(100))
        given = store.log("flights", make_rows(100, start=START + DAY, prefix="c"))
        store.label("flights", pd.DataFrame({"id": made.ids + given.ids, "value": 1}))
        assert store.label("flights", {"id": "later", "value": 0}).unknown == 1
        reference = store.register_baseline("flights", [(START, START + DAY)]).rows()
        current = store.window("flights", START + DAY, START + 2 * DAY)
        assert current["was_late"].tolist() == ["1"] * 100
        comparison = compare(reference, current, schema=store.model("flights").schema)
        verdict = judge(comparison)
        with store.running("daily"):
            window = (START + DAY, START + 2 * DAY)
            run = store.begin_run("daily", "flights", window, {})
            store.save_check(run, comparison, verdict)
        assert store.verdict(run).to_dict() == verdict.to_dict()
        assert len(store.history("flights")) == len(verdict.to_frame())
    engine = engine_for(url)
    assert schema.differences(engine) == []
    engine.dispose()
    engine = create_engine(address(url))
    with engine.connect() as connection:
        assert connection.execute(text("SHOW server_version")).scalar_one().startswith("15")
    engine.dispose()
