"""Rows of every kind and what a window of them must count to, for the tests of rollups."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd

from mondrift import Schema
from mondrift.measures import Summary, fit_layout, summarize
from mondrift.rows import read
from mondrift.store import Store
from mondrift.summaries import Summaries
from mondrift.window import Window

DAY = datetime(2026, 3, 1, tzinfo=UTC)
KINDS = {
    "at": "datetime",
    "id": "text",
    "x": "numeric",
    "amount": "numeric",
    "flag": "boolean",
    "color": "categorical",
    "region": "categorical",
    "note": "text",
    "seen": "datetime",
    "guess": "categorical",
    "score": "numeric",
    "bought": "categorical",
}
SCHEMA = Schema(
    timestamp="at", id="id", prediction="guess", target="bought", probability="score",
    segments=("region",), kinds=KINDS,
)  # fmt: skip


def rows(
    generator: np.random.Generator,
    n: int,
    *,
    start: datetime = DAY,
    hours: float = 24.0,
    shift: float = 0.0,
    prefix: str = "",
) -> pd.DataFrame:
    """n rows at random moments, with gaps, infinities and rare levels."""
    at = start + pd.to_timedelta(np.sort(generator.integers(0, int(hours * 3.6e9), n)), unit="us")
    x = generator.normal(shift, 1.0, n)
    x[generator.random(n) < 0.02] = np.nan
    x[generator.random(n) < 0.01] = np.inf
    x[generator.random(n) < 0.005] = -np.inf
    amount = np.where(generator.random(n) < 0.3, 0.0, generator.lognormal(3, 2, n))
    flag = pd.array(generator.random(n) < 0.4, dtype="boolean")
    flag[generator.random(n) < 0.05] = pd.NA
    color = generator.choice(["red", "green", "blue", *(f"c{i}" for i in range(30))], n)
    note = np.where(generator.random(n) < 0.3, None, "text")
    guess = generator.choice(["yes", "no"], n)
    frame = pd.DataFrame(
        {
            "at": at,
            "x": x,
            "amount": amount,
            "flag": flag,
            "color": pd.Series(color, dtype=object).where(generator.random(n) > 0.1, None),
            "region": generator.choice(["north", "south", "east"], n, p=[0.5, 0.3, 0.2]),
            "note": note,
            "seen": pd.Series(at).where(generator.random(n) > 0.2),
            "guess": guess,
            "score": generator.random(n),
        }
    )
    if prefix:
        frame["id"] = [f"{prefix}{i}" for i in range(n)]
    return frame


def same(store: Store, model: str, start: datetime, end: datetime) -> Summaries:
    """Assert that counts and rows of a window say the same; gives the counts."""
    counted = store.summaries(model, start, end)
    assert counted is not None
    schema = store.model(model).schema
    found = read(store.window(model, start, end), schema, window=Window(start, end))
    assert counted.n == found.n
    for label in counted.columns:
        name, _, level = label.partition("=")
        part = found.segment(name, level) if label else found
        assert counted.sizes[label] == part.n, label
        for column, each in counted.columns[label].items():
            agree(each, summarize(part.columns[column], _layout(each, part.columns[column])))
    return counted


def _layout(each, column):
    return fit_layout(column) if column.kind == "categorical" else each.layout


def agree(one: Summary, other: Summary) -> None:
    """Assert that two summaries of a column say the same: counts exactly, moments to 1e-9."""
    for name in ("n", "missing", "negative_infinite", "positive_infinite"):
        assert getattr(one, name) == getattr(other, name), (name, one.layout.kind)
    if one.layout.kind == "categorical":
        assert _levels(one) == _levels(other)
        return
    assert one.cells.tolist() == other.cells.tolist()
    if one.layout.kind == "numeric":
        got = [one.minimum, one.maximum, one.mean, one.m2]
        wanted = [other.minimum, other.maximum, other.mean, other.m2]
        np.testing.assert_allclose(got[:2], wanted[:2], rtol=0)
        np.testing.assert_allclose(got[2:], wanted[2:], rtol=1e-9, atol=1e-12)


def _levels(summary: Summary) -> dict[str, int]:
    assert summary.layout.levels is not None
    pairs = zip(summary.layout.levels.names, summary.cells.tolist(), strict=True)
    return {name: count for name, count in pairs if count} | dict(summary.unseen)
