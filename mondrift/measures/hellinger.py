"""Hellinger distance: the angle between two histograms, more alert to rare bins than others.

    H = √( ½ Σ (√q - √p)² )    p, q: shares of reference and current rows per bin or group

No unit, in [0, 1]. A normal column moved by half a σ has 0.18 unbinned.

Blind spot: how far rows moved; movement inside a bin. With no drift it is about
√((B - 1)(1/N + 1/M) / 8), not 0. Source: Hellinger 1909; Tsybakov 2009.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mondrift.measures.measure import Result
from mondrift.measures.shares import shares
from mondrift.measures.summary import Summary


def hellinger(reference: Summary, current: Summary) -> Result:
    """The distance of the shares.

    >>> from mondrift.measures.column import categorical
    >>> from mondrift.measures import fit_layout, summarize
    >>> reference = categorical(["a", "b"])
    >>> layout = fit_layout(reference)
    >>> hellinger(summarize(reference, layout), summarize(categorical(["c"]), layout)).statistic
    1.0
    """
    return Result(hellinger_distance(*shares(reference, current)))


def hellinger_distance(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Distance of two arrays of shares.

    >>> hellinger_distance(np.array([1.0, 0.0]), np.array([0.5, 0.5]))
    0.5412
    """
    return min(math.sqrt(float(((np.sqrt(q) - np.sqrt(p)) ** 2).sum()) / 2), 1.0)
