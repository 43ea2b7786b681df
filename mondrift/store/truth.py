"""What a store knows of ground truth: how old labels were, and which wait for their row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pandas as pd

from mondrift.store import label_ages, models, waiting
from mondrift.store.database import Database
from mondrift.store.label_ages import LabelAges


class Truth:
    """The part of `Store` that looks back on labels."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def label_ages(
        self,
        model_id: str,
        start: datetime,
        end: datetime,
        *,
        days: Sequence[int] = label_ages.DAYS,
        as_of: datetime | None = None,
    ) -> LabelAges:
        """What share of the rows in [start, end) had a label after so many days, and which came.

        Parameters
        ----------
        days : whole numbers, ascending.
        as_of : labels as they were known at this moment, and rows as old as they were then;
            default: now, by the model's clock.

        The age of a label is its first `received_at` less the row's timestamp. Labels that came
        with the rows of a model with the clock "data" have no age: `maturity` says so.
        """
        model = models.get(self._db, model_id)
        return label_ages.label_ages(self._db, model, (start, end), days=days, as_of=as_of)

    def waiting_labels(self, model_id: str, *, limit: int | None = None) -> pd.DataFrame:
        """Labels whose prediction is not there: columns id, value, received_at, oldest first.

        They are matched when a row with their id comes, also out of quarantine. `limit`: so many.
        """
        return waiting.waiting(self._db, models.get(self._db, model_id), limit=limit)

    def waiting_ids(self, model_id: str) -> int:
        """How many ids have labels that wait for their prediction."""
        return waiting.count(self._db, models.get(self._db, model_id))
