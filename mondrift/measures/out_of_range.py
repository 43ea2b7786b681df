"""Out of range: finite current values below the reference's minimum or above its maximum.

    statistic = |share outside in current - share outside in reference|

of the rows with a finite value. No unit, in [0, 1]. When the range is that of this reference, no
reference row lies outside, and the p-value is that of a random dealing of all rows to the two
windows: with h(k) = C(N + M - k, N) / C(N + M, N), the chance that the k outermost rows of given
sides are all current, P(at least t outside) = (t + 1) h(t) - t h(t + 1); exact without ties,
conservative with them. A test of two proportions would be wrong, because the range was chosen to
hold the reference. When the range comes from elsewhere, that test is used. From counts, rows in
the cells of the range's own ends may lie on either side: `detail["at_most"]` and
`detail["at_most_pvalue"]` are what it would come to if all of them lay outside.

Blind spot: holes inside the range. Source: exceedance statistics (Wilks 1942).
"""

from __future__ import annotations

import math
from dataclasses import replace

from scipy import special

from mondrift.measures.measure import Result
from mondrift.measures.missing import changed_share, share_change
from mondrift.measures.summary import Summary


def out_of_range(reference: Summary, current: Summary) -> Result:
    """Share of values outside the range on which the layout was fitted.

    >>> from mondrift.measures.column import numeric
    >>> from mondrift.measures import fit_layout, summarize
    >>> reference = numeric(range(100))
    >>> layout = fit_layout(reference)
    >>> current = summarize(numeric([-1, 5, 50, 100]), layout)
    >>> result = out_of_range(summarize(reference, layout), current)
    >>> result.statistic, result.pvalue
    (0.5, 0.003317)
    """
    outside, before = current.below + current.above, reference.below + reference.above
    result = _measured(outside, before, reference.count, current.count)
    detail = {**result.detail, "below": current.below, "above": current.above}
    if current.unsure:
        most = _measured(outside + current.unsure, before, reference.count, current.count)
        detail |= {"at_most": most.statistic, "at_most_pvalue": most.pvalue}
    return replace(result, detail=detail)


def _measured(outside: int, before: int, n: int, m: int) -> Result:
    """Change from `before` of n reference values to `outside` of m current ones."""
    if before:
        return changed_share(before, n, outside, m)
    result = share_change(0, n, outside, m)
    pvalue = exceedance_pvalue(outside, n, m)
    return replace(result, pvalue=pvalue, detail={**result.detail, "method": "exact, exceedances"})


def exceedance_pvalue(outside: int, n: int, m: int) -> float:
    """P(at least `outside` of m current values lie outside the range of n reference values).

    >>> exceedance_pvalue(1, 1, 1), exceedance_pvalue(2, 2, 1)
    (1.0, 0.0)
    """
    if outside == 0:
        return 1.0
    if outside > m:
        return 0.0
    total, whole = n + m, _log_choose(n + m, n)
    here = math.exp(_log_choose(total - outside, n) - whole)
    beyond = math.exp(_log_choose(total - outside - 1, n) - whole) if outside < m else 0.0
    return min(max((outside + 1) * here - outside * beyond, 0.0), 1.0)


def _log_choose(of: int, take: int) -> float:
    return float(
        special.gammaln(of + 1.0) - special.gammaln(take + 1.0) - special.gammaln(of - take + 1.0)
    )
