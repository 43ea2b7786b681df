"""The test behind every comparison of counts: two rows (the windows), k columns.

Counts, never proportions; no Yates correction. Columns empty in both windows are dropped. Where
an expected count is below five, columns are pooled by one rule that looks at both margins only,
so that the test stays valid; two columns that cannot be pooled any further get Fisher's exact
test. At the tail of tables with small expected counts the chi-square law promises too much (three
times at 1e-4), so there the p-value is counted: tables with these margins are drawn until twenty
reach the statistic, at most 50,000.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mondrift.measures.sequential import sequential_pvalue

EXPECTED = 5.0  # the smallest expected count for which the chi-square law is used (Cochran 1954)
AMPLE = 100.0  # with this many expected everywhere its tail holds, too
TAIL = (5e-6, 0.02)  # p-values that are counted instead; below, no count could tell
FEW, SKEWED = 20.0, 0.05  # with fewer, or skewer, Fisher's test replaces small p-values of 2 × 2
DRAWS, REACHED, _BATCH = 50_000, 20, 1000
_Z = 1.959963984540054  # 97.5 % of a normal lie below

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Test:
    """Outcome of `homogeneity_test`.

    statistic, df: of the pooled table. method: "asymptotic", "exact" (Fisher), "monte carlo" or
    "constant" (one column is all there is). columns: the columns of the pooled table, each a
    tuple of the original positions in it. draws: tables drawn.
    """

    statistic: float
    df: int
    pvalue: float
    method: str
    columns: tuple[tuple[int, ...], ...]
    draws: int = 0


def chi_square_statistic(reference: Counts, current: Counts) -> tuple[float, int]:
    """Pearson's chi-square of a 2 × k table and its degrees of freedom.

    A column empty on both sides is dropped and not counted.

    >>> chi_square_statistic(np.array([16, 18, 16, 14, 12, 12]), np.array([16, 16, 16, 16, 16, 8]))
    (1.62240896, 5)
    """
    total = reference + current
    some = total > 0
    if not some.all():
        reference, current, total = reference[some], current[some], total[some]
    n, m = float(reference.sum()), float(current.sum())
    if not n or not m:
        return 0.0, 0
    apart = reference / n - current / m
    return float((apart * apart / total).sum()) * n * m, len(total) - 1


def homogeneity_test(reference: Counts, current: Counts, *, ordered: bool, seed: int = 0) -> Test:
    """Do two windows draw from the same distribution over k columns?

    `ordered` columns (bins of a number) are pooled with their neighbours, others with the rarest.
    `seed` is of a local generator; the same table gives the same p-value.

    >>> test = homogeneity_test(np.array([500, 500]), np.array([60, 40]), ordered=False)
    >>> test.statistic, test.pvalue, test.method
    (3.63757, 0.05649, 'asymptotic')
    >>> homogeneity_test(np.array([6, 0]), np.array([0, 6]), ordered=False).pvalue
    0.0021645
    """
    total = reference + current
    n, m = int(reference.sum()), int(current.sum())
    if np.count_nonzero(total) < 2 or not n or not m:
        return Test(0.0, 0, 1.0, "constant", (tuple(np.flatnonzero(total).tolist()),))
    enough = EXPECTED * (n + m) / min(n, m)
    columns = _pooled_in_order(total, enough) if ordered else _pooled_rarest(total, enough)
    if len(columns) < 2:
        columns = _two_columns(total, ordered)
    if not all(columns):
        return Test(0.0, 0, 1.0, "constant", (columns[0],))
    reference, current = _pooled(reference, columns), _pooled(current, columns)
    statistic, df = chi_square_statistic(reference, current)
    pvalue = float(special.chdtrc(df, statistic))
    smallest = int((reference + current).min()) / enough * EXPECTED
    if df == 1:
        skewed = smallest < FEW or _skewness(reference, current) > SKEWED
        if smallest < EXPECTED or (skewed and pvalue < TAIL[1]):
            return Test(statistic, df, fisher_exact(reference, current), "exact", columns)
    elif smallest < AMPLE and TAIL[0] < pvalue < TAIL[1]:
        pvalue, draws = _counted(reference, current, statistic, seed)
        return Test(statistic, df, pvalue, "monte carlo", columns, draws)
    return Test(statistic, df, pvalue, "asymptotic", columns)


def _pooled(counts: Counts, columns: Sequence[Sequence[int]]) -> Counts:
    """Counts of the pooled columns."""
    starts = np.cumsum([0, *(len(column) for column in columns[:-1])])
    return np.asarray(np.add.reduceat(counts[[*chain.from_iterable(columns)]], starts))


def _skewness(reference: Counts, current: Counts) -> float:
    """Absolute skewness of a cell of a 2 × 2 table with these margins (as if drawn with return).

    The tails of the chi-square law are wrong by a factor of about cosh(skewness z³ / 6).
    """
    n, m, k = int(reference.sum()), int(current.sum()), int(reference[0] + current[0])
    total = n + m
    apart = abs((n - m) / total * (total - 2 * k) / total)
    return apart / math.sqrt(n / total * m / total * k / total * (total - k))


def _counted(reference: Counts, current: Counts, statistic: float, seed: int) -> tuple[float, int]:
    """P(statistic or more) among tables with these margins, and how many were drawn."""
    random = np.random.default_rng(seed)
    total, n, m = reference + current, int(reference.sum()), int(current.sum())
    expected = total * (m / (n + m))

    def reached() -> NDArray[np.bool_]:
        tables = random.multivariate_hypergeometric(total, m, size=_BATCH, method="marginals")
        values = ((tables - expected) ** 2 / total).sum(axis=1) * ((n + m) ** 2 / (n * m))
        return np.asarray(values >= statistic * (1 - 1e-9))

    return sequential_pvalue(reached, batches=DRAWS // _BATCH, enough=REACHED)


def _pooled_in_order(total: Counts, enough: float) -> tuple[tuple[int, ...], ...]:
    columns: list[tuple[int, ...]] = []
    gathered: list[int] = []
    mass = 0
    for place, rows in enumerate(total.tolist()):
        if not rows:
            continue
        gathered.append(place)
        mass += rows
        if mass >= enough:
            columns.append(tuple(gathered))
            gathered, mass = [], 0
    if gathered and columns:
        columns[-1] += tuple(gathered)
    return tuple(columns)


def _pooled_rarest(total: Counts, enough: float) -> tuple[tuple[int, ...], ...]:
    """Rare columns together, rarest first; those with equal totals are never parted.

    Which of two equal totals comes first would be decided by the cells, and the test would no
    longer be valid. What is too rare to stand together stays out of the test.
    """
    columns = [(place,) for place in np.flatnonzero(total >= enough).tolist()]
    rare = total[(total > 0) & (total < enough)]
    if not len(rare):
        return tuple(columns)
    packs: list[tuple[int, ...]] = []
    gathered: tuple[int, ...] = ()
    for size in np.unique(rare).tolist():
        gathered += tuple(np.flatnonzero(total == size).tolist())
        if total[list(gathered)].sum() >= enough:
            packs.append(gathered)
            gathered = ()
    if gathered and packs:
        packs[-1] += gathered
    return tuple(sorted(columns + packs))


def _two_columns(total: Counts, ordered: bool) -> tuple[tuple[int, ...], ...]:
    """The split nearest to the middle, or the most frequent columns against the rest."""
    places = np.flatnonzero(total)
    if len(places) == 2:
        return (int(places[0]),), (int(places[1]),)
    if not ordered:
        top = total[places] == total.max()
        return tuple(places[top].tolist()), tuple(places[~top].tolist())
    share = np.cumsum(total[places])[:-1] / total.sum()
    cut = int(np.argmin(np.abs(share - 0.5))) + 1
    return tuple(places[:cut].tolist()), tuple(places[cut:].tolist())


def fisher_exact(reference: Counts, current: Counts) -> float:
    """Two-sided p of Fisher's exact test: all tables at most as probable as this one.

    >>> fisher_exact(np.array([60, 30]), np.array([45, 45]))
    0.033972
    """
    n, m, k = int(sum(reference)), int(sum(current)), int(reference[0] + current[0])
    low, high = max(0, k - n), min(k, m)
    x = np.arange(low, high, dtype=np.float64)  # rows of the first column that are current
    steps = np.log(k - x) + np.log(m - x) - np.log(x + 1) - np.log(n - k + x + 1)
    logs = np.concatenate([[0.0], np.cumsum(steps)])
    weights = np.exp(logs - logs.max())
    seen = weights[int(current[0]) - low]
    return min(1.0, float(weights[weights <= seen * (1 + 1e-9)].sum() / weights.sum()))


def newcombe(x: int, n: int, y: int, m: int) -> tuple[float, float]:
    """95 % interval of y / m - x / n (Newcombe 1998, method 10, from Wilson's intervals).

    >>> newcombe(56, 70, 48, 80)
    (-0.3339, -0.0524)
    """
    one, other = _wilson(x, n), _wilson(y, m)
    p, q = x / n, y / m
    low = q - p - math.hypot(q - other[0], one[1] - p)
    high = q - p + math.hypot(other[1] - q, p - one[0])
    return low, high


def _wilson(x: int, n: int) -> tuple[float, float]:
    squared = _Z * _Z
    middle = (x + squared / 2) / (n + squared)
    reach = _Z / (n + squared) * math.sqrt(x * (n - x) / n + squared / 4)
    return middle - reach, middle + reach
