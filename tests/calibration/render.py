"""The page `docs/calibration.md`, made from the counts alone.

Every rate stands with its 95 % Clopper-Pearson interval and the number of windows behind it. What
was not simulated, or in too few windows, is not shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.calibration import render_dependent
from tests.calibration.rates import (
    BASELINES,
    CHECKS,
    LEAST,
    Counts,
    Key,
    Rate,
    at,
    broken,
    cells,
    held,
    markdown,
    shown,
    sizes,
)
from tests.calibration.simulate import INFINITE, KINDS

_FAMILIES = tuple(check for check in CHECKS if check != "any")


def promised(counts: Counts) -> list[Rate]:
    """Every rate that the default policy promises to be 1 % for independent rows."""
    return [
        Rate((*key, check), counts.get(("flagged", *key, "default", check), 0), windows)
        for (what, *rest), windows in sorted(counts.items(), key=str)
        if what == "windows" and rest[0] == "no change"
        for key in [tuple(rest)]
        for check in possible(key[3])
    ]


def possible(label: str) -> tuple[str, ...]:
    """The families that windows of such columns can be flagged in; others would be 0 by nature."""
    if label == "mixed":
        found = {check for kind in KINDS.values() for check in kind.checks}
    else:
        found = set({**KINDS, **INFINITE}[label].checks)
    return tuple(check for check in _FAMILIES if check in found)


def counted(stored: Mapping[str, Any]) -> Counter[Key]:
    """The counts of all cells of the file together."""
    counts: Counter[Key] = Counter()
    for cell in stored["cells"]:
        for *key, count in cell["counts"]:
            counts[tuple(key)] += count
    return counts


def page(stored: Mapping[str, Any]) -> str:
    """The whole page, in Markdown."""
    counts = counted(stored)
    parts = [
        _head(counts),
        _whole_windows(counts),
        _by_kind(counts),
        _infinite(counts),
        _power(counts),
        _tiny(counts),
        _successive(counts),
        *render_dependent.sections(counts),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(counts: Counts) -> str:
    rates = [each for each in promised(counts) if each.of >= LEAST]
    windows = sum(count for key, count in counts.items() if key[0] == "windows")
    text = f"""# False alarms and power, simulated

Made by `make calibrate`; do not edit. {windows:,} windows were compared and judged. Rates are in
per cent, with 95 % Clopper-Pearson intervals in brackets; rates from fewer than {LEAST} windows are
left out. "Flagged" is `warning` or `alarm`. Rows are independent, with a fresh reference for every
column, but for the last three sections: many windows on one baseline, rows that depend on each
other, and learned thresholds. Counts: `calibration.json`; a cell is known by a fingerprint of what
mondrift says at its sizes, which a test holds against today's code. More time adds windows and
narrows the intervals.

**The promise.** Without drift, any column of a window is flagged with probability of at most 1 %
per family of findings, under the default policy. Of {len(rates)} rates (sizes × columns × kind ×
family that can occur) of independent rows with at least {LEAST} windows,

{held(rates)}"""
    lines = [
        f"- {sizes(*key[1:3])}, {_columns(key[4])}, {key[3]}: {CHECKS[key[5]]} "
        f"{shown(hits, of)} of {of:,}"
        for key, hits, of in broken(rates)
    ]
    text += "\n\n" + "\n".join(lines) if lines else ""
    return f"{text}\n\n{render_dependent.claims(counts)}"


def _columns(size: int) -> str:
    return f"{size} column{'s' if size > 1 else ''}"


def _whole_windows(counts: Counts) -> str:
    """Mixed windows: every family, and the classic policy beside it."""
    text = """## Windows without drift

Mixed columns: normal, lognormal, Cauchy, Poisson, whole numbers, 70 % zeros, 200 levels, 5 levels
with 5 % missing, boolean, and normal with 5 % missing, in equal numbers. "Any of them" is the
window as a whole: several families, so up to several per cent. The last column is the classic
policy (KS p < 0.05, PSI ≥ 0.1, chi-square p < 0.05)."""
    checks = (*possible("mixed"), "any")
    head = (
        "columns",
        "reference / current",
        "windows",
        *(CHECKS[check] for check in checks),
        "classic: drift",
    )
    rows = []
    for key in cells(counts, "no change"):
        _, n, m, label, size = key
        if label != "mixed":
            continue
        found = [at(counts, key, "default", check) for check in checks]
        classic = at(counts, key, "classic", "drift")
        windows = f"{counts['windows', *key]:,}"
        rows.append((str(size), sizes(n, m), windows, *found, classic))
    return "\n\n".join((text, markdown(head, sorted(rows, key=lambda row: int(row[0])))))


def _by_kind(counts: Counts) -> str:
    """Windows of one kind of column: drift, by number of columns."""
    keys = [key for key in cells(counts, "no change") if key[3] in KINDS]
    kinds = sorted({key[3] for key in keys})
    parts = ["## Windows of one kind of column, without drift: flagged as drift"]
    for size in sorted({key[4] for key in keys}):
        rows = []
        for n, m in dict.fromkeys(key[1:3] for key in keys if key[4] == size):
            where = [("no change", n, m, kind, size) for kind in kinds]
            windows = min(counts.get(("windows", *each), 0) for each in where)
            found = [at(counts, each, "default", "drift") for each in where]
            rows.append((sizes(n, m), f"{windows:,}", *found))
        head = ("reference / current", "windows", *kinds)
        parts += [f"### {_columns(size)}", markdown(head, rows)]
    return "\n\n".join(parts)


def _infinite(counts: Counts) -> str:
    keys = [key for key in cells(counts, "no change") if key[3] in INFINITE]
    if not keys:
        return ""
    text = """## Infinite values, without drift

Windows of normal columns of which 2 % of the rows are plus infinity."""
    checks = (*possible(keys[0][3]), "any")
    head = (
        "columns",
        "reference / current",
        "windows",
        *(CHECKS[check] for check in checks),
        "classic: drift",
    )
    rows = [
        (
            str(key[4]),
            sizes(*key[1:3]),
            f"{counts['windows', *key]:,}",
            *(at(counts, key, "default", check) for check in checks),
            at(counts, key, "classic", "drift"),
        )
        for key in sorted(keys, key=lambda key: (key[4], *key[1:3]))
    ]
    return "\n\n".join((text, markdown(head, rows)))


def _power(counts: Counts) -> str:
    text = """## Power: the changed column is flagged

One column has changed; the other 0, 19 or 149 are mixed ones without drift. σ: standard deviation
of a normal column. 0.01 and 0.05 σ are changes that do not matter: there, 0 is what is wanted."""
    return _changes(text, counts, lambda rows: min(rows) < 1_000_000)


def _tiny(counts: Counts) -> str:
    text = """## A million rows do not make a tiny change matter"""
    return _changes(text, counts, lambda rows: min(rows) >= 1_000_000)


def _changes(text: str, counts: Counts, wanted: Callable[[Sequence[int]], bool]) -> str:
    keys = [key for key in cells(counts, "change") if wanted(key[1:3])]
    if not keys:
        return ""
    changes = sorted({key[3] for key in keys})
    head = ("columns", "reference / current", "windows", "policy", *changes)
    rows = []
    for size, n, m in sorted({(key[4], *key[1:3]) for key in keys}):
        where = [("change", n, m, change, size) for change in changes]
        windows = min(counts.get(("windows", *each), 0) for each in where)
        for policy in ("default", "classic"):
            found = [at(counts, each, policy, "any") for each in where]
            rows.append((str(size), sizes(n, m), f"{windows:,}", policy, *found))
    return "\n\n".join((text, markdown(head, rows)))


def _successive(counts: Counts) -> str:
    keys = [k for k in cells(counts, "successive") if counts["baselines", *k] >= BASELINES]
    if not keys:
        return ""
    text = """## Many windows on one baseline

A baseline is estimated once, and its luck stays: alarms of successive windows are not independent.
50 mixed windows of 20 columns are held against each baseline. First the share of windows flagged
(no interval: they depend on each other), then the share of baselines with any flagged window."""
    rows = []
    for key in keys:
        baselines = counts["baselines", *key]
        for check in possible("mixed"):
            times = counts.get(("flagged", *key, "default", check), 0)
            ever = counts.get(("baselines flagged", *key, "default", check), 0)
            share = f"{100 * times / counts['windows', *key]:.2f}"
            found = (f"{baselines:,}", CHECKS[check], share, shown(ever, baselines))
            rows.append((sizes(*key[1:3]), *found))
    head = ("reference / current", "baselines", "family", "windows flagged", "baselines with any")
    return "\n\n".join((text, markdown(head, rows)))
