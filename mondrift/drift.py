"""Drift: one finding per segment × column.

A column drifts when the evidence (one adjusted p-value per column) *and* the effect (a material
one) both say so. p-values are shown, not obeyed; an effect that chance alone explains is no drift;
and where so few rows could not have shown an alarm, the answer is `inconclusive`, not `ok`.

Where a window is known by its counts alone, effects are known between bounds. Every column is then
judged at both ends; where the two statuses differ, the counts cannot tell: `inconclusive`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from mondrift.comparison import Comparison
from mondrift.finding import (
    UNDECIDED,
    Finding,
    about_column,
    against_the_past,
    effect,
    found,
    too_small,
)
from mondrift.measurement import Measurement
from mondrift.measures.correction import benjamini_hochberg
from mondrift.policy import STATUSES, Policy, Status

#: Measures whose effect can be material, per kind of column.
EFFECTS: Mapping[str, tuple[str, ...]] = {
    "numeric": ("psi", "ks", "wasserstein"),
    "categorical": ("psi", "total_variation"),
    "boolean": ("psi", "total_variation"),
}
_NAMES = {"psi": "PSI", "ks": "KS D", "wasserstein": "Wasserstein", "total_variation": "TV"}

#: {measure: its measurement} of one column of one segment.
ByMeasure = Mapping[str, Measurement]
_Rule = Callable[[Sequence[ByMeasure], Comparison, Policy], list[Finding]]


def drift(comparison: Comparison, policy: Policy) -> list[Finding]:
    """Drift of every compared column, by the policy's rules; skipped columns with their reason."""
    rule: _Rule = {"classic": _classic, "learned": _learned}.get(policy.name, _evidence_and_effect)
    columns = by_column(comparison)
    findings = rule(columns, comparison, policy)
    if any(_bounded(each) for by in columns for each in by.values()):
        ends = [
            rule([_at(end, by) for by in columns], comparison, policy)
            for end in ("at_least", "at_most")
        ]
        findings = [
            finding if least.status == most.status else _undecided(finding, least, most, policy)
            for finding, least, most in zip(findings, *ends, strict=True)
        ]
    for column, reason in comparison.skipped.items():
        findings.append(about_column(comparison, column, "drift", ("skipped", reason), policy))
    return findings


def by_column(comparison: Comparison) -> list[ByMeasure]:
    """The measurements of drift, gathered per segment × column; with "missing", for its shares."""
    columns: dict[tuple[str, str], dict[str, Measurement]] = {}
    for each in comparison.measurements:
        key = (each.segment, each.column)
        if each.family == "drift":
            columns.setdefault(key, {})[each.measure] = each
    for each in comparison.measurements:
        if each.measure == "missing" and (each.segment, each.column) in columns:
            columns[each.segment, each.column]["missing"] = each
    return list(columns.values())


# Both ends of what counts allow


def _bounded(each: Measurement) -> bool:
    return "at_least" in each.detail or "at_most" in each.detail


def _at(end: str, by: ByMeasure) -> ByMeasure:
    """The measurements as they would be if every effect lay at one end of its bounds."""
    return {name: _moved(each, each.detail.get(end)) for name, each in by.items()}


def _moved(each: Measurement, bound: float | None) -> Measurement:
    if bound is None:
        return each
    pvalue = each.pvalue
    if each.measure == "ks":
        from mondrift.measures.kolmogorov import two_sample_pvalue

        # rows without a value are counted too: a p-value that is rather too small, so that the
        # two ends are rather too far apart
        n, m = (max(round(size), 1) for size in _effective(each, 0.0, 0.0))
        pvalue = two_sample_pvalue(bound, n, m)[0]
    detail = {**each.detail, "corrected": bound}
    return replace(each, statistic=bound, pvalue=pvalue, detail=detail)


def _undecided(finding: Finding, least: Finding, most: Finding, policy: Policy) -> Finding:
    """What is said of a column whose status depends on where in its cells the rows lie."""
    threshold, name = policy.effects[most.measure], _NAMES.get(most.measure, most.measure)
    if least.measure == most.measure and threshold.status(least.statistic) != threshold.status(
        most.statistic
    ):
        status = threshold.status(most.statistic)
        between = (
            f"{name} between {least.statistic:.3g} and {most.statistic:.3g} "
            f"({status} from {threshold.limit(status):g})"
        )
    elif most.status in ("warning", "alarm") and least.measure != most.measure:
        between = f"{name} up to {most.statistic:.3g} ({most.status} from "
        between += f"{threshold.limit(most.status):g})"
    else:
        between = f"p between {most.adjusted:.2g} and {least.adjusted:.2g}"
    reason = f"{UNDECIDED}: {between}; check from rows"
    return replace(finding, status="inconclusive", reason=reason)


# The rules


def _evidence_and_effect(
    columns: Sequence[ByMeasure],
    comparison: Comparison,  # noqa: ARG001  the rules are called alike
    policy: Policy,
) -> list[Finding]:
    pvalues = [_one_pvalue(by) for by in columns]
    adjusted = [float(p) for p in benjamini_hochberg(pvalues)]
    tested = max(sum(not math.isnan(p) for p in pvalues), 1)
    findings = []
    for by, raw, corrected in zip(columns, pvalues, adjusted, strict=True):
        worst = largest_effect(by, policy)
        judged = _judge_column(worst, corrected, by, policy.level / tested, policy)
        findings.append(
            found("drift", worst, policy, judged, statistic=effect(worst), pvalues=(raw, corrected))
        )
    return findings


def _one_pvalue(by: ByMeasure) -> float:
    """One p per column: numeric min(1, 2 min(KS, chi-square on the bins)), else chi-square."""
    pvalues = [by[name].pvalue for name in ("ks", "chi_square") if name in by]
    known = [p for p in pvalues if p is not None and not math.isnan(p)]
    return min(1.0, len(pvalues) * min(known)) if known else math.nan


def largest_effect(by: ByMeasure, policy: Policy) -> Measurement:
    """The measurement that stands furthest above its thresholds; any, when none has an effect."""

    def height(each: Measurement) -> tuple[int, float]:
        threshold = policy.effects[each.measure]
        return STATUSES.index(threshold.status(effect(each))), effect(each) / threshold.warning

    some = next(iter(by.values()))
    candidates = [by[name] for name in EFFECTS.get(some.kind, ()) if name in by]
    return max((c for c in candidates if not math.isnan(effect(c))), key=height, default=some)


def _told(worst: Measurement) -> str:
    return f"{_NAMES.get(worst.measure, worst.measure)} {effect(worst):.3g}"


def _judge_column(
    worst: Measurement, adjusted: float, by: ByMeasure, level: float, policy: Policy
) -> tuple[Status, str]:
    size, sure = _told(worst), f"adjusted p {_pvalue(adjusted)}"
    few = too_small(worst, policy)
    if few:
        return "inconclusive", few
    if math.isnan(adjusted) or math.isnan(effect(worst)):
        return "inconclusive", worst.reason or "no measure could be computed"
    if adjusted < policy.level:
        threshold = policy.effects[worst.measure]
        status = threshold.status(effect(worst))
        if status == "ok":
            return "ok", f"differs ({sure}), but too little to matter ({size})"
        return status, f"{size} ({status} from {threshold.limit(status):g}), {sure}"
    visible, alarm = smallest_visible(by, level), policy.effects["ks"].alarm
    if visible > alarm:
        return "inconclusive", (
            f"{_rows_told(by)} show only differences from {visible:.2g} on, "
            f"and {alarm:g} would be an alarm"
        )
    return "ok", f"within what chance explains ({size}, {sure})"


def _effective(
    each: Measurement, missing_reference: float, missing_current: float
) -> tuple[float, float]:
    """Independent values that both windows are worth: without missing ones, less by clusters."""
    design = float(each.detail.get("design_effect") or 1.0)
    known = (1 - missing_reference, 1 - missing_current)
    return each.n_reference * known[0] / design, each.n_current * known[1] / design


def _test_of(by: ByMeasure) -> tuple[Measurement, tuple[float, float]]:
    """The test that decides for a column, and the independent values it rests on."""
    test = by.get("ks") or by.get("chi_square") or next(iter(by.values()))
    shares = by["missing"].detail if "missing" in by else {}
    missing = (shares.get("reference_share", 0.0), shares.get("current_share", 0.0))
    return test, _effective(test, *missing)


def _rows_told(by: ByMeasure) -> str:
    test, (_, m) = _test_of(by)
    if "design_effect" not in test.detail:
        return f"{test.n_current:,} rows"
    return f"{test.n_current:,} rows in clusters, worth {round(m):,} independent ones,"


def smallest_visible(by: ByMeasure, level: float) -> float:
    """The smallest KS distance (or total variation) that windows of these sizes make significant.

    Kolmogorov's asymptotic quantile at half the level, for KS and chi-square share it; for
    categories Cohen's w at the critical chi-square: w ≥ 2 TV, so that a TV of w / 2 is seen.
    Rows count as the independent values they are worth: without missing ones, divided by the
    design effect of their clusters.
    """
    from scipy.special import chdtri

    _, (n, m) = _test_of(by)
    if min(n, m) <= 0:
        return math.inf
    effective = n * m / (n + m)
    if "ks" in by:
        return math.sqrt(-math.log(level / 4) / 2 / effective)
    freedom = by["chi_square"].detail.get("df") if "chi_square" in by else None
    return math.sqrt(float(chdtri(freedom, level)) / effective) / 2 if freedom else 0.0


def _learned(columns: Sequence[ByMeasure], comparison: Comparison, policy: Policy) -> list[Finding]:
    """Material, and further than (all but the level's share of) past windows went."""
    findings = []
    for by in columns:
        worst = largest_effect(by, policy)
        why_not = too_small(worst, policy)
        if not why_not and math.isnan(effect(worst)):
            why_not = worst.reason or "no measure could be computed"
        adjusted, judged = (
            (math.nan, _inconclusive(why_not))
            if why_not
            else against_the_past(comparison, worst, "drift", effect(worst), _told(worst), policy)
        )
        pvalues = (_one_pvalue(by), adjusted)
        findings.append(
            found("drift", worst, policy, judged, statistic=effect(worst), pvalues=pvalues)
        )
    return findings


def _inconclusive(reason: str) -> tuple[Status, str]:
    return "inconclusive", reason


def _classic(
    columns: Sequence[ByMeasure],
    comparison: Comparison,  # noqa: ARG001  the rules are called alike
    policy: Policy,
) -> list[Finding]:
    """The customary fixed rules: no correction, no minimum effect, and noisy for it."""
    findings = []
    for by in columns:
        test = by.get("ks") or by.get("chi_square")
        psi = by.get("psi")
        if test is None or psi is None:
            continue
        level = policy.ks_level if test.measure == "ks" else policy.chi_square_level
        pvalue = math.nan if test.pvalue is None else test.pvalue
        status = policy.effects["psi"].status(psi.statistic)
        if math.isnan(pvalue):
            status = "inconclusive"
        elif status == "ok" and pvalue < level:
            status = "warning"
        reason = f"PSI {psi.statistic:.3g}, {test.measure} p = {pvalue:.2g} (limit {level:g})"
        reason = psi.reason or test.reason or reason
        findings.append(
            found(
                "drift", psi, policy, (status, reason), statistic=psi.statistic,
                pvalues=(pvalue, pvalue),
            )
        )  # fmt: skip
    return findings


def _pvalue(pvalue: float) -> str:
    """Two digits of it, and no more of what is surely not chance: "= 0.36", "< 0.0001"."""
    return "< 0.0001" if pvalue < 1e-4 else f"= {pvalue:.2g}"
