"""Anderson-Darling: closed forms, the published percentage points, scipy, and its false alarms."""

from __future__ import annotations

import math
import warnings
from itertools import combinations

import numpy as np
import pytest
from scipy import special, stats

from mondrift.measures import MEASURES, fit_layout, summarize
from mondrift.measures.anderson_darling import limiting_tail, weights
from mondrift.measures.column import numeric

known = pytest.mark.known
NO_TIES = weights(np.ones(1000, dtype=np.int64))


def measured(ref, cur, seed=0):
    layout = fit_layout(numeric(ref))
    pair = (summarize(numeric(each), layout) for each in (ref, cur))
    return MEASURES["anderson_darling"](*pair, seed=seed)


@known
@pytest.mark.parametrize(
    ("point", "level"),
    [(0.326, 0.25), (1.225, 0.10), (1.960, 0.05), (2.719, 0.025), (3.752, 0.01)],
)
def test_the_percentage_points_of_the_limiting_law(point, level):
    # Scholz and Stephens 1987, table 1, m = 1; their unit is the limit's standard deviation
    spread = math.sqrt(2 * (math.pi**2 - 9) / 3)
    assert limiting_tail(1 + point * spread, NO_TIES) == pytest.approx(level, rel=0.03)


@known
@pytest.mark.parametrize("x", [0.01, 0.5, 3.84, 30.0, 300.0])
def test_one_weight_is_the_law_of_chi_square_and_two_equal_ones_an_exponential(x):
    assert limiting_tail(x, np.array([1.0])) == pytest.approx(special.chdtrc(1, x), rel=1e-3)
    assert limiting_tail(x, np.array([0.5, 0.5])) == pytest.approx(math.exp(-x), rel=1e-12)


@known
@pytest.mark.parametrize(("f", "g"), [((500, 500), (60, 40)), ((6, 1), (2, 9))])
def test_for_two_values_it_is_pearsons_chi_square_but_for_a_row(f, g):
    # with two values A² = (L - 1) / L · X²: both are the squared, scaled difference of two shares
    total = sum(f) + sum(g)
    result = measured(np.repeat([0.0, 1.0], f), np.repeat([0.0, 1.0], g))
    pearson = stats.chi2_contingency([f, g], correction=False).statistic
    assert result.statistic == pytest.approx((total - 1) / total * pearson, rel=1e-12)


@known
def test_counted_pvalues_are_those_of_all_dealings():
    # 4 against 5 different values: 126 dealings, each as likely
    values = np.arange(9.0)
    whole = {
        ours: measured(values[list(ours)], np.delete(values, ours)).statistic
        for ours in combinations(range(9), 4)
    }
    for ours in [(0, 1, 2, 3), (0, 1, 2, 4), (1, 2, 3, 5), (0, 3, 5, 8)]:
        exact = np.mean([each >= whole[ours] - 1e-9 for each in whole.values()])
        result = measured(values[list(ours)], np.delete(values, ours))
        assert result.detail["method"] == "permutation"
        assert result.pvalue == pytest.approx(exact, rel=0.3)  # a hundred hits: a tenth, thrice


@pytest.mark.parametrize("shift", [0.0, 0.2, 1.0])
@pytest.mark.parametrize(("n", "m"), [(5, 7), (40, 300), (1000, 800)])
@pytest.mark.parametrize("kind", ["normal", "cauchy", "poisson", "zeros"])
def test_the_statistic_is_scipys(kind, n, m, shift):
    random = np.random.default_rng([n, m])
    draw = {
        "normal": lambda k, s: random.normal(s, 1, k),
        "cauchy": lambda k, s: random.standard_cauchy(k) + s,
        "poisson": lambda k, s: random.poisson(2 + s, k).astype(float),
        "zeros": lambda k, s: np.where(random.random(k) < 0.4, 0.0, random.exponential(1 + s, k)),
    }[kind]
    ref, cur = draw(n, 0.0), draw(m, shift)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # p-values outside its table, and a word on its future
        theirs = stats.anderson_ksamp([ref, cur], midrank=True)
    ours = measured(ref, cur)
    assert ours.detail["standardised"] == pytest.approx(theirs.statistic, rel=1e-9, abs=1e-9)
    if kind in ("normal", "cauchy") and 0.005 < theirs.pvalue < 0.24 and n + m > 1000:
        assert ours.pvalue == pytest.approx(theirs.pvalue, rel=0.1)


DRAWN = {
    "normal": lambda random, k: random.normal(size=k),
    "poisson": lambda random, k: random.poisson(2, k).astype(float),
    "zeros": lambda random, k: np.where(random.random(k) < 0.6, 0.0, random.exponential(size=k)),
    "two": lambda random, k: (random.random(k) < 0.1).astype(float),
}


@pytest.mark.parametrize(("n", "m"), [(100, 40), (1500, 300)])
@pytest.mark.parametrize("kind", DRAWN)
def test_five_in_a_hundred_windows_without_drift_fall_below_five_percent(kind, n, m):
    random = np.random.default_rng([n, m])
    windows = 250
    low = sum(
        measured(DRAWN[kind](random, n), DRAWN[kind](random, m)).pvalue < 0.05
        for _ in range(windows)
    )
    # as the calibration: it fails only if the lower bound of the rate exceeds it
    assert special.betaincinv(max(low, 1), windows - low + 1, 0.001) <= 0.05
    assert low >= 3 or kind == "two"  # and it is no test that never rejects


def test_the_law_without_ties_would_reject_twice_as_often_on_counts():
    random = np.random.default_rng(7)
    statistics = [
        measured(DRAWN["poisson"](random, 500), DRAWN["poisson"](random, 500)).statistic
        for _ in range(400)
    ]
    assert 0.07 < np.mean([limiting_tail(each, NO_TIES) < 0.05 for each in statistics]) < 0.16


def test_the_tails_are_seen_better_than_by_kolmogorov_smirnov():
    random = np.random.default_rng(3)
    ref, cur = random.normal(size=2000), random.normal(0, 1.15, size=2000)
    layout = fit_layout(numeric(ref))
    pair = [summarize(numeric(each), layout) for each in (ref, cur)]
    assert MEASURES["ks"](*pair).pvalue > 10 * MEASURES["anderson_darling"](*pair).pvalue


def test_strong_drift_has_a_finite_statistic_and_a_pvalue_of_zero():
    result = measured(np.arange(5000.0), np.arange(5000.0) + 1e6)
    assert math.isfinite(result.statistic) and result.pvalue == 0.0


def test_the_same_seed_gives_the_same_pvalue():
    random = np.random.default_rng(0)
    ref, cur = random.normal(size=60), random.normal(0.3, size=40)
    assert measured(ref, cur) == measured(ref, cur)
    assert measured(ref, cur).detail["seed"] == 0
    assert measured(ref, cur, seed=1).pvalue == pytest.approx(measured(ref, cur).pvalue, rel=0.5)


def test_too_few_rows_beside_one_value_of_many_have_no_pvalue():
    ref = np.concatenate([np.zeros(9900), np.arange(1.0, 101.0)])
    cur = np.concatenate([np.zeros(99), [50.5]])
    result = measured(ref, cur)
    assert result.pvalue is None and "too few rows" in result.detail["method"]
    assert result.statistic >= 0


def test_a_constant_column_has_nothing_to_tell():
    result = measured(np.full(50, 3.0), np.full(30, 3.0))
    assert (result.statistic, result.pvalue, result.detail["method"]) == (0.0, 1.0, "constant")
