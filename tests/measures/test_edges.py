"""The corners: empty, constant, infinite, enormous, hostile, and what a verdict relies on."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from mondrift.errors import InputError
from mondrift.measures import (
    MEASURES,
    Column,
    benjamini_hochberg,
    bonferroni,
    fit_layout,
    summarize,
)
from mondrift.measures.column import categorical, numeric
from mondrift.measures.contingency import homogeneity_test
from mondrift.measures.out_of_range import exceedance_pvalue
from mondrift.measures.unseen import permutation_pvalue


def measured(name, reference, current):
    layout = fit_layout(reference)
    return MEASURES[name](summarize(reference, layout), summarize(current, layout))


def fitted(values):
    return fit_layout(numeric(values))


@pytest.mark.parametrize("name", [n for n, m in MEASURES.items() if "numeric" in m.kinds])
def test_a_window_without_values_gives_nan_and_the_reason(name):
    holes, full = numeric([None] * 5), numeric([1.0, 2.0, 3.0])
    for pair, window in (((full, holes), "current"), ((holes, full), "reference")):
        result = measured(name, *pair)
        if MEASURES[name].counts_missing:
            assert not math.isnan(result.statistic)
        else:
            assert math.isnan(result.statistic) and window in result.reason
            assert result.pvalue is None
    assert "no rows" in measured(name, full, numeric([])).reason


def test_sixty_percent_new_nulls_are_seen():
    result = measured("missing", numeric(range(100)), numeric([*range(40), *[None] * 60]))
    assert result.statistic == pytest.approx(0.6) and result.pvalue < 1e-19
    assert 0.49 < result.low < result.high < 0.7


def test_infinities_are_counted_apart():
    column = numeric([1.0, math.inf, -math.inf, math.inf, math.nan, 2.0])
    summary = summarize(column, fit_layout(column))
    assert (summary.negative_infinite, summary.positive_infinite, summary.missing) == (1, 2, 1)
    assert (summary.count, summary.mean, summary.minimum, summary.maximum) == (2, 1.5, 1.0, 2.0)
    assert summary.cells.sum() == 2


def test_negative_zero_is_zero():
    layout = fitted([-1.0, 0.0, 1.0] * 10)
    minus, plus = (summarize(numeric([zero] * 7), layout) for zero in (-0.0, 0.0))
    assert minus.to_dict() == plus.to_dict()
    assert layout.labels == ("-1", "0", "1")


def test_the_grid_keeps_the_sides_of_zero_apart():
    values = np.array([-1e-5, -0.0, 0.0, 1e-5])
    cells = fitted(np.linspace(-1, 1, 2001) * 1e-3).bins.grid.locate(values)
    assert cells[0] < cells[1] == cells[2] < cells[3]


def test_a_constant_reference_has_a_rule_of_its_own():
    three = numeric([3.0] * 50)
    assert measured("wasserstein", three, three).statistic == 0.0
    moved = measured("wasserstein", three, numeric([3.0] * 40 + [4.0] * 10))
    assert math.isnan(moved.statistic) and "constant" in moved.reason
    assert moved.detail["raw"] == pytest.approx(0.2)
    assert measured("ks", three, numeric([4.0] * 10)).statistic == 1.0


def test_a_spike_keeps_a_bin_of_its_own():
    random = np.random.default_rng(0)
    values = np.concatenate([np.zeros(4000), random.exponential(1.0, 6000)])
    layout = fitted(values)
    assert "0" in layout.labels and len(layout.labels) <= 10
    counts = summarize(numeric(values), layout).counts
    assert 4000 <= counts[layout.labels.index("0")] <= 4005
    assert layout.bins.discrete


def test_one_wild_value_does_not_blind_psi():
    # STATISTICS.md, pitfall 11: equal-width pooled bins took PSI from 1.05 to 0.00007
    random = np.random.default_rng(0)
    ref, cur = random.normal(size=5000), random.normal(1.0, 1.0, size=5000)
    before = measured("psi", numeric(ref), numeric(cur)).statistic
    cur[0] = 1e6
    after = measured("psi", numeric(ref), numeric(cur)).statistic
    assert after == pytest.approx(before, rel=0.01) and after > 0.8
    wild = measured("wasserstein", numeric(ref), numeric(cur))
    assert wild.statistic == pytest.approx(1.0, abs=0.1) and wild.detail["raw"] > 100


def test_very_strong_drift_has_a_pvalue_of_zero_not_nan():
    ref, cur = numeric(np.arange(1e5)), numeric(np.arange(1e5) + 1e7)
    for name in ("ks", "psi", "chi_square", "out_of_range"):
        result = measured(name, ref, cur)
        assert result.pvalue == 0.0 and math.isfinite(result.statistic)


def test_psi_is_not_estimable_where_groups_expect_too_few_rows():
    names = [f"{place:03d}" for place in range(40)]
    few = measured("psi", categorical(names * 50), categorical(names))
    assert few.detail["estimable"] is False and few.pvalue is None
    assert measured("psi", categorical(names * 50), categorical(names * 5)).detail["estimable"]


def test_the_tolerance_test_tells_a_tenth_from_a_quarter():
    random = np.random.default_rng(0)
    ref = numeric(random.normal(size=20_000))
    for shift, seen in ((0.0, False), (0.2, False), (0.5, True)):
        cur = numeric(random.normal(shift, 1, size=20_000))
        assert (measured("psi", ref, cur).detail["tolerance_pvalue"] < 0.05) is seen


def test_rare_levels_are_grouped_by_the_reference_and_unseen_ones_apart():
    reference = categorical(["a"] * 900 + ["b"] * 90 + [f"rare {n}" for n in range(10)])
    layout = fit_layout(reference)
    assert layout.labels == ("a", "b", "(10 rare levels)", "(unseen levels)")
    summary = summarize(categorical(["a", "rare 3", "new", "new"]), layout)
    assert summary.counts.tolist() == [1, 0, 1, 2]
    assert dict(summary.unseen) == {"new": 2}


def test_two_hundred_thousand_distinct_strings_are_counted():
    many = 200_000  # twice the levels that a column of the store may have
    names = tuple(f"{place:07d}" for place in range(many))
    column = Column("id", "categorical", np.arange(many, dtype=np.int32), names)
    layout = fit_layout(column)
    half = Column("id", "categorical", np.arange(0, many, 2, dtype=np.int32), names)
    reference, current = summarize(column, layout), summarize(half, layout)
    assert len(layout.labels) < 150
    for name in ("psi", "chi_square", "unseen", "vanished", "total_variation"):
        assert math.isfinite(MEASURES[name](reference, current).statistic)


def test_measures_refuse_foreign_kinds_and_layouts():
    one, other = numeric([1.0, 2.0]), numeric([5.0, 6.0])
    words = categorical(["a"])
    with pytest.raises(InputError, match="'ks' does not work on a categorical column"):
        measured("ks", words, words)
    with pytest.raises(InputError, match="same layout"):
        MEASURES["ks"](*(summarize(each, fit_layout(each)) for each in (one, other)))
    with pytest.raises(InputError, match="cannot be added"):
        summarize(one, fit_layout(one)) + summarize(other, fit_layout(other))
    with pytest.raises(InputError, match="layout is for a numeric column"):
        summarize(words, fit_layout(one))
    with pytest.raises(InputError, match="kinds are"):
        Column("x", "number", np.zeros(1))
    with pytest.raises(InputError, match="needs one dimension"):
        Column("x", "numeric", np.zeros(1, dtype=np.int64))


def test_pooled_columns_are_named_and_small_tables_exact():
    reference = categorical(["a"] * 500 + ["b"] * 440 + ["c"] * 32 + ["d"] * 28)
    result = measured("chi_square", reference, categorical(["a"] * 50 + ["b"] * 50))
    assert [sorted(each) for each in result.detail["pooled_into"]] == [["c", "d"]]
    tiny = measured("chi_square", reference, categorical(["a", "b", "c"]))
    assert tiny.detail["method"] == "exact"


def test_the_tail_of_small_tables_is_counted_with_the_seed_in_the_result():
    f = np.array([50_000, 20_000, 10_000, 6000, 5000, 5000, 4000])
    g = np.array([30, 20, 18, 10, 10, 8, 4])
    test = homogeneity_test(f, g, ordered=False)
    assert test.method == "monte carlo" and test.draws > 1000
    assert test.pvalue == homogeneity_test(f, g, ordered=False).pvalue
    assert test.pvalue == pytest.approx(4.2e-4, rel=0.5)  # 2,000,000 tables gave 4.2e-4
    assert homogeneity_test(f, g, ordered=False, seed=1).pvalue != test.pvalue


def test_unseen_pvalue_is_the_permutation_of_all_rows():
    random = np.random.default_rng(5)
    for n, m, levels in ((300, 40, 100), (60, 60, 30), (1000, 100, 400)):
        labels = random.zipf(1.3, n + m).clip(max=levels)
        total = Counter(np.unique(labels, return_counts=True)[1].tolist())
        counts = []
        for _ in range(4000):
            random.shuffle(labels)
            counts.append(int(np.isin(labels[n:], labels[:n], invert=True).sum()))
        for rows in sorted(set(counts)):
            simulated = np.mean(np.array(counts) >= rows)
            ours = permutation_pvalue(rows, m, n, total)
            assert ours == pytest.approx(simulated, abs=0.03)
            assert ours >= simulated - 4 * np.sqrt(simulated * (1 - simulated) / 4000) - 1e-3


def test_exceedance_pvalue_is_the_permutation_of_all_rows():
    random = np.random.default_rng(6)
    n, m = 30, 20
    rows = random.random((20_000, n + m))
    ref, cur = rows[:, :n], rows[:, n:]
    low, high = ref.min(axis=1, keepdims=True), ref.max(axis=1, keepdims=True)
    outside = ((cur < low) | (cur > high)).sum(axis=1)
    for many in range(1, 8):
        simulated = (outside >= many).mean()
        assert exceedance_pvalue(many, n, m) == pytest.approx(simulated, abs=0.012)


def test_corrections_leave_nan_alone():
    assert np.isnan(benjamini_hochberg([math.nan, math.nan])).all()
    assert benjamini_hochberg([]).tolist() == []
    assert bonferroni([0.5, 0.9]).tolist() == [1.0, 1.0]


def test_a_summary_holds_the_array_without_a_copy():
    column = numeric(np.arange(1000.0))
    summary = summarize(column, fit_layout(column))
    assert summary.rows[0] is column.values and summary.finite is column.values
