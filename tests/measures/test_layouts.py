"""One grid, many baselines: bins from a given grid's borders, counts read with another layout."""

from __future__ import annotations

import numpy as np
import pytest

from mondrift.errors import InputError
from mondrift.measures import MEASURES, fit_layout, summarize
from mondrift.measures.column import categorical, numeric


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
