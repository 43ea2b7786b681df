"""Monitors at work: check, run, monitors, alerts, archive."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mondrift.cli.output import (
    ALARM,
    as_json,
    fail_on_alarm,
    opened_store,
    show_frame,
    show_json,
)

if TYPE_CHECKING:
    from mondrift.run.plan import Monitor
    from mondrift.settings import Settings
    from mondrift.store import Store
    from mondrift.window import Window

_reports = click.option(
    "--reports", type=click.Path(path_type=Path), help="The archive; default: ./reports."
)
_window = click.option(
    "--window", "day", help="A day (and time) in the window; default: the last one that is over."
)


def _loaded(name: str, settings: Settings) -> Monitor:
    from mondrift.policy import Policy
    from mondrift.run.plan import load_monitor
    from mondrift.run.workspace import Workspace

    base = Policy.from_mapping(settings.policy_values())
    return load_monitor(name, Workspace(Path()).monitors, policy=base)


def _chosen(store: Store, monitor: Monitor, day: str | None) -> Window:
    """The window that was asked for, or the last one that is over."""
    from mondrift.errors import WindowError
    from mondrift.run.check import now_of

    if day is not None:
        return monitor.window(day)
    now = now_of(store, monitor)
    over = monitor.windows(now) if now is not None else ()
    if not over:
        raise WindowError(
            f"No window of {monitor.name!r} is over yet: there are no rows of {monitor.model!r}, "
            f"or none reach the end of its first window. Log rows, or name one: --window 2013-04-22"
        )
    return over[-1]


@contextmanager
def _at_work(name: str, day: str | None) -> Iterator[tuple[Store, Monitor, Window]]:
    from mondrift.settings import Settings

    monitor = _loaded(name, Settings.load())  # a mistake in the file is told before servers start
    with opened_store() as store:
        yield store, monitor, _chosen(store, monitor, day)


def _deliver(store: Store) -> None:
    """Send what is due; a receiver that does not answer is asked again later."""
    from mondrift.notify import channels, deliver

    deliver(store.outbox, channels(store.settings), clock=store.now)


@click.command()
@click.argument("monitor")
@_window
@click.option("--force", is_flag=True, help="A new revision, even when nothing has changed.")
@as_json
@fail_on_alarm
def check(monitor: str, day: str | None, force: bool, as_json: bool, fail_on_alarm: bool) -> None:
    """Check one window: compare, judge, tell people; without a report.

    \b
    Example:
      mondrift check flights_weekly --window 2013-04-22
    """
    from mondrift.run.check import check as check_window

    with _at_work(monitor, day) as (store, plan, window):
        found = check_window(store, plan, window, force=force)
        _deliver(store)
    if as_json:
        show_json({"run_id": found.run.run_id, "fresh": found.run.fresh, **found.verdict.to_dict()})
    else:
        click.echo(f"{window.label}: {found.verdict.status}: {found.verdict.reason}")
    if fail_on_alarm and found.verdict.status == "alarm":
        raise click.exceptions.Exit(ALARM)


@click.command()
@click.argument("monitor")
@_window
@click.option("-p", "--parameter", "parameters", multiple=True, nargs=2, metavar="NAME VALUE",
              help="A parameter of the notebook; repeatable.")  # fmt: skip
@click.option("--force", is_flag=True, help="A new revision, even when nothing has changed.")
@click.option("--timeout", type=click.FloatRange(min=1), default=3600, show_default=True,
              help="Seconds that the notebook may take.")  # fmt: skip
@_reports
@as_json
@fail_on_alarm
def run(
    monitor: str, day: str | None, parameters: tuple[tuple[str, str], ...], force: bool,
    timeout: float, reports: Path | None, as_json: bool, fail_on_alarm: bool,
) -> None:  # fmt: skip
    """Check one window and archive its report. The same again is a no-op.

    \b
    Example:
      mondrift run flights_weekly --window 2013-04-22
    """
    from mondrift.run.notebook import Limits
    from mondrift.run.runner import Options, run_window
    from mondrift.run.workspace import Workspace

    progress = (lambda _: None) if as_json else _said
    limits = Limits(cell=min(timeout, Limits.cell), run=timeout)
    options = Options(force=force, texts=dict(parameters), limits=limits, progress=progress)
    with _at_work(monitor, day) as (store, plan, window):
        done = run_window(store, plan, window, Workspace(Path(), reports), options)
        _deliver(store)
    if as_json:
        show_json(
            {
                "run_id": done.checked.run.run_id,
                "status": done.verdict.status,
                "reason": done.verdict.reason,
                "page": str(done.page),
                "fresh": done.fresh,
                "error": done.error,
            }
        )
    else:
        click.echo(f"{window.label}: {done.verdict.status}: {done.verdict.reason}")
        click.echo(f"{'page' if done.fresh else 'page (nothing new since)'}: {done.page}")
    if done.error:
        from mondrift.errors import RunError

        raise RunError(f"The report failed: {done.error} (told in {done.page})")
    if fail_on_alarm and done.verdict.status == "alarm":
        raise click.exceptions.Exit(ALARM)


def _said(words: str) -> None:
    click.echo(f"  {words}", err=True)


@click.group()
def monitors() -> None:
    """The monitors of this folder: params/monitors/*.yaml."""


@monitors.command("list")
@as_json
def monitors_list(as_json: bool) -> None:
    """Every monitor: its model, its windows, its notebook.

    \b
    Example:
      mondrift monitors list
    """
    import pandas as pd

    lines = [_line(each) for each in _all().values()]
    show_frame(pd.DataFrame(lines), as_json=as_json, empty="no monitor in params/monitors yet")


@monitors.command("check")
def monitors_check() -> None:
    """Read every file, and tell all that is wrong, with its line.

    \b
    Example:
      mondrift monitors check
    """
    found = _all()
    click.echo(f"{len(found)} monitors are in order: {', '.join(found)}")


@monitors.command("show")
@click.argument("monitor")
@as_json
def monitors_show(monitor: str, as_json: bool) -> None:
    """One monitor as it is understood, defaults included.

    \b
    Example:
      mondrift monitors show flights_weekly
    """
    from mondrift.settings import Settings

    plan = _loaded(monitor, Settings.load())
    told: dict[str, Any] = {
        **_line(plan),
        **plan.config(),
        "catch_up": dataclasses.asdict(plan.catch_up),
        "alerts": dataclasses.asdict(plan.alerts),
    }
    if as_json:
        show_json(told)
        return
    import yaml

    click.echo(yaml.safe_dump(_listed(told), sort_keys=False, allow_unicode=True).rstrip())


def _all() -> dict[str, Monitor]:
    from mondrift.policy import Policy
    from mondrift.run.plan import load_monitors
    from mondrift.run.workspace import Workspace
    from mondrift.settings import Settings

    base = Policy.from_mapping(Settings.load().policy_values())
    return load_monitors(Workspace(Path()).monitors, policy=base)


def _line(plan: Monitor) -> dict[str, Any]:
    return {
        "monitor": plan.name,
        "model": plan.model,
        "window": str(plan.calendar.length),
        "zone": plan.calendar.zone,
        "notebook": plan.notebook,
        "schedule": plan.schedule or "-",
    }


def _listed(value: Any) -> Any:
    """YAML's own types: tuples become lists."""
    if isinstance(value, dict):
        return {str(key): _listed(each) for key, each in value.items()}
    return [_listed(each) for each in value] if isinstance(value, (list, tuple)) else value


@click.group(invoke_without_command=True)
@click.pass_context
def alerts(ctx: click.Context) -> None:
    """Alerts that checks have raised."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(alerts_list)


@alerts.command("list")
@click.argument("model_id", required=False)
@click.option("--last", type=click.IntRange(min=1), default=20, show_default=True)
@as_json
def alerts_list(model_id: str | None = None, last: int = 20, as_json: bool = False) -> None:
    """The last alerts, newest first, and whether they were delivered.

    \b
    Example:
      mondrift alerts list flights --last 5
    """
    with opened_store() as store:
        frame = store.alerts(model_id, last=last)
    if not as_json:
        names = ["window_start", "severity", "kind", "title", "delivered"]
        frame = frame[names].assign(window_start=[f"{at:%Y-%m-%d}" for at in frame["window_start"]])
    show_frame(frame, as_json=as_json, empty="no alert has been raised")


@click.group()
def archive() -> None:
    """The folder of reports."""


@archive.command("index")
@_reports
def archive_index(reports: Path | None) -> None:
    """Build reports/index.html anew from the records of the runs.

    \b
    Example:
      mondrift archive index
    """
    from mondrift.run.archive import Archive
    from mondrift.run.workspace import Workspace

    click.echo(Archive(Workspace(Path(), reports).reports).index())
