"""Queries in, frames out: any database that SQLAlchemy speaks to, where rows are already kept."""

from __future__ import annotations

import pandas as pd

from mondrift.ingest.files import with_timestamps
from mondrift.store.queries import rows_of, short


def read_query(
    query: str, url: str, *, timestamps: tuple[str, ...] = (), zone: str = ""
) -> pd.DataFrame:
    """The rows that an SQL query gives; `timestamps` and `zone` as in `read_file`.

    Raises InputError, without the address, when the database or the query does not answer.
    """
    return with_timestamps(rows_of(query, url), timestamps, zone, f"the rows of {short(query)}")
