"""Baselines: registered references, versioned and never changed.

A baseline keeps, for each feature, n and a few statistics of *all* its rows, and a sample of up to
100 000 rows in a table of its own, so that retention never takes it away.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Row, select

from mondrift.comparing import compare
from mondrift.comparison import Comparison
from mondrift.errors import InputError, ModelError, shown
from mondrift.rows import read
from mondrift.store import reference_counts, windows
from mondrift.store.connect import told
from mondrift.store.database import Database
from mondrift.store.models import Model
from mondrift.store.tables import baseline_versions, baselines
from mondrift.summaries import Summaries


@dataclass(frozen=True)
class Baseline:
    """A reference in the store. `n` rows were registered, `sampled` of them are kept.

    None is kept of a baseline of statistics: then `rows` are none, and `summaries` is the reference
    that `compare` reads.
    """

    model_id: str
    version: int
    name: str
    n: int
    sampled: int
    seed: int
    windows: tuple[tuple[datetime, datetime], ...]
    created_at: datetime
    _number: int = field(repr=False)
    _model: Model = field(repr=False)
    _db: Database = field(repr=False)

    def rows(self, columns: Iterable[str] | None = None) -> pd.DataFrame:
        """The stored sample, in the order of registration, as `Store.window` gives rows."""
        source = windows.Source(
            "baseline_samples r", "r.baseline = %(baseline)s", {"baseline": self._number}
        )
        names = windows.chosen(self._model, columns)
        return windows.frame_of(self._where(), self._model, source, names, order="position")

    def summaries(self) -> Summaries | None:
        """All n rows as counts, without reading them; None when there are none (see `Store.fold`)
        or a column has had another kind since."""
        return reference_counts.read(self._where(), self._model, self._number)

    def features(self) -> pd.DataFrame:
        """One row per column: feature, role, kind, n, missing, statistics (of all n rows)."""
        rows = self._db.cache.remember(
            "baseline", self.model_id, f"features:{self._number}", self._features, age="daily"
        )
        return pd.DataFrame(rows, columns=list(_FEATURE_COLUMNS))

    def _where(self) -> Database:
        """The store, reading from its replica only when that has this baseline by now."""
        db = self._db
        if db.reader is db.engine:
            return db
        query = select(baseline_versions.c.baseline).where(
            baseline_versions.c.baseline == self._number
        )
        with told(db.reader), db.reader.connect() as connection:
            known = connection.execute(query).one_or_none()
        return db.primary if known is None else db

    def _features(self) -> list[list[Any]]:
        query = (
            select(*(baselines.c[name] for name in _FEATURE_COLUMNS))
            .where(baselines.c.baseline == self._number)
            .order_by(baselines.c.position)
        )
        reader = self._where().reader
        with told(reader), reader.connect() as connection:
            return [list(row) for row in connection.execute(query)]


_FEATURE_COLUMNS = ("feature", "role", "kind", "n", "missing", "statistics")


def get(db: Database, model: Model, version: int | None) -> Baseline:
    """The baseline of this version, the newest for None; ModelError when there is none.

    Which one is the newest is never asked of a replica, which may not know it yet.
    """
    with told(db.engine), db.engine.connect() as connection:
        row = find(connection, model, version)
        if row is not None:
            return of_row(db, model, row)
        query = select(baseline_versions.c.version).where(baseline_versions.c.model == model.number)
        known = sorted(connection.execute(query).scalars())
    what = f"no baseline version {version}" if version is not None else "no baseline"
    raise ModelError(
        f"Model {model.model_id!r} has {what}; it has versions {shown(known)}. Register one: "
        f"store.register_baseline({model.model_id!r}, rows)"
    )


def to_frame(db: Database, model: Model) -> pd.DataFrame:
    """Every version, oldest first: version, name, n, sampled, created_at."""
    names = ("version", "name", "n", "sampled", "created_at")
    query = (
        select(*(baseline_versions.c[name] for name in names))
        .where(baseline_versions.c.model == model.number)
        .order_by(baseline_versions.c.version)
    )
    with told(db.engine), db.engine.connect() as connection:
        rows = connection.execute(query).all()
    return pd.DataFrame([tuple(row) for row in rows], columns=list(names))


def compared(db: Database, model: Model, version: int, other: int) -> Comparison:
    """The rows kept of one version against those of another; see `Store.compare_baselines`."""
    one, two = get(db, model, version), get(db, model, other)
    if not two.sampled:
        raise InputError(
            f"Baseline {other} of {model.model_id!r} is known by its statistics alone, and can "
            "only be the first of the two."
        )
    counts = None if one.sampled else one.summaries()
    reference = counts or read(one.rows(), model.schema, label=f"baseline {version}")
    return compare(reference, read(two.rows(), model.schema, label=f"baseline {other}"))


def find(connection: Connection, model: Model, version: int | None) -> Row[Any] | None:
    """The header of a version, or of the newest; None when there is none."""
    table = baseline_versions.c
    query = select(baseline_versions).where(table.model == model.number)
    if version is not None:
        query = query.where(table.version == version)
    return connection.execute(query.order_by(table.version.desc()).limit(1)).one_or_none()


def of_row(db: Database, model: Model, row: Row[Any]) -> Baseline:
    """The baseline with this header."""
    spans = [tuple(map(datetime.fromisoformat, span)) for span in row.windows]
    return Baseline(
        model_id=model.model_id,
        version=row.version,
        name=row.name,
        n=row.n,
        sampled=row.sampled,
        seed=row.seed,
        windows=tuple((start, end) for start, end in spans),
        created_at=row.created_at,
        _number=row.baseline,
        _model=model,
        _db=db,
    )
