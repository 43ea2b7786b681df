"""Quantiles of durations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mondrift.metrics import evaluate_latency
from mondrift.metrics.latency import quantile


@pytest.mark.parametrize("n", [1, 2, 7, 100, 999])
def test_quantiles_agree_with_numpy(n: int) -> None:
    durations = np.random.default_rng(n).exponential(size=n)
    values = [value.value for value in evaluate_latency(durations).values()]
    assert values == pytest.approx(list(np.quantile(durations, [0.5, 0.95, 0.99])))


@pytest.mark.known
@pytest.mark.parametrize("n", [10, 73, 368, 5000])
@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_the_limits_are_the_narrowest_order_statistics_with_both_tails(
    n: int, share: float
) -> None:
    value = quantile(np.arange(n, dtype=float), share)  # each duration is its own rank
    if value.low is None:
        # no pair of order statistics leaves 2.5 % on both sides
        assert min(1 - share**n, 1 - (1 - share) ** n) <= 0.975
        return
    below = stats.binom(n, share)
    # P(quantile < X(r)) with zero-based r = P(at most r rows below it)
    assert below.cdf(value.low) <= 0.025 < below.cdf(value.low + 1)
    assert below.sf(value.high) <= 0.025 + 1e-12
    assert below.sf(value.high - 1) > 0.025


def test_the_tail_needs_rows() -> None:
    assert quantile(np.arange(367.0), 0.99).low is None
    assert quantile(np.arange(368.0), 0.99).low is not None


def test_missing_durations_are_counted() -> None:
    value = evaluate_latency(np.array([1.0, np.nan, np.inf, 3.0]))["latency_p50"]
    assert (value.value, value.n, value.excluded) == (2.0, 2, 2)
    assert value.reason == "too few durations (2) for an interval of the 50 % quantile"
