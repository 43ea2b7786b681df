"""One grid, many baselines: bins from a given grid's borders, counts read with another layout."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from mondrift.errors import InputError
from mondrift.measures import MEASURES, Summary, fit_layout, summarize, summarize_reference
from mondrift.measures.column import Column, categorical, numeric
from mondrift.measures.grid import landmarks


def normal(n, mean=0.0, seed=0):
    return numeric(np.random.default_rng(seed).normal(mean, 1.0, n))


def test_bins_are_picked_from_the_given_grids_borders():
    grid = fit_layout(normal(5000)).bins.grid
    column = normal(3000, mean=0.5, seed=1)
    layout = fit_layout(column, grid=grid)
    assert layout.bins.grid is grid
    assert np.isin(layout.bins.edges, grid.all_borders).all()
    assert (layout.bins.minimum, layout.bins.maximum) == (
        column.values.min(),
        column.values.max(),
    )
    shares = summarize(column, layout).counts / column.n
    assert len(shares) == 10 and np.abs(shares - 0.1).max() < 0.01  # its own deciles


def test_counts_on_one_grid_are_read_with_another_baselines_layout():
    first, second, window = normal(5000), normal(3000, 0.3, 1), normal(2000, 0.6, 2)
    before = fit_layout(first)
    after = fit_layout(second, grid=before.bins.grid)
    counted = summarize(window, before).on(after)
    direct = summarize(window, after)
    assert counted.counts.tolist() == direct.counts.tolist()
    assert abs(counted.above - direct.above) <= direct.cells[-40:].max()
    reference = summarize(second, after)
    for name in ("psi", "chi_square", "ks", "wasserstein"):
        one, other = (MEASURES[name](reference, each) for each in (counted, direct))
        assert one == other


def test_a_row_beyond_the_range_shows_although_its_cell_straddles_it():
    layout = fit_layout(numeric(np.arange(1000.0)))
    inside = fit_layout(numeric(np.arange(1.0, 999.0)), grid=layout.bins.grid)
    counted = summarize(numeric([0.99, 500.0, 998.01]), layout).on(inside)
    assert (counted.below, counted.above) == (1, 1)


@pytest.mark.parametrize("digits", [0, 3])
def test_rows_outside_are_between_what_is_sure_and_what_may_be(digits):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        grid = fit_layout(normal(500)).bins.grid
        reference = numeric(rng.normal(0, 0.3, 50).round(digits))
        window = numeric(rng.normal(0, 0.4, 400).round(digits))
        layout = fit_layout(reference, grid=grid)
        low, high = reference.values.min(), reference.values.max()
        true = int(np.count_nonzero((window.values < low) | (window.values > high)))
        counted = summarize(window, fit_layout(normal(500), grid=grid))
        again = Summary.from_dict(counted.to_dict(), counted.layout).on(layout)
        sure = again.below + again.above
        assert sure <= true <= sure + again.unsure
        result = MEASURES["out_of_range"](summarize(reference, layout), again)
        most = result.detail.get("at_most", result.statistic)
        assert result.statistic <= true / 400 <= most + 1e-12
        if digits == 0:  # whole numbers: every cell holds one value
            held = np.full(grid.size, np.nan)
            held[grid.locate(window.values)] = window.values
            known = replace(counted, held=held).on(layout)
            assert (known.below + known.above, known.unsure) == (true, 0)


def test_levels_are_read_in_another_order_and_with_others_unseen():
    before, after = fit_layout(categorical("aaabbc")), fit_layout(categorical("ddbbba"))
    window = categorical([*"abbccdde", None])
    counted, direct = summarize(window, before).on(after), summarize(window, after)
    assert counted.to_dict() == direct.to_dict()
    assert dict(counted.unseen) == {"c": 2, "e": 1}


def test_counts_do_not_move_to_another_grid():
    one, other = fit_layout(normal(100)), fit_layout(normal(100, 9.0))
    counted = summarize(normal(50), one)
    assert counted.on(fit_layout(normal(100))) is counted
    with pytest.raises(InputError, match=r"grid=\.\.\."):
        counted.on(other)


WILD = {
    "normal": lambda random, n: random.normal(size=n),
    "cauchy": lambda random, n: random.standard_cauchy(n),
    "lognormal, wide": lambda random, n: random.lognormal(0.0, 5.0, n),
    "one spike": lambda random, n: np.where(random.random(n) < 0.99, 7.0, random.normal(size=n)),
    "whole numbers": lambda random, n: random.poisson(3, n).astype(float),
    "the largest floats": lambda random, n: random.choice([-1.7e308, 1.7e308, 0.0, 1.0], n),
    "the smallest floats": lambda random, n: random.normal(size=n) * 1e-310,
    "sorted": lambda random, n: np.sort(random.normal(size=n)),
    "a rare far mode": lambda random, n: np.where(random.random(n) < 1e-3, 1e9, random.random(n)),
}


@pytest.mark.parametrize("shape", WILD)
@pytest.mark.parametrize("n", [4096, 50_001])
def test_landmarks_are_the_exact_order_statistics_whatever_the_shape(shape, n):
    values = WILD[shape](np.random.default_rng(n), n)
    positions = (np.arange(21) * (n - 1)) // 20
    assert landmarks(values).tolist() == np.sort(values)[positions].tolist()


@pytest.mark.parametrize(
    "column",
    [
        numeric([1.0, 2.0, math.inf, None, -0.0, 7.0] * 9),
        numeric([None, math.inf]),
        numeric([]),
        categorical([*"bbbac", None]),
        categorical([]),
        Column("x", "boolean", np.array([0.0, 1.0, math.nan])),
        Column("x", "text", np.array([True, False])),
    ],
)
def test_a_references_own_summary_is_that_of_its_layout(column):
    own = summarize_reference(column)
    again = summarize(column, fit_layout(column))
    assert own.layout == again.layout
    assert own.to_dict() == again.to_dict()
    assert own.sums.tolist() == again.sums.tolist()
