"""A p-value by counting random dealings, which stops as soon as enough is known.

Besag and Clifford, Biometrika 78 (1991): draw until `enough` dealings have reached the statistic;
then p = enough / drawn is valid. Where that does not come about, p = (reached + 1) / (drawn + 1).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


def sequential_pvalue(
    reached: Callable[[], NDArray[np.bool_]], *, batches: int, enough: int
) -> tuple[float, int]:
    """(p, dealings that were counted); `reached` draws a batch and says which reach the statistic.

    >>> coins = np.random.default_rng(0)
    >>> p, drawn = sequential_pvalue(lambda: coins.random(1000) < 0.01, batches=50, enough=20)
    >>> round(p, 3), drawn
    (0.013, 1556)
    """
    hits = drawn = 0
    for _ in range(batches):
        batch = reached()
        found = np.flatnonzero(batch)
        if hits + len(found) >= enough:
            last = drawn + int(found[enough - hits - 1]) + 1
            return enough / last, last
        hits, drawn = hits + len(found), drawn + len(batch)
    return (hits + 1) / (drawn + 1), drawn
