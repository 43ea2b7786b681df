"""Several windows in one call: one that fails leaves the others alone."""

from __future__ import annotations

import json
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from mondrift.cli.output import ALARM
from mondrift.cli.progress import drawn, line

if TYPE_CHECKING:
    from mondrift.run.plan import Monitor
    from mondrift.window import Window

Step = Callable[[str], None]


@dataclass(frozen=True)
class Told:
    """What became of one window: a line for people, a JSON-valid object for scripts."""

    status: str
    words: str
    record: dict[str, Any]
    error: str = ""


@dataclass
class Tally:
    """How many windows ended how."""

    counts: Counter[str] = field(default_factory=Counter)

    def exit_code(self, *, fail_on_alarm: bool) -> int:
        """0; 1 when one failed; 10 on alarm where that is asked for; 75 when others were at it."""
        from mondrift.errors import BusyError

        if self.counts["failed"] or self.counts["not tried"]:
            return 1
        if fail_on_alarm and self.counts["alarm"]:
            return ALARM
        return BusyError.exit_code if self.counts["busy"] else 0

    def __str__(self) -> str:
        """As in "4 windows: 2 ok, 1 alarm, 1 failed"."""
        many = sum(self.counts.values())
        order = ("ok", "inconclusive", "warning", "alarm", "failed", "busy", "not tried")
        parts = [f"{self.counts[name]} {name}" for name in order if self.counts[name]]
        return f"{many} {'window' if many == 1 else 'windows'}: {', '.join(parts)}"


def each_window(
    work: Sequence[tuple[Monitor, Window]],
    do: Callable[[Monitor, Window, Step], Told],
    *,
    as_json: bool,
) -> Tally:
    """Do them in their order, and tell of each as soon as it is done.

    Whatever goes wrong with one is told, and the next is done, with two exceptions: the windows of
    a monitor that another process runs are left to it, and when the store does not answer, nothing
    more is tried. A bar on stderr shows how far it is, on a terminal only.
    """
    from mondrift.errors import ServerError

    tally = Tally()
    busy: set[str] = set()
    with line() as show:

        def say(told: Told, monitor: Monitor, window: Window) -> None:
            if show is not None:
                show("")
            tally.counts[told.status] += 1
            if as_json:
                click.echo(json.dumps(told.record, default=str))
            else:
                failed = told.status in ("failed", "busy", "not tried")
                click.echo(f"{monitor.name}, {window.label}: {told.words}", err=failed)

        for number, (monitor, window) in enumerate(work):

            def step(words: str, number: int = number, window: Window = window) -> None:
                if show is not None:
                    show(f"{drawn(number, len(work))} {window.label}: {words}")

            if monitor.name in busy:
                say(_undone(monitor, window, "busy", "left to the other process"), monitor, window)
                continue
            step("check")
            told, error = _tried(do, monitor, window, step)
            say(told, monitor, window)
            if told.status == "busy":
                busy.add(monitor.name)
            if isinstance(error, ServerError):
                for left in work[number + 1 :]:
                    say(_undone(*left, "not tried", "the store does not answer"), *left)
                break
    return tally


def _tried(
    do: Callable[[Monitor, Window, Step], Told], monitor: Monitor, window: Window, step: Step
) -> tuple[Told, Exception | None]:
    from mondrift.errors import BusyError, MondriftError

    try:
        return do(monitor, window, step), None
    except BusyError as error:
        return _undone(monitor, window, "busy", str(error)), error
    except MondriftError as error:
        return _undone(monitor, window, "failed", str(error)), error
    except Exception as error:  # noqa: BLE001  (a bug; the next window may not have it)
        traceback.print_exc()
        return _undone(monitor, window, "failed", f"{type(error).__name__}: {error}"), error


def _undone(monitor: Monitor, window: Window, status: str, error: str) -> Told:
    record = {**facts(monitor, window), "status": status, "error": error}
    return Told(status, f"{status}: {error}", record, error)


def facts(monitor: Monitor, window: Window) -> dict[str, Any]:
    """Of which monitor and window a JSON object speaks."""
    start, end = (each.isoformat() if each else None for each in (window.start, window.end))
    return {
        "monitor": monitor.name,
        "window": {"start": start, "end": end, "label": window.label},
    }
