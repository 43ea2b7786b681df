"""Rows of every kind, for the tests of the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mondrift import Schema

EPOCH = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def schema() -> Schema:
    """A binary model with two features."""
    return Schema(
        timestamp="at",
        prediction="late",
        target="was_late",
        probability="score",
        kinds={
            "at": "datetime",
            "temperature": "numeric",
            "carrier": "categorical",
            "late": "categorical",
            "score": "numeric",
        },
    )


@pytest.fixture
def make_rows() -> Callable[..., pd.DataFrame]:
    """n rows for `schema`, a minute apart; with ids "<prefix>0", "<prefix>1"… where asked for."""

    def make(n: int = 10, *, start: datetime = EPOCH, prefix: str = "") -> pd.DataFrame:
        values = np.arange(n)
        columns: dict[str, Any] = {
            "at": pd.date_range(start, periods=n, freq="min"),
            "temperature": values / 4,
            "carrier": np.array(["AA", "UA", "DL"])[values % 3],
            "late": values % 2,
            "score": values / max(n, 1),
        }
        if prefix:
            columns["id"] = [f"{prefix}{i}" for i in range(n)]
        return pd.DataFrame(columns)

    return make
