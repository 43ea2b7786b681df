"""A store, day by day: an estimate before any label, the realised value beside it later."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import count

import numpy as np
import pandas as pd
import pytest

from mondrift import Measurement, Verdict
from mondrift.run.check import check
from mondrift.run.judging import by_counts, by_rows
from mondrift.run.plan import Monitor
from mondrift.run.windows import Calendar, Length
from mondrift.schema import Schema
from mondrift.store import Store

pytestmark = pytest.mark.servers

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = Calendar(Length.parse("1D"), "UTC", date(2024, 1, 1))
KINDS = {
    "id": "text",
    "at": "datetime",
    "x": "numeric",
    "told": "categorical",
    "score": "numeric",
    "late": "categorical",
}
SCHEMA = Schema(
    timestamp="at", id="id", target="late", prediction="told", probability="score", kinds=KINDS
)
PRICED = Schema(
    timestamp="at", id="id", target="late", prediction="score",
    kinds={**KINDS, "told": "numeric", "late": "numeric"},
)  # fmt: skip
NUMBERS = count()
BOTH = ("estimated_accuracy", "accuracy")


def day(number: int, n: int, near: float = 1.0) -> pd.DataFrame:
    """Calibrated scores, near to one half where `near` is large, and what came of them."""
    rng = np.random.default_rng(number)
    score = rng.beta(near, near, n)
    return pd.DataFrame(
        {
            "id": [f"{number}-{i}" for i in range(n)],
            "at": START + timedelta(days=number) + pd.to_timedelta(np.arange(n) * 20, unit="s"),
            "x": rng.normal(size=n),
            "told": (score > 0.5).astype(int),
            "score": score,
            "late": (rng.random(n) < score).astype(int),
        }
    )


class World:
    """A model whose labels come later than its rows."""

    def __init__(self, store: Store, schema: Schema = SCHEMA) -> None:
        self.store, self.model = store, f"late{next(NUMBERS)}"
        task = "binary" if schema is SCHEMA else "regression"
        store.register_model(self.model, schema, task=task, clock="data")
        self.log(day(0, 3000))
        self.label(day(0, 3000))
        store.register_baseline(self.model, [self.window(0)])
        self.monitor = Monitor(self.model, self.model, DAYS)

    def log(self, rows: pd.DataFrame) -> None:
        self.store.log(self.model, rows.drop(columns="late"))

    def label(self, rows: pd.DataFrame) -> None:
        received = rows["at"].max() + timedelta(days=3)
        labels = {"id": rows["id"], "value": rows["late"], "received_at": received}
        self.store.label(self.model, pd.DataFrame(labels))

    def window(self, number: int):
        return DAYS.window((START + timedelta(days=number)).date().isoformat())

    def check(self, number: int):
        return check(self.store, self.monitor, self.window(number))

    def history(self, number: int) -> dict[str, pd.Series]:
        frame = self.store.history(self.model, measures=BOTH)
        frame = frame[frame["window_start"] == pd.Timestamp(START + timedelta(days=number))]
        return {each["measure"]: each for _, each in frame.iterrows()}


def estimates(verdict: Verdict) -> list[Measurement]:
    measured = verdict.comparison.measurements
    return [each for each in measured if each.measure.startswith("estimated_")]


def test_an_estimate_comes_first_and_the_realised_value_joins_it(store: Store) -> None:
    world = World(store)
    world.log(day(1, 1000))
    first = world.check(1)
    assert first.verdict.status == "inconclusive"
    before = world.history(1)
    assert np.isnan(before["accuracy"]["statistic"])
    assert before["estimated_accuracy"]["statistic"] == pytest.approx(0.75, abs=0.03)
    world.label(day(1, 1000))
    second = world.check(1)
    assert (second.run.revision, second.verdict.status) == (2, "ok")
    after = world.history(1)
    same = ["statistic", "low", "high", "n_reference", "n_current"]
    assert after["estimated_accuracy"][same].equals(before["estimated_accuracy"][same])
    realised = after["accuracy"]
    assert realised["low"] < realised["statistic"] < realised["high"]
    low, high = (after["estimated_accuracy"][end] for end in ("low", "high"))
    assert low < realised["statistic"] < high


def test_a_fall_is_told_quietly_at_first_and_loudly_by_its_labels(store: Store) -> None:
    world = World(store)
    hard = day(1, 1500, near=4.0)
    world.log(hard)
    result = world.check(1)
    assert ("opened", "estimated_degradation", "low") in [
        (event, alert.kind, alert.severity) for event, alert in result.news
    ]
    world.label(hard)
    news = {alert.kind: (event, alert) for event, alert in world.check(1).news}
    event, alert = news["performance_degradation"]
    assert (event, alert.severity) == ("opened", "critical")
    event, alert = news["estimated_degradation"]
    assert event == "recovered"
    assert "100.0 % of rows are labelled: accuracy itself is judged." in alert.text


@pytest.mark.parametrize("schema", [SCHEMA, PRICED], ids=["classes", "numbers"])
def test_counts_and_rows_give_the_same_estimates(store: Store, schema: Schema) -> None:
    world = World(store, schema)
    world.log(day(1, 800))
    counted, read = (by(world.store, world.monitor, world.window(1)) for by in (by_counts, by_rows))
    assert counted is not None
    assert estimates(counted) == estimates(read)
    assert len(estimates(read)) == (5 if schema is SCHEMA else 2)
    drift = [m for m in counted.comparison.measurements if m.family == "drift" and m.column == "x"]
    assert {each.detail["from"] for each in drift} == {"counts"}
