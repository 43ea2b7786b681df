"""Corrections for many columns: the same window looked at in many ways.

A column without a p-value (NaN) is no test: it stays NaN and is not counted.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def benjamini_hochberg(pvalues: ArrayLike) -> NDArray[np.float64]:
    """Adjusted p-values, in the order given: reject where adjusted ≤ level.

    With no drift anywhere, P(any rejection) is at most the level. Source: Benjamini and Hochberg
    1995.

    >>> benjamini_hochberg([0.01, 0.04, np.nan, 0.03])
    array([0.03, 0.04,  nan, 0.04])
    """
    p = np.asarray(pvalues, dtype=np.float64)
    tested = np.flatnonzero(~np.isnan(p))
    falling = tested[np.argsort(-p[tested], kind="stable")]
    ranks = np.arange(len(falling), 0, -1)
    adjusted = np.full(p.shape, np.nan)
    adjusted[falling] = np.minimum(np.minimum.accumulate(p[falling] * (len(falling) / ranks)), 1.0)
    return adjusted


def bonferroni(pvalues: ArrayLike) -> NDArray[np.float64]:
    """Adjusted p-values, in the order given: the number of tests times each, at most 1.

    >>> bonferroni([0.01, 0.4, np.nan, 0.03])
    array([0.03, 1.  ,  nan, 0.09])
    """
    p = np.asarray(pvalues, dtype=np.float64)
    return np.minimum(p * np.count_nonzero(~np.isnan(p)), 1.0)
