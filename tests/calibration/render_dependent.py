"""The sections of the page about rows that depend on each other."""

from __future__ import annotations

from collections.abc import Iterator

from tests.calibration.clustered_rows import PROMISED, SCENARIOS
from tests.calibration.clustered_rows import SHIFTS as CLUSTERED_SHIFTS
from tests.calibration.dependent import COLUMNS
from tests.calibration.learned_windows import JUDGED, PAST, SHIFTS
from tests.calibration.past_windows import BEFORE, ROWS
from tests.calibration.past_windows import SCENARIOS as PAST_SCENARIOS
from tests.calibration.rates import (
    BASELINES,
    CHECKS,
    LEAST,
    Counts,
    Key,
    Rate,
    as_independent,
    at,
    broken,
    cells,
    clopper_pearson,
    held,
    markdown,
    sizes,
)

_BY_KIND = {"numeric": ("out_of_range",), "categorical": ("unseen", "vanished")}
_MIXED = ("drift", "missing", "unseen", "vanished", "out_of_range")
_LEARNED = ("drift", "out_of_range")  # of normal columns


def promised_by_cluster(counts: Counts) -> list[Rate]:
    """Every rate that `cluster=` promises to be 1 %."""
    return [
        Rate((*key, check), counts.get(("flagged", *key, "with", check), 0), windows)
        for key, windows in _windows(counts, "dependent")
        if key[1] in PROMISED
        for check in _possible(key[4])
    ]


def promised_when_learned(counts: Counts) -> list[Rate]:
    """Every rate that thresholds learned on 99 windows or more promise to be 1 %."""
    return [
        _learned_rate(counts, key, f"learned {k}", check)
        for key, _ in _windows(counts, "learned")
        if key[2] == "no change"
        for k in PAST
        for check in _LEARNED
    ]


def _windows(counts: Counts, table: str) -> list[tuple[Key, int]]:
    found = [(key[1:], many) for key, many in counts.items() if key[:2] == ("windows", table)]
    return sorted(found, key=str)


def _possible(label: str) -> tuple[str, ...]:
    if label == "mixed":
        return _MIXED
    holes = ("missing",) if "missing" in label else ()
    return ("drift", *holes, *_BY_KIND[COLUMNS[label][0]])


def _learned_rate(counts: Counts, key: Key, policy: str, check: str) -> Rate:
    where = (*key, policy, check)
    found = as_independent(
        counts.get(("flagged", *where), 0),
        counts["windows", *key],
        counts.get(("squares", *where), 0),
        counts["references", *key],
    )
    return Rate(where, *found)


def claims(counts: Counts) -> str:
    """What has been shown of the same promise for rows that depend on each other."""
    clustered = [each for each in promised_by_cluster(counts) if each.of >= LEAST]
    enough = _learned_enough(counts)
    learned = [each for each in promised_when_learned(counts) if each.key[:4] in enough]
    return "\n\n".join(
        f"**Rows that depend on each other, {how}.** Of {len(rates)} rates,\n\n{held(rates)}"
        + "".join(f"\n\n- {_named(each)}" for each in broken(rates))
        for how, rates in (
            ("with `cluster=`: the same promise, from 20 clusters on", clustered),
            ("with learned thresholds: the same promise, from 99 past windows on", learned),
        )
        if rates
    )


def _named(rate: Rate) -> str:
    *_, check = rate.key
    told = ", ".join(str(part) for part in rate.key[1:-1])
    return f"{told}: {CHECKS[check]} {_told(rate)}"


def _learned_enough(counts: Counts) -> list[Key]:
    return [key for key in cells(counts, "learned") if counts["references", *key] >= BASELINES]


def sections(counts: Counts) -> Iterator[str]:
    """One after the other; those of which too little was simulated are empty."""
    yield _by_cluster(counts)
    yield _by_cluster_and_kind(counts)
    yield _power_by_cluster(counts)
    yield _learned(counts)


def _by_scenario(keys: list[Key]) -> list[Key]:
    order = list(SCENARIOS)
    return sorted(keys, key=lambda key: (key[5], order.index(key[1]), key[3], key[2]))


def _by_cluster(counts: Counts) -> str:
    keys = _by_scenario([key for key in cells(counts, "dependent") if key[4] == "mixed"])
    if not keys:
        return ""
    text = """## Rows that depend on each other, without drift

Users have about 20 rows each in a window, and half of the variance lies between users; the two
windows have other users, or the same ones. AR(1): every row remembers the one before (φ = .9, a
memory of about ten rows), and blocks of 150 consecutive rows are declared as clusters. Mixed
columns: normal, 70 % zeros, 5 levels, 200 levels and normal with 5 % missing (which hangs on the
user too), in equal numbers. The first rate is a warning: the default policy when `cluster=` is
*not* declared. The others are the claim, but for short blocks: of 20 rows, twice the memory, they
hang together themselves, and no promise is made. Blocks should be fifteen times as long as the
memory. "Clusters" are those of reference and current window."""
    head = (
        "columns", "rows", "clusters", "windows", "not declared: drift",
        *(f"`cluster=`: {CHECKS[check]}" for check in _MIXED), "any of them", "classic: drift",
    )  # fmt: skip
    rows = [
        (
            str(key[5]),
            key[1],
            sizes(*key[2:4]),
            f"{counts['windows', *key]:,}",
            at(counts, key, "without", "drift"),
            *(at(counts, key, "with", check) for check in (*_MIXED, "any")),
            at(counts, key, "classic", "drift"),
        )
        for key in keys
    ]
    return "\n\n".join((text, markdown(head, rows)))


def _by_cluster_and_kind(counts: Counts) -> str:
    keys = [key for key in cells(counts, "dependent") if key[4] != "mixed"]
    if not keys:
        return ""
    text = """### 1 column, by kind: flagged as drift

Below each other: `cluster=` not declared (the warning), and declared (the claim)."""
    rows = []
    for key in _by_scenario([key for key in keys if key[4] == "normal"]):
        where = [(*key[:4], kind, key[5]) for kind in COLUMNS]
        windows = min(counts.get(("windows", *each), 0) for each in where)
        for way, told in (("without", "not declared"), ("with", "declared")):
            found = [at(counts, each, way, "drift") for each in where]
            rows.append((key[1], sizes(*key[2:4]), f"{windows:,}", told, *found))
    head = ("rows", "clusters", "windows", "`cluster=`", *COLUMNS)
    return "\n\n".join((text, markdown(head, rows)))


def _power_by_cluster(counts: Counts) -> str:
    keys = [key for key in cells(counts, "dependent change") if key[4] in CLUSTERED_SHIFTS]
    if not keys:
        return ""
    text = """### Power with `cluster=`: the shifted column is flagged

A normal column has moved by a part of its standard deviation; the others have not."""
    rows = []
    for key in _by_scenario([key for key in keys if key[4] == next(iter(CLUSTERED_SHIFTS))]):
        where = [(*key[:4], change, key[5]) for change in CLUSTERED_SHIFTS]
        found = [at(counts, each, "with", "any") for each in where]
        told = (str(key[5]), key[1], sizes(*key[2:4]), f"{counts['windows', *key]:,}")
        rows.append((*told, *found))
    head = ("columns", "rows", "clusters", "windows", *CLUSTERED_SHIFTS)
    return "\n\n".join((text, markdown(head, rows)))


def _learned(counts: Counts) -> str:
    order = list(PAST_SCENARIOS)
    keys = [key for key in _learned_enough(counts) if key[2] == "no change"]
    keys.sort(key=lambda key: (order.index(key[1]), key[3]))
    if not keys:
        return ""
    text = f"""## Thresholds learned from past windows

Windows of {ROWS} rows in normal columns; {BEFORE} of them are the reference, and thresholds are
learned from the next 99 or 199 (`learn_thresholds`). AR(1): φ = .9 over all rows. Users: 20 of
them with 10 rows each, half of the variance between them. Weekend: days are windows; on two of
seven every column lies half a σ higher, and days differ by a tenth. {JUDGED} windows are judged on
each reference; their alarms hang together, and the intervals are widened by as much as they do
(where none or all are flagged, a reference counts as one window). Learned thresholds spend the
whole 1 % where every swing is material: such a rate can be shown not to lie above, never below.
"Not learned": the default policy as it is, a warning. The last columns are power: a first column
that has moved is flagged."""
    head = (
        "rows", "columns", "learned from", "references", "windows", "not learned: drift",
        "classic: drift", "drift", "out of range", *SHIFTS,
    )  # fmt: skip
    rows = []
    for key in keys:
        for k in PAST:
            named = f"learned {k}"
            found = [_learned_rate(counts, key, named, check) for check in _LEARNED]
            for change in SHIFTS:
                moved = (*key[:2], change, key[3])
                found.append(_learned_rate(counts, moved, named, "any"))
            before = ("learned without", *key[1:])
            others = [_learned_rate(counts, before, p, "drift") for p in ("default", "classic")]
            told = (key[1], str(key[3]), f"{k} windows", f"{counts['references', *key]:,}")
            windows = f"{counts['windows', *key]:,}"
            rates = (_told(each) for each in (*others, *found))
            rows.append((*told, windows, *rates))
    return "\n\n".join((text, markdown(head, rows)))


def _told(rate: Rate) -> str:
    """The share of all windows, and the interval of as many independent ones."""
    low, high = clopper_pearson(rate.hits, rate.of)
    share = rate.hits / rate.of
    return f"{100 * share:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
