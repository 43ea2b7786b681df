"""scipy as the second opinion, on random inputs of many shapes and sizes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from mondrift.measures import MEASURES, fit_layout, summarize
from mondrift.measures.column import Column, numeric
from mondrift.measures.contingency import fisher_exact, homogeneity_test, newcombe
from mondrift.measures.kolmogorov import durbin, exact_pvalue, one_sample_pvalue

SHAPES = {
    "normal": lambda random, n, shift: random.normal(shift, 1.0, n),
    "lognormal": lambda random, n, shift: random.lognormal(shift, 1.5, n),
    "cauchy": lambda random, n, shift: random.standard_cauchy(n) + shift,
    "zeros": lambda random, n, shift: np.where(
        random.random(n) < 0.4, 0.0, random.exponential(1 + shift, n)
    ),
    "whole": lambda random, n, shift: np.round(random.normal(50 + shift, 20, n)),
    "poisson": lambda random, n, shift: random.poisson(3 + shift, n).astype(float),
    "far": lambda random, n, shift: 1e6 + random.normal(shift, 1e-3, n),
    "negative": lambda random, n, shift: -random.lognormal(shift, 1.0, n),
    "two": lambda random, n, shift: np.where(
        random.random(n) < 0.5, random.normal(0, 1e-3, n), random.normal(1000 + shift, 1, n)
    ),
    "tiny": lambda random, n, shift: 1e-200 * random.normal(shift, 1.0, n),
}
SIZES = [(5, 7), (1000, 40), (300, 300), (30_000, 2000), (20_000, 60_000)]


def drawn(shape, n, m, shift, seed=0):
    random = np.random.default_rng([seed, n, m])
    ref, cur = SHAPES[shape](random, n, 0.0), SHAPES[shape](random, m, shift)
    layout = fit_layout(numeric(ref))
    return ref, cur, summarize(numeric(ref), layout), summarize(numeric(cur), layout)


@pytest.mark.parametrize("shift", [0.0, 0.3, 5.0])
@pytest.mark.parametrize(("n", "m"), SIZES)
@pytest.mark.parametrize("shape", SHAPES)
def test_distances_of_numbers_agree(shape, n, m, shift):
    ref, cur, reference, current = drawn(shape, n, m, shift)
    ours = MEASURES["ks"](reference, current)
    theirs = stats.ks_2samp(ref, cur, method="exact" if n * m <= 1_000_000 else "asymp")
    assert ours.statistic == pytest.approx(theirs.statistic, abs=1e-12)
    # scipy's series for effective sizes from 140 on is off by up to 3e-6 itself
    exact = n * m <= 1_000_000
    assert ours.detail["method"] == ("exact" if exact else "asymptotic")
    assert ours.pvalue == pytest.approx(theirs.pvalue, abs=1e-9 if exact else 3e-6)
    raw = MEASURES["wasserstein"](reference, current).detail
    distance = stats.wasserstein_distance(ref, cur)
    rounding = 1e-9 * distance + 1e-13 * np.abs(np.concatenate([ref, cur])).max()
    assert abs(raw["raw"] - distance) <= raw["raw_error"] + rounding
    assert abs(raw["raw"] - distance) <= 2e-3 * distance + rounding
    energy = MEASURES["energy"](reference, current)
    if shape != "tiny":  # scipy squares 1e-200 as well
        assert energy.statistic == pytest.approx(stats.energy_distance(ref, cur), rel=1e-6)


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.5])
@pytest.mark.parametrize(("n", "m"), [(100, 80), (1000, 40), (5000, 20_000)])
def test_cramer_von_mises_agrees(n, m, shift):
    ref, cur, reference, current = drawn("normal", n, m, shift)
    ours = MEASURES["cramer_von_mises"](reference, current)
    theirs = stats.cramervonmises_2samp(ref, cur, method="asymptotic")
    assert ours.statistic == pytest.approx(theirs.statistic, rel=1e-9)
    assert ours.pvalue == pytest.approx(theirs.pvalue, abs=1e-6)


@pytest.mark.parametrize("seed", range(30))
def test_contingency_agrees(seed):
    random = np.random.default_rng(seed)
    k = int(random.integers(2, 12))
    f = random.integers(20, 200, k)
    g = random.integers(20, 200, k)
    theirs = stats.chi2_contingency(np.array([f, g]), correction=False)
    ours = homogeneity_test(f, g, ordered=False)
    assert ours.method == "asymptotic"
    assert ours.statistic == pytest.approx(theirs.statistic, rel=1e-12)
    assert ours.pvalue == pytest.approx(theirs.pvalue, rel=1e-9)
    small_f, small_g = random.integers(0, 9, 2), random.integers(0, 9, 2)
    if small_f.sum() and small_g.sum():
        exact = stats.fisher_exact(np.array([small_f, small_g])).pvalue
        assert fisher_exact(small_f, small_g) == pytest.approx(exact, rel=1e-9)


def test_newcombe_interval_agrees_with_the_published_one():
    # Newcombe 1998, table II, (a): 56/70 - 48/80 = 0.2 has (0.0524, 0.3339)
    low, high = newcombe(48, 80, 56, 70)
    assert (low, high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


@pytest.mark.parametrize(("n", "m"), [(3, 5), (20, 20), (13, 200), (300, 500), (20, 40_000)])
def test_exact_kolmogorov_pvalues_agree(n, m):
    steps = np.unique(np.linspace(1, n * m, 12).astype(int)) / (n * m)
    for distance in steps:
        h = round(distance * n * m)
        theirs = stats.ks_2samp(np.arange(n) + 0.5, np.arange(m) * (n / m), method="exact")
        if round(theirs.statistic * n * m) == h:
            assert exact_pvalue(distance, n, m) == pytest.approx(theirs.pvalue, rel=1e-9)
        assert 0.0 <= exact_pvalue(distance, n, m) <= 1.0
    pvalues = [exact_pvalue(distance, n, m) for distance in steps]
    assert pvalues == sorted(pvalues, reverse=True)


@pytest.mark.parametrize("n", [2, 10, 50, 140, 141, 300, 301, 2000, 5000, 5001, 10_000, 100_000])
def test_one_sample_kolmogorov_pvalues_agree(n):
    for z in np.linspace(0.2, 4.0, 20 if n < 10_000 else 6):
        distance = min(z / np.sqrt(n), 1.0)
        # scipy takes the series from 140 on, we from 300 on, and seldom for the same distances
        tolerance = 3e-6 if 140 < n < 2000 else 2e-8
        theirs = float(stats.kstwo.sf(distance, n))
        assert one_sample_pvalue(distance, n) == pytest.approx(theirs, abs=tolerance)


@pytest.mark.parametrize("n", [140, 300, 301, 500, 1000, 2000])
def test_one_sample_kolmogorov_pvalues_are_durbins(n):
    for z in np.linspace(0.3, 2.2, 14):  # p from 1 to 1e-4: the matrix cannot tell more
        distance = z / np.sqrt(n)
        exact = 1.0 - durbin(n, distance)
        assert one_sample_pvalue(distance, n) == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize("n", [300, 2000, 5000, 5001, 20_000])
def test_small_kolmogorov_pvalues_keep_their_digits(n):
    for z in np.linspace(1.6, 2.68, 6):  # p from 0.01 to 1e-6
        distance = z / np.sqrt(n)
        exact = 2.0 * special.smirnov(n, distance)
        assert one_sample_pvalue(distance, n) == pytest.approx(exact, rel=1e-5)


def test_binned_distances_agree_on_the_same_bins():
    _, _, reference, current = drawn("lognormal", 5000, 3000, 0.2)
    p, q = (each.counts / each.counts.sum() for each in (reference, current))
    from scipy.spatial.distance import jensenshannon

    assert MEASURES["jensen_shannon"](reference, current).statistic == pytest.approx(
        jensenshannon(p, q, base=2), rel=1e-9
    )
    assert MEASURES["total_variation"](reference, current).statistic == pytest.approx(
        np.abs(p - q).sum() / 2, rel=1e-12
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_bins_count_what_numpy_counts_on_their_edges(shape):
    ref, cur, reference, current = drawn(shape, 30_000, 2000, 0.3)
    edges = reference.layout.bins.edges[1:-1]
    for values, summary in ((ref, reference), (cur, current)):
        bins = np.searchsorted(edges, values, side="right")
        assert summary.counts.tolist() == np.bincount(bins, minlength=len(edges) + 1).tolist()


def test_many_levels_agree_with_a_table_pooled_by_hand():
    random = np.random.default_rng(3)
    names = tuple(f"{place:03d}" for place in range(200))
    ref = Column("x", "categorical", random.integers(0, 200, 5000).astype(np.int32), names)
    cur = Column("x", "categorical", random.integers(0, 200, 100).astype(np.int32), names)
    layout = fit_layout(ref)
    result = MEASURES["chi_square"](summarize(ref, layout), summarize(cur, layout))
    assert result.detail["method"] == "asymptotic"
    assert 1 < result.detail["columns"] <= 20  # each expects five current rows
    f, g = (np.bincount(each.values, minlength=200) for each in (ref, cur))
    whole = stats.chi2_contingency(np.array([f, g]), correction=False)
    assert result.statistic == pytest.approx(whole.statistic, rel=1e-12)
