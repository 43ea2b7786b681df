"""The page `docs/calibration.md`, made from the counts alone.

Every rate stands with its 95 % Clopper-Pearson interval and the number of windows behind it. What
was not simulated, or in too few windows, is not shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from scipy import special

RATE = 0.01  # stated, per family of findings
LEAST = 100  # windows below which a rate says too little and is left out
BASELINES = 10  # the same for baselines
CHECKS = {
    "drift": "drift",
    "missing": "missing",
    "unseen": "unseen",
    "vanished": "vanished",
    "out_of_range": "out of range",
    "any": "any of them",
}

Key = tuple[Any, ...]
Counts = Mapping[Key, int]


def clopper_pearson(hits: int, of: int, level: float = 0.95) -> tuple[float, float]:
    """Exact interval of a proportion.

    >>> clopper_pearson(0, 300), clopper_pearson(3, 300)
    ((0.0, 0.01222), (0.00207, 0.02894))
    """
    tail = (1 - level) / 2
    low = float(special.betaincinv(hits, of - hits + 1, tail)) if hits else 0.0
    high = float(special.betaincinv(hits + 1, of - hits, 1 - tail)) if hits < of else 1.0
    return low, high


def promised(counts: Counts) -> list[tuple[Key, int, int]]:
    """(cell, flagged, windows) for every rate that the default policy promises to be 1 %."""
    return [
        (cell, counts.get(cell, 0), windows)
        for key, windows in sorted(counts.items(), key=str)
        if key[:2] == ("windows", "no change")
        for cell in (("flagged", *key[1:], "default", check) for check in CHECKS if check != "any")
    ]


def broken(
    cells: Sequence[tuple[Key, int, int]], *, chance: float = 0.05
) -> list[tuple[Key, int, int]]:
    """The cells whose interval lies above the stated rate.

    At a level at which any of them all would do so by chance with a probability of at most
    `chance`, so that many looks do not make a finding.
    """
    level = 1 - chance / max(len(cells), 1)
    return [each for each in cells if clopper_pearson(*each[1:], level)[0] > RATE]


def page(stored: Mapping[str, Any]) -> str:
    """The whole page, in Markdown."""
    counts = {tuple(key): count for *key, count in stored["counts"]}
    parts = [
        _head(stored, counts),
        _whole_windows(counts),
        _by_kind(counts),
        _power(counts),
        _tiny(counts),
        _successive(counts),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(stored: Mapping[str, Any], counts: Counts) -> str:
    cells = [each for each in promised(counts) if each[2] >= LEAST]
    over = broken(cells)
    kept = sum(clopper_pearson(*each[1:])[1] <= RATE for each in cells)
    looks = sum(clopper_pearson(*each[1:])[0] > RATE for each in cells)
    windows = sum(count for key, count in counts.items() if key[0] == "windows")
    text = f"""# False alarms and power, simulated

Made by `make calibrate`; do not edit. {windows:,} windows were compared and judged, all rows
independent, with a fresh reference for every column (but for the last table). Rates are in per
cent, with 95 % Clopper-Pearson intervals in brackets; rates from fewer than {LEAST} windows are
left out. "Flagged" is `warning` or `alarm`. Not simulated: infinite values, and rows that depend
on each other. Counts: `calibration.json` (seed {stored["seed"]}, statistics
`{stored["sources"]}`); more time adds windows and narrows the intervals.

**The promise.** Without drift, any column of a window is flagged with probability of at most 1 %
per family of findings, under the default policy. Of {len(cells)} rates (sizes × columns × kind ×
family) with at least {LEAST} windows,

- {kept} are shown to keep it: their interval lies below 1 %;
- {len(over)} break it: their interval lies above 1 %, also after allowing for {len(cells)} looks
  (without that allowance {looks} do, and up to {len(cells) / 40:.0f} would by chance alone);
- {len(cells) - kept - len(over)} are not decided: 1 % lies within the interval. For these, its
  upper end is all that has been shown."""
    lines = [
        f"- {_sizes(key)}, {key[5]} column{'s' if key[5] > 1 else ''}, {key[4]}: {CHECKS[key[7]]} "
        f"{_rate(hits, of)} of {of:,}"
        for key, hits, of in over
    ]
    return text + ("\n\n" + "\n".join(lines) if lines else "")


def _whole_windows(counts: Counts) -> str:
    """Mixed windows: every family, and the classic policy beside it."""
    text = """## Windows without drift

Mixed columns: normal, lognormal, Cauchy, Poisson, whole numbers, 70 % zeros, 200 levels, 5 levels
with 5 % missing, boolean, and normal with 5 % missing, in equal numbers. "Any of them" is the
window as a whole: several families, so up to several per cent. The last column is the classic
policy (KS p < 0.05, PSI ≥ 0.1, chi-square p < 0.05)."""
    head = ("columns", "reference / current", "windows", *CHECKS.values(), "classic: drift")
    rows = []
    for key in _cells(counts, "no change"):
        _, change, n, m, label, size = key
        if label != "mixed":
            continue
        cells = [_at(counts, (change, n, m, label, size), "default", check) for check in CHECKS]
        classic = _at(counts, (change, n, m, label, size), "classic", "drift")
        rows.append((str(size), _sizes(key), f"{counts[key]:,}", *cells, classic))
    return "\n\n".join((text, _table(head, sorted(rows, key=lambda row: int(row[0])))))


def _by_kind(counts: Counts) -> str:
    """Windows of one kind of column: drift, by number of columns."""
    keys = [key for key in _cells(counts, "no change") if key[4] != "mixed"]
    kinds = list(dict.fromkeys(key[4] for key in keys))
    parts = ["## Windows of one kind of column, without drift: flagged as drift"]
    for size in sorted({key[5] for key in keys}):
        sizes = list(dict.fromkeys(key[2:4] for key in keys if key[5] == size))
        rows = []
        for n, m in sizes:
            cells = [
                _at(counts, ("no change", n, m, kind, size), "default", "drift") for kind in kinds
            ]
            windows = [counts.get(("windows", "no change", n, m, kind, size), 0) for kind in kinds]
            rows.append((f"{n:,} / {m:,}", f"{min(windows):,}", *cells))
        title = f"### {size} column{'s' if size > 1 else ''}"
        parts += [title, _table(("reference / current", "windows", *kinds), rows)]
    return "\n\n".join(parts)


def _power(counts: Counts) -> str:
    text = """## Power: the changed column is flagged

One column has changed; the other 0, 19 or 149 are mixed ones without drift. σ: standard deviation
of a normal column. 0.01 and 0.05 σ are changes that do not matter: there, 0 is what is wanted."""
    return _changes(text, counts, lambda sizes: min(sizes) < 1_000_000)


def _tiny(counts: Counts) -> str:
    text = """## A million rows do not make a tiny change matter"""
    return _changes(text, counts, lambda sizes: min(sizes) >= 1_000_000)


def _changes(text: str, counts: Counts, wanted: Callable[[Sequence[int]], bool]) -> str:
    keys = [key for key in _cells(counts, "change") if wanted(key[2:4])]
    if not keys:
        return ""
    changes = list(dict.fromkeys(key[4] for key in keys))
    head = ("columns", "reference / current", "windows", "policy", *changes)
    rows = []
    for n, m, size in sorted({(*key[2:4], key[5]) for key in keys}, key=lambda k: (k[2], *k[:2])):
        for policy in ("default", "classic"):
            cells = [
                _at(counts, ("change", n, m, change, size), policy, "any") for change in changes
            ]
            windows = min(counts.get(("windows", "change", n, m, c, size), 0) for c in changes)
            rows.append((str(size), f"{n:,} / {m:,}", f"{windows:,}", policy, *cells))
    return "\n\n".join((text, _table(head, rows)))


def _successive(counts: Counts) -> str:
    keys = [k for k in _cells(counts, "successive") if counts["baselines", *k[1:]] >= BASELINES]
    if not keys:
        return ""
    text = """## Many windows on one baseline

A baseline is estimated once, and its luck stays: alarms of successive windows are not independent.
50 mixed windows of 20 columns are held against each baseline. First the share of windows flagged
(no interval: they depend on each other), then the share of baselines with any flagged window."""
    rows = []
    for key in keys:
        where = key[1:]
        baselines = counts[("baselines", *where)]
        for check in [name for name in CHECKS if name != "any"]:
            times = counts.get(("flagged", *where, "default", check), 0)
            ever = counts.get(("baselines flagged", *where, "default", check), 0)
            share = f"{100 * times / counts[key]:.2f}"
            cells = (f"{baselines:,}", CHECKS[check], share, _rate(ever, baselines))
            rows.append((_sizes(key), *cells))
    head = ("reference / current", "baselines", "family", "windows flagged", "baselines with any")
    return "\n\n".join((text, _table(head, rows)))


def _cells(counts: Counts, table: str) -> list[Key]:
    keys = [k for k, many in counts.items() if k[:2] == ("windows", table) and many >= LEAST]
    return sorted(keys, key=lambda key: (key[2], key[3]))


def _at(counts: Counts, where: Key, policy: str, check: str) -> str:
    windows = counts.get(("windows", *where), 0)
    return _rate(counts.get(("flagged", *where, policy, check), 0), windows) if windows else "–"


def _rate(hits: int, of: int) -> str:
    """Per cent and its interval.

    >>> _rate(3, 300)
    '1.0 [0.2, 2.9]'
    """
    low, high = clopper_pearson(hits, of)
    digits = 2 if of >= 5000 and hits < of / 10 else 1
    return f"{100 * hits / of:.{digits}f} [{100 * low:.{digits}f}, {100 * high:.{digits}f}]"


def _sizes(key: Key) -> str:
    return f"{key[2]:,} / {key[3]:,}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
