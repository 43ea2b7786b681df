"""Monitors that run by themselves: schedule; and what `status` says of the scheduler."""

from __future__ import annotations

import dataclasses
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mondrift.run.plan import Monitor
    from mondrift.settings import Settings


def seconds(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """A length of time: 90, 90s, 5m, 2h; None where none was given."""
    from mondrift.run.ticks import seconds_of

    if value is None:
        return None
    found = seconds_of(value)
    if found is None:
        raise click.BadParameter(f"{value!r} is no length of time; try 90s, 5m or 2h.")
    return found


@click.command()
@click.argument("monitors", nargs=-1, metavar="[MONITOR]...")
@click.option("--once", is_flag=True, help="Run what is due now, then end: for cron and systemd.")
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True,
              help="Runs at a time; one of each monitor.")  # fmt: skip
@click.option("--every", callback=seconds, default="60s", show_default=True,
              help="From one look at the monitors to the next.")  # fmt: skip
@click.option("--limit", callback=seconds, default="2h", show_default=True,
              help="How long one run may take.")  # fmt: skip
@click.option("--grace", callback=seconds, default="60s", show_default=True,
              help="How long running ones may go on when asked to stop.")  # fmt: skip
@click.option("--catch-up", type=click.IntRange(min=1), metavar="N",
              help="Look back at N windows, whatever the monitors' files say.")  # fmt: skip
def schedule(
    monitors: tuple[str, ...], once: bool, workers: int, every: float, limit: float,
    grace: float, catch_up: int | None,
) -> None:  # fmt: skip
    """Run and check every window that is due, of all monitors or of those named.

    A monitor with a `schedule:` is run at its ticks; one without is checked, without a report,
    every DRIFT_CHECK_INTERVAL seconds, or as often as its `check_every:` says. What is due is
    found in the store, so restarts and sleep cost nothing: what was missed is made up for, once.
    SIGTERM or Ctrl-C lets running ones end; a second one stops them.

    \b
    Example:
      mondrift schedule --workers 4
      mondrift schedule --once flights_weekly
    """
    from mondrift.logs import configure_logging
    from mondrift.run.terms import Commands, Terms
    from mondrift.run.worker import Worker
    from mondrift.settings import Settings
    from mondrift.store import Store

    settings = Settings.load()
    configure_logging(settings)
    found, broken = _scheduled(settings, monitors)  # before servers start
    if not found and not broken:
        words = "no monitor in params/monitors is to be run or checked yet"
        click.echo(f"{words} (mondrift monitors new MODEL writes one)", err=True)
    worker = Worker(
        Path.cwd(),
        lambda: _scheduled(settings, monitors),
        Commands(
            run=(sys.executable, "-P", "-m", "mondrift.cli", "run"),
            checks=(sys.executable, "-P", "-m", "mondrift.run.checks"),
        ),
        lambda: Store.open(settings=settings),
        Terms(workers, every, limit, grace, catch_up, once, settings.drift_check_interval),
    )
    failures = worker.run()
    if once and failures:
        raise click.exceptions.Exit(1)


def _scheduled(
    settings: Settings, chosen: tuple[str, ...]
) -> tuple[dict[str, Monitor], dict[str, str]]:
    """Monitors to be run or checked, and what is wrong with files that cannot be read.

    One bad file leaves the others alone. Raises MonitorError for a folder without params/monitors,
    and for a name that was asked for and is not there, or wants neither.
    """
    from mondrift.errors import MonitorError
    from mondrift.policy import Policy
    from mondrift.run.plan import load_monitor, monitor_names
    from mondrift.run.workspace import Workspace

    folder = Workspace(Path()).monitors
    base = Policy.from_mapping(settings.policy_values())
    found: dict[str, Monitor] = {}
    broken: dict[str, str] = {}
    for name in chosen or monitor_names(folder):
        try:
            monitor = load_monitor(name, folder, policy=base)
        except MonitorError as error:
            if chosen:
                raise
            broken[name] = str(error)
            continue
        if monitor.schedule or monitor.interval(settings.drift_check_interval):
            found[name] = monitor
        elif chosen:
            raise MonitorError(
                f"Monitor {name!r} has no schedule, and is never checked. Give params/monitors/"
                f"{name}.yaml a line such as  schedule: '0 6 * * 1'  for reports on Mondays at "
                "06:00, or  check_every: 15m  for checks without a report."
            )
    return found, broken


def scheduler_status(settings: Settings, now: datetime | None = None) -> dict[str, Any]:
    """What the last heartbeat of this home says, JSON-valid: `health` and the heartbeat."""
    from mondrift.embedded.place import Place, home
    from mondrift.run.heartbeat import health, read_heartbeat

    beat = read_heartbeat(Place(settings.mondrift_home or home()).home)
    plain = dataclasses.asdict(beat) if beat else {}
    for remembered in ("asked", "checked"):
        plain.pop(remembered, None)
    return {"health": health(beat, now or datetime.now(UTC)), **plain}


def fail_if_silent(told: dict[str, Any], most: float | None) -> None:
    """End with 1 when the last heartbeat is more than so many seconds old, or there is none.

    Under cron, too, where `--once` promises no next one.
    """
    if most is None:
        return
    at = told.get("at")
    age = None if at is None else (datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds()
    if age is None or age > most:
        since = "ever" if age is None else f"for {age:,.0f} s"
        click.echo(f"mondrift: no heartbeat of a scheduler {since}", err=True)
        raise click.exceptions.Exit(1)


def show_scheduler(told: dict[str, Any]) -> None:
    """`scheduler_status` for people."""
    if told["health"] == "never":
        click.echo("scheduler: none has run here (mondrift schedule)")
        return
    words = {
        "runs": "runs",
        "stopped": "does not run",
        "silent": "SILENT: it died, or cannot reach the store",
    }
    click.echo(
        f"scheduler: {words[told['health']]}; last heartbeat {told['at']} "
        f"(process {told['pid']} on {told['host']})"
    )
    for each in told["running"]:
        click.echo(f"  {each['monitor']}: running {each['window']}")
    if told["checking"]:
        click.echo(f"  {told['checking']['n']} checks: running")
    for name, monitor in sorted(told["monitors"].items()):
        if "next" in monitor or "checks" not in monitor:
            click.echo(f"  {name}: {_line(monitor)}")
        if "checks" in monitor:
            click.echo(f"  {name}, checks: {_line(monitor['checks'])}")


def _line(monitor: dict[str, Any]) -> str:
    """What one monitor waits for."""
    if "error" in monitor:
        return f"left out: {monitor['error']}"
    kinds = {"due": "missed", "waiting": "failed, to be tried again", "given_up": "GIVEN UP"}
    parts = [
        f"{monitor[kind]['n']} {words} ({_some(monitor[kind])})"
        for kind, words in kinds.items()
        if monitor[kind]["n"]
    ]
    if "next" in monitor:
        parts.append(f"next {monitor['next']['window']}, due {monitor['next']['at']}")
    return "; ".join(parts) or "nothing more to come"


def _some(windows: dict[str, Any]) -> str:
    more = windows["n"] - len(windows["windows"])
    return "; ".join([*windows["windows"], *([f"+{more} more"] if more else [])])
