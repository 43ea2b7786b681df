"""Labels that come 1 to 30 days late: what each check says, and what stays of what it said."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from mondrift import embedded
from mondrift.run.check import CheckResult, check
from mondrift.run.plan import Monitor
from mondrift.run.windows import Calendar, Length
from mondrift.schema import Schema
from mondrift.store import Store

pytestmark = pytest.mark.servers

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = Calendar(Length.parse("1D"), "UTC", date(2024, 1, 1))
N = 600
SCHEMA = Schema(
    timestamp="at",
    id="id",
    target="fraud",
    prediction="flagged",
    probability="score",
    kinds={
        "id": "text",
        "at": "datetime",
        "x": "numeric",
        "score": "numeric",
        "flagged": "categorical",
        "fraud": "categorical",
    },
)


def at(days: float) -> datetime:
    return START + timedelta(days=days)


def rows_of(day: int) -> pd.DataFrame:
    """A day of rows with their outcome; the score tells nothing, so labels by score are fair."""
    generator = np.random.default_rng(day)
    score = generator.uniform(size=N)
    return pd.DataFrame(
        {
            "id": [f"{day}-{i}" for i in range(N)],
            "at": pd.date_range(at(day), periods=N, freq="2min"),
            "x": generator.normal(size=N),
            "score": score,
            "flagged": (score > 0.5).astype(int),
            "fraud": generator.integers(0, 2, N),
        }
    )


@dataclass
class World:
    """A model by the wall clock, whose wall can be moved; day 0 is its baseline."""

    store: Store
    monitor: Monitor
    now: list[datetime]

    def label(self, rows: pd.DataFrame, delays: np.ndarray) -> None:
        """Send the labels that have come by now, as a nightly job would: only the new ones."""
        received = rows["at"] + pd.to_timedelta(delays, unit="D")
        due = received <= self.now[0]
        labels = pd.DataFrame({"id": rows["id"], "value": rows["fraud"], "received_at": received})
        self.store.label(self.monitor.model, labels[due])

    def check(self, day: int) -> CheckResult:
        window = DAYS.window((START + timedelta(days=day)).date().isoformat())
        return check(self.store, self.monitor, window)


@pytest.fixture
def world(new_database: Callable[[], str], servers: embedded.Servers) -> World:
    now = [at(2)]
    store = Store.open(new_database(), redis_url=servers.redis_url, clock=lambda: now[0])
    with store:
        store.register_model("loans", SCHEMA, task="binary")
        rows = rows_of(0)
        store.log("loans", rows.drop(columns="fraud"))
        made = World(store, Monitor("loans", "loans", DAYS), now)
        now[0] = at(2)
        made.label(rows, np.full(N, 0.5))
        store.register_baseline("loans", [DAYS.window("2024-01-01")])
        yield made


def told(result: CheckResult, measure: str) -> tuple[float, str]:
    found = next(
        m for m in result.verdict.comparison.measurements if m.measure == measure and not m.segment
    )
    return found.statistic, found.reason


def test_late_labels_make_revisions_and_each_says_how_far_labels_are(world: World) -> None:
    rows, delays = rows_of(1), np.random.default_rng(1).uniform(0.0, 30.0, N)
    world.store.log("loans", rows.drop(columns="fraud"))
    revisions = []
    for day in (2, 9, 40):
        world.now[0] = at(day)
        world.label(rows, delays)
        revisions.append(world.check(1))
        assert world.check(1).run.fresh is False, "nothing new: the same answer"
    assert [each.run.revision for each in revisions] == [1, 2, 3]
    first, second, third = revisions
    old = rows["at"] <= at(2) - timedelta(days=1)
    share = float((delays[old.to_numpy()] <= 1).mean())
    assert told(first, "labelled_1d")[0] == pytest.approx(share)
    assert told(first, "labelled_7d") == (
        pytest.approx(math.nan, nan_ok=True),
        "no row is 7 days old",
    )
    assert told(second, "labelled_7d")[0] == pytest.approx((delays <= 7).mean())
    assert told(second, "labelled_30d")[1] == "no row is 30 days old"
    assert told(third, "labelled_30d")[0] == 1.0
    assert told(third, "label_coverage")[0] == 1.0
    history = world.store.history("loans", measures=("labelled_1d", "labelled_7d", "labelled_30d"))
    assert history["revision"].unique().tolist() == [3]
    assert history["statistic"].tolist() == pytest.approx(
        [(delays <= 1).mean(), (delays <= 7).mean(), 1.0]
    )
    kept = world.store.comparison(first.run)
    assert kept.to_dict() == first.verdict.comparison.to_dict(), "what was said stays"


def test_corrected_labels_make_a_revision_with_another_accuracy(world: World) -> None:
    rows = rows_of(1)
    world.store.log("loans", rows.drop(columns="fraud"))
    world.now[0] = at(9)
    wrong = rows.assign(fraud=1 - rows["flagged"])
    world.label(wrong, np.full(N, 2.0))
    first = world.check(1)
    right = rows.assign(fraud=rows["flagged"])
    world.label(right, np.full(N, 5.0))
    second = world.check(1)
    assert (first.run.revision, told(first, "accuracy")[0]) == (1, 0.0)
    assert (second.run.revision, told(second, "accuracy")[0]) == (2, 1.0)
    assert told(second, "labelled_7d")[0] == 1.0, "a correction makes no label younger or older"
    accuracy = world.store.history("loans", measures="accuracy", whole=True)
    assert accuracy[["revision", "statistic"]].to_numpy().tolist() == [[2.0, 1.0]]
    assert world.store.verdict(first.run).status == "alarm"


def test_positives_that_come_first_are_told(world: World) -> None:
    """The scores know nothing of it, so only the ages of the labels show it."""
    rows = rows_of(1)
    world.store.log("loans", rows.drop(columns="fraud"))
    world.now[0] = at(6)
    waits = np.random.default_rng(2).uniform(0.0, 8.0, N)
    world.label(rows, np.where(rows["fraud"] == 1, waits / 8, waits))
    result = world.check(1)
    bias = next(f for f in result.verdict.findings if f.check == "label_bias")
    assert bias.status == "warning"
    assert "of the labels of the first day are positive" in bias.reason
    measured = next(m for m in result.verdict.comparison.measurements if m.measure == "label_bias")
    early = waits <= 1
    positive = (rows["fraud"] == 1).to_numpy()
    assert measured.detail["early"] == pytest.approx(positive.sum() / (positive | early).sum())
    assert measured.detail["late"] == 0.0


def test_labels_missing_by_score_are_told_and_complete_ones_are_not(world: World) -> None:
    rows = rows_of(1)
    world.store.log("loans", rows.drop(columns="fraud"))
    world.now[0] = at(6)
    delays = np.where(rows["score"] > 0.4, 2.0, 20.0)
    world.label(rows, delays)
    bias = next(f for f in world.check(1).verdict.findings if f.check == "label_bias")
    assert (bias.status, bias.role) == ("warning", "target")
    world.now[0] = at(30)
    world.label(rows, delays)
    after = next(f for f in world.check(1).verdict.findings if f.check == "label_bias")
    assert (after.status, after.reason) == ("ok", "every row is labelled")
