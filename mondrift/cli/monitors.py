"""Monitors at work: check, run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mondrift.cli.output import (
    ALARM,
    as_json,
    fail_on_alarm,
    opened_store,
    reports_option,
    show_json,
)
from mondrift.cli.plans import loaded

if TYPE_CHECKING:
    from mondrift.run.plan import Monitor
    from mondrift.store import Store
    from mondrift.window import Window

_window = click.option(
    "--window", "day", help="A day (and time) in the window; default: the last one that is over."
)


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

    monitor = loaded(name, Settings.load())  # a mistake in the file is told before servers start
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
    from mondrift.run.check import CheckOptions
    from mondrift.run.check import check as check_window

    with _at_work(monitor, day) as (store, plan, window):
        found = check_window(store, plan, window, CheckOptions(force=force))
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
@reports_option
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
    from mondrift.run.limits import Limits
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
