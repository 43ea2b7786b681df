"""Findings: one status, with its reason, per column and family; drift, quality, performance.

A column drifts when the evidence (one adjusted p-value per column) *and* the effect (a material
one) both say so. p-values are shown, not obeyed; an effect that chance alone explains is no drift;
and where so few rows could not have shown an alarm, the answer is `inconclusive`, not `ok`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mondrift.comparison import Comparison
from mondrift.errors import shown
from mondrift.measurement import Measurement
from mondrift.measures.correction import benjamini_hochberg
from mondrift.policy import STATUSES, Policy, Status

#: Measures whose material effect decides, per kind of column, in the order in which they are told.
EFFECTS: Mapping[str, tuple[str, ...]] = {
    "numeric": ("psi", "ks", "wasserstein"),
    "categorical": ("psi", "total_variation"),
    "boolean": ("psi", "total_variation"),
}
QUALITY = {
    "missing": "missing values",
    "infinite": "infinite values",
    "unseen": "rows in unseen categories",
    "vanished": "reference rows in vanished categories",
    "out_of_range": "values outside the reference's range",
    "type_change": "values that cannot be read as the column's kind",
}
_NAMES = {"psi": "PSI", "ks": "KS D", "wasserstein": "Wasserstein", "total_variation": "TV"}


@dataclass(frozen=True)
class Finding:
    """One status, with its reason, of one column of one segment in one family.

    `statistic` is the effect of `measure` that decided; `pvalue` the raw and `adjusted` the
    corrected p-value; `group` is the policy's group of the column ("" for none).
    """

    family: str
    check: str
    column: str
    role: str
    group: str
    segment: str
    status: Status
    reason: str
    measure: str
    statistic: float
    pvalue: float
    adjusted: float
    n_reference: int
    n_current: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-valid: NaN becomes None."""
        return {
            key: None if isinstance(value, float) and math.isnan(value) else value
            for key, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Finding:
        """The finding that `to_dict` wrote."""
        floats = ("statistic", "pvalue", "adjusted")
        return cls(**{k: math.nan if v is None and k in floats else v for k, v in data.items()})


# Drift


def _by_column(comparison: Comparison) -> dict[tuple[str, str], dict[str, Measurement]]:
    """{(segment, column): {measure: measurement}} of the families drift and quality."""
    columns: dict[tuple[str, str], dict[str, Measurement]] = {}
    for each in comparison.measurements:
        if each.family in ("drift", "quality"):
            columns.setdefault((each.segment, each.column), {})[each.measure] = each
    return columns


def default_drift(comparison: Comparison, policy: Policy) -> list[Finding]:
    columns = {
        key: by for key, by in _by_column(comparison).items() if key[1] not in comparison.skipped
    }
    pvalues = [_one_pvalue(by) for by in columns.values()]
    adjusted = benjamini_hochberg(pvalues)
    tested = sum(1 for p in pvalues if not math.isnan(p))
    findings = []
    for (key, by), raw, corrected in zip(columns.items(), pvalues, adjusted, strict=True):
        drift = {m: each for m, each in by.items() if each.family == "drift"}
        if drift:
            findings.append(_drift(key, drift, raw, float(corrected), tested, policy))
    for column, reason in comparison.skipped.items():
        findings.append(_bare(comparison, column, "drift", "skipped", reason, policy))
    return findings


def _one_pvalue(by: Mapping[str, Measurement]) -> float:
    """One p per column: numeric min(1, 2 min(KS, chi-square on the bins)), else chi-square."""
    pvalues = [by[m].pvalue for m in ("ks", "chi_square") if m in by]
    known = [p for p in pvalues if p is not None and not math.isnan(p)]
    return min(1.0, len(pvalues) * min(known)) if known else math.nan


def _effect(each: Measurement) -> float:
    """The effect that is held against a threshold: PSI less its bias, else the statistic."""
    return float(each.detail.get("corrected", each.statistic) if each.measure == "psi"
                 else each.statistic)


def _drift(
    key: tuple[str, str],
    by: Mapping[str, Measurement],
    raw: float,
    adjusted: float,
    tested: int,
    policy: Policy,
) -> Finding:
    any_measurement = next(iter(by.values()))
    candidates = [by[m] for m in EFFECTS.get(any_measurement.kind, ()) if m in by]
    known = [each for each in candidates if not math.isnan(_effect(each))]
    worst = max(known, key=lambda each: _relative(each, policy), default=any_measurement)
    effect_status = policy.effects[worst.measure].status(_effect(worst)) if known else "inconclusive"
    n, m = any_measurement.n_reference, any_measurement.n_current
    shown_effect = f"{_NAMES.get(worst.measure, worst.measure)} {_effect(worst):.3g}"
    shown_p = f"adjusted p = {adjusted:.2g}"
    visible = _smallest_visible(by, policy.level / max(tested, 1))
    alarm = policy.effects["ks"].alarm
    status: Status
    if min(n, m) < policy.minimum_rows:
        status = "inconclusive"
        reason = f"{min(n, m)} rows are too few; {policy.minimum_rows} are needed"
    elif math.isnan(adjusted) or not known:
        status, reason = "inconclusive", any_measurement.reason or "no measure could be computed"
    elif adjusted < policy.level and effect_status in ("warning", "alarm"):
        limit = getattr(policy.effects[worst.measure], effect_status)
        status, reason = effect_status, f"{shown_effect} ({effect_status} from {limit}), {shown_p}"
    elif adjusted < policy.level:
        status, reason = "ok", f"differs ({shown_p}), but too little to matter ({shown_effect})"
    elif visible > alarm:
        status = "inconclusive"
        reason = f"{m:,} rows can only show a difference from {visible:.2g} on (alarm is {alarm})"
    else:
        status, reason = "ok", f"within what chance explains ({shown_effect}, {shown_p})"
    return Finding(
        "drift", "drift", key[1], any_measurement.role, policy.group(key[1]), key[0], status,
        reason, worst.measure, _effect(worst), raw, adjusted, n, m,
    )  # fmt: skip


def _relative(each: Measurement, policy: Policy) -> tuple[int, float]:
    """How far an effect stands above its thresholds, for choosing which one is told."""
    threshold = policy.effects[each.measure]
    effect = _effect(each)
    return STATUSES.index(threshold.status(effect)), effect / threshold.warning


def _smallest_visible(by: Mapping[str, Measurement], level: float) -> float:
    """The smallest KS distance (or total variation) that these sizes make significant.

    Kolmogorov's asymptotic quantile for numeric columns (half the level, for two tests share it);
    for categories, Cohen's w at the critical chi-square: w ≥ 2 TV, so any TV of w/2 is seen.
    """
    from scipy.special import chdtri

    first = next(iter(by.values()))
    n, m = first.n_reference, first.n_current
    if min(n, m) == 0:
        return math.inf
    effective = n * m / (n + m)
    if "ks" in by:
        return math.sqrt(-math.log(level / 4) / 2 / effective)
    freedom = by["chi_square"].detail.get("df") if "chi_square" in by else None
    return math.sqrt(float(chdtri(freedom, level)) / effective) / 2 if freedom else 0.0


def classic_drift(comparison: Comparison, policy: Policy) -> list[Finding]:
    """The customary fixed rules; no correction, no minimum effect, and noisy for it."""
    findings = []
    for (segment, column), by in _by_column(comparison).items():
        if column in comparison.skipped:
            continue
        test = by.get("ks") or by.get("chi_square")
        if test is None or "psi" not in by:
            continue
        level = policy.ks_level if test.measure == "ks" else policy.chi_square_level
        pvalue = math.nan if test.pvalue is None else test.pvalue
        psi = by["psi"].statistic
        size = policy.effects["psi"].status(psi)
        status: Status = size
        if math.isnan(psi) or math.isnan(pvalue):
            status = "inconclusive"
        elif pvalue < level and size == "ok":
            status = "warning"
        reason = f"PSI {psi:.3g}, {_NAMES.get(test.measure, 'chi-square')} p = {pvalue:.2g}"
        findings.append(
            Finding(
                "drift", "drift", column, test.role, policy.group(column), segment, status, reason,
                "psi", psi, pvalue, pvalue, test.n_reference, test.n_current,
            )  # fmt: skip
        )
    for column, reason in comparison.skipped.items():
        findings.append(_bare(comparison, column, "drift", "skipped", reason, policy))
    return findings


# Quality


def quality(comparison: Comparison, check: str, policy: Policy) -> list[Finding]:
    """One check over all columns: a family of findings with a correction of its own."""
    columns = [each for each in comparison.measurements
               if each.measure == check and each.family == "quality"]
    raw = [math.nan if each.pvalue is None else each.pvalue for each in columns]
    adjusted = benjamini_hochberg(raw)
    threshold = policy.effects[check]
    findings = []
    for each, pvalue, corrected in zip(columns, raw, adjusted, strict=True):
        effect = abs(each.statistic)
        status = threshold.status(effect)
        sure = corrected < policy.level if each.pvalue is not None else True
        change = f"{each.statistic:+.1%} {QUALITY[check]}"
        if min(each.n_reference, each.n_current) < policy.minimum_rows:
            status, reason = "inconclusive", f"fewer than {policy.minimum_rows} rows"
        elif status == "inconclusive":
            status, reason = "skipped", each.reason
        elif status == "ok":
            reason = f"{change}: no material change"
        elif not sure:
            status, reason = "ok", f"{change}, within chance (adjusted p = {corrected:.2g})"
        else:
            named = each.detail.get("levels") or ()
            reason = change + (f": {shown(named)}" if named else "")
        findings.append(
            Finding(
                "quality", check, each.column, each.role, policy.group(each.column), each.segment,
                status, reason, check, each.statistic, pvalue, float(corrected), each.n_reference,
                each.n_current,
            )  # fmt: skip
        )
    return findings


def structure(comparison: Comparison, policy: Policy) -> list[Finding]:
    """Columns that only one of the windows has."""
    return [
        _bare(comparison, column, "quality", "alarm",
              "the column is not in the current window", policy)
        for column in comparison.absent
    ] + [
        _bare(comparison, column, "quality", "skipped",
              "the column is not in the reference window", policy)
        for column in comparison.extra
    ]  # fmt: skip


def _bare(
    comparison: Comparison, column: str, family: str, status: Status, reason: str, policy: Policy
) -> Finding:
    """A finding without a statistic, about a column as a whole."""
    return Finding(
        family, "structure" if family == "quality" else "drift", column,
        comparison.schema.role(column), policy.group(column), "", status, reason, "",
        math.nan, math.nan, math.nan, comparison.reference.n, comparison.current.n,
    )  # fmt: skip


# Performance


def accuracy(comparison: Comparison, policy: Policy) -> list[Finding]:
    """Accuracy per segment: the drop exceeds the threshold and its lower bound exceeds 0.

    The one-sided 99 % level is shared among the segments (Bonferroni), so that looking at more
    of them does not raise the rate of false alarms.
    """
    from mondrift.metrics.drop import accuracy_drop

    accuracies = [e for e in comparison.measurements if e.measure == "accuracy"]
    apart = max(sum(1 for each in accuracies if each.segment), 1)
    findings = []
    for each in accuracies:
        level = 1 - (0.01 / apart if each.segment else 0.01)
        reference = each.detail.get("reference")
        status: Status
        if reference is None or math.isnan(each.statistic) or each.n_current < policy.minimum_labels:
            status = "inconclusive"
            reason = each.reason or (
                f"{each.n_current:,} labels are too few to judge accuracy; "
                f"{policy.minimum_labels} are needed"
            )
        else:
            drop = accuracy_drop(
                round(reference * each.n_reference), each.n_reference,
                round(each.statistic * each.n_current), each.n_current,
                threshold=policy.accuracy_drop, level=level, minimum=policy.minimum_labels,
            )  # fmt: skip
            status = "alarm" if drop.degraded else "ok"
            change = f"{reference:.2f} → {each.statistic:.2f} (n = {each.n_current:,})"
            if drop.degraded:
                reason = f"accuracy fell by {100 * drop.drop:.1f} points, {change}"
            else:
                moved = "rose" if drop.drop < 0 else "fell"
                reason = f"accuracy {moved} by {100 * abs(drop.drop):.1f} points, {change}"
        findings.append(
            Finding(
                "performance", "accuracy", each.column, each.role, "", each.segment, status,
                reason, "accuracy", each.statistic, math.nan, math.nan, each.n_reference,
                each.n_current,
            )  # fmt: skip
        )
    return findings
