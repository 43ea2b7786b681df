"""Queries in, frames out: any database that SQLAlchemy speaks to, where rows are already kept."""

from __future__ import annotations

import pandas as pd
from sqlalchemy import create_engine, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from mondrift.errors import InputError


def rows_of(query: str, url: str) -> pd.DataFrame:
    """The rows that a query gives, in a transaction that is rolled back.

    Parameters
    ----------
    query : SQL, as it stands: who may write it may do what the database user may.
    url : SQLAlchemy's address; `postgresql://` means psycopg2.

    Raises InputError, without the address, when the database or the query does not answer.
    """
    try:
        engine = create_engine(url.replace("postgres://", "postgresql://", 1).replace(
            "postgresql://", "postgresql+psycopg2://", 1))  # fmt: skip
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        why = f": {error}" if isinstance(error, NoSuchModuleError | ImportError) else ""
        raise InputError(
            f"The address of the database cannot be used{why} (its value is not shown). It looks "
            "like postgresql://user:password@host:5432/database; its driver has to be installed."
        ) from None
    try:
        with engine.connect() as connection:
            return pd.read_sql_query(text(query), connection)
    except (SQLAlchemyError, pd.errors.DatabaseError) as error:
        cause = getattr(error, "orig", None) or error
        reason = (str(cause).strip().splitlines() or [type(cause).__name__])[0].rstrip(".")
        raise InputError(
            f"The database does not give the rows of {short(query)}: {reason}."
        ) from None
    finally:
        engine.dispose()


def short(query: str) -> str:
    """A query in at most 60 characters, for messages."""
    words = " ".join(query.split())
    return repr(words if len(words) <= 60 else words[:57] + "...")
