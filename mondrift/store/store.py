"""`Store`: the one door to everything that is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from time import perf_counter
from types import TracebackType
from typing import Any

import pandas as pd

from mondrift import embedded
from mondrift.cache import Cache
from mondrift.comparison import Comparison
from mondrift.schema import Schema
from mondrift.settings import Settings, secret
from mondrift.store import (
    audit,
    baselines,
    chunks,
    folding,
    labels,
    log,
    mistakes,
    models,
    registering,
    rollup_windows,
    sampling,
    schema,
    volumes,
    windows,
)
from mondrift.store.baselines import Baseline
from mondrift.store.connect import engine_for, masked
from mondrift.store.database import Database, utc_now
from mondrift.store.labels import LabelResult
from mondrift.store.ledger import Ledger
from mondrift.store.log import LogResult
from mondrift.store.models import Clock, Model, Task
from mondrift.store.opening import opened
from mondrift.store.outbox import Outbox
from mondrift.store.self_metrics import Meter
from mondrift.store.stated import Stated
from mondrift.store.truth import Truth
from mondrift.store.upkeep import Upkeep
from mondrift.summaries import Summaries
from mondrift.window import Window


class Store(Ledger, Truth, Upkeep):
    """Everything that is kept about models; open one with `Store.open`.

    A context manager; safe to use from several threads and processes at once.
    """

    def __init__(
        self, database: Database, settings: Settings, servers: embedded.Servers | None
    ) -> None:
        super().__init__(database)
        self._servers = servers
        self.settings = settings
        self.outbox = Outbox(database)
        self._meter = Meter(database)

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
    def primary(self) -> Store:
        """This store without its replica: for what decides, and must not lag. Closes with it."""
        primary = Store(self._db.primary, self.settings, None)
        primary._meter = self._meter
        return primary

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
        self._meter.hand_over()
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
        began = perf_counter()
        done = log.log(self._db, self.model(model_id), rows, zone=zone, progress=progress)
        self._meter.add("ingest", done.stored, perf_counter() - began)
        return done

    def label(self, model_id: str, labels_: Any, *, sent_at: datetime | None = None) -> LabelResult:
        """Store ground truth: a frame, a list of dicts or one dict with id, value, received_at.

        `received_at` says when each label became known; default: `sent_at`, which is now if not
        given; must be given for a model with the clock "data". The label received last holds;
        labels of unknown ids wait for their prediction.
        """
        began = perf_counter()
        done = labels.label(self._db, self.model(model_id), labels_, sent_at=sent_at)
        self._meter.add("labels", done.stored, perf_counter() - began)
        return done

    def register_baseline(
        self,
        model_id: str,
        reference: pd.DataFrame | Sequence[Window | tuple[datetime, datetime]] | Stated,
        *,
        name: str = "",
        seed: int = 0,
    ) -> Baseline:
        """Keep a reference as the next version; the same one again gives the version that is there.

        Parameters
        ----------
        reference : rows (a frame), windows of the store, or statistics alone, where no rows are to
            be had: {"income": {"n":, "mean":, "std":, "min":, "max":}, "plan": {"n":, "shares":
            {"basic": 0.6, "gold": 0.4}}, "returning": {"n":, "share":}}; n counts all rows,
            "missing" (default 0) those without a value. Against shares everything is measured;
            against numbers missing values and the range; with "quantiles": {0.1: value, ...} also
            the distribution over the bins between them.
        seed : of the sample: at most 100 000 rows are kept, counts are of all rows.

        Raises InputError with everything that is wrong with the statistics.
        """
        return registering.register(self._db, self.model(model_id), reference, name=name, seed=seed)

    # Out

    def baseline(self, model_id: str, version: int | None = None) -> Baseline:
        """A baseline, by default the newest."""
        return baselines.get(self._db, self.model(model_id), version)

    def baselines(self, model_id: str) -> pd.DataFrame:
        """Every baseline of a model, oldest first: version, name, n, sampled, created_at."""
        return baselines.to_frame(self._db, self.model(model_id))

    def compare_baselines(self, model_id: str, version: int, other: int) -> Comparison:
        """One baseline against another, column by column; the first fixes the bins.

        Of rows, those that were kept; statistics alone can only be the first of the two.
        """
        return baselines.compared(self._db, self.model(model_id), version, other)

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
        with self._meter.timed("read"):
            return windows.read(self._db, model, start, end, columns=columns, as_of=as_of)

    def chunks(
        self,
        model_id: str,
        start: datetime,
        end: datetime,
        *,
        columns: Iterable[str] | None = None,
        rows: int = 200_000,
    ) -> Iterator[pd.DataFrame]:
        """The rows with timestamp in [start, end), in frames of at most `rows` rows.

        `window` for windows larger than memory: one frame is held at a time, and all show the
        store at one moment. In the order of time; an instant is cut, by id, only when it has more
        rows than a frame. Categories are alike in all frames: every level that the store knows.
        """
        model = self.model(model_id)
        return chunks.chunks(self._db, model, start, end, columns=columns, rows=rows)

    def summaries(
        self, model_id: str, start: datetime, end: datetime, *, segments: bool = True
    ) -> Summaries | None:
        """The rows in [start, end) as counts, without reading them; a current window of `compare`.

        Every compared column but the target, on the model's own grids; `segments`: its largest
        segments too. None when counts cannot answer: rows are not counted yet (see `fold`), the
        window cuts an hour or a day whose rows are gone, it begins where retention has taken
        counts, too, or a column had another kind in an older schema version.
        """
        model = self.model(model_id)
        with self._meter.timed("read counts"):
            return rollup_windows.summaries(self._db, model, start, end, segments=segments)

    def fold(self, model_id: str) -> int:
        """Upkeep of the counts: how many days and baselines were touched; harmless at any moment.

        Rows and baselines that came before their layout, or before mondrift counted them, are
        counted; quarters of an hour become hours, and hours become days.
        """
        model = self.model(model_id)
        return folding.fold(self._db, model) + registering.complete(self._db, model)

    def latest(self, model_id: str) -> datetime | None:
        """Timestamp of the newest row, None when there is none: "now" of a model of history."""
        return volumes.latest(self._db, self.model(model_id))

    def now(self) -> datetime:
        """The present, by the store's clock."""
        return self._db.clock()

    def volume(
        self, model_id: str, start: datetime, end: datetime, *, every: str = "1h"
    ) -> pd.DataFrame:
        """Rows per period ("15min", "1h", "1D", UTC) in [start, end): columns start, n.

        With those that a sampling `Logger` saw and did not keep: exact for whole hours (UTC).
        """
        return volumes.volume(self._db, self.model(model_id), start, end, every)

    def mistakes(
        self, model_id: str, start: datetime, end: datetime, *, every: str = "1h", zone: str = "UTC"
    ) -> pd.DataFrame:
        """Errors of the labelled rows per "1h" or "1D" of a zone: start, n, errors, squares.

        `errors` sums 1 per wrong class, or absolute errors; `squares` their squares. An hour
        without labelled rows is left out.
        """
        return mistakes.mistakes(self._db, self.model(model_id), start, end, every, zone)

    def live_volume(self, model_id: str, *, hours: int = 24) -> pd.DataFrame:
        """Rows of the last whole hours and of this one: columns start, n; for dashboards.

        From live counters in the cache, so up to five minutes behind; `volume` is exact.
        """
        return volumes.live(self._db, self.model(model_id), hours)

    def unkept(self, model_id: str, start: datetime, end: datetime) -> sampling.Unkept:
        """How many rows of [start, end) a sampling `Logger` saw and did not keep, and its seeds."""
        return sampling.unkept(self._db, self.model(model_id), start, end)

    # Who did what

    def audit(self, model_id: str | None = None) -> pd.DataFrame:
        """Who registered or changed what: at, who, action, subject, before, after."""
        return audit.to_frame(self._db, model_id)
