"""Jensen-Shannon distance, base 2: how well one row tells which window it came from.

    JS = √( H((p + q) / 2) - (H(p) + H(q)) / 2 )    H: entropy in bits; p, q: shares per bin

The distance (the square root), in [0, 1]; not the divergence, not in nats. No unit. `detail`
holds both entropies in bits: a readable companion for columns of many levels (a fall means that
the rows gather in fewer levels).

Blind spot: small changes of small shares; with no drift it is about √((B - 1)(1/N + 1/M) / 11),
not 0. Source: Lin 1991; Endres and Schindelin 2003.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mondrift.measures.measure import Result
from mondrift.measures.shares import shares
from mondrift.measures.summary import Summary


def jensen_shannon(reference: Summary, current: Summary) -> Result:
    """Distance and the entropies of both windows.

    >>> from mondrift.measures.column import categorical
    >>> from mondrift.measures import fit_layout, summarize
    >>> reference = categorical(["a", "b"])
    >>> layout = fit_layout(reference)
    >>> result = jensen_shannon(
    ...     summarize(reference, layout), summarize(categorical(["a", "c"]), layout))
    >>> result.statistic, result.detail["entropy_reference"]
    (0.70711, 1.0)
    """
    detail = {}
    if reference.layout.levels:
        unseen = list(current.unseen.values())
        detail = {
            "entropy_reference": _entropy(reference.cells),
            "entropy_current": _entropy(np.append(current.cells, unseen)),
        }
    return Result(jensen_shannon_distance(*shares(reference, current)), detail=detail)


def jensen_shannon_distance(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Distance of two arrays of shares, base 2.

    >>> jensen_shannon_distance(np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
    1.0
    """
    middle = (p + q) / 2
    halves = special.rel_entr(p, middle).sum() + special.rel_entr(q, middle).sum()
    return min(math.sqrt(max(float(halves), 0.0) / (2 * math.log(2))), 1.0)


def _entropy(counts: NDArray[np.int64]) -> float:
    some = counts[counts > 0]
    return float(special.entr(some / some.sum()).sum() / math.log(2)) if len(some) else 0.0
