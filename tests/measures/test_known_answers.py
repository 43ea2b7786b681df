"""Known answers: closed forms and published numbers; sources beside them or in the file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import special

from mondrift.measures import MEASURES, benjamini_hochberg, bonferroni, fit_layout, summarize
from mondrift.measures.column import categorical, numeric
from mondrift.measures.contingency import chi_square_statistic, fisher_exact, homogeneity_test
from mondrift.measures.hellinger import hellinger_distance
from mondrift.measures.jensen_shannon import jensen_shannon_distance
from mondrift.measures.psi import population_stability

pytestmark = pytest.mark.known

CASES = json.loads((Path(__file__).parents[1] / "known_answers.json").read_text())["cases"]


def of(family):
    return [pytest.param(case, id=case["id"]) for case in CASES if case["family"] == family]


def drawn(recipe):
    kind, *numbers = recipe
    if kind == "linspace":
        start, stop, n, shift = numbers
        return np.linspace(start, stop, n) + shift
    if kind == "arange":
        return np.arange(*numbers, dtype=float)
    raise AssertionError(kind)


def samples(case):
    inputs = case["inputs"]
    if "gen" not in inputs:
        ref, cur = np.array(inputs["ref"], float), np.array(inputs["cur"], float)
        # whole weights, as counts of repeated rows (the weights have one decimal)
        if "ref_w" in inputs:
            ref = np.repeat(ref, np.round(np.array(inputs["ref_w"]) * 10).astype(int))
            cur = np.repeat(cur, np.round(np.array(inputs["cur_w"]) * 10).astype(int))
        return ref, cur
    recipe = inputs["gen"]
    if "seed_each" in recipe:
        each = [np.random.RandomState(recipe["seed_each"]) for _ in range(2)]
        return tuple(
            random.normal(*recipe[name][1:])
            for random, name in zip(each, ("ref", "cur"), strict=True)
        )
    return drawn(recipe["ref"]), drawn(recipe["cur"])


def measured(name, ref, cur):
    make = numeric if isinstance(ref, np.ndarray) else categorical
    layout = fit_layout(make(ref))
    return MEASURES[name](summarize(make(ref), layout), summarize(make(cur), layout))


def normal_counts(n, shift=0.0, scale=1.0):
    """A column whose n values are exact quantiles of a normal distribution."""
    return shift + scale * special.ndtri((np.arange(n) + 0.5) / n)


@pytest.mark.parametrize("case", of("ks"))
def test_ks(case):
    result = measured("ks", *samples(case))
    assert result.statistic == pytest.approx(case["expected"]["D"], abs=case["tol"])
    assert result.pvalue == pytest.approx(case["expected"]["p"], abs=case["tol"])


@pytest.mark.parametrize("case", of("chi2"))
def test_chi_square(case):
    f, g = (np.array(case["inputs"][name]) for name in ("ref_counts", "cur_counts"))
    statistic, df = chi_square_statistic(f, g)
    expected = case["expected"]
    assert (statistic, df) == (pytest.approx(expected["stat"], abs=case["tol"]), expected["dof"])
    assert special.chdtrc(df, statistic) == pytest.approx(expected["p"], abs=case["tol"])


def test_chi_square_uses_the_reference_counts_not_their_shares():
    # STATISTICS.md, pitfall 3: doubling the reference makes it more certain
    f, g = np.array([16, 18, 16, 14, 12, 12]), np.array([16, 16, 16, 16, 16, 8])
    assert homogeneity_test(f, g, ordered=False).pvalue == pytest.approx(0.89853, abs=5e-6)
    doubled = homogeneity_test(2 * f, g, ordered=False)
    assert (doubled.statistic, doubled.pvalue) == pytest.approx((2.13566, 0.83007), abs=5e-6)


def test_output_drift_from_half_to_four_fifths():
    result = measured("chi_square", ["a"] * 50 + ["b"] * 50, ["a"] * 80 + ["b"] * 20)
    assert result.statistic == pytest.approx(19.78, abs=0.005)
    assert result.pvalue == pytest.approx(8.7e-6, rel=0.01)


@pytest.mark.parametrize("case", of("fisher"))
def test_fisher(case):
    (a, b), (c, d) = case["inputs"]["table"]
    pvalue = fisher_exact(np.array([a, b]), np.array([c, d]))
    assert pvalue == pytest.approx(case["expected"]["p"], abs=case["tol"])


@pytest.mark.parametrize("case", of("js"))
def test_jensen_shannon(case):
    p, q = (np.array(case["inputs"][name], float) for name in "pq")
    distance = jensen_shannon_distance(p, q)
    value = distance if case["params"]["form"].startswith("distance") else distance**2
    assert value == pytest.approx(case["expected"]["js"], abs=case["tol"])


@pytest.mark.parametrize("case", of("hellinger"))
def test_hellinger(case):
    p, q = (np.array(case["inputs"][name], float) for name in "pq")
    assert hellinger_distance(p, q) == pytest.approx(case["expected"]["h"], abs=case["tol"])


@pytest.mark.parametrize("case", of("tvd"))
def test_total_variation(case):
    counts = [np.round(np.array(case["inputs"][name]) * 88).astype(int) for name in "pq"]
    ref, cur = (np.repeat(list("abcdef"), each).tolist() for each in counts)
    result = measured("total_variation", ref, cur)
    assert result.statistic == pytest.approx(case["expected"]["tvd"], abs=case["tol"])


@pytest.mark.parametrize("case", of("wasserstein"))
def test_wasserstein(case):
    result = measured("wasserstein", *samples(case))
    assert result.detail["raw"] == pytest.approx(
        case["expected"]["w1"], abs=case["tol"] + result.detail["raw_error"]
    )
    assert result.detail["raw_error"] <= 2e-3 * result.detail["raw"]


@pytest.mark.parametrize("case", of("energy"))
def test_energy(case):
    result = measured("energy", *samples(case))
    assert result.statistic == pytest.approx(case["expected"]["energy"], abs=case["tol"])


@pytest.mark.parametrize("case", of("fdr"))
def test_benjamini_hochberg(case):
    adjusted = benjamini_hochberg(case["inputs"]["p"])
    assert adjusted == pytest.approx(case["expected"]["adjusted"], abs=case["tol"])


def test_the_fifteen_pvalues_of_benjamini_and_hochberg():
    # Benjamini and Hochberg 1995, section 3: BH rejects four hypotheses at 5 %, Bonferroni three
    pvalues = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
        0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000,
    ]  # fmt: skip
    assert (benjamini_hochberg(pvalues) <= 0.05).sum() == 4
    assert (bonferroni(pvalues) <= 0.05).sum() == 3


@pytest.mark.parametrize("case", of("population"))
def test_normal_populations(case):
    (_, mean, sd), expected = case["inputs"]["cur"], case["expected"]
    if "psi" in expected:
        edges = special.ndtri(np.arange(case["params"]["B"] + 1) / case["params"]["B"])
        q = np.diff(special.ndtr((edges - mean) / sd))
        p = np.full(len(q), 1 / len(q))
        many = 1e12  # so that half a count is nothing
        assert population_stability(p * many, q * many) == pytest.approx(
            expected["psi"], abs=case["tol"] + 1e-9
        )
    else:
        n = 200_000
        ref, cur = normal_counts(n), normal_counts(n, mean, sd)
        assert measured("ks", ref, cur).statistic == pytest.approx(expected["ks"], abs=2e-5)
        assert measured("wasserstein", ref, cur).detail["raw"] == pytest.approx(
            expected["w1"], abs=1e-9
        )


@pytest.mark.parametrize(
    ("shift", "psi"), [(0.1, 0.00959), (0.25, 0.0598), (0.5, 0.2377), (1.0, 0.9261)]
)
def test_psi_of_a_shifted_normal_on_reference_deciles(shift, psi):
    n = 200_000
    result = measured("psi", normal_counts(n), normal_counts(n, shift))
    # the edges are borders of the grid: deciles to a cell
    assert result.statistic == pytest.approx(psi, rel=5e-3)
    assert result.detail["bins"] == 10


def test_a_normal_moved_by_one_sigma():
    n = 200_000
    ref, cur = normal_counts(n), normal_counts(n, 1.0)
    assert measured("ks", ref, cur).statistic == pytest.approx(0.38292, abs=2e-5)
    assert measured("wasserstein", ref, cur).detail["raw"] == pytest.approx(1.0, abs=1e-9)
    # ten bins see a little less than the unbinned 0.3428 and 0.3829
    assert 0.32 < measured("hellinger", ref, cur).statistic < 0.3428
    assert 0.35 < measured("total_variation", ref, cur).statistic < 0.3829


def test_with_no_drift_psi_is_above_a_tenth_in_85_of_100_windows_of_100_rows():
    # STATISTICS.md, pitfall 9; ten bins, 100 against 100 rows
    random = np.random.default_rng(1)
    columns = random.normal(size=(400, 2, 100))
    results = [measured("psi", ref, cur) for ref, cur in columns]
    assert np.mean([each.statistic > 0.1 for each in results]) == pytest.approx(0.85, abs=0.06)
    corrected = np.mean([each.detail["corrected_raw"] for each in results])
    assert corrected == pytest.approx(0.0, abs=0.03)
