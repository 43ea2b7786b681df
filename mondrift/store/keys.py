"""Ids that clients give: each is claimed once per model, with a hash of its row's content.

Most batches bring only new ids, and a plain INSERT costs half of one with ON CONFLICT. So that is
tried first, unless a few ids looked up beforehand say that the batch has been sent already; when
it fails, it is undone and the ids are claimed one by one. Either way they are claimed in the order
of ids: two batches with the same ids wait for each other instead of deadlocking.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from mondrift.store import copy
from mondrift.store.connect import raw_cursor
from mondrift.store.copy import Field

#: What became of a row: its id was new, known with the same content, or known with other content.
STORED, DUPLICATE, CONFLICT = 0, 1, 2

_PROBES = 64


def claim(
    connection: Connection,
    model: int,
    names: Sequence[bytes],
    times: np.ndarray,
    hashes: np.ndarray,
) -> np.ndarray:
    """Claim ids within the transaction of `connection`; of one that comes twice, the first row's.

    Parameters
    ----------
    names : n ids, UTF-8.
    times : microseconds since 1970, shape (n,).
    hashes : of the rows' content, int64, shape (n,).

    Returns
    -------
    STORED, DUPLICATE or CONFLICT per row, int8 of shape (n,). The ids stay in the temporary table
    `incoming` until the transaction ends.
    """
    n = len(names)
    order = np.array(sorted(range(n), key=names.__getitem__), dtype=np.int32)
    in_order = [names[row] for row in order.tolist()]
    repeats = np.zeros(n, dtype=bool)
    repeats[1:] = [one == after for one, after in pairwise(in_order)]
    connection.exec_driver_sql(_INCOMING)
    fields = [
        Field(order),
        Field(in_order),
        Field(copy.moments(times[order])),
        Field(hashes[order]),
        Field(repeats),
    ]
    copy.write(raw_cursor(connection), "incoming", fields, n)
    known = _insert(connection, model, in_order)
    compared = order[repeats | known]
    outcome = np.full(n, STORED, dtype=np.int8)
    if len(compared):
        connection.exec_driver_sql("ANALYZE incoming")
        parameters = {"model": model, "rows": compared.tolist()}
        for row, equal in connection.execute(text(_COMPARE), parameters):
            outcome[row] = DUPLICATE if equal else CONFLICT
    return outcome


def _insert(connection: Connection, model: int, names: Sequence[bytes]) -> np.ndarray:
    """Which of the ids (sorted) were there already; the others are claimed now."""
    probes = [name.decode() for name in names[:: len(names) // _PROBES + 1]]
    seen = connection.execute(text(_PROBE), {"model": model, "ids": probes}).scalar_one()
    if not seen:
        try:
            with connection.begin_nested():
                connection.execute(text(_CLAIM), {"model": model})
            return np.zeros(len(names), dtype=bool)
        except IntegrityError:  # some are known, or another process has just claimed them
            pass
    taken = set(connection.execute(text(_CLAIM_EACH), {"model": model}).scalars())
    return np.array([name.decode() not in taken for name in names], dtype=bool)


_INCOMING = """
SET LOCAL work_mem = '64MB';
CREATE TEMPORARY TABLE incoming (
  row integer NOT NULL, id text COLLATE "C" NOT NULL, timestamp timestamptz NOT NULL,
  row_hash bigint NOT NULL, repeats boolean NOT NULL
) ON COMMIT DROP
"""

_PROBE = "SELECT EXISTS (SELECT FROM prediction_keys WHERE model = :model AND id = ANY(:ids))"

_CLAIM = """
INSERT INTO prediction_keys (model, id, timestamp, row_hash)
SELECT :model, id, timestamp, row_hash FROM incoming WHERE NOT repeats ORDER BY id
"""

_CLAIM_EACH = f"{_CLAIM} ON CONFLICT DO NOTHING RETURNING id"

_COMPARE = """
SELECT incoming.row, incoming.row_hash = keys.row_hash AND incoming.timestamp = keys.timestamp
FROM incoming JOIN prediction_keys keys ON keys.model = :model AND keys.id = incoming.id
WHERE incoming.row = ANY(:rows)
"""
