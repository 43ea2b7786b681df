"""Rows in clusters: what chance does then, and that single rows are a special case."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import special

from mondrift.errors import InputError
from mondrift.measures import MEASURES, Column, fit_layout, summarize
from mondrift.measures.cluster_dealing import Dealt, levels_pvalue, outside_pvalue
from mondrift.measures.cluster_null import Contrast, exchanged, log_quadratic_tail, null
from mondrift.measures.clusters import Clusters, clustered
from mondrift.measures.column import categorical, numeric

TESTED = {"ks", "chi_square", "cramer_von_mises", "missing", "infinite", "out_of_range"}


def measured(one, other, names=MEASURES):
    layout = fit_layout(one)
    reference, current = summarize(one, layout), summarize(other, layout)
    return layout, {
        name: measure(reference, current, seed=0)
        for name, measure in MEASURES.items()
        if one.kind in measure.kinds and name in names
    }


def by_cluster(one, other, clusters, names=MEASURES, seed=0):
    layout, plain = measured(one, other, names)
    return plain, clustered(plain, layout, one, other, clusters, seed=seed)


def users(rng, many, rows=20, shared=0, icc=0.5, shift=0.0):
    """Two windows of `many` users each, `shared` of them in both."""
    effects = rng.normal(size=2 * many) * np.sqrt(icc)
    codes = [np.repeat(np.arange(many) + start, rows) for start in (0, many - shared)]
    values = [effects[each] + rng.normal(size=len(each)) * np.sqrt(1 - icc) for each in codes]
    return numeric(values[0]), numeric(values[1] + shift), Clusters(*codes)


def test_single_rows_agree_with_independent_rows():
    rng = np.random.default_rng(3)
    for shift in (0.0, 0.1, 0.2):
        one, other = numeric(rng.normal(size=900)), numeric(rng.normal(size=600) + shift)
        plain, new = by_cluster(one, other, Clusters(np.full(900, -1), np.full(600, -1)))
        for name in ("ks", "chi_square", "cramer_von_mises"):
            p, q = plain[name].pvalue, new[name].pvalue
            error = 4 * np.sqrt(p * (1 - p) / new[name].detail["draws"])
            assert q == pytest.approx(p, abs=error + 0.02, rel=0.35), (name, shift)
            assert new[name].detail["design_effect"] < 1.15
        assert new["psi"].detail["corrected_raw"] == pytest.approx(
            plain["psi"].detail["corrected_raw"], abs=0.002
        )


def test_many_single_rows_are_pooled_and_still_agree():
    rng = np.random.default_rng(4)
    one, other = numeric(rng.normal(size=20_000)), numeric(rng.normal(size=20_000) + 0.02)
    plain, new = by_cluster(one, other, Clusters(np.full(20_000, -1), np.full(20_000, -1)))
    for name in ("ks", "chi_square"):
        assert new[name].pvalue == pytest.approx(plain[name].pvalue, abs=0.1)
    assert new["ks"].detail["clusters"] == 20_000


@pytest.mark.parametrize("shared", [0, 200], ids=["apart", "in both windows"])
def test_a_column_constant_within_clusters_has_kishs_design_effect(shared):
    rng = np.random.default_rng(5)
    sizes = rng.integers(1, 40, 400)
    codes = np.repeat(np.arange(400), sizes)
    values = rng.normal(size=400)[codes]
    apart = Clusters(codes, codes + 400)
    _, new = by_cluster(numeric(values), numeric(np.repeat(rng.normal(size=400), sizes)), apart)
    kish = (sizes**2).sum() / sizes.sum()
    assert new["chi_square"].detail["design_effect"] == pytest.approx(kish, rel=0.1)


@pytest.mark.parametrize("name", ["cramer_von_mises", "anderson_darling"])
def test_integrated_distances_agree_for_single_rows(name):
    rng = np.random.default_rng(26)
    one, other = numeric(rng.normal(size=400)), numeric(rng.normal(size=400) * 1.2)
    singles = Clusters(np.full(400, -1), np.full(400, -1))
    plain, new = by_cluster(one, other, singles, [name])
    assert new[name].pvalue == pytest.approx(plain[name].pvalue, rel=0.5, abs=0.01)


def test_the_statistic_is_left_alone():
    one, other, clusters = users(np.random.default_rng(6), 50)
    plain, new = by_cluster(one, other, clusters)
    assert list(new) == list(plain)
    for name, result in plain.items():
        assert new[name].statistic == result.statistic
        assert new[name].detail["clusters"] == 50
        assert new[name].detail["null"] == "clusters"
        assert new[name].detail["design_effect"] >= 1.0
        json.dumps(dict(new[name].detail), allow_nan=False)


def test_users_of_one_window_each_raise_no_alarm_and_single_rows_would():
    alarms = np.zeros(2)
    for seed in range(60):
        one, other, clusters = users(np.random.default_rng([7, seed]), 40)
        plain, new = by_cluster(one, other, clusters, ["ks"], seed)
        alarms += [plain["ks"].pvalue < 0.01, new["ks"].pvalue < 0.01]
    assert alarms[0] > 15
    assert alarms[1] <= 4  # 0.6 are expected, P(5 or more) = 0.0004


def test_a_shift_between_clusters_is_found():
    one, other, clusters = users(np.random.default_rng(8), 200, shift=0.5)
    _, new = by_cluster(one, other, clusters)
    assert new["ks"].pvalue < 1e-4
    assert new["chi_square"].pvalue < 1e-3


def test_clusters_in_both_windows_see_less_than_they_would_between_clusters():
    """What users share cancels within them, so that a small shift shows."""
    one, other, clusters = users(np.random.default_rng(9), 100, shared=100, icc=0.9, shift=0.2)
    _, paired = by_cluster(one, other, clusters)
    _, apart = by_cluster(one, other, Clusters(clusters.reference, clusters.current + 1000))
    assert paired["ks"].detail["method"].startswith("signs")
    assert paired["ks"].pvalue < 1e-4
    assert apart["ks"].pvalue > 0.01


def test_a_cluster_across_the_border_does_not_turn_all_into_pairs():
    one, other, clusters = users(np.random.default_rng(10), 60, shared=1)
    _, new = by_cluster(one, other, clusters)
    assert new["ks"].detail["method"].startswith("permutation")


@pytest.mark.parametrize("shared", [0, 30])
def test_same_input_same_pvalues(shared):
    results = []
    for _ in range(2):
        one, other, clusters = users(np.random.default_rng(11), 30, shared=shared)
        results.append(by_cluster(one, other, clusters, seed=5)[1])
    for name, result in results[0].items():
        assert result.pvalue == results[1][name].pvalue


def test_row_order_does_not_matter():
    rng = np.random.default_rng(12)
    one, other, clusters = users(rng, 30)
    order = rng.permutation(one.n)
    _, new = by_cluster(one, other, clusters)
    moved = Clusters(clusters.reference[order], clusters.current)
    _, again = by_cluster(numeric(one.values[order]), other, moved)
    for name in ("ks", "chi_square", "out_of_range"):
        assert again[name].pvalue == pytest.approx(new[name].pvalue, rel=1e-3)


def test_one_giant_cluster_proves_nothing():
    rng = np.random.default_rng(13)
    one, other = numeric(rng.normal(size=500)), numeric(rng.normal(size=500) + 3)
    for codes in ((np.zeros(500), np.zeros(500)), (np.zeros(500), np.ones(500))):
        _, new = by_cluster(one, other, Clusters(*(each.astype(int) for each in codes)))
        for name in TESTED & set(new):
            assert new[name].pvalue is None or new[name].pvalue > 0.4, name
        assert new["ks"].detail["clusters"] == 1


def test_a_giant_among_small_clusters_weighs_as_one():
    rng = np.random.default_rng(14)
    one, other, clusters = users(rng, 100)
    giant = np.where(np.arange(other.n) < 1000, 100, clusters.current)
    shifted = numeric(np.where(giant == 100, other.values + 2.0, other.values))
    plain, new = by_cluster(one, shifted, Clusters(clusters.reference, giant))
    assert plain["ks"].pvalue < 1e-20
    assert new["ks"].pvalue > 1e-3


def test_one_row_per_cluster_in_one_window():
    rng = np.random.default_rng(15)
    one, _, clusters = users(rng, 100)
    other = numeric(rng.normal(size=300))
    _, new = by_cluster(one, other, Clusters(clusters.reference, np.arange(300) + 1000))
    assert 0.001 < new["ks"].pvalue <= 1
    assert new["ks"].detail["clusters"] == 100


def test_far_more_clusters_in_one_window_stay_cheap_and_right():
    rng = np.random.default_rng(16)
    one, other = numeric(rng.normal(size=60_000)), numeric(rng.normal(size=150))
    clusters = Clusters(np.arange(60_000), np.arange(150) + 60_000)
    assert clusters.design(0).size < 5000
    plain, new = by_cluster(one, other, clusters)
    assert new["ks"].pvalue == pytest.approx(plain["ks"].pvalue, abs=0.1)


def test_missing_values_of_a_few_users_are_no_finding():
    rng = np.random.default_rng(17)
    one, other, clusters = users(rng, 100)
    holes = other.values.copy()
    holes[clusters.current < 103] = np.nan  # three users of a hundred lost everything
    plain, new = by_cluster(one, numeric(holes), clusters)
    assert plain["missing"].pvalue < 1e-10
    assert new["missing"].pvalue > 0.05
    spread = np.where(np.arange(other.n) % 20 == 0, np.nan, other.values)
    _, found = by_cluster(one, numeric(spread), clusters)
    assert found["missing"].pvalue < 1e-5
    assert found["missing"].low > 0.03


def test_a_new_level_counts_by_its_clusters():
    rng = np.random.default_rng(18)
    codes = np.repeat(np.arange(100), 10)
    letters = np.array(["a", "b", "c"])[rng.integers(0, 3, 1000)].tolist()
    clusters = Clusters(codes, codes + 100)
    one_user = categorical(["new"] * 10 + letters[10:])
    many_users = categorical(
        ["new" if i % 10 == 0 and i < 200 else x for i, x in enumerate(letters)]
    )
    plain, new = by_cluster(categorical(letters), one_user, clusters)
    assert plain["unseen"].pvalue < 0.01
    assert new["unseen"].pvalue == pytest.approx(0.5)
    _, new = by_cluster(categorical(letters), many_users, clusters)
    assert new["unseen"].pvalue == pytest.approx(0.5**20, abs=1e-8)
    _, back = by_cluster(many_users, categorical(letters), clusters)
    assert back["vanished"].pvalue == pytest.approx(0.5**20, abs=1e-8)


def test_dealt_levels_follow_their_exact_chance():
    """Two levels of one unit each, unequal rows: P(at least 5 rows) = P(the larger is here)."""
    dealt = Dealt(np.repeat([0, 1, 2], [5, 2, 3]), np.repeat([0, 1, 2], [4, 3, 3]))
    none = np.full(10, -1)
    here = np.repeat([0, 1, -1], [5, 2, 3])
    assert levels_pvalue(5, dealt, (here, none), seed=1) == pytest.approx(0.5, abs=0.25)
    assert levels_pvalue(7, dealt, (here, none), seed=1) == pytest.approx(0.25, abs=0.15)
    assert levels_pvalue(8, dealt, (here, none), seed=1) < 1e-6


def test_outside_values_agree_with_enumeration():
    rng = np.random.default_rng(19)
    here, there = np.repeat(np.arange(4), 3), np.repeat(np.arange(4), 3)
    values = rng.normal(size=24)
    unit = np.concatenate([here, there + 4])
    seen = np.zeros(25)
    for deal in range(256):
        is_here = (deal >> unit) & 1 == 1
        rest = values[~is_here]
        low, high = (rest.min(), rest.max()) if len(rest) else (np.inf, -np.inf)
        outside = np.count_nonzero((values < low) | (values > high)) if len(rest) else 24
        seen[: outside + 1] += 1 / 256
    dealt = Dealt(here, there)
    for outside in (1, 2, 4, 7):
        p = outside_pvalue(outside, dealt, (values[:12], values[12:]))
        assert p == pytest.approx(seen[outside], abs=1 / 128)


def test_a_clustered_outlier_is_no_finding_and_many_are():
    rng = np.random.default_rng(20)
    one, other, clusters = users(rng, 100)
    wild = np.where(clusters.current == 120, 50.0, other.values)
    plain, new = by_cluster(one, numeric(wild), clusters)
    assert plain["out_of_range"].pvalue < 1e-4
    assert new["out_of_range"].pvalue > 0.2
    spread = np.where(np.arange(other.n) % 40 == 0, 50.0, other.values)
    _, found = by_cluster(one, numeric(spread), clusters)
    assert found["out_of_range"].pvalue < 1e-6


def test_effects_lose_the_bias_of_this_dependence():
    rng, raw = np.random.default_rng(21), []
    for _ in range(60):
        one, other, clusters = users(rng, 100)
        plain, new = by_cluster(one, other, clusters, ["psi"])
        raw.append([each["psi"].detail["corrected_raw"] for each in (plain, new)])
    independent, by = np.mean(raw, axis=0)
    assert independent > 0.006
    assert abs(by) < independent / 4


def test_psi_of_few_clusters_is_not_estimable():
    one, other, clusters = users(np.random.default_rng(22), 12, rows=40, icc=0.95)
    _, new = by_cluster(one, other, clusters)
    assert new["psi"].detail["corrected"] is None
    assert new["psi"].pvalue is None


def test_names_match_across_windows_and_missing_ones_stand_alone():
    one = categorical(["a", "b", None, None], "user")
    other = categorical(["b", "c", "c"], "user")
    clusters = Clusters.match(one, other)
    assert clusters.sizes == (4, 2)
    assert clusters.reference[1] == clusters.current[0]
    numbers = Clusters.match(numeric([7, 8, None]), numeric([8, 9]))
    assert numbers.reference.tolist() == [0, 1, -1]
    assert numbers.current.tolist() == [1, 2]
    part = clusters.where(np.array([True, True, False, False]), np.array([True, False, False]))
    assert part.sizes == (2, 1)


def test_a_cluster_column_without_values_is_an_error():
    text = Column("user", "text", np.zeros(3, dtype=bool))
    with pytest.raises(InputError, match=r"'user' is declared as cluster but read as text.*kinds="):
        Clusters.match(text, text)


def test_as_many_clusters_as_rows_are_needed():
    one, other, clusters = users(np.random.default_rng(23), 10)
    layout, plain = measured(one, other)
    short = Clusters(clusters.reference[:-1], clusters.current)
    with pytest.raises(InputError, match="200 rows and 199 clusters"):
        clustered(plain, layout, one, other, short, seed=0)


def test_every_kind_of_column_has_an_answer():
    rng = np.random.default_rng(24)
    clusters = Clusters(np.repeat(np.arange(25), 8), np.repeat(np.arange(25) + 10, 8))
    draws = {
        "numeric": rng.normal(size=(2, 200)),
        "boolean": (rng.random((2, 200)) < 0.3).astype(float),
        "categorical": rng.integers(-1, 3, (2, 200)).astype(np.int32),
        "datetime": rng.random((2, 200)) < 0.1,
        "text": rng.random((2, 200)) < 0.1,
    }
    for kind, values in draws.items():
        levels = ("a", "b", "c") if kind == "categorical" else ()
        one, other = (Column("x", kind, each, levels) for each in values)
        plain, new = by_cluster(one, other, clusters)
        for name, result in plain.items():
            assert (new[name].pvalue is None) == (result.pvalue is None), (kind, name)
            assert new[name].pvalue is None or 0 < new[name].pvalue <= 1


@pytest.mark.parametrize(
    ("one", "other"),
    [([1.0] * 40, [1.0] * 40), ([1.0] * 40, [2.0] * 40), ([None] * 40, [1.0] * 40)],
    ids=["constant", "another constant", "nothing to compare"],
)
def test_degenerate_columns_have_finite_answers(one, other):
    clusters = Clusters(np.repeat(np.arange(20), 2), np.repeat(np.arange(20) + 20, 2))
    _, new = by_cluster(numeric(one), numeric(other), clusters)
    for result in new.values():
        assert result.pvalue is None or 0 < result.pvalue <= 1


def test_an_empty_window_is_passed_through():
    one, other = numeric([1.0, 2.0]), numeric([])
    _, new = by_cluster(one, other, Clusters(np.array([0, 1]), np.array([], dtype=int)))
    assert np.isnan(new["ks"].statistic)
    assert new["ks"].detail["clusters"] == 0


def test_the_tail_of_a_quadratic_form_is_that_of_its_law():
    for x in (20.0, 40.0, 80.0):
        tail = log_quadratic_tail(x, np.ones(9))
        assert tail == pytest.approx(np.log(special.chdtrc(9, x)), abs=0.03)
    assert log_quadratic_tail(9.0, np.ones(9)) is None


def test_the_tail_beyond_the_draws_agrees_with_the_law_of_many_clusters():
    """Single rows, where the law is known: chi-square far out."""
    rng = np.random.default_rng(25)
    sizes = (1000, 1000)
    design = exchanged(np.arange(1000), np.arange(1000), sizes, 0)
    one = rng.integers(0, 5, 1000)
    other = np.minimum(rng.integers(0, 5, 1000) + (rng.random(1000) < 0.3), 4)
    contrast = Contrast.of(design, (one, other), 5)
    found = null(contrast.scaled(1 / np.sqrt(contrast.shares)), largest=False)
    table = np.stack([np.bincount(each, minlength=5) for each in (one, other)])
    apart = table[0] / 1000 - table[1] / 1000
    expected = special.chdtrc(4, 500 * (apart**2 / contrast.shares).sum())
    assert found.tail
    assert expected < 1e-4
    assert np.log(found.pvalue) == pytest.approx(np.log(expected), rel=0.12)
