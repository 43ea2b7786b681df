"""`Store`: the one door to everything that is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any

import pandas as pd

from mondrift import embedded
from mondrift.cache import Cache
from mondrift.comparison import Comparison
from mondrift.incident import Incident
from mondrift.schema import Schema
from mondrift.settings import Settings, secret
from mondrift.store import (
    audit,
    baselines,
    history,
    labels,
    log,
    models,
    quarantine,
    results,
    runs,
    schema,
    volumes,
    windows,
)
from mondrift.store.baselines import Baseline
from mondrift.store.connect import engine_for, masked
from mondrift.store.database import Database, utc_now
from mondrift.store.labels import LabelResult
from mondrift.store.log import LogResult
from mondrift.store.models import Clock, Model, Task
from mondrift.store.opening import opened
from mondrift.store.outbox import Outbox
from mondrift.store.results import Message
from mondrift.store.runs import Run
from mondrift.verdict import Verdict
from mondrift.window import Window


class Store:
    """Everything that is kept about models; open one with `Store.open`.

    A context manager; safe to use from several threads and processes at once.
    """

    def __init__(
        self, database: Database, settings: Settings, servers: embedded.Servers | None
    ) -> None:
        self._db = database
        self._servers = servers
        self.settings = settings
        self.outbox = Outbox(database)

    @classmethod
    def open(
        cls,
        url: str | None = None,
        *,
        redis_url: str | None = None,
        settings: Settings | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> Store:
        """Open the store, starting or joining the embedded servers where no address is known.

        Parameters
        ----------
        url, redis_url : addresses; default: DATABASE_URL and REDIS_URL, else the embedded servers.
            With an address for PostgreSQL only, there is no cache.
        settings : default: `Settings.load()`.
        clock : gives the present, UTC.

        Raises ServerError when PostgreSQL does not answer, and StoreError, with the command to
        run, when its tables are of another version. An empty database is filled.
        """
        settings = settings or Settings.load()
        url = url or secret(settings.database_url)
        redis_url = redis_url or secret(settings.redis_url)
        servers = None
        if url is None:
            servers = embedded.attach(settings.mondrift_home, redis=redis_url is None)
            url, redis_url = servers.database_url, redis_url or servers.redis_url
        try:
            owned = servers is not None
            database = opened(url, redis_url, settings, clock, owned=owned)
            return cls(database, settings, servers)
        except BaseException:
            if servers is not None:
                servers.close()
            raise

    @staticmethod
    def migrate(url: str) -> str:
        """Bring the tables of a database to this version of mondrift; returns the version."""
        engine = engine_for(url)
        try:
            return schema.upgrade(engine)
        finally:
            engine.dispose()

    @property
    def url(self) -> str:
        """Where the store is, without its password."""
        return masked(self._db.engine.url)

    @property
    def cache(self) -> Cache:
        """The cache, with its counts of hits and misses."""
        return self._db.cache

    @property
    def schema_version(self) -> str:
        """The version of the tables."""
        return schema.needed()

    def close(self) -> None:
        """Close the connections and let go of the embedded servers."""
        self._db.cache.close()
        self._db.engine.dispose()
        self._db.reader.dispose()
        if self._servers is not None:
            self._servers.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Store {self.url}>"

    # Models

    def register_model(
        self,
        model_id: str,
        schema: Schema,
        *,
        task: Task,
        clock: Clock = "wall",
        label_delay: timedelta | None = None,
    ) -> Model:
        """Register a model; the same again changes nothing, another schema is its next version.

        Parameters
        ----------
        schema : must declare `timestamp`; `id` is called "id" where it is not declared. Kinds that
            are not known (the schema is not `schema.fit(reference)`) are inferred once, from the
            first rows that are logged or registered as baseline, and written to the audit log.
        task : "binary", "multiclass" or "regression".
        clock : "wall", or "data" for a model whose rows are history.
        label_delay : how long labels take, at most.
        """
        return models.register(
            self._db, model_id, schema, task=task, clock=clock, label_delay=label_delay
        )

    def model(self, model_id: str) -> Model:
        """The model; ModelError, with the nearest name, when it is not known."""
        return models.get(self._db, model_id)

    def models(self) -> pd.DataFrame:
        """All models, one per row."""
        return models.to_frame(self._db)

    # In

    def log(
        self,
        model_id: str,
        rows: Any,
        *,
        zone: str | None = None,
        progress: log.Progress | None = None,
    ) -> LogResult:
        """Store predictions: one call is one transaction.

        Parameters
        ----------
        rows : a frame (pandas, polars, pyarrow), a list of dicts, or one dict. Rows that do not
            fit the model's schema go to quarantine, whole, with the reason; the others are stored.
            Rows without id get one (a UUIDv7 of their own timestamp). The same id again is stored
            once; with other content it is a conflict, kept in quarantine.
        zone : IANA zone of timestamps that say none; without it they are refused.
        progress : called with (rows done, rows in all).

        Raises ColumnError when the *columns* of a frame are not the schema's, InputError when no
        timestamp has a zone; then nothing is stored.
        """
        return log.log(self._db, self.model(model_id), rows, zone=zone, progress=progress)

    def label(self, model_id: str, labels_: Any) -> LabelResult:
        """Store ground truth: a frame, a list of dicts or one dict with id, value, received_at.

        `received_at` says when each label became known; default: now; must be given for a model
        with the clock "data". The label received last holds; labels of unknown ids wait for their
        prediction.
        """
        return labels.label(self._db, self.model(model_id), labels_)

    def quarantine(self, model_id: str) -> pd.DataFrame:
        """What did not fit: entry, part, reason, row, received_at; oldest first."""
        return quarantine.to_frame(self._db, self.model(model_id))

    def register_baseline(
        self,
        model_id: str,
        reference: pd.DataFrame | Sequence[Window | tuple[datetime, datetime]],
        *,
        name: str = "",
        seed: int = 0,
    ) -> Baseline:
        """Keep a reference, from a frame or from windows of the store, as the next version.

        At most 100 000 rows are kept, drawn at random with `seed`; the statistics per feature are
        of all rows. The same reference again gives the version that is there.
        """
        return baselines.register(self._db, self.model(model_id), reference, name=name, seed=seed)

    # Out

    def baseline(self, model_id: str, version: int | None = None) -> Baseline:
        """A baseline, by default the newest."""
        return baselines.get(self._db, self.model(model_id), version)

    def window(
        self,
        model_id: str,
        start: datetime,
        end: datetime,
        *,
        columns: Iterable[str] | None = None,
        as_of: datetime | None = None,
    ) -> pd.DataFrame:
        """The rows with timestamp in [start, end), as `mondrift.compare` reads them.

        Parameters
        ----------
        start, end : with a time zone.
        columns : names of the schema; default: all.
        as_of : labels as they were known at this moment; default: the last ones.

        Returns
        -------
        Sorted by time (rows of one instant by a hash of their ids); float64, categorical, boolean
        and UTC datetime columns; no rows when the window is empty.
        """
        model = self.model(model_id)
        return windows.read(self._db, model, start, end, columns=columns, as_of=as_of)

    def latest(self, model_id: str) -> datetime | None:
        """Timestamp of the newest row, None when there is none: "now" of a model of history."""
        return volumes.latest(self._db, self.model(model_id))

    def now(self) -> datetime:
        """The present, by the store's clock."""
        return self._db.clock()

    def volume(
        self, model_id: str, start: datetime, end: datetime, *, every: str = "1h"
    ) -> pd.DataFrame:
        """Rows per period ("15min", "1h", "1D", UTC) in [start, end): columns start, n."""
        return volumes.volume(self._db, self.model(model_id), start, end, every)

    def live_volume(self, model_id: str, *, hours: int = 24) -> pd.DataFrame:
        """Rows of the last whole hours and of this one: columns start, n; for dashboards.

        From live counters in the cache, so up to five minutes behind; `volume` is exact.
        """
        return volumes.live(self._db, self.model(model_id), hours)

    # Runs and results

    def running(self, monitor: str) -> AbstractContextManager[None]:
        """Hold a monitor for this process; StoreError when another one runs it."""
        return runs.running(self._db, monitor)

    def begin_run(
        self,
        monitor: str,
        model_id: str,
        window: Window | tuple[datetime, datetime],
        config: Mapping[str, Any],
        *,
        force: bool = False,
    ) -> Run:
        """Begin a run, or find that it has been done: then `fresh` is False.

        The run is identified by the monitor, a hash of `config` (JSON-valid), the window and a
        revision. Nothing new since the last revision: that one is returned, checked or finished.
        More rows, more labels, a failure or `force`: the next revision begins. Call it while
        holding `running(monitor)`: a run that still stands at "started" is then known to be dead.
        """
        return runs.begin(self._db, self.model(model_id), monitor, window, config, force=force)

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
        return results.save_check(self._db, self.model(run.model_id), run, check)

    def finish_run(self, run: Run, *, report: str) -> Run:
        """Mark a checked run as finished; `report` is the path of its page in the archive."""
        return runs.finish(self._db, run, report=report)

    def fail_run(self, run: Run, error: str) -> Run:
        """Mark a run as failed; what its check has stored stays."""
        return runs.fail(self._db, run, error)

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
        return history.history(self._db, self.model(model_id), wanted)

    def alerts(self, model_id: str | None = None, *, last: int | None = None) -> pd.DataFrame:
        """Alerts, newest first, and whether they have been delivered."""
        return results.alerts_frame(self._db, model_id, last)

    def incidents(self, model_id: str, monitor: str | None = None) -> tuple[Incident, ...]:
        """The last incident of each monitor and kind, open or closed."""
        return results.last_incidents(self._db, self.model(model_id), monitor)

    def audit(self, model_id: str | None = None) -> pd.DataFrame:
        """Who registered or changed what: at, who, action, subject, before, after."""
        return audit.to_frame(self._db, model_id)
