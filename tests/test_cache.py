"""The cache is harmless: cold, warm, filled with nonsense, killed while in use."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import redis

from mondrift import Schema, compare, embedded, judge
from mondrift.cache import Cache, look_ups
from mondrift.settings import Settings
from mondrift.store import Store

pytestmark = pytest.mark.servers

START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Built-in settings."""
    return Settings.load(tmp_path)


@pytest.fixture
def cache(
    servers: embedded.Servers, settings: Settings, request: pytest.FixtureRequest
) -> Iterator[Cache]:
    """A cache with a namespace of its own."""
    cache = Cache(servers.redis_url, request.node.name, settings)
    yield cache
    cache.close()


@pytest.fixture
def client(servers: embedded.Servers) -> Iterator[redis.Redis]:
    """A look behind the scenes."""
    client = redis.Redis.from_url(str(servers.redis_url), decode_responses=True)
    yield client
    client.close()


@pytest.mark.parametrize(
    ("age", "seconds"), [("realtime", 300), ("hourly", 3600), ("daily", 86400)]
)
def test_a_value_is_computed_once_and_lives_as_long_as_its_kind(
    cache: Cache, client: redis.Redis, age: str, seconds: int, request: pytest.FixtureRequest
) -> None:
    calls: list[int] = []

    def compute() -> dict[str, float]:
        calls.append(1)
        return {"x": float("inf")}

    for _ in range(3):
        assert cache.remember("statistics", "m", "n", compute, age=age) == {"x": float("inf")}  # type: ignore[arg-type]
    assert len(calls) == 1
    assert (cache.counts.hits, cache.counts.misses) == (2, 1)
    assert cache.counts.hit_rate == pytest.approx(2 / 3)
    ttl = client.ttl(f"mondrift:{request.node.name}:statistics:m:n")
    assert seconds - 5 <= ttl <= seconds


def test_something_unreadable_is_computed_again(
    cache: Cache, client: redis.Redis, request: pytest.FixtureRequest
) -> None:
    client.set(f"mondrift:{request.node.name}:baseline:m:n", "{nonsense")
    assert cache.remember("baseline", "m", "n", lambda: 1, age="daily") == 1
    assert cache.remember("baseline", "m", "n", lambda: 2, age="daily") == 1


def test_another_type_of_key_is_a_miss(
    cache: Cache, client: redis.Redis, request: pytest.FixtureRequest
) -> None:
    client.lpush(f"mondrift:{request.node.name}:alerts:m:n", "x")
    assert cache.remember("alerts", "m", "n", lambda: 1, age="realtime") == 1
    assert cache.counts.errors == 1


@pytest.mark.parametrize("nothing", [None, []])
def test_nothing_is_not_remembered(cache: Cache, nothing: object) -> None:
    assert cache.remember("baseline", "m", "n", lambda: nothing, age="daily") == nothing
    assert cache.remember("baseline", "m", "n", lambda: [1], age="daily") == [1], "it has come"
    assert cache.remember("baseline", "m", "n", lambda: [2], age="daily") == [1]


def test_look_ups_of_all_processes_are_counted_together(
    cache: Cache, servers: embedded.Servers, settings: Settings
) -> None:
    before = look_ups(str(servers.redis_url))
    other = Cache(servers.redis_url, "another process", settings)
    for each in (cache, cache, other, other, other):
        each.remember("statistics", "m", "n", lambda: 1, age="realtime")
    other.close()
    after = look_ups(str(servers.redis_url))
    assert before is not None
    assert after is not None
    assert (after.hits - before.hits, after.misses - before.misses) == (3, 2)
    assert look_ups("redis://127.0.0.1:9/0") is None


def test_counters_grow_only_where_a_count_is(
    cache: Cache, client: redis.Redis, request: pytest.FixtureRequest
) -> None:
    key = f"mondrift:{request.node.name}:volume:m:10"
    cache.add_volumes("m", {10: 5, 11: 7})
    assert client.get(key) is None
    assert cache.remember("volume", "m", "10", lambda: 5, age="realtime") == 5
    cache.add_volumes("m", {10: 3})
    assert cache.remember("volume", "m", "10", lambda: 0, age="realtime") == 8


def test_without_redis_every_look_up_is_a_miss(settings: Settings) -> None:
    cache = Cache(None, "none", settings)
    assert not cache.available
    assert [cache.remember("alerts", "m", "n", lambda n=n: n, age="hourly") for n in (1, 2)] == [
        1,
        2,
    ]
    cache.add_volumes("m", {1: 1})
    cache.close()


def test_a_dead_redis_costs_one_time_out_and_one_line(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    cache = Cache("redis://127.0.0.1:9/0", "dead", settings)
    began = time.monotonic()
    for n in range(100):
        assert cache.remember("alerts", "m", "n", lambda n=n: n, age="hourly") == n  # type: ignore[misc]
    assert time.monotonic() - began < 2
    assert len(caplog.records) == cache.counts.errors == 1
    assert "nothing is lost" in caplog.text
    cache.close()


def test_history_is_the_same_when_redis_is_killed_in_the_middle(
    new_database: Callable[[], str],
) -> None:
    home = Path(tempfile.mkdtemp(prefix="mondrift-cache-"))
    home.chmod(0o755)
    schema = Schema(timestamp="at", prediction="y")
    rows = pd.DataFrame(
        {"at": pd.date_range(START, periods=60, freq="min"), "x": range(60), "y": 0.5}
    )
    with (
        embedded.attach(home, postgres=False, sync=False) as own,
        Store.open(new_database(), redis_url=own.redis_url) as store,
    ):
        store.register_model("m", schema, task="regression")
        store.log("m", rows)
        frame = store.window("m", START, START + timedelta(days=1))
        comparison = compare(frame, frame, schema=store.model("m").schema)
        run = store.begin_run("weekly", "m", (START, START + timedelta(days=1)), {})
        store.save_check(run, comparison, judge(comparison))
        warm = [store.history("m") for _ in range(2)][1]
        assert store.cache.counts.hits == 1
        assert store.cache.available
        probe = redis.Redis.from_url(str(own.redis_url))
        os.kill(probe.info("server")["process_id"], signal.SIGKILL)
        probe.close()
        pd.testing.assert_frame_equal(store.history("m"), warm)
        assert store.log("m", rows.assign(x=1)).stored == 60
        assert store.cache.counts.errors >= 1
        assert not store.cache.available
    shutil.rmtree(home, ignore_errors=True)
