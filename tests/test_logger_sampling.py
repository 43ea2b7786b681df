"""A Logger that samples: each row is as likely to be kept as any other, and all are counted."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import chdtri

from mondrift import Logger, embedded
from mondrift.errors import InputError
from mondrift.exhibits import method
from mondrift.logger.record import Record, from_line, is_tally, tally
from mondrift.logger.sampler import Sampler
from mondrift.page.sections import Table
from mondrift.run.judging import by_rows, judge_window
from mondrift.run.plan import Monitor
from mondrift.run.windows import Calendar, Length
from mondrift.store import Store
from tests.processes import forked
from tests.test_logger import FEATURES, NOBODY, SCHEMA, SOON, settled_down, stored

HOUR = 3_600_000_000
MINUTE = HOUR // 60
START = datetime(2026, 3, 1, 10, tzinfo=UTC)
FIRST = int(START.timestamp()) * 1_000_000


def records(*names: object, at: int = FIRST) -> list[Record]:
    return [Record(str(name), at, {}, {}) for name in names]


def rows(taken: list[Record]) -> list[str]:
    return [each.id for each in taken if not is_tally(each)]


def counts(taken: list[Record]) -> dict[datetime, tuple[int, int]]:
    """The last counts of each hour."""
    tallies = [tally(each) for each in taken if is_tally(each)]
    return {each.hour: (each.seen, each.kept) for each in tallies}


def sample_of(given: list[Record], size: int, seed: int = 0) -> set[str]:
    sampler = Sampler(size, seed, 10**6)
    sampler.offer(given, FIRST)
    sampler.end()
    return set(rows(sampler.take(None, FIRST)))


# The sample


def test_below_the_bound_every_row_is_kept() -> None:
    sampler = Sampler(10, 0, 100)
    sampler.offer(records(*range(10)), FIRST)
    taken = sampler.take(None, FIRST + HOUR + MINUTE)
    assert sorted(rows(taken)) == sorted(map(str, range(10)))
    assert counts(taken) == {START: (10, 10)}
    assert not sampler.restless


def test_the_sample_depends_on_rows_and_seed_and_not_on_their_order() -> None:
    given = records(*range(1000))
    shuffled = random.Random(1).sample(given, len(given))
    assert sample_of(given, 50) == sample_of(shuffled, 50)
    assert len(sample_of(given, 50)) == 50
    assert sample_of(given, 50) != sample_of(given, 50, seed=1)


def test_each_row_of_an_hour_is_as_likely_to_be_kept_as_any_other() -> None:
    n, size, seeds = 400, 40, 500
    given = records(*range(n))
    kept = Counter(name for seed in range(seeds) for name in sample_of(given, size, seed))
    found = np.array([kept[str(i)] for i in range(n)])
    share = size / n
    # Each count is binomial; that their sum is fixed costs one degree of freedom.
    statistic = ((found - seeds * share) ** 2).sum() / (seeds * share * (1 - share)) * (n - 1) / n
    assert chdtri(n - 1, 0.999) < statistic < chdtri(n - 1, 0.001)


def test_hours_are_sampled_one_by_one_and_handed_on_a_minute_after_their_end() -> None:
    sampler = Sampler(3, 0, 100)
    sampler.offer(records("a", "b", "c", "d", at=FIRST + HOUR - 1), FIRST)
    sampler.offer(records("e", "f", at=FIRST + HOUR), FIRST + HOUR)
    running = sampler.take(None, FIRST + HOUR + MINUTE - 1)
    assert rows(running) == []
    assert counts(running) == {START: (4, 0), START + timedelta(hours=1): (2, 0)}
    over = sampler.take(None, FIRST + HOUR + MINUTE)
    assert len(rows(over)) == 3
    assert counts(over) == {START: (4, 3)}
    assert sorted(rows(sampler.take(None, FIRST + 2 * HOUR + MINUTE))) == ["e", "f"]


def test_counts_in_between_do_not_change_the_sample() -> None:
    given = records(*range(500))
    sampler = Sampler(50, 0, 100)
    for at in range(0, 500, 100):
        sampler.offer(given[at : at + 100], FIRST)
        sampler.hurry()
        taken = sampler.take(None, FIRST)
        assert (rows(taken), counts(taken)) == ([], {START: (at + 100, 0)})
    sampler.end()
    assert set(rows(sampler.take(None, FIRST))) == sample_of(given, 50)


def test_a_row_after_its_hour_is_kept_while_there_is_room_and_always_counted() -> None:
    sampler = Sampler(3, 0, 100)
    sampler.offer(records("a", "b"), FIRST)
    later = FIRST + 2 * HOUR
    sampler.take(None, later)
    sampler.offer(records("c", "d"), later)
    assert rows(sampler.take(None, later)) == [], "held for a minute, so that the lot is fair"
    taken = sampler.take(None, later + MINUTE)
    assert len(rows(taken)) == 1
    assert counts(taken) == {START: (4, 3)}
    assert (sampler.seen, sampler.kept) == (4, 3)


def test_memory_is_bounded_whatever_the_timestamps() -> None:
    chance = random.Random(0)
    sampler = Sampler(20, 0, 50)
    handed: list[Record] = []
    for i in range(5000):
        at = FIRST + chance.randrange(3000) * HOUR
        sampler.offer(records(i, at=at), FIRST)
        handed += sampler.take(None, FIRST)
        assert sampler.in_memory <= 50
    sampler.end()
    handed += sampler.take(None, FIRST)
    totals: Counter[str] = Counter()
    for each in {(t.hour, t.source): t for t in map(tally, filter(is_tally, handed))}.values():
        totals.update(seen=each.seen, kept=each.kept)
    assert totals == {"seen": 5000, "kept": len(rows(handed))}


def test_a_forked_child_samples_anew(tmp_path: Path) -> None:
    logger = Logger("m", url=NOBODY, spill=tmp_path / "s", sample=5)
    for _ in range(10):
        logger.log(FEATURES, timestamp=START)
    assert logger.flush(SOON)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        for _ in range(3):
            logger.log(FEATURES, timestamp=START)
        logger.close(SOON)
        stats = logger.stats
        os.write(writing, f"{stats.seen} {stats.kept} {stats.spilled}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 100) == b"3 3 3"
    logger.close(SOON)
    assert (logger.stats.seen, logger.stats.kept, logger.stats.spilled) == (10, 5, 5)
    os.close(reading)
    os.close(writing)


def test_bounds_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match="sample is 0; it must be at least 1"):
        Logger("m", sample=0)
    with pytest.raises(InputError, match=r"sample is 20, and memory holds 10 rows.*memory=20"):
        Logger("m", sample=20, memory=10)
    with pytest.raises(InputError, match="seed is -1; it must be at least 0"):
        Logger("m", sample=20, seed=-1)


# Into the store

real = pytest.mark.servers
Making = Callable[..., Logger]


@pytest.fixture
def model(store: Store, request: pytest.FixtureRequest) -> str:
    store.register_model(request.node.name, SCHEMA, task="binary")
    return str(request.node.name)


@pytest.fixture
def make(database_url: str, model: str, tmp_path: Path) -> Iterator[Making]:
    made: list[Logger] = []

    def logger(sample: int, *, url: str = database_url, memory: int = 100_000) -> Logger:
        folder = tmp_path / "s"
        each = Logger(model, url=url, spill=folder, seconds=0.02, sample=sample, memory=memory)
        made.append(each)
        return each

    yield logger
    for each in made:
        each.close()


def seen(store: Store, model: str, start: datetime = START, hours: int = 1) -> list[int]:
    return store.volume(model, start, start + timedelta(hours=hours))["n"].tolist()


@real
def test_counts_are_exact_with_many_threads_and_little_memory(
    store: Store, model: str, make: Making
) -> None:
    logger = make(100, memory=100)

    def work(number: int) -> None:
        for i in range(1000):
            logger.log({"wind": i, "carrier": "AA"}, prediction=0, id=f"{number}-{i}",
                       timestamp=START + timedelta(hours=i % 2))  # fmt: skip

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert logger.flush(SOON)
    assert logger.stats.seen == 8000
    logger.close(SOON)
    stats = logger.stats
    assert (stats.sent, stats.dropped, stats.spilled, stats.pending) == (stats.kept, 0, 0, 0)
    assert 100 <= stats.kept <= 200
    assert len(stored(store, model)) == stats.kept
    assert seen(store, model, hours=2) == [4000, 4000]


@real
def test_a_flush_tells_the_counts_and_leaves_the_hour_open(
    store: Store, model: str, make: Making,
    servers: embedded.Servers, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("REDIS_URL", str(servers.redis_url))
    logger, now = make(50), datetime.now(UTC)
    for i in range(300):
        logger.log(FEATURES, prediction=0, id=str(i), timestamp=now)
    assert logger.flush(SOON)
    hour = now.replace(minute=0, second=0, microsecond=0)
    assert len(stored(store, model)) == 0
    assert seen(store, model, hour) == [300]
    assert store.live_volume(model, hours=2)["n"].sum() == 300
    for i in range(300, 600):
        logger.log(FEATURES, prediction=0, id=str(i), timestamp=now)
    assert logger.flush(SOON)
    assert (logger.stats.seen, logger.stats.kept, logger.stats.pending) == (600, 50, 50)
    logger.close(SOON)
    assert set(stored(store, model)["id"]) == sample_of(records(*range(600)), 50)
    assert seen(store, model, hour) == [600]
    assert store.live_volume(model, hours=2)["n"].sum() == 600, "the cached counters followed"


@real
def test_below_the_bound_the_store_has_every_row(store: Store, model: str, make: Making) -> None:
    logger = make(1000)
    ids = [logger.log(FEATURES, prediction=0, timestamp=START) for _ in range(200)]
    logger.close(SOON)
    assert sorted(stored(store, model)["id"]) == sorted(ids)
    assert seen(store, model) == [200]
    assert store.unkept(model, START, START + timedelta(hours=1)).rows == 0


def test_what_comes_after_the_end_goes_to_disk_with_its_count(tmp_path: Path) -> None:
    logger = Logger("m", url=NOBODY, spill=tmp_path / "s", sample=2)
    logger.log(FEATURES, timestamp=START)
    logger.close(SOON)
    for _ in range(3):
        logger.log(FEATURES, timestamp=START)
    assert (logger.stats.seen, logger.stats.kept, logger.stats.spilled) == (4, 2, 2)
    files = sorted((tmp_path / "s").glob("*.jsonl"))
    lines = [from_line(line) for file in files for line in file.read_bytes().splitlines(True)]
    found = [each for each in lines if each is not None]
    assert (len(rows(found)), counts(found)) == (2, {START: (4, 2)})


@real
def test_counts_wait_on_disk_like_rows_while_the_store_is_away(
    store: Store, model: str, make: Making
) -> None:
    away = make(10, url=NOBODY)
    for _ in range(500):
        away.log(FEATURES, prediction=0, timestamp=START)
    away.close(SOON)
    assert (away.stats.spilled, away.stats.dropped, away.stats.kept) == (10, 0, 10)
    heir = make(10)
    settled_down(heir)
    assert (heir.stats.sent, heir.stats.seen) == (10, 0)
    assert seen(store, model) == [500]


def _process(url: str, model: str, folder: Path) -> int:
    with Logger(model, url=url, spill=folder, seconds=0.02, sample=50) as logger:
        for i in range(1000):
            logger.log({"wind": i, "carrier": "AA"}, prediction=0, timestamp=START)
    return logger.stats.kept


@real
def test_each_process_keeps_a_sample_and_the_counts_add_up(
    database_url: str, store: Store, model: str, tmp_path: Path
) -> None:
    with ProcessPoolExecutor(2, forked()) as pool:
        work = [pool.submit(_process, database_url, model, tmp_path / "s") for _ in range(2)]
        assert [each.result(timeout=120) for each in work] == [50, 50]
    with Logger(model, url=database_url, spill=tmp_path / "s") as heir:
        settled_down(heir)
    assert len(stored(store, model)) == 100
    assert seen(store, model) == [2000]


KILLED = """
    import sys
    from datetime import UTC, datetime
    from mondrift import Logger, embedded

    logger = Logger(sys.argv[1], url=sys.argv[2], spill=sys.argv[3], seconds=0.02, sample=50)
    now = datetime.now(UTC)
    for i in range(2000):
        logger.log({"wind": i, "carrier": "AA"}, prediction=1, timestamp=now)
        if i == 999:
            logger.flush(60)
    print("logged", now.isoformat(), flush=True)
    sys.stdin.read()
"""


@real
def test_a_killed_process_loses_the_running_hour_and_seconds_of_counts(
    database_url: str, store: Store, model: str, tmp_path: Path
) -> None:
    given = [model, database_url, str(tmp_path / "s")]
    command = [sys.executable, "-c", textwrap.dedent(KILLED), *given]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline().split()
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert said[0] == "logged"
    hour = datetime.fromisoformat(said[1]).replace(minute=0, second=0, microsecond=0)
    assert len(stored(store, model)) == 0
    (told,) = seen(store, model, hour)
    assert 1000 <= told <= 2000


# What is told of it


def _sampled_day(store: Store, model: str, make: Making) -> Monitor:
    """1,200 rows of a day, 100 kept; its baseline, and a monitor of days."""
    chance = random.Random(0)
    at = pd.date_range(START - timedelta(days=1), periods=500, freq="min")
    frame = pd.DataFrame(
        {"at": at, "wind": [chance.gauss(0, 1) for _ in at], "carrier": "AA", "late": "0",
         "score": 0.5, "took": 1.0, "was_late": "0"}
    )  # fmt: skip
    store.register_baseline(model, frame)
    logger = make(50)
    for i in range(1200):
        row = {"wind": chance.gauss(0, 1), "carrier": "AA"}
        moment = START + timedelta(hours=i % 2)
        logger.log(row, prediction=0, probability=0.5, timestamp=moment, latency_ms=1.0)
    logger.close(SOON)
    days = Calendar(Length.parse("1D"), "UTC", date(2026, 1, 1))
    return Monitor("daily", model, days)


@real
def test_a_check_tells_how_many_rows_there_were_and_how_many_it_measured(
    store: Store, model: str, make: Making
) -> None:
    monitor = _sampled_day(store, model, make)
    window = monitor.window(START.isoformat())
    for verdict in (judge_window(store, monitor, window), by_rows(store, monitor, window)):
        (volume,) = [m for m in verdict.comparison.measurements if m.measure == "rows"]
        assert (volume.statistic, volume.n_current, volume.n_reference) == (1200, 1200, 500)
        assert volume.detail["sampled"] == {"kept": 100, "seen": 1200, "seeds": [0]}
        assert verdict.comparison.current.n == 100
        (told,) = method(verdict).sections
        assert isinstance(told, Table)
        assert dict(told.rows)["sample"] == "100 of 1,200 rows, drawn with seed 0"
        (wind,) = [m for m in verdict.comparison.measurements
                   if (m.column, m.measure) == ("wind", "psi")]  # fmt: skip
        assert wind.n_current == 100


@real
def test_part_of_a_sampled_hour_counts_by_its_time(store: Store, model: str, make: Making) -> None:
    _sampled_day(store, model, make)
    quarters = store.volume(model, START, START + timedelta(hours=1), every="15min")["n"].tolist()
    assert sum(quarters) in range(598, 603)
    assert all(quarter >= 137 for quarter in quarters), "550 rows not kept, spread over the hour"
    half = store.unkept(model, START, START + timedelta(minutes=30))
    assert (half.rows, half.seeds) == (275, (0,))


@real
def test_a_store_with_samples_is_in_order_and_says_so(
    store: Store, model: str, make: Making
) -> None:
    _sampled_day(store, model, make)
    (line,) = [each for each in store.check() if each.what.startswith(f"{model}:")]
    assert line.good
    assert "100 rows" in line.what
    assert "1,100 more seen and not kept by sampling" in line.what


@real
def test_samples_come_back_from_a_backup(
    store: Store, model: str, make: Making, new_database: Callable[[], str], tmp_path: Path
) -> None:
    _sampled_day(store, model, make)
    store.backup(tmp_path / "all.zip")
    url = new_database()
    Store.restore(tmp_path / "all.zip", url)
    with Store.open(url) as copy:
        assert seen(copy, model, hours=2) == [600, 600]


@real
def test_retention_takes_the_counts_out_of_volumes_with_the_rows_and_away_with_the_aggregates(
    store: Store, model: str, make: Making
) -> None:
    _sampled_day(store, model, make)
    now = datetime.now(UTC)
    store.log(model, {"at": now, **FEATURES, "late": 0, "score": 0.5, "took": 1.0})
    days = timedelta(days=max((now - START).days - 2, 2))
    store.retention(model, raw=days, aggregates=timedelta(days=3650))
    assert seen(store, model, hours=2) == [0, 0]
    count = "1,100 more seen"
    assert not any(count in each.what for each in store.check() if each.what.startswith(model))
    store.retention(model, raw=days, aggregates=days)
    assert store.unkept(model, START, START + timedelta(hours=2)).rows == 0
