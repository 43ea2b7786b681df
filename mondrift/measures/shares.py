"""Shares of rows per bin or group: what the distances between two histograms start from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mondrift.measures.summary import Summary


def shares(reference: Summary, current: Summary) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shares of reference and current rows with a value, per bin or group; each sums to 1.

    A categorical column's last group is that of unseen levels.
    """
    return reference.counts / reference.counts.sum(), current.counts / current.counts.sum()
