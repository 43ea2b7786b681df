"""Rates with their intervals, and whether a claim about many of them holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from scipy import special

RATE = 0.01  # stated, per family of findings
LEAST = 100  # windows below which a rate says too little and is left out
BASELINES = 10  # the same for baselines
CHECKS = {
    "drift": "drift",
    "missing": "missing",
    "infinite": "infinite",
    "unseen": "unseen",
    "vanished": "vanished",
    "out_of_range": "out of range",
    "any": "any of them",
}

Key = tuple[Any, ...]
Counts = Mapping[Key, int]


class Rate(NamedTuple):
    """So many hits of so many windows; of so many independent ones, where they hang together."""

    key: Key
    hits: float
    of: float


def clopper_pearson(hits: float, of: float, level: float = 0.95) -> tuple[float, float]:
    """Exact interval of a proportion.

    >>> clopper_pearson(0, 300), clopper_pearson(3, 300)
    ((0.0, 0.01222), (0.00207, 0.02894))
    """
    tail = (1 - level) / 2
    low = float(special.betaincinv(hits, of - hits + 1, tail)) if hits else 0.0
    high = float(special.betaincinv(hits + 1, of - hits, 1 - tail)) if hits < of else 1.0
    return low, high


def as_independent(hits: int, of: int, squares: int, groups: int) -> tuple[float, float]:
    """Hits and windows of `groups` equal groups, as that many independent windows are worth.

    squares: the sum over groups of their squared hits. Both are divided by the ratio of the
    variance between groups to that of independent windows (Korn and Graubard 1998), which is 1 at
    least; without a hit it is unknown, and a group is taken for one window.

    >>> as_independent(20, 1000, 400, 50), as_independent(20, 1000, 20, 50)
    ((1.0..., 50...), (20.0, 1000.0))
    """
    size = of / groups
    if not hits:
        return 0.0, of / size
    share = hits / of
    if share == 1 or groups < 2:
        return hits / size, of / size
    between = (squares - hits**2 / groups) / (groups - 1)
    ratio = min(max(between / (size * share * (1 - share)), 1.0), size)
    return hits / ratio, of / ratio


def broken(cells: Sequence[Rate], *, chance: float = 0.05) -> list[Rate]:
    """The cells whose interval lies above the stated rate.

    At a level at which any of them all would do so by chance with a probability of at most
    `chance`, so that many looks do not make a finding.
    """
    level = 1 - chance / max(len(cells), 1)
    return [each for each in cells if clopper_pearson(each.hits, each.of, level)[0] > RATE]


def held(cells: Sequence[Rate]) -> str:
    """What has been shown of the claim that all of these are at most the stated rate."""
    over = broken(cells)
    kept = sum(clopper_pearson(each.hits, each.of)[1] <= RATE for each in cells)
    looks = sum(clopper_pearson(each.hits, each.of)[0] > RATE for each in cells)
    return f"""- {kept} are shown to keep it: their interval lies below 1 %;
- {len(over)} break it: their interval lies above 1 %, also after allowing for {len(cells)} looks
  (without that allowance {looks} do, and up to {len(cells) / 40:.0f} would by chance alone);
- {len(cells) - kept - len(over)} are not decided: 1 % lies within the interval. For these, its
  upper end is all that has been shown."""


def shown(hits: float, of: float) -> str:
    """Per cent and its interval.

    >>> shown(3, 300)
    '1.0 [0.2, 2.9]'
    """
    low, high = clopper_pearson(hits, of)
    digits = 2 if of >= 5000 and hits < of / 10 else 1
    return f"{100 * hits / of:.{digits}f} [{100 * low:.{digits}f}, {100 * high:.{digits}f}]"


def at(counts: Counts, where: Key, policy: str, check: str) -> str:
    """The rate of a cell; a dash where there is none."""
    windows = counts.get(("windows", *where), 0)
    return shown(counts.get(("flagged", *where, policy, check), 0), windows) if windows else "–"


def cells(counts: Counts, table: str) -> list[Key]:
    """Keys of a table with enough windows, without their first word, in the order of sizes."""
    keys = [k[1:] for k, many in counts.items() if k[:2] == ("windows", table) and many >= LEAST]
    return sorted(keys, key=lambda key: tuple((isinstance(part, str), part) for part in key))


def sizes(n: int, m: int) -> str:
    """Reference and current, of rows or of clusters."""
    return f"{n:,} / {m:,}"


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
