"""The short version of the published table: does the default policy keep its promise?"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mondrift
from mondrift.measures import Column, fit_layout, summarize
from mondrift.measures.contingency import homogeneity_test
from mondrift.measures.missing import changed_share
from tests.calibration import fingerprint, render, table, tasks
from tests.calibration.rates import RATE, as_independent, broken, clopper_pearson
from tests.calibration.simulate import (
    CHANGES,
    INFINITE,
    KINDS,
    POLICIES,
    UNDECIDED,
    UNUSED,
    Kind,
    Measured,
    flagged,
    measured,
    pair,
)

pytestmark = pytest.mark.calibration


def _cells(column: Column) -> pd.Series:
    """The column as a user has it."""
    values = column.values
    if column.kind == "categorical":
        names = np.array([*column.levels, None], dtype=object)
        return pd.Series(names[values], name=column.name, dtype="str")
    return pd.Series(values.astype(bool) if column.kind == "boolean" else values, name=column.name)


def _both_ways(
    kinds: dict[str, tuple[Kind, Kind]], sizes: tuple[int, int], seed: int
) -> tuple[mondrift.Comparison, list[Measured]]:
    rng = np.random.default_rng(seed)
    before = {name: kind.column(name, rng, sizes[0]) for name, (kind, _) in kinds.items()}
    after = {name: kind.column(name, rng, sizes[1]) for name, (_, kind) in kinds.items()}
    frames = [
        pd.DataFrame({name: _cells(column) for name, column in columns.items()})
        for columns in (before, after)
    ]
    declared: dict[str, Any] = {name: kind.kind for name, (kind, _) in kinds.items()}
    comparison = mondrift.compare(*frames, schema=mondrift.Schema(kinds=declared))
    quick = []
    for name in kinds:
        layout = fit_layout(before[name])
        summaries = [summarize(columns[name], layout) for columns in (before, after)]
        quick.append(measured(summaries[0], summaries[1], name))
    return comparison, quick


@pytest.mark.parametrize("sizes", [(1000, 20), (200, 300), (1000, 1000), (3000, 2000)])
def test_the_quick_way_says_what_compare_and_judge_say(sizes: tuple[int, int]) -> None:
    kinds = {label: (kind, kind) for label, kind in {**KINDS, **INFINITE}.items()} | dict(CHANGES)
    comparison, quick = _both_ways(kinds, sizes, seed=7)
    ignored = {*UNUSED, "type_change"}
    for column in quick:
        for each in column:
            (true,) = [
                m
                for m in comparison.measurements
                if (m.column, m.measure) == (each.column, each.measure)
            ]
            np.testing.assert_allclose(each.statistic, true.statistic, atol=1e-12)
            if each.pvalue is not None and each.pvalue <= UNDECIDED:
                assert each.pvalue == pytest.approx(true.pvalue, rel=1e-9)
            else:
                assert (true.pvalue is None) == (each.pvalue is None)
    for policy in POLICIES.values():
        verdict = mondrift.judge(comparison, policy)
        judged: dict[str, set[str]] = {}
        for finding in verdict.flagged():
            judged.setdefault(finding.check, set()).add(finding.column)
        assert flagged(quick, policy, sizes) == {
            check: columns for check, columns in judged.items() if check not in ignored
        }


@pytest.mark.parametrize("sizes", [(1000, 50), (1000, 1000)])
def test_without_drift_no_cell_exceeds_the_stated_rate(sizes: tuple[int, int]) -> None:
    assert broken(render.promised(tasks.windows(sizes, 0))) == []


def test_infinite_values_keep_the_stated_rate() -> None:
    assert broken(render.promised(tasks.infinite((1000, 100), 0))) == []


@pytest.mark.parametrize("levels", [3, 20, 200, 2000])
@pytest.mark.parametrize("sizes", [(1000, 100), (1000, 1000)])
def test_pooling_rare_levels_looks_at_the_margins_only(levels: int, sizes: tuple[int, int]) -> None:
    """As the layout orders them: by their frequency in the reference, new levels last."""
    rng = np.random.default_rng(levels)
    shares = 1 / np.arange(1.0, levels + 1)
    times, rejected = 400, 0
    for _ in range(times):
        reference, current = (rng.multinomial(n, shares / shares.sum()) for n in sizes)
        order = np.argsort(-reference, kind="stable")
        test = homogeneity_test(reference[order], current[order], ordered=False)
        rejected += test.pvalue < RATE
    assert clopper_pearson(rejected, times)[0] <= RATE


@pytest.mark.parametrize("columns", [1, 20, 150])
@pytest.mark.parametrize(("n", "m", "share"), [(1000, 100, 0.05), (1000, 2000, 0.02)])
def test_two_shares_keep_the_rate_however_many_columns(
    n: int, m: int, share: float, columns: int
) -> None:
    """Exact: every pair of counts that can occur, with its probability."""
    x, y = (_likely(size, share) for size in (n, m))
    rejected = sum(
        p * q
        for a, p in x.items()
        for b, q in y.items()
        if (changed_share(a, n, b, m).pvalue or 0.0) < RATE / columns
    )
    assert 1 - (1 - rejected) ** columns <= 1.05 * RATE


def _likely(n: int, share: float) -> dict[int, float]:
    """Binomial probabilities of the counts within five standard deviations."""
    middle, reach = n * share, 5 * math.sqrt(n * share * (1 - share))
    counts = np.arange(max(0, int(middle - reach)), min(n, int(middle + reach)) + 1)
    return dict(zip(counts.tolist(), stats.binom.pmf(counts, n, share).tolist(), strict=True))


def test_a_hundredth_of_sigma_never_matters_even_in_a_million_rows() -> None:
    counts = tasks.tiny_changes((1_000_000, 1_000_000), 0)
    assert [key for key, hits in counts.items() if hits and "default" in key] == []


_SIZES = (1000, 100)


@pytest.fixture(scope="module")
def clean() -> list[Measured]:
    """Columns of every kind without drift."""
    rng = np.random.default_rng(1)
    return [
        pair(kind, kind, rng, _SIZES, f"{label} {place}")
        for label, kind in KINDS.items()
        for place in range(tasks.SHARE)
    ]


@pytest.fixture(scope="module")
def moved() -> list[Measured]:
    """Columns that have moved by half a standard deviation."""
    rng = np.random.default_rng(2)
    return [pair(*CHANGES["0.5 σ"], rng, _SIZES, "moved") for _ in range(100)]


@pytest.mark.parametrize(("columns", "stated"), [(1, 0.90), (20, 0.60), (150, 0.45)])
def test_half_a_sigma_is_found_in_a_hundred_rows(
    clean: list[Measured], moved: list[Measured], columns: int, stated: float
) -> None:
    rng = np.random.default_rng(columns)
    found = 0
    for column in moved:
        others = rng.choice(len(clean), columns - 1, replace=False)
        window = [column, *(clean[place] for place in others)]
        found += "moved" in flagged(window, POLICIES["default"], _SIZES).get("drift", ())
    assert clopper_pearson(found, len(moved))[1] >= stated


def test_mondrift_still_says_what_the_published_counts_rest_on() -> None:
    """Otherwise `make calibrate` begins these cells anew."""
    assert table.Table.read(table.JSON).outdated() == []


def test_a_changed_statistic_is_noticed() -> None:
    known = fingerprint.of_kinds((1000, 100), {"normal": KINDS["normal"]})
    looser = {"normal": [known["normal"][0] * 1.0001, *known["normal"][1:]]}
    assert fingerprint.agree(known, fingerprint.of_kinds((1000, 100), {"normal": KINDS["normal"]}))
    assert not fingerprint.agree(known, looser)


def test_counts_survive_the_file(tmp_path: Path) -> None:
    file, page, place = tmp_path / "counts.json", tmp_path / "page.md", ("infinite", (1000, 20))
    counts = tasks.infinite(place[1], 0)
    written = table.Table()
    written.add((*place, 0), counts)
    written.write(file, page)
    read = table.Table.read(file)
    assert (read.counts, read.batches) == ({place: counts}, {place: 1})
    assert (*place, 0) not in read.open_tasks(["infinite"])
    assert (*place, 1) in read.open_tasks(["infinite"])
    assert "2 % of the rows are plus infinity" in page.read_text(encoding="utf-8")


def test_windows_that_hang_together_count_for_fewer() -> None:
    whole, apart = (as_independent(20, 1000, squares, 50) for squares in (400, 20))
    assert whole == pytest.approx((1.0, 50.0), rel=0.05)  # one group of twenty, all flagged
    assert apart == (20, 1000)
    assert as_independent(0, 1000, 0, 50) == (0, 50)


def test_the_page_is_made_of_the_counts() -> None:
    stored = json.loads(table.JSON.read_text(encoding="utf-8"))
    assert table.PAGE.read_text(encoding="utf-8") == render.page(stored)
