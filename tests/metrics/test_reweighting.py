"""Other inputs or another relation: exact cases, and how often the limits hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from mondrift.metrics.reweighting import Losses, alike, split

Arrays = tuple[np.ndarray, np.ndarray]


def inputs(rng: np.random.Generator, sizes: tuple[int, int], shift: float) -> Arrays:
    """One input as decile indicators of the reference and as a number; shifted in the second."""
    one, other = rng.normal(size=sizes[0]), rng.normal(shift, size=sizes[1])
    borders = np.quantile(one, np.arange(1, 10) / 10)

    def terms(values: np.ndarray) -> np.ndarray:
        bins = np.eye(10)[np.searchsorted(borders, values)]
        return np.column_stack([bins - 0.1, values])

    return terms(one), terms(other)


def harder(terms: np.ndarray) -> np.ndarray:
    """P(error), larger for larger inputs."""
    return 0.05 + 0.6 * expit(1.5 * (terms[:, -1] - 2))


@pytest.mark.known
def test_weights_are_those_of_a_ridge_logistic_regression() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(400, 3)), rng.normal([0.5, 0, -0.3], size=(250, 3))
    terms, which = np.vstack([one, other]), np.repeat([0, 1], [400, 250])
    found = alike(one, other, seed=0)
    fitted = LogisticRegression(C=1.0, tol=1e-10).fit(terms, which)
    odds = fitted.decision_function(terms) + math.log(400 / 250)
    in_sample = np.where(which, 1 - expit(odds), expit(odds))
    ours = np.concatenate([found.reference, found.current])
    assert np.abs(ours - in_sample).max() < 0.1  # ours is out of fold
    assert np.corrcoef(ours, in_sample)[0, 1] > 0.99


@pytest.mark.known
def test_the_share_alike_is_that_of_the_densities() -> None:
    # two normals, one apart: twice the integral of pq / (p + q), by the trapezoidal rule
    x = np.linspace(-9, 10, 200_001)
    p, q = (np.exp(-((x - mean) ** 2) / 2) / math.sqrt(2 * math.pi) for mean in (0.0, 1.0))
    share = 2 * np.sum(p * q / (p + q)) * (x[1] - x[0])
    found = alike(*inputs(np.random.default_rng(1), (20_000, 20_000), 1.0), seed=0)
    assert found.share == pytest.approx(share, abs=0.01)
    assert found.auc == pytest.approx(0.7602, abs=0.01)  # the normal's distribution at 1 / √2


def test_windows_with_the_same_inputs_blame_the_relation() -> None:
    rng = np.random.default_rng(2)
    terms = inputs(rng, (3000, 2000), 0.0)
    losses = Losses(rng.uniform(size=3000) < 0.2, rng.uniform(size=2000) < 0.35)
    found = split(losses, alike(*terms, seed=0))
    assert found.concept.low > 0.1
    assert found.covariate.low < 0 < found.covariate.high
    assert found.covariate.value + found.concept.value == pytest.approx(found.change)


def test_harder_inputs_with_the_same_relation_are_blamed_alone() -> None:
    rng = np.random.default_rng(3)
    one, other = inputs(rng, (3000, 2000), 1.2)
    losses = Losses(rng.uniform(size=3000) < harder(one), rng.uniform(size=2000) < harder(other))
    found = split(losses, alike(one, other, seed=0))
    assert found.change > 0.1
    assert found.covariate.low > 0.05
    assert found.concept.low < 0 < found.concept.high


def test_windows_without_a_common_input_are_not_split() -> None:
    rng = np.random.default_rng(4)
    weights = alike(*inputs(rng, (500, 500), 9.0), seed=0)
    found = split(Losses(np.zeros(500), np.ones(500)), weights)
    assert weights.auc > 0.99
    assert found.change == 1.0
    assert math.isnan(found.concept.value)
    assert math.isnan(found.covariate.value)
    assert found.concept.reason.startswith("the inputs are too different (0 %")


def test_a_segment_with_few_labels_is_not_split() -> None:
    rng = np.random.default_rng(5)
    weights = alike(*inputs(rng, (500, 400), 0.0), seed=0)
    losses = Losses(rng.uniform(size=500) < 0.2, rng.uniform(size=400) < 0.2)
    few = split(losses, weights, (np.arange(500) < 250, np.arange(400) < 20))
    assert few.concept.reason == "20 rows with alike inputs are too few; 30 are needed"
    unknown = Losses(losses.reference, np.full(400, np.nan))
    assert split(unknown, weights).concept.reason.startswith("0 rows with alike inputs")
    assert math.isnan(split(unknown, weights).change)


def test_rows_of_a_cluster_make_wider_limits() -> None:
    rng = np.random.default_rng(6)
    terms = inputs(rng, (2000, 2000), 0.0)
    cluster = np.arange(2000) // 20
    bad = rng.uniform(size=(2, 100))[:, cluster] < 0.2  # all rows of a cluster share their fate
    alone = Losses(bad[0] * 1.0, bad[1] * 1.0)
    together = Losses(alone.reference, alone.current, (cluster, cluster + 100))
    weights = alike(*terms, seed=0, clusters=together.clusters)
    wide, narrow = (split(each, weights).concept for each in (together, alone))
    assert (wide.high - wide.low) / (narrow.high - narrow.low) == pytest.approx(20**0.5, rel=0.2)


def test_few_clusters_are_not_split_however_many_rows_they_have() -> None:
    rng = np.random.default_rng(9)
    losses = rng.uniform(size=(2, 2000)) < 0.2
    for many, reason in (
        (12, "12 clusters with alike inputs are too few; 20 are needed"),
        (25, ""),
    ):
        here = np.arange(2000) % many
        clusters = (here, here + many)
        weights = alike(*inputs(rng, (2000, 2000), 0.0), seed=0, clusters=clusters)
        assert split(Losses(*losses * 1.0, clusters), weights).concept.reason == reason


def test_the_same_seed_gives_the_same_answer() -> None:
    terms = inputs(np.random.default_rng(7), (300, 300), 0.5)
    one, again = (alike(*terms, seed=3) for _ in range(2))
    assert (one.reference == again.reference).all()
    assert one.auc == again.auc


@pytest.mark.calibration
@pytest.mark.parametrize(
    ("sizes", "shift", "worse"),
    [((1000, 500), 0.0, 0.0), ((1000, 500), 1.0, 0.1), ((2000, 300), 0.5, 0.1)],
)
def test_the_limits_hold_what_they_should(
    sizes: tuple[int, int], shift: float, worse: float
) -> None:
    rng = np.random.default_rng(8)
    many = [inputs(rng, (200_000, 200_000), shift)[at][:, -1:] for at in (0, 1)]
    covariate = harder(many[1]).mean() - harder(many[0]).mean()
    held = {"covariate": 0, "concept": 0}
    for seed in range(200):
        one, other = inputs(rng, sizes, shift)
        losses = Losses(
            rng.uniform(size=sizes[0]) < harder(one),
            rng.uniform(size=sizes[1]) < harder(other) + worse,
        )
        found = split(losses, alike(one, other, seed=seed))
        held["covariate"] += found.covariate.low <= covariate <= found.covariate.high
        held["concept"] += found.concept.low <= worse <= found.concept.high
    slack = 3 * math.sqrt(0.95 * 0.05 / 200)
    assert {name: count / 200 for name, count in held.items() if count / 200 < 0.93 - slack} == {}
