"""check and run of several windows: which they are, and one that fails leaves the others alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from mondrift import embedded
from mondrift.cli import main
from mondrift.cli.batch import Tally
from mondrift.errors import BusyError
from mondrift.schema import Schema
from mondrift.store import Store
from tests.run.notebooks import made, save

START = datetime(2024, 1, 1, tzinfo=UTC)
MONITOR = "model: shop\nnotebook: small\nwindow: {length: 1D, zone: UTC, start: 2024-01-02}\n"
BROKEN = MONITOR + "reference: {baseline: 7}\n"  # there is none


@pytest.fixture(scope="module")
def home(
    tmp_path_factory: pytest.TempPathFactory, new_database: Any, servers: embedded.Servers
) -> tuple[Path, dict[str, str]]:
    """A folder with monitors of a model that has rows up to 5 January, and its environment."""
    folder, url = tmp_path_factory.mktemp("shop"), new_database()
    n = 5 * 24 * 12
    frame = pd.DataFrame(
        {
            "at": pd.date_range(START, periods=n, freq="5min"),
            "id": [f"r{i}" for i in range(n)],
            "x": np.random.default_rng(0).normal(size=n),
            "plan": "a",
        }
    )
    with Store.open(url) as store:
        schema = Schema(timestamp="at", id="id", prediction="plan").fit(frame)
        store.register_model("shop", schema, task="multiclass", clock="data")
        store.log("shop", frame)
        store.register_baseline("shop", [(START, START + timedelta(days=1))])
    monitors = folder / "params" / "monitors"
    monitors.mkdir(parents=True)
    (monitors / "daily.yaml").write_text(MONITOR + "schedule: '0 6 * * *'\n")
    save(made("1 / 0"), folder / "notebooks" / "small.ipynb")
    return folder, {"DATABASE_URL": url, "REDIS_URL": servers.redis_url or ""}


@pytest.fixture
def call(home: tuple[Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    folder, env = home
    monkeypatch.chdir(folder)

    def called(*arguments: str) -> Result:
        return CliRunner().invoke(main, list(arguments), env=env)

    yield called
    for each in ("second", "shop"):
        (folder / "params" / "monitors" / f"{each}.yaml").unlink(missing_ok=True)


def days(result: Result) -> list[str]:
    """The windows of an answer in lines of JSON."""
    return [json.loads(line)["window"]["label"] for line in result.stdout.splitlines()]


@pytest.mark.servers
def test_since_gives_every_window_that_ended_after_it_oldest_first(call: Any) -> None:
    result = call("check", "daily", "--since", "2024-01-03", "--json")
    assert (result.exit_code, days(result)) == (0, ["3 January 2024", "4 January 2024"])
    told = call("check", "daily", "--since", "2024-01-03T01:00+02:00").output
    assert [line.split(": ")[0] for line in told.splitlines()] == [
        "daily, 2 January 2024", "daily, 3 January 2024", "daily, 4 January 2024", "3 windows",
    ]  # fmt: skip
    assert call("check", "daily", "--since", "2024-01-09").output == "no window has ended since\n"


@pytest.mark.servers
@pytest.mark.parametrize(
    ("moment", "answer"),
    [
        ("2024-01-04", "3 January 2024: "),
        ("2024-01-04T06:30:00+00:00", "3 January 2024: "),
        ("2024-01-04T00:30+01:00", "2 January 2024: "),
        ("2024-01-02T23:59", "the first one ends at 2024-01-03 00:00 UTC"),
        ("2199-01-01", "is not over yet"),
        ("monday", "'monday' is no moment; write it like 2013-04-22"),
    ],
)
def test_window_end_is_the_last_end_not_after_it(call: Any, moment: str, answer: str) -> None:
    assert answer in call("check", "daily", "--window-end", moment).output


@pytest.mark.servers
def test_due_is_what_the_schedule_asks_for_and_then_nothing(call: Any, home: Any) -> None:
    _monitor(home, "second", MONITOR + "schedule: '0 6 * * *'\n")
    expected = ["2 January 2024", "3 January 2024", "4 January 2024"]  # now is 5 January 23:55
    assert days(call("check", "second", "--due", "--json")) == expected
    again = call("check", "second", "--due")
    assert (again.exit_code, again.output) == (0, "nothing is due\n")
    _monitor(home, "second", MONITOR)
    without = call("run", "second", "--due")
    assert (without.exit_code, "has no schedule" in without.output) == (1, True)


@pytest.mark.servers
def test_a_model_is_each_of_its_monitors_unless_one_has_its_name(call: Any, home: Any) -> None:
    _monitor(home, "second", MONITOR)
    told = call("check", "shop", "--json").stdout
    assert [json.loads(line)["monitor"] for line in told.splitlines()] == ["daily", "second"]
    _monitor(home, "shop", MONITOR)
    assert json.loads(call("check", "shop", "--json").stdout)["monitor"] == "shop"
    unknown = call("check", "shoop")
    assert "neither a monitor nor a model 'shoop'" in unknown.output
    assert "Did you mean 'shop'?" in unknown.output


@pytest.mark.servers
def test_one_that_fails_and_a_file_that_cannot_be_read_leave_the_others_alone(
    call: Any, home: Any
) -> None:
    _monitor(home, "second", BROKEN)
    result = call("check", "shop", "--window", "2024-01-03", "--json")
    daily, second = (json.loads(line) for line in result.stdout.splitlines())
    assert (result.exit_code, daily["status"], second["status"]) == (1, "ok", "failed")
    assert "has no baseline version 7" in second["error"]
    _monitor(home, "second", "nonsense")
    half = call("check", "shop", "--window", "2024-01-03")
    assert half.exit_code == 1
    assert "left out: params/monitors/second.yaml:1: " in half.stderr
    assert "1 window: 1 ok" in half.stdout


@pytest.mark.servers
def test_a_monitor_that_somebody_runs_is_busy_and_the_others_are_checked(
    call: Any, home: Any
) -> None:
    _monitor(home, "second", MONITOR)
    with Store.open(home[1]["DATABASE_URL"]) as store, store.running("daily"):
        one = call("check", "daily")
        assert (one.exit_code, "is being run by another process" in one.output) == (75, True)
        both = call("check", "shop", "--since", "2024-01-03")
    assert both.exit_code == BusyError.exit_code
    assert "4 windows: 2 ok, 2 busy" in both.stdout
    assert "daily, 4 January 2024: busy: left to the other process" in both.stderr


@pytest.mark.servers
@pytest.mark.notebooks
def test_runs_that_fail_leave_their_pages_and_exit_code_1(call: Any, home: Any) -> None:
    result = call("run", "daily", "--since", "2024-01-03", "--json")
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 1
    assert [each["error"] for each in told] == ["ZeroDivisionError: division by zero"] * 2
    for each in told:
        assert "division by zero" in (home[0] / each["page"]).read_text()
    assert result.stderr == ""


def test_two_ways_of_naming_windows_are_wrong_usage() -> None:
    result = CliRunner().invoke(main, ["run", "daily", "--due", "--window", "2024-01-02"])
    assert (result.exit_code, "Give one of --window" in result.output) == (2, True)


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        (["ok"], 0),
        (["ok", "alarm"], 10),
        (["alarm", "failed"], 1),
        (["ok", "busy"], 75),
        (["busy", "not tried"], 1),
    ],
)
def test_the_exit_code_tells_the_worst(statuses: list[str], code: int) -> None:
    tally = Tally()
    tally.counts.update(statuses)
    assert tally.exit_code(fail_on_alarm=True) == code


def _monitor(home: tuple[Path, dict[str, str]], name: str, text: str) -> None:
    (home[0] / "params" / "monitors" / f"{name}.yaml").write_text(text)
