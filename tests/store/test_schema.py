"""The tables: made once, by whoever comes first; a wrong version is told with its remedy."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from mondrift import Schema, embedded
from mondrift.errors import ServerError, SettingsError, StoreError
from mondrift.settings import Settings
from mondrift.store import Store, schema
from mondrift.store.connect import address, engine_for, masked
from tests.processes import forked

pytestmark = pytest.mark.servers


def _run(url: str, *statements: str) -> None:
    engine = create_engine(address(url), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


@pytest.fixture
def empty_database(servers: embedded.Servers, request: pytest.FixtureRequest) -> str:
    """A database with nothing in it."""
    name = f"empty_{abs(hash(request.node.nodeid))}"
    _run(servers.database_url, f"CREATE DATABASE {name}")
    return make_url(servers.database_url).set(database=name).render_as_string(hide_password=False)


def test_an_empty_database_is_filled_and_its_tables_are_what_the_code_says(
    empty_database: str,
) -> None:
    with Store.open(empty_database) as store:
        assert len(store.models()) == 0
    engine = engine_for(empty_database)
    assert schema.current(engine) == schema.needed()
    assert schema.differences(engine) == []
    engine.dispose()


def test_the_versions_are_those_that_alembic_finds() -> None:
    config = Config()
    config.set_main_option("script_location", "mondrift.store:migrations")
    config.set_main_option("path_separator", "os")
    steps = ScriptDirectory.from_config(config)
    assert schema.known() == {step.revision for step in steps.walk_revisions()}
    assert [schema.needed()] == steps.get_heads()


def test_partitions_are_no_difference(store: Store, database_url: str) -> None:
    declared = Schema(timestamp="at", prediction="y", target="z")
    store.register_model("with partitions", declared, task="regression")
    row = {"at": datetime(2026, 3, 1, tzinfo=UTC), "x": 1.0, "y": 2.0, "z": 2.5}
    assert store.log("with partitions", row).labels == 1
    engine = engine_for(database_url)
    assert schema.differences(engine) == []
    engine.dispose()


def _open(url: str) -> str:
    with Store.open(url) as store:
        return store.schema_version


def test_many_processes_may_open_an_empty_store_at_once(empty_database: str) -> None:
    with ProcessPoolExecutor(4, forked()) as pool:
        assert set(pool.map(_open, [empty_database] * 4, timeout=120)) == {schema.needed()}


def test_a_database_with_other_tables_is_left_alone_until_upgraded(empty_database: str) -> None:
    _run(empty_database, "CREATE TABLE guests (name text)")
    with pytest.raises(
        StoreError, match=r"holds other tables but none of ours.*mondrift db upgrade"
    ):
        Store.open(empty_database)
    assert Store.migrate(empty_database) == schema.needed()
    assert Store.migrate(empty_database) == schema.needed(), "harmless when it is there"
    Store.open(empty_database).close()


def test_a_newer_schema_is_refused_and_says_what_to_upgrade(
    new_database: Callable[[], str],
) -> None:
    url = new_database()
    _run(url, f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'")
    with pytest.raises(
        StoreError, match=r"9999, which a newer mondrift wrote.*pip install --upgrade"
    ):
        Store.open(url)
    with pytest.raises(StoreError, match="a newer mondrift wrote"):
        Store.migrate(url)


def test_an_older_schema_says_which_command_upgrades(new_database: Callable[[], str]) -> None:
    url = new_database()
    _run(url, f"DELETE FROM {schema.VERSION_TABLE}")
    with pytest.raises(StoreError, match="run: mondrift db upgrade"):
        Store.open(url)


@pytest.mark.parametrize("host", ["127.0.0.1:9", "/nowhere"])
def test_an_address_that_does_not_answer_is_told_without_its_password(host: str) -> None:
    where = f"@/drift?host={host}" if host.startswith("/") else f"@{host}/drift"
    with pytest.raises(ServerError, match="does not answer.*Check DATABASE_URL") as error:
        Store.open(f"postgres://me:hunter2{where}")
    assert "hunter2" not in str(error.value)
    assert "***" in str(error.value)


def test_a_wrong_password_is_told_without_the_right_one(servers: embedded.Servers) -> None:
    url = make_url(servers.database_url).set(password="wrong-one")
    with pytest.raises(ServerError, match="does not answer") as error:
        Store.open(url.render_as_string(hide_password=False))
    assert "wrong-one" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("nonsense secret", "is not a URL"),
        ("mysql://a:secret@b/c", "speaks of 'mysql'"),
        ("postgresql+asyncpg://a:secret@b/c", "names the driver 'postgresql\\+asyncpg'"),
    ],
)
def test_an_address_of_another_kind_is_refused_unseen(url: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason) as error:
        Store.open(url)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_every_spelling_means_psycopg2(scheme: str) -> None:
    assert address(f"{scheme}://h/d").drivername == "postgresql+psycopg2"
    assert masked(f"{scheme}://u:p@h/d") == "postgresql://u:***@h/d"


def test_without_an_address_the_embedded_servers_are_joined(
    servers: embedded.Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    settings = Settings.load(overrides={"mondrift_home": servers.home})
    with Store.open(settings=settings) as store:
        assert store.cache.available
        assert len(store.models()) == 0


def test_a_read_only_database_refuses_plainly(
    servers: embedded.Servers, new_database: Callable[[], str]
) -> None:
    url = new_database()
    name = make_url(url).database
    _run(servers.database_url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with (
        Store.open(url) as store,
        pytest.raises(StoreError, match="refuses: the database is read-only"),
    ):
        store.register_model("m", Schema(timestamp="at"), task="binary")


def test_reports_read_from_the_replica(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_REPLICA_URL", "postgresql://u:p@127.0.0.1:9/away")
    with Store.open(database_url) as store:
        store.register_model("replicated", Schema(timestamp="at"), task="binary")
        with pytest.raises(ServerError, match="127.0.0.1:9/away"):
            store.history("replicated")
