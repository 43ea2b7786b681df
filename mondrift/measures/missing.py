"""Missing and infinite values: has the share of rows without a usable number changed?

    statistic = |share in current - share in reference|    of all rows

No unit, in [0, 1]; a change of 0.01 is one point. `detail["change"]` has the sign. The p-value is
the chi-square test of two proportions without Yates, Fisher's exact test where an expected count
is below five; `low` and `high` bound the signed change (Newcombe 1998).

Blind spot: which rows lost their value.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mondrift.measures.contingency import homogeneity_test, newcombe
from mondrift.measures.measure import Result
from mondrift.measures.summary import Summary


def missing(reference: Summary, current: Summary) -> Result:
    """Change of the share of rows without a value (NaN, None, NaT); works on every kind.

    >>> from mondrift.measures.column import numeric
    >>> from mondrift.measures import fit_layout, summarize
    >>> reference = numeric([0.0] * 90 + [None] * 10)
    >>> layout = fit_layout(reference)
    >>> current = summarize(numeric([0.0] * 80 + [None] * 20), layout)
    >>> result = missing(summarize(reference, layout), current)
    >>> result.statistic, result.pvalue
    (0.1, 0.0477)
    """
    return changed_share(reference.missing, reference.n, current.missing, current.n)


def infinite(reference: Summary, current: Summary) -> Result:
    """Change of the share of rows that hold plus or minus infinity; numeric columns.

    >>> from mondrift.measures.column import numeric
    >>> from mondrift.measures import fit_layout, summarize
    >>> layout = fit_layout(numeric([1.0, 2.0]))
    >>> infinite(summarize(numeric([1.0, 2.0]), layout),
    ...          summarize(numeric([np.inf, 2.0]), layout)).statistic
    0.5
    """
    return changed_share(reference.infinite, reference.n, current.infinite, current.n)


def changed_share(x: int, n: int, y: int, m: int) -> Result:
    """Change from x of n reference rows to y of m current rows.

    >>> changed_share(0, 1000, 0, 50).pvalue
    1.0
    """
    result = share_change(x, n, y, m)
    test = homogeneity_test(np.array([x, n - x]), np.array([y, m - y]), ordered=False)
    return replace(result, pvalue=test.pvalue, detail={**result.detail, "method": test.method})


def share_change(x: int, n: int, y: int, m: int) -> Result:
    """The same without its test: the size of the change and its interval.

    >>> share_change(0, 100, 20, 100).detail["change"]
    0.2
    """
    low, high = newcombe(x, n, y, m)
    change = y / m - x / n
    detail = {"change": change, "reference_share": x / n, "current_share": y / m}
    return Result(abs(change), None, low, high, detail=detail)
