"""The store: predictions, labels, baselines and results in PostgreSQL, with Redis as a cache.

`Store` is the door; behind it, in reading order: `validate` (rows checked one by one) → `records`
(which column stands where) → `levels`, `ids`, `encode`, `copy` (rows as bytes) → `log`, `labels`,
`baselines` (in) → `windows` (out) → `runs`, `results`, `history`, `outbox` (what checks find).
`tables` and `migrations/` say what PostgreSQL holds, `schema` brings it up to date.
"""

from __future__ import annotations

from mondrift.store.baselines import Baseline
from mondrift.store.labels import LabelResult
from mondrift.store.log import LogResult
from mondrift.store.models import Model
from mondrift.store.outbox import Delivery, Outbox
from mondrift.store.results import Message
from mondrift.store.runs import Run
from mondrift.store.store import Store

__all__ = [
    "Baseline",
    "Delivery",
    "LabelResult",
    "LogResult",
    "Message",
    "Model",
    "Outbox",
    "Run",
    "Store",
]
