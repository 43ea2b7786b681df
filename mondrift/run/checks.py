"""Checks of windows of several monitors in turn, in one process that the scheduler starts.

    echo '[["flights_weekly", "2013-04-22T04:00:00+00:00"]]' | python -m mondrift.run.checks

One line of JSON when a check begins and one when it has ended, so that the scheduler knows which
window a process was at when it died. SIGTERM ends it after the check that it is at.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

from mondrift.errors import BusyError, MondriftError, ServerError
from mondrift.logs import configure_logging
from mondrift.notify import channels, deliver
from mondrift.policy import Policy
from mondrift.run.check import check
from mondrift.run.plan import Monitor, load_monitor
from mondrift.run.workspace import Workspace
from mondrift.settings import Settings
from mondrift.store import Store

_LOG = logging.getLogger(__name__)


def check_each(
    store: Store,
    asked: Sequence[tuple[str, str]],
    monitor_of: Callable[[str], Monitor],
    tell: Callable[[dict[str, object]], None],
    asked_to_end: Callable[[], bool],
) -> None:
    """Check windows, given as (monitor, start), one after the other; a failure is told, not raised.

    Raises ServerError: without a store there is nothing to go on with.
    """
    for number, (name, start) in enumerate(asked):
        if asked_to_end():
            return
        tell({"number": number, "state": "begun"})
        try:
            monitor = monitor_of(name)
            found = check(store, monitor, monitor.window(start))
            state, words = "done", f"{found.verdict.status}: {found.verdict.reason}"
            if not found.run.fresh:
                words = f"nothing new: {found.verdict.status}"
        except BusyError as error:
            state, words = "busy", str(error)
        except ServerError:
            raise
        except MondriftError as error:
            state, words = "failed", str(error)
        except Exception as error:  # noqa: BLE001  (a defect of ours leaves the others alone)
            _LOG.exception("%s, %s", name, start)
            state, words = "failed", f"{type(error).__name__}: {error}"
        tell({"number": number, "state": state, "words": words})


def main() -> None:
    """What is asked on standard input; then messages are sent."""
    settings = Settings.load()
    configure_logging(settings)
    base = Policy.from_mapping(settings.policy_values())
    folder = Workspace(Path()).monitors
    asked = [(str(name), str(start)) for name, start in json.load(sys.stdin)]
    monitor_of = cache(partial(load_monitor, folder=folder, policy=base))
    with _ending() as asked_to_end, Store.open(settings=settings) as store:
        check_each(store, asked, monitor_of, _tell, asked_to_end)
        deliver(store.outbox, channels(settings), clock=store.now)


def _tell(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line, sort_keys=True) + "\n")
    sys.stdout.flush()


@contextmanager
def _ending() -> Iterator[Callable[[], bool]]:
    """Whether somebody has asked us to end."""
    asked: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: asked.append(number))
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    try:
        main()
    except MondriftError as error:
        sys.exit(f"mondrift: {error}")
