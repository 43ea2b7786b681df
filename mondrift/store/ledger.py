"""What a store knows of runs: checks, verdicts, their history, alerts and incidents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

import pandas as pd

from mondrift.comparison import Comparison
from mondrift.incident import Incident
from mondrift.store import history, models, results, runs, standing
from mondrift.store.database import Database
from mondrift.store.results import Message
from mondrift.store.runs import Run
from mondrift.verdict import Verdict
from mondrift.window import Window


class Ledger:
    """The part of `Store` that is about runs: begun, checked, finished, and looked up again."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def running(self, monitor: str) -> AbstractContextManager[None]:
        """Hold a monitor for this process; BusyError when another one runs it."""
        return runs.running(self._db, monitor)

    def begin_run(
        self,
        monitor: str,
        model_id: str,
        window: Window | tuple[datetime, datetime],
        config: Mapping[str, Any],
        *,
        reference: Sequence[Window | tuple[datetime, datetime]] = (),
        force: bool = False,
    ) -> Run:
        """Begin a run, or find that it has been done: then `fresh` is False.

        The run is identified by the monitor, a hash of `config` (JSON-valid), the window and a
        revision. Nothing new since the last revision: that one is returned, checked or finished.
        More rows, more labels, also in `reference` (the windows it is measured against), a failure
        or `force`: the next revision begins; and once the window is over, by the wall's clock, when
        it was not over then. Call it while holding `running(monitor)`: a run that still stands at
        "started" is then known to be dead.
        """
        wanted = runs.Wanted(monitor, window, config, tuple(reference))
        return runs.begin(self._db, models.get(self._db, model_id), wanted, force=force)

    def has_news(
        self,
        monitor: str,
        model_id: str,
        window: Window | tuple[datetime, datetime],
        config: Mapping[str, Any],
        *,
        reference: Sequence[Window | tuple[datetime, datetime]] = (),
        report: bool = False,
    ) -> bool:
        """Whether `begin_run`, with the same arguments, would begin one; writes nothing.

        `report`: also where the last one is without its report.
        """
        wanted = runs.Wanted(monitor, window, config, tuple(reference))
        model = models.get(self._db, model_id)
        return runs.has_news(self._db, model, wanted, report=report)

    def save_check(
        self,
        run: Run,
        comparison: Comparison,
        verdict: Verdict,
        *,
        messages: Sequence[Message] = (),
        incidents: Iterable[Incident] = (),
    ) -> tuple[int, ...]:
        """Write a check in one transaction and return the ids of its alerts.

        Comparison, verdict, every measurement, `incidents` as they stand now, the alerts of
        `messages` and one delivery per channel in the outbox; the run becomes "checked".
        """
        check = results.Check(comparison, verdict, tuple(messages), tuple(incidents))
        return results.save_check(self._db, models.get(self._db, run.model_id), run, check)

    def finish_run(self, run: Run, *, report: str) -> Run:
        """Mark a checked run as finished; `report` is the path of its page in the archive."""
        return runs.finish(self._db, run, report=report)

    def fail_run(self, run: Run, error: str) -> Run:
        """Mark a run as failed; what its check has stored stays."""
        return runs.fail(self._db, run, error)

    def stop_run(self, run: Run, why: str) -> Run:
        """Mark a run as stopped by a person or the system: it is to be done again, and no failure.

        What its check has stored stays.
        """
        return runs.stop(self._db, run, why)

    def runs_left_open(self, monitor: str, archived: Sequence[str] = ()) -> tuple[Run, ...]:
        """Runs of a monitor that stand at "started", and those of `archived` (ids) at "checked".

        Asked while holding `running(monitor)`, they are what a killed process has left.
        """
        return runs.left_open(self._db, monitor, archived)

    def run(self, run_id: str) -> Run:
        """The run; ModelError when it is not known."""
        return runs.get(self._db, run_id)

    def runs(
        self, *, model_id: str | None = None, monitor: str | None = None, last: int | None = None
    ) -> pd.DataFrame:
        """Runs, newest first."""
        return runs.to_frame(self._db, model_id=model_id, monitor=monitor, last=last)

    def comparison(self, run: Run | str) -> Comparison:
        """The comparison that the check of a run has stored."""
        return results.comparison(self._db, run if isinstance(run, str) else run.run_id)

    def verdict(self, run: Run | str) -> Verdict:
        """The verdict that the check of a run has stored."""
        return results.verdict(self._db, run if isinstance(run, str) else run.run_id)

    def history(
        self,
        model_id: str,
        *,
        families: Sequence[str] | str | None = None,
        measures: Sequence[str] | str | None = None,
        columns: Sequence[str] | str | None = None,
        whole: bool = False,
        monitor: str | None = None,
        last: int | None = None,
    ) -> pd.DataFrame:
        """Measurements of the last windows, oldest first, one per row; through the cache.

        Parameters
        ----------
        families, measures, columns : only these; None: all.
        whole : only the whole windows, without what was measured within segments.
        monitor : only this monitor's windows; None: of every monitor.
        last : so many windows, the newest; None: all.

        Few names cost little, whatever the store holds: a year of a monitor with segments has
        tens of thousands of measurements. Of each monitor and window the newest checked revision
        counts. Columns: run_id, monitor, revision, those of `Comparison.to_frame`, adjusted,
        status.
        """
        wanted = history.Wanted(
            families=history.names(families),
            measures=history.names(measures),
            columns=history.names(columns),
            whole=whole,
            monitor=monitor,
            last=last,
        )
        return history.history(self._db, models.get(self._db, model_id), wanted)

    def alerts(self, model_id: str | None = None, *, last: int | None = None) -> pd.DataFrame:
        """Alerts, newest first, and whether they have been delivered."""
        return results.alerts_frame(self._db, model_id, last)

    def alert_counts(self, model_id: str) -> pd.DataFrame:
        """Incidents open now and alerts so far: columns severity (worst first), open, alerts.

        Through the cache, and never behind what checks have stored.
        """
        return standing.alert_counts(self._db, models.get(self._db, model_id))

    def incidents(self, model_id: str, monitor: str | None = None) -> tuple[Incident, ...]:
        """The last incident of each monitor and kind, open or closed."""
        return results.last_incidents(self._db, models.get(self._db, model_id), monitor)
