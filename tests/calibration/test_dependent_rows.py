"""Rows that depend on each other: `cluster=` keeps the promise, in a short version of the table."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mondrift
from tests.calibration import clustered_rows, render_dependent
from tests.calibration.dependent import COLUMNS, Users, columns, results
from tests.calibration.rates import broken
from tests.calibration.simulate import POLICIES, UNUSED, flagged, measurements

pytestmark = pytest.mark.calibration


def test_the_quick_way_says_what_compare_and_judge_say_of_clusters() -> None:
    rng = np.random.default_rng(3)
    users = Users((60, 50), shared=20)
    clusters = users.clusters(rng)
    frames = [{"user": clusters.reference}, {"user": clusters.current}]
    quick = {}
    for name in COLUMNS:
        pair = columns(name, users.latent(rng, clusters))
        quick[name] = results(*pair, clusters, seed=0)[1]
        for frame, column in zip(frames, pair, strict=True):
            held = np.array([*column.levels, None], dtype=object)
            frame[name] = held[column.values] if column.levels else column.values
    kinds: dict[str, Any] = {name: kind for name, (kind, _, _) in COLUMNS.items()} | {
        "user": "categorical"
    }
    one, other = (
        pd.DataFrame({**frame, "user": [f"{code:04d}" for code in frame["user"]]})
        for frame in frames
    )
    schema = mondrift.Schema(cluster="user", kinds=kinds)
    comparison = mondrift.compare(one, other, schema=schema)
    for each in comparison.measurements:
        if each.measure in quick.get(each.column, ()):
            expected = quick[each.column][each.measure]
            told = (each.pvalue, expected.pvalue)
            assert told == (None, None) or told[0] == pytest.approx(told[1], rel=1e-6)
            assert each.statistic == pytest.approx(float(expected.statistic), abs=1e-12)
    judged = {(f.check, f.column) for f in mondrift.judge(comparison).flagged()}
    sizes = (len(clusters.reference), len(clusters.current))
    measured = [measurements(found, COLUMNS[name][0], name, sizes) for name, found in quick.items()]
    assert judged == {
        (check, name)
        for check, names in flagged(measured, POLICIES["default"], sizes).items()
        for name in names
        if check not in UNUSED
    }


@pytest.mark.parametrize("scenario", clustered_rows.PROMISED)
def test_with_cluster_no_cell_exceeds_the_stated_rate(scenario: str) -> None:
    counts: Counter[clustered_rows.Key] = Counter()
    for number in range(2):
        counts.update(clustered_rows.dependent((scenario, 50, 50), number))
    assert broken(render_dependent.promised_by_cluster(counts)) == []
    where = ("dependent change", scenario, 50, 50, "1 σ", 1)
    assert counts["flagged", *where, "with", "any"] >= 1
