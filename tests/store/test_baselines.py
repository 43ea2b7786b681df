"""Baselines: versioned, never changed, and kept apart from the rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from mondrift import Schema, Window, compare, judge
from mondrift.errors import InputError, ModelError, WindowError
from mondrift.store import Store
from mondrift.store.registering import SAMPLE

pytestmark = pytest.mark.servers

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
Rows = Callable[..., pd.DataFrame]


def test_a_baseline_of_windows_holds_their_rows_in_order(
    store: Store, schema: Schema, make_rows: Rows
) -> None:
    store.register_model("windows", schema, task="binary")
    for day in range(6):
        store.log("windows", make_rows(50, start=START + day * DAY).assign(was_late=1))
    spans = [Window(START + 4 * DAY, START + 5 * DAY), (START, START + 2 * DAY)]
    baseline = store.register_baseline("windows", spans, name="calm days")
    expected = pd.concat(
        [
            store.window("windows", START, START + 2 * DAY),
            store.window("windows", START + 4 * DAY, START + 5 * DAY),
        ],
        ignore_index=True,
    )
    pd.testing.assert_frame_equal(store.baseline("windows").rows(), expected)
    assert (baseline.version, baseline.n, baseline.sampled) == (1, 150, 150)
    assert baseline.windows == ((START, START + 2 * DAY), (START + 4 * DAY, START + 5 * DAY))
    again = store.register_baseline("windows", spans)
    assert (again.version, again.name) == (1, "calm days")
    assert store.register_baseline("windows", spans[:1]).version == 2
    assert store.baseline("windows", version=1).n == 150
    actions = store.audit("windows")["action"].tolist()
    assert actions.count("register baseline") == 2


def test_a_baseline_of_a_frame_needs_neither_times_nor_ids(
    store: Store, schema: Schema, make_rows: Rows
) -> None:
    store.register_model("frame", schema, task="binary")
    frame = make_rows(200).drop(columns="at").assign(was_late=0)
    frame.loc[3, "temperature"] = np.nan
    baseline = store.register_baseline("frame", frame)
    rows = baseline.rows()
    assert rows["at"].isna().all()
    assert rows["id"].isna().all()
    np.testing.assert_array_equal(rows["temperature"], frame["temperature"])
    assert rows["carrier"].tolist() == frame["carrier"].tolist()
    features = baseline.features().set_index("feature")
    assert features.loc["temperature", ["n", "missing"]].tolist() == [200, 1]
    assert features.loc["carrier", "statistics"]["counts"] == {"AA": 67, "UA": 67, "DL": 66}
    pd.testing.assert_frame_equal(baseline.features(), baseline.features())
    store.log("frame", make_rows(200))
    current = store.window("frame", START, START + DAY)
    comparison = compare(rows, current, schema=store.model("frame").schema)
    assert judge(comparison).status != "alarm"


def test_a_large_baseline_keeps_a_seeded_sample_and_exact_statistics(store: Store) -> None:
    n = SAMPLE + 5000
    frame = pd.DataFrame({"x": np.arange(n, dtype=float), "y": np.zeros(n)})
    store.register_model("large", Schema(timestamp="at", prediction="y"), task="regression")
    baseline = store.register_baseline("large", frame, seed=7)
    assert (baseline.n, baseline.sampled, baseline.seed) == (n, SAMPLE, 7)
    expected = np.sort(np.random.default_rng(7).choice(n, SAMPLE, replace=False))
    np.testing.assert_array_equal(baseline.rows()["x"], expected)
    statistics = baseline.features().set_index("feature").loc["x", "statistics"]
    assert statistics["max"] == n - 1
    assert statistics["mean"] == pytest.approx((n - 1) / 2)


def test_what_the_cache_holds_of_baselines_is_never_stale(
    store: Store, schema: Schema, make_rows: Rows
) -> None:
    store.register_model("cached", schema, task="binary")
    store.register_baseline("cached", make_rows(100))
    for _ in range(2):
        first = store.baseline("cached")
        counts = first.summaries()
        assert counts is not None
        assert (counts.n, first.features()["n"].unique().tolist()) == (100, [100])
    assert store.cache.counts.hits >= 2
    store.register_baseline("cached", make_rows(150))
    newest = store.baseline("cached")
    counts = newest.summaries()
    assert counts is not None
    assert (counts.n, newest.features()["n"].unique().tolist()) == (150, [150])


def test_versions_are_listed_and_compared(store: Store, schema: Schema, make_rows: Rows) -> None:
    store.register_model("versions", schema, task="binary")
    assert store.baselines("versions").empty
    rows = make_rows(3000)
    store.register_baseline("versions", rows, name="first")
    store.register_baseline("versions", rows.assign(temperature=rows["temperature"] + 600))
    shares = {"carrier": {"n": 900, "shares": {"AA": 0.5, "DL": 0.25, "UA": 0.25}}}
    store.register_baseline("versions", shares, name="of a paper")
    listed = store.baselines("versions")
    assert listed["version"].tolist() == [1, 2, 3]
    assert listed["name"].tolist() == ["first", "", "of a paper"]
    assert listed[["n", "sampled"]].iloc[-1].tolist() == [900, 0]
    found = judge(store.compare_baselines("versions", 1, 2)).columns()
    assert (found["temperature"].status, found["carrier"].status) == ("alarm", "ok")
    assert judge(store.compare_baselines("versions", 3, 1)).columns()["carrier"].status == "warning"
    with pytest.raises(InputError, match="Baseline 3 of 'versions' is known by its statistics"):
        store.compare_baselines("versions", 1, 3)


def test_what_is_no_baseline_is_refused(store: Store, schema: Schema, make_rows: Rows) -> None:
    store.register_model("refused", schema, task="binary")
    with pytest.raises(ModelError, match=r"has no baseline; it has versions \[\]"):
        store.baseline("refused")
    with pytest.raises(WindowError, match="has no rows from"):
        store.register_baseline("refused", [(START, START + DAY)])
    with pytest.raises(WindowError, match="overlap"):
        store.register_baseline(
            "refused", [(START, START + 2 * DAY), (START + DAY, START + 3 * DAY)]
        )
    with pytest.raises(WindowError, match="is empty"):
        store.register_baseline("refused", [(START + DAY, START)])
    with pytest.raises(InputError, match="1 of 5 rows cannot be part of a baseline"):
        store.register_baseline("refused", make_rows(5).replace({"score": {0.2: 2.0}}))
    with pytest.raises(InputError, match="needs rows"):
        store.register_baseline("refused", make_rows(0))
