"""Why a run ended before its end: somebody stopped it, or its time was up.

A stop that a person or the system asked for (Ctrl-C, `systemctl stop`, a shutdown) is no failure of
the window: it is taken up again, and costs no try. A scheduler that ends a run because it took too
long says so by another signal, and that counts.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import NoReturn

from mondrift.errors import MondriftError

TIME_IS_UP = signal.SIGALRM
"""What a scheduler sends to a run that has taken longer than its `--limit`."""
STOPPED = (
    "It was stopped before its end, by Ctrl-C, the end of a service or a shutdown. That is no "
    "failure: `mondrift schedule` takes it up again."
)
_TOO_LONG = (
    "It took longer than the scheduler lets a run take, and was ended: see --limit of `mondrift "
    "schedule`."
)


class TimeIsUp(SystemExit):
    """Ends a run that took too long; nothing on the way catches it."""


def exit_when_time_is_up() -> None:
    """From now on TIME_IS_UP ends this process in order, as `exit_on_sigterm` does for SIGTERM."""
    signal.signal(TIME_IS_UP, _leave)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    sys.stderr.write(f"mondrift: {_TOO_LONG}\n")
    raise TimeIsUp(128 + number)


def is_stop(broken: BaseException) -> bool:
    """Whether somebody asked for the end; not when the time was up.

    >>> [is_stop(each) for each in (KeyboardInterrupt(), SystemExit(143), TimeIsUp(142))]
    [True, True, False]
    """
    asked = isinstance(broken, (SystemExit, KeyboardInterrupt))
    return asked and not isinstance(broken, TimeIsUp)


def words_of(broken: BaseException) -> str:
    """Why a run ended, for its page.

    >>> words_of(ZeroDivisionError("division by zero"))
    'ZeroDivisionError: division by zero'
    """
    if is_stop(broken):
        return STOPPED
    if isinstance(broken, TimeIsUp):
        return _TOO_LONG
    plain = isinstance(broken, MondriftError)
    return str(broken) if plain else f"{type(broken).__name__}: {broken}"
