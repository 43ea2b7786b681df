"""Total variation: the share of rows that would have to change bin to undo the change.

    TV = ½ Σ |q - p|    p, q: shares of reference and current rows per bin or group

No unit, in [0, 1]. With no drift it is not 0 but about √(2 B / (π M)) / 2 · √(1 + M/N), M and N
rows in the current and the reference window; `detail["noise"]` states it.
`detail["corrected"]` takes most of that off, group by group: ½ Σ √max(0, (q - p)² - var), with
the variance of q - p when there is no drift.

Blind spot: how far rows moved; movement inside a bin. Source: any textbook, e.g. Tsybakov 2009.
"""

from __future__ import annotations

import numpy as np

from mondrift.measures.measure import Result
from mondrift.measures.shares import shares
from mondrift.measures.summary import Summary


def total_variation(reference: Summary, current: Summary) -> Result:
    """Half the sum of absolute differences of the shares.

    >>> from mondrift.measures.column import categorical
    >>> from mondrift.measures import fit_layout, summarize
    >>> reference = categorical(["a"] * 50 + ["b"] * 50)
    >>> layout = fit_layout(reference)
    >>> current = summarize(categorical(["a"] * 80 + ["b"] * 20), layout)
    >>> total_variation(summarize(reference, layout), current).statistic
    0.3
    """
    p, q = shares(reference, current)
    n, m = reference.count, current.count
    pooled = (n * p + m * q) / (n + m)
    spread = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    noise = float(np.sqrt(2 / np.pi) * spread.sum() / 2)
    statistic = min(float(np.abs(q - p).sum()) / 2, 1.0)
    corrected = float(np.sqrt(np.maximum((q - p) ** 2 - spread**2, 0)).sum()) / 2
    return Result(statistic, detail={"noise": noise, "corrected": min(corrected, statistic)})
