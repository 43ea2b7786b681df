"""mondrift schedule on the command line, and what status says of the scheduler."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mondrift.cli import main
from mondrift.run.heartbeat import NAME, Heartbeat

UNSET = ("DATABASE_URL", "REDIS_URL", "ALERT_WEBHOOK_URL", "MONDRIFT_HOME", "MONDRIFT_DEBUG")
FILE = "model: shop\nwindow: {length: 1D, zone: UTC, start: 2024-01-01}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params" / "monitors").mkdir(parents=True)
    yield tmp_path


def call(*arguments: str, env: Mapping[str, str] | None = None) -> Result:
    clean: dict[str, str | None] = dict.fromkeys(UNSET)
    return CliRunner().invoke(main, list(arguments), env={**clean, **(env or {})})


def beat(folder: Path, *, age: timedelta = timedelta(0), every: float = 60.0) -> dict[str, str]:
    """A heartbeat of that age; the environment in which it is found."""
    Heartbeat(
        at=(datetime.now(UTC) - age).isoformat(timespec="seconds"),
        host="box",
        pid=os.getpid(),
        every=every,
        running=({"monitor": "daily", "window": "3 January 2024", "pid": 1},),
        monitors={
            "daily": {
                "due": {"n": 7, "windows": ["1 January 2024", "2 January 2024"]},
                "waiting": {"n": 0, "windows": []},
                "given_up": {"n": 1, "windows": ["31 December 2023"]},
                "next": {"at": "2024-01-09T06:00:00+00:00", "window": "8 January 2024"},
            },
            "lost": {"error": "Model 'shop' is not known."},
        },
    ).write(folder)
    return {"MONDRIFT_HOME": str(folder)}


def test_a_monitor_that_is_not_there_or_has_no_schedule_is_told_before_servers_start(
    folder: Path,
) -> None:
    never = f"{FILE}check_every: never\n"
    (folder / "params" / "monitors" / "daily.yaml").write_text(never, encoding="utf-8")
    home = {"MONDRIFT_HOME": str(folder / "home")}
    unknown = call("schedule", "--once", "dayly", env=home)
    assert (unknown.exit_code, "Did you mean 'daily'?" in unknown.output) == (1, True)
    without = call("schedule", "--once", "daily", env=home)
    assert (without.exit_code, "schedule: '0 6 * * 1'" in without.output) == (1, True)
    assert not (folder / "home").exists()


@pytest.mark.parametrize("text", ["soon", "-5", "0s", "5 weeks"])
def test_a_length_of_time_that_is_none_is_wrong_usage(folder: Path, text: str) -> None:
    result = call("schedule", f"--every={text}")
    assert (result.exit_code, "try 90s, 5m or 2h" in result.output) == (2, True)


def test_status_says_that_no_scheduler_has_run(folder: Path) -> None:
    home = {"MONDRIFT_HOME": str(folder / "home")}
    assert "scheduler: none has run here" in call("status", env=home).output
    assert json.loads(call("status", "--json", env=home).output)["scheduler"]["health"] == "never"


def test_status_tells_what_runs_what_was_missed_and_what_comes(folder: Path) -> None:
    told = call("status", env=beat(folder)).output
    assert "scheduler: runs; last heartbeat " in told
    assert "  daily: running 3 January 2024\n" in told
    assert "7 missed (1 January 2024; 2 January 2024; +5 more); 1 GIVEN UP (31 Dec" in told
    assert "next 8 January 2024, due 2024-01-09T06:00:00+00:00" in told
    assert "  lost: left out: Model 'shop' is not known." in told


def test_a_folder_without_monitors_is_told_instead_of_nothing_being_due(folder: Path) -> None:
    (folder / "params" / "monitors").rmdir()
    told = call("schedule", "--once", env={"MONDRIFT_HOME": str(folder)})
    assert (told.exit_code, "There is no folder params/monitors" in told.output) == (1, True)


def test_status_tells_a_scheduler_that_has_fallen_silent_from_one_that_was_stopped(
    folder: Path,
) -> None:
    silent = call("status", env=beat(folder, age=timedelta(minutes=4))).output
    assert "scheduler: SILENT" in silent
    once = call("status", "--json", env=beat(folder, age=timedelta(days=1), every=0)).output
    assert json.loads(once)["scheduler"]["health"] == "stopped"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"at": 3}'])
def test_a_heartbeat_that_cannot_be_read_is_as_none(folder: Path, text: str) -> None:
    (folder / NAME).write_text(text, encoding="utf-8")
    told = call("status", env={"MONDRIFT_HOME": str(folder)})
    assert (told.exit_code, "none has run here" in told.output) == (0, True)


@pytest.mark.parametrize("every", [60.0, 0.0])  # 0: under cron
def test_status_fails_for_a_dead_mans_switch_when_no_heartbeat_is_young_enough(
    folder: Path, every: float
) -> None:
    env = beat(folder, age=timedelta(minutes=10), every=every)
    assert call("status", "--fail-if-silent", "15m", env=env).exit_code == 0
    late = call("status", "--json", "--fail-if-silent", "5m", env=env)
    assert (late.exit_code, "no heartbeat of a scheduler for 6" in late.output) == (1, True)
    never = call("status", "--fail-if-silent", "5m", env={"MONDRIFT_HOME": str(folder / "other")})
    assert (never.exit_code, "no heartbeat of a scheduler ever" in never.output) == (1, True)
    assert call("status", "--fail-if-silent", "soon", env=env).exit_code == 2


def test_status_tells_of_checks_without_a_report(folder: Path) -> None:
    kinds = {kind: {"n": 0, "windows": []} for kind in ("waiting", "given_up")}
    due = {"due": {"n": 1, "windows": ["3 January 2024"]}, **kinds}
    nothing = {"due": {"n": 0, "windows": []}, **kinds}
    Heartbeat(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        host="box",
        pid=os.getpid(),
        every=60.0,
        checking={"n": 7, "pid": 1},
        monitors={"daily": {**nothing, "checks": due}},
    ).write(folder)
    told = call("status", env={"MONDRIFT_HOME": str(folder)}).output
    assert "  7 checks: running\n" in told
    assert "  daily, checks: 1 missed (3 January 2024)\n" in told
    assert "  daily: " not in told
