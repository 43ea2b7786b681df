"""Monitors at work: check, run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mondrift.cli.batch import Step, Told, each_window, facts
from mondrift.cli.output import (
    ALARM,
    as_json,
    fail_on_alarm,
    opened_store,
    reports_option,
    show_json,
)
from mondrift.cli.plans import loaded
from mondrift.cli.progress import line

if TYPE_CHECKING:
    from mondrift.run.asked import Asked, Done
    from mondrift.run.check import CheckResult
    from mondrift.run.plan import Monitor
    from mondrift.run.runner import Options, Outcome
    from mondrift.settings import Settings
    from mondrift.store import Store
    from mondrift.window import Window

_WINDOWS = (
    click.option("--window", "day", metavar="DAY",
                 help="A day (and time) in the window; default: the last one that is over."),
    click.option("--window-end", metavar="T",
                 help="The last window whose end is not after T: Airflow's data_interval_end, or "
                 "the moment at which cron calls."),
    click.option("--since", metavar="T",
                 help="Every window that ended after T, oldest first."),
    click.option("--due", is_flag=True,
                 help="What `mondrift schedule` would start now: for cron, any minute will do."),
)  # fmt: skip
_NEW_REVISION = "A new revision, even when nothing has changed."


def _windows(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_WINDOWS):
        command = option(command)
    return command


def _asked(day: str | None, window_end: str | None, since: str | None, due: bool) -> Asked:
    from mondrift.run.asked import Asked

    if sum((day is not None, window_end is not None, since is not None, due)) > 1:
        raise click.UsageError("Give one of --window, --window-end, --since and --due.")
    return Asked(day, window_end, since, due)


def _deliver(store: Store) -> None:
    """Send what is due; a receiver that does not answer is asked again later."""
    from mondrift.notify import channels, deliver

    deliver(store.outbox, channels(store.settings), clock=store.now)


def _named(name: str, settings: Settings) -> tuple[list[Monitor], list[str]]:
    """The monitor of that name, else the monitors of the model of that name.

    And what is wrong with files that cannot be read, which may be of that model, too.
    """
    from mondrift.errors import MonitorError, nearest, shown
    from mondrift.run.workspace import Workspace

    folder = Workspace(Path()).monitors
    if (folder / f"{name}.yaml").exists() or not folder.is_dir():
        return [loaded(name, settings)], []
    found, broken = [], []
    for path in sorted(folder.glob("*.yaml")):
        try:
            found.append(loaded(path.stem, settings))
        except MonitorError as error:
            broken.append(str(error))
    of_model = [each for each in found if each.model == name]
    if not of_model:
        names = [each.name for each in found]
        models = sorted({each.model for each in found})
        raise MonitorError(
            f"There is neither a monitor nor a model {name!r} in {folder}, which has the monitors "
            f"{shown(names)} of the models {shown(models)}.{nearest(name, [*names, *models])}"
            + "".join(f"\n{each}" for each in broken)
        )
    return of_model, broken


@contextmanager
def _at_work(
    monitors: Sequence[Monitor], asked: Asked, done: Done, broken: list[str]
) -> Iterator[tuple[Store, list[tuple[Monitor, Window]]]]:
    """The store, and every window to do; messages are sent at the end, whatever has happened.

    Of several monitors, one that has no such window is added to what is `broken`.
    """
    from mondrift.errors import MondriftError, WindowError
    from mondrift.run.asked import windows_asked

    with opened_store() as store:
        work: list[tuple[Monitor, Window]] = []
        for each in monitors:
            try:
                work += [(each, window) for window in windows_asked(store, each, asked, done)]
            except WindowError as error:
                if len(monitors) == 1:
                    raise
                broken.append(str(error))
        try:
            yield store, work
        except BaseException:
            with suppress(MondriftError):
                _deliver(store)
            raise
        _deliver(store)


@click.command()
@click.argument("name", metavar="MODEL|MONITOR")
@_windows
@click.option("--force", is_flag=True, help=_NEW_REVISION)
@as_json
@fail_on_alarm
def check(
    name: str, day: str | None, window_end: str | None, since: str | None, due: bool,
    force: bool, as_json: bool, fail_on_alarm: bool,
) -> None:  # fmt: skip
    """Check windows of a monitor, or of every monitor of a model; without a report.

    Compare, judge, tell people. A monitor goes before a model of the same name. --json gives one
    object; with --since, --due or a model's name one line of JSON for each window.

    \b
    Example:
      mondrift check flights_weekly --window 2013-04-22
      mondrift check flights --due
    """
    from mondrift.run.check import CheckOptions
    from mondrift.run.check import check as check_window
    from mondrift.settings import Settings

    asked = _asked(day, window_end, since, due)
    monitors, broken = _named(name, Settings.load())  # a mistake is told before servers start
    of_model = monitors[0].name != name
    with _at_work(monitors, asked, "checked", broken) as (store, work):

        def do(monitor: Monitor, window: Window, _step: Step) -> Told:
            found = check_window(store, monitor, window, CheckOptions(force=force))
            return _told_check(monitor, window, found)

        if asked.many or of_model:
            _several(work, do, asked, broken, as_json=as_json, fail_on_alarm=fail_on_alarm)
            return
        ((monitor, window),) = work
        told = do(monitor, window, _unsaid)
    if as_json:
        show_json(told.record)
    else:
        click.echo(f"{window.label}: {told.words}")
    if fail_on_alarm and told.status == "alarm":
        raise click.exceptions.Exit(ALARM)


def _told_check(monitor: Monitor, window: Window, found: CheckResult) -> Told:
    verdict, run = found.verdict, found.run
    record = {
        **facts(monitor, window),
        "run_id": run.run_id,
        "fresh": run.fresh,
        **verdict.to_dict(),
    }
    return Told(verdict.status, f"{verdict.status}: {verdict.reason}", record)


def _several(
    work: Sequence[tuple[Monitor, Window]],
    do: Callable[[Monitor, Window, Step], Told],
    asked: Asked,
    broken: Sequence[str] = (),
    *,
    as_json: bool,
    fail_on_alarm: bool,
) -> None:
    for each in broken:
        click.echo(f"left out: {each}", err=True)
    if work:
        tally = each_window(work, do, as_json=as_json)
        code = tally.exit_code(fail_on_alarm=fail_on_alarm)
        words = str(tally)
    else:
        code, words = 0, "nothing is due" if asked.due else "no window has ended since"
    if not as_json:
        click.echo(words)
    if code or broken:
        raise click.exceptions.Exit(code or 1)


def _memory(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    from mondrift.errors import SettingsError
    from mondrift.run.limits import memory

    try:
        return None if value is None else memory(value)
    except SettingsError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@click.argument("monitor")
@_windows
@click.option("-p", "--parameter", "parameters", multiple=True, nargs=2, metavar="NAME VALUE",
              help="A parameter of the notebook; repeatable.")  # fmt: skip
@click.option("--force", is_flag=True, help=_NEW_REVISION)
@click.option("--timeout", type=click.FloatRange(min=1), metavar="SECONDS",
              help="For a window's notebook; default: the monitor's `limits: run`.")  # fmt: skip
@click.option("--memory", callback=_memory, metavar="SIZE",
              help="For a notebook: 512M or 2G; default: the monitor's, or none.")  # fmt: skip
@reports_option
@as_json
@fail_on_alarm
def run(
    monitor: str, day: str | None, window_end: str | None, since: str | None, due: bool,
    parameters: tuple[tuple[str, str], ...], force: bool, timeout: float | None,
    memory: int | None, reports: Path | None, as_json: bool, fail_on_alarm: bool,
) -> None:  # fmt: skip
    """Check windows of a monitor and archive their reports. The same again is a no-op.

    A window that fails leaves a page that says why, and does not stop the others; the exit code is
    1 then. --json gives one object; with --since or --due one line of JSON for each window.

    \b
    Example:
      mondrift run flights_weekly --window 2013-04-22
      mondrift run flights_weekly --window-end "{{ data_interval_end }}"
      mondrift run flights_weekly --due
    """
    from mondrift.run.runner import Options
    from mondrift.run.stops import exit_when_time_is_up
    from mondrift.settings import Settings

    exit_when_time_is_up()
    asked = _asked(day, window_end, since, due)
    plan = loaded(monitor, Settings.load())
    options = Options(force=force, texts=dict(parameters), limits=_limits(plan, timeout, memory))
    with _at_work([plan], asked, "finished", []) as (store, work):
        if asked.many:

            def do(plan: Monitor, window: Window, step: Step) -> Told:
                done = _run(store, plan, window, reports, replace(options, progress=step))
                return _told_run(plan, window, done)

            _several(work, do, asked, as_json=as_json, fail_on_alarm=fail_on_alarm)
            return
        ((_, window),) = work
        with _stages(window, silent=as_json) as progress:
            done = _run(store, plan, window, reports, replace(options, progress=progress))
    _show(plan, window, done, as_json=as_json)
    if fail_on_alarm and done.verdict.status == "alarm":
        raise click.exceptions.Exit(ALARM)


def _limits(plan: Monitor, timeout: float | None, memory: int | None) -> Any:
    limits = plan.limits
    if timeout is not None:
        limits = replace(limits, run=timeout, cell=min(timeout, limits.cell))
    return limits if memory is None else replace(limits, memory=memory)


def _run(
    store: Store, plan: Monitor, window: Window, reports: Path | None, options: Options
) -> Outcome:
    from mondrift.run.runner import run_window
    from mondrift.run.workspace import Workspace

    return run_window(store, plan, window, Workspace(Path(), reports), options)


def _told_run(plan: Monitor, window: Window, done: Outcome) -> Told:
    record = {
        **facts(plan, window),
        "run_id": done.checked.run.run_id,
        "status": done.verdict.status,
        "reason": done.verdict.reason,
        "page": str(done.page),
        "fresh": done.fresh,
        "error": done.error,
    }
    if done.error:
        words = f"failed: {done.error} (told in {done.page})"
        return Told("failed", words, record, done.error)
    told = "" if done.fresh else "nothing new since "
    words = f"{done.verdict.status}: {done.verdict.reason} ({told}{done.page})"
    return Told(done.verdict.status, words, record)


def _show(plan: Monitor, window: Window, done: Outcome, *, as_json: bool) -> None:
    """One window's outcome; RunError when its report failed."""
    from mondrift.errors import RunError

    if as_json:
        show_json(_told_run(plan, window, done).record)
    else:
        click.echo(f"{window.label}: {done.verdict.status}: {done.verdict.reason}")
        click.echo(f"{'page' if done.fresh else 'page (nothing new since)'}: {done.page}")
    if done.error:
        raise RunError(f"The report failed: {done.error} (told in {done.page})")


@contextmanager
def _stages(window: Window, *, silent: bool) -> Iterator[Step]:
    """How far one run is: a line that changes on a terminal, a line per step in a log."""
    with line() as show:
        if show is not None:
            yield lambda words: show(f"{window.label}: {words}")
        else:
            yield _unsaid if silent else _said


def _said(words: str) -> None:
    if words != "check":
        click.echo(f"  {words}", err=True)


def _unsaid(_: str) -> None:
    """Progress that nobody follows."""
