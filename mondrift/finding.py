"""Findings: one status, with its reason, per column and check.

What all of them share stands here; `drift`, `quality` and `degradation` say how each comes about.
p-values are shown, not obeyed: a status needs evidence *and* an effect that matters. Under the
policy `learned` the evidence is that no window of the past, or hardly any, stood out so far.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mondrift.comparison import Comparison
from mondrift.measurement import Measurement
from mondrift.policy import Policy, Status

#: How a reason begins when only the rows can tell.
UNDECIDED = "counts alone cannot tell"


@dataclass(frozen=True)
class Finding:
    """One status, with its reason, of one column of one segment.

    `family` is drift, quality or performance; `check` says which of its questions was asked;
    `statistic` is the effect of `measure` that decided, `pvalue` the raw and `adjusted` the
    corrected p-value (NaN: none); `group` is the policy's group of the column ("" for none) and
    `segment` "" for the whole window.
    """

    family: str
    check: str
    column: str
    role: str
    group: str
    segment: str
    status: Status
    reason: str
    measure: str = ""
    statistic: float = math.nan
    pvalue: float = math.nan
    adjusted: float = math.nan
    n_reference: int = 0
    n_current: int = 0

    def to_dict(self) -> dict[str, Any]:
        """JSON-valid: NaN becomes None."""
        return {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Finding:
        """The finding that `to_dict` wrote."""
        floats = ("statistic", "pvalue", "adjusted")
        fields: dict[str, Any] = {
            key: math.nan if value is None and key in floats else value
            for key, value in data.items()
        }
        return cls(**fields)


def found(
    check: str,
    about: Measurement,
    policy: Policy,
    judged: tuple[Status, str],
    *,
    statistic: float,
    pvalues: tuple[float, float] = (math.nan, math.nan),
) -> Finding:
    """The finding that a measurement leads to."""
    return Finding(
        family=about.family,
        check=check,
        column=about.column,
        role=about.role,
        group=policy.group(about.column),
        segment=about.segment,
        status=judged[0],
        reason=judged[1],
        measure=about.measure,
        statistic=statistic,
        pvalue=pvalues[0],
        adjusted=pvalues[1],
        n_reference=about.n_reference,
        n_current=about.n_current,
    )


def about_column(
    comparison: Comparison, column: str, check: str, judged: tuple[Status, str], policy: Policy
) -> Finding:
    """A finding about a column as a whole, without a statistic."""
    return Finding(
        family="drift" if check == "drift" else "quality",
        check=check,
        column=column,
        role=comparison.schema.role(column),
        group=policy.group(column),
        segment="",
        status=judged[0],
        reason=judged[1],
        n_reference=comparison.reference.n,
        n_current=comparison.current.n,
    )


def effect(each: Measurement) -> float:
    """The effect held against a threshold: PSI and total variation less their bias.

    NaN where a bias cannot be estimated: too few rows for so many groups.
    """
    corrected = each.detail.get("corrected", each.statistic)
    return math.nan if corrected is None else float(corrected)


def too_small(about: Measurement, policy: Policy) -> str:
    """Why a measurement says nothing however large it is: too few rows or clusters; else ""."""
    fewest = min(about.n_reference, about.n_current)
    if fewest < policy.minimum_rows:
        return f"{fewest} rows are too few; {policy.minimum_rows} are needed"
    clusters = about.detail.get("clusters")
    if clusters is not None and policy.learned is None and clusters < policy.minimum_clusters:
        return f"{clusters} clusters are too few; {policy.minimum_clusters} are needed"
    return ""


def against_the_past(
    comparison: Comparison, about: Measurement, check: str, size: float, told: str, policy: Policy
) -> tuple[float, tuple[Status, str]]:
    """p-value, status and reason by what past windows did; `told` is the effect `size` in words.

    The p-value is the window's: P(any column of it stands out so far, without drift).
    """
    learned, threshold = policy.learned, policy.effects[about.measure]
    assert learned is not None  # the policy has seen to it
    where = (check, about.segment, about.column)
    foreign = learned.foreign(comparison.reference.n, comparison.current.n)
    if foreign:
        return math.nan, ("inconclusive", foreign)
    pvalue = learned.pvalue(*where, size / threshold.warning)
    status = threshold.status(size)
    if status == "ok":
        return pvalue, ("ok", f"{told}: too little to matter")
    if math.isnan(pvalue):
        unknown = "the column was not there when the thresholds were learned: learn them again"
        return pvalue, ("inconclusive", f"{told}, but {unknown}")
    as_large = round(pvalue * (learned.windows + 1)) - 1
    past = f"{as_large} of {learned.windows} past windows stood out as much"
    short = learned.short(policy.level)
    if as_large == 0 and short:
        return pvalue, ("inconclusive", f"{told}: {past}, but {short}")
    if pvalue <= policy.level + 1e-9:
        return pvalue, (status, f"{told} ({status} from {threshold.limit(status):g}), {past}")
    least = threshold.warning * learned.stands_out(*where, policy.level)
    shows = f"; from {least:.2g} on it would be flagged" if not short else ""
    return pvalue, ("ok", f"{told}: {past}{shows}")
