"""What a store does for its own upkeep: quarantine, retention, backup."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from mondrift.store import (
    backup,
    checking,
    horizon,
    log,
    models,
    quarantine,
    replay,
    restoring,
    retention,
    self_metrics,
)
from mondrift.store.backup import Backup
from mondrift.store.checking import Finding
from mondrift.store.connect import engine_for, told
from mondrift.store.database import Database
from mondrift.store.replay import ReplayResult
from mondrift.store.retention import Retained


class Upkeep:
    """The part of `Store` that is about rows that did not fit, and rows that are old."""

    _db: Database

    def quarantine(
        self,
        model_id: str,
        *,
        after: int = 0,
        limit: int | None = None,
        conflicts: bool = False,
    ) -> pd.DataFrame:
        """What did not fit: entry, part, reason, row, received_at, tries; oldest first.

        Parameters
        ----------
        after : only entries with a larger number: the last one of the page before.
        limit : so many at most; None: all.
        conflicts : only rows whose id is taken by a row with other content.

        A row with an id stands here once, however often it was sent. `tries` counts the replays
        that failed.
        """
        model = models.get(self._db, model_id)
        return quarantine.to_frame(self._db, model, after=after, limit=limit, conflicts=conflicts)

    def quarantine_entry(self, entry: int) -> tuple[str, dict[str, Any]]:
        """(model id, entry with its row) by its number; InputError when it is not there."""
        return quarantine.find(self._db, entry)

    def replay(
        self,
        model_id: str,
        entries: Iterable[int] | None = None,
        *,
        fixed: Any = None,
        zone: str | None = None,
        progress: log.Progress | None = None,
    ) -> ReplayResult:
        """Try rows in quarantine again: after the model's schema has changed, or mended.

        Parameters
        ----------
        entries : numbers of entries; None: all of the model.
        fixed : rows in place of what is kept, each with the number of its entry in a column
            `entry`; only these entries are tried.
        zone : IANA zone of timestamps that say none.
        progress : called with (entries done, entries in all).

        What is stored leaves quarantine in the same transaction; what fails again stays as it
        came, with its new reason. Raises InputError when an entry is not there.
        """
        model = models.get(self._db, model_id)
        return replay.replay(
            self._db, model, entries=entries, fixed=fixed, zone=zone, progress=progress
        )

    def discard(
        self, model_id: str, entries: Iterable[int] | None = None, *, conflicts: bool = False
    ) -> int:
        """Throw entries of quarantine away for good; returns how many. The audit log keeps which.

        `entries`: numbers; `conflicts`: all whose id is taken by a row with other content. One of
        them must be given.
        """
        model = models.get(self._db, model_id)
        return quarantine.discard(self._db, model, entries, conflicts=conflicts)

    def retention(
        self,
        model_id: str | None = None,
        *,
        raw: timedelta | None = None,
        aggregates: timedelta | None = None,
        dry_run: bool = False,
    ) -> Retained:
        """Take away what is old, and make the partitions of the next days.

        Parameters
        ----------
        model_id : of this model only; None: of all.
        raw, aggregates : how long rows, and how long counts and results are kept, from now on;
            None: as before (90 days and 365 days, unless they were ever set).
        dry_run : change nothing, say what would go.

        By the model's clock: a model of history counts from its newest row. Rows older than what
        is kept are refused afterwards, to quarantine. Raises SettingsError, before anything is
        done, when a model's labels may come later than its rows are kept.
        """
        return retention.apply(self._db, model_id, raw=raw, aggregates=aggregates, dry_run=dry_run)

    def kept_from(self, model_id: str) -> datetime | None:
        """Rows before this moment are gone by retention; None when it has never taken any."""
        model = models.get(self._db, model_id)
        with told(self._db.reader), self._db.reader.connect() as connection:
            return horizon.kept_from(connection, model.number)

    def backup(self, path: str | Path, *, progress: log.Progress | None = None) -> Backup:
        """Write everything into one file, as it is at one moment; others go on working.

        Parameters
        ----------
        path : of the file, which must not be there yet; in a folder it is named by the time.
        progress : called with (tables and partitions done, in all).

        The file appears when it is whole.
        """
        return backup.backup(self._db, Path(path), progress=progress)

    @staticmethod
    def restore(
        path: str | Path, url: str, *, progress: log.Progress | None = None
    ) -> dict[str, int]:
        """Fill the empty database at `url` from a backup, all or nothing; rows by table.

        Raises StoreError when its store has rows: it is left as it is. A backup of an older
        version is upgraded.
        """
        engine = engine_for(url)
        try:
            return restoring.restore(engine, Path(path), progress=progress)
        finally:
            engine.dispose()

    def check(self) -> tuple[Finding, ...]:
        """Whether tables, partitions and counts are in order, and what to do where they are not."""
        return checking.check(self._db)

    def self_metrics(self, *, hours: float = 24.0) -> pd.DataFrame:
        """How the store did in the last hours, all processes together: one line per thing.

        Columns: name; n and what it `counts`; seconds spent on them; the worst call in seconds,
        NaN where there was none. Processes hand their sums over every half minute of work, and
        when they close.
        """
        return self_metrics.to_frame(self._db, hours)
