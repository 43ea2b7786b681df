"""How a scheduler works, and what it starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Commands:
    """How a scheduler starts its work.

    Parameters
    ----------
    run : runs a window when MONITOR --window T --json is added.
    checks : checks the windows that stand on its standard input, see `mondrift.run.checks`.
    """

    run: Sequence[str]
    checks: Sequence[str]


@dataclass(frozen=True)
class Terms:
    """How a scheduler works.

    Parameters
    ----------
    workers : so many runs at a time; checks have one process beside them.
    every : seconds from one look at the monitors to the next.
    limit : seconds that one run may take, or one process of checks.
    grace : seconds that running ones have to end when the scheduler is asked to stop.
    catch_up : instead of what the monitors' files say about `catch_up: windows`.
    once : run what is due now, then end.
    interval : seconds between checks of monitors whose file says nothing of them.
    """

    workers: int = 2
    every: float = 60.0
    limit: float = 7200.0
    grace: float = 60.0
    catch_up: int | None = None
    once: bool = False
    interval: float = 3600.0
