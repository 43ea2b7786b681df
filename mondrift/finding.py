"""Findings: one status, with its reason, per column and check: drift, quality, accuracy.

A column drifts when the evidence (one adjusted p-value per column) *and* the effect (a material
one) both say so. p-values are shown, not obeyed; an effect that chance alone explains is no drift;
and where so few rows could not have shown an alarm, the answer is `inconclusive`, not `ok`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mondrift.comparison import Comparison
from mondrift.errors import shown
from mondrift.measurement import Measurement
from mondrift.measures.correction import benjamini_hochberg
from mondrift.policy import STATUSES, Policy, Status

#: Measures whose effect can be material, per kind of column.
EFFECTS: Mapping[str, tuple[str, ...]] = {
    "numeric": ("psi", "ks", "wasserstein"),
    "categorical": ("psi", "total_variation"),
    "boolean": ("psi", "total_variation"),
}
#: Checks of quality, each a family with a correction of its own, in words.
QUALITY: Mapping[str, str] = {
    "missing": "missing values",
    "infinite": "infinite values",
    "unseen": "rows in unseen categories",
    "vanished": "rows in vanished categories",
    "out_of_range": "values outside the reference's range",
    "type_change": "values that cannot be read as the column's kind",
}
_NAMES = {"psi": "PSI", "ks": "KS D", "wasserstein": "Wasserstein", "total_variation": "TV"}
_METRIC_LEVEL = 0.99  # one-sided, of the lower bound of an accuracy drop


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


def _finding(
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


# Drift: one finding per segment × column.

_ByMeasure = Mapping[str, Measurement]


def drift(comparison: Comparison, policy: Policy) -> list[Finding]:
    """Drift of every compared column, by the policy's rules; skipped columns with their reason."""
    columns: dict[tuple[str, str], dict[str, Measurement]] = {}
    for each in comparison.measurements:
        if each.family == "drift":
            columns.setdefault((each.segment, each.column), {})[each.measure] = each
    judged = _classic if policy.name == "classic" else _evidence_and_effect
    findings = judged(list(columns.values()), policy)
    for column, reason in comparison.skipped.items():
        findings.append(_about_column(comparison, column, "drift", ("skipped", reason), policy))
    return findings


def _evidence_and_effect(columns: Sequence[_ByMeasure], policy: Policy) -> list[Finding]:
    pvalues = [_one_pvalue(by) for by in columns]
    adjusted = [float(p) for p in benjamini_hochberg(pvalues)]
    tested = max(sum(not math.isnan(p) for p in pvalues), 1)
    findings = []
    for by, raw, corrected in zip(columns, pvalues, adjusted, strict=True):
        worst = _largest_effect(by, policy)
        visible = smallest_visible(by, policy.level / tested)
        judged = _judge_column(worst, corrected, visible, policy)
        findings.append(
            _finding(
                "drift", worst, policy, judged, statistic=effect(worst), pvalues=(raw, corrected)
            )
        )
    return findings


def _one_pvalue(by: _ByMeasure) -> float:
    """One p per column: numeric min(1, 2 min(KS, chi-square on the bins)), else chi-square."""
    pvalues = [by[name].pvalue for name in ("ks", "chi_square") if name in by]
    known = [p for p in pvalues if p is not None and not math.isnan(p)]
    return min(1.0, len(pvalues) * min(known)) if known else math.nan


def effect(each: Measurement) -> float:
    """The effect held against a threshold: PSI and total variation less their bias.

    NaN where a bias cannot be estimated: too few rows for so many groups.
    """
    corrected = each.detail.get("corrected", each.statistic)
    return math.nan if corrected is None else float(corrected)


def _largest_effect(by: _ByMeasure, policy: Policy) -> Measurement:
    """The measurement that stands furthest above its thresholds; any, when none has an effect."""

    def height(each: Measurement) -> tuple[int, float]:
        threshold = policy.effects[each.measure]
        return STATUSES.index(threshold.status(effect(each))), effect(each) / threshold.warning

    some = next(iter(by.values()))
    candidates = [by[name] for name in EFFECTS.get(some.kind, ()) if name in by]
    return max((c for c in candidates if not math.isnan(effect(c))), key=height, default=some)


def _judge_column(
    worst: Measurement, adjusted: float, visible: float, policy: Policy
) -> tuple[Status, str]:
    fewest = min(worst.n_reference, worst.n_current)
    size = f"{_NAMES.get(worst.measure, worst.measure)} {effect(worst):.3g}"
    sure = f"adjusted p = {adjusted:.2g}"
    alarm = policy.effects["ks"].alarm
    if fewest < policy.minimum_rows:
        return "inconclusive", f"{fewest} rows are too few; {policy.minimum_rows} are needed"
    if math.isnan(adjusted) or math.isnan(effect(worst)):
        return "inconclusive", worst.reason or "no measure could be computed"
    if adjusted < policy.level:
        threshold = policy.effects[worst.measure]
        status = threshold.status(effect(worst))
        if status == "ok":
            return "ok", f"differs ({sure}), but too little to matter ({size})"
        limit = threshold.alarm if status == "alarm" else threshold.warning
        return status, f"{size} ({status} from {limit:g}), {sure}"
    if visible > alarm:
        return "inconclusive", (
            f"{worst.n_current:,} rows show only differences from {visible:.2g} on, "
            f"and {alarm:g} would be an alarm"
        )
    return "ok", f"within what chance explains ({size}, {sure})"


def smallest_visible(by: _ByMeasure, level: float) -> float:
    """The smallest KS distance (or total variation) that windows of these sizes make significant.

    Kolmogorov's asymptotic quantile at half the level, for KS and chi-square share it; for
    categories Cohen's w at the critical chi-square: w ≥ 2 TV, so that a TV of w / 2 is seen.
    """
    from scipy.special import chdtri

    some = next(iter(by.values()))
    n, m = some.n_reference, some.n_current
    if min(n, m) == 0:
        return math.inf
    effective = n * m / (n + m)
    if "ks" in by:
        return math.sqrt(-math.log(level / 4) / 2 / effective)
    freedom = by["chi_square"].detail.get("df") if "chi_square" in by else None
    return math.sqrt(float(chdtri(freedom, level)) / effective) / 2 if freedom else 0.0


def _classic(columns: Sequence[_ByMeasure], policy: Policy) -> list[Finding]:
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
            _finding(
                "drift", psi, policy, (status, reason), statistic=psi.statistic,
                pvalues=(pvalue, pvalue),
            )
        )  # fmt: skip
    return findings


# Quality: missing, unseen, out of range and so on.


def quality(comparison: Comparison, check: str, policy: Policy) -> list[Finding]:
    """One check over all columns: a family of findings with a correction of its own."""
    about = [e for e in comparison.measurements if e.family == "quality" and e.measure == check]
    raw = [math.nan if each.pvalue is None else each.pvalue for each in about]
    adjusted = [float(p) for p in benjamini_hochberg(raw)]
    return [
        _finding(
            check, each, policy, _judge_quality(each, corrected, policy),
            statistic=each.statistic, pvalues=(pvalue, corrected),
        )
        for each, pvalue, corrected in zip(about, raw, adjusted, strict=True)
    ]  # fmt: skip


def _judge_quality(each: Measurement, adjusted: float, policy: Policy) -> tuple[Status, str]:
    status = policy.effects[each.measure].status(abs(each.statistic))
    points = 100 * each.detail.get("change", each.statistic)
    change = f"{points:+.1f} points {QUALITY[each.measure]}"
    if math.isnan(each.statistic):
        return "skipped", each.reason
    if min(each.n_reference, each.n_current) < policy.minimum_rows:
        return "inconclusive", f"fewer than {policy.minimum_rows} rows"
    if status == "ok":
        return "ok", f"{change}: no material change"
    if each.pvalue is not None and not adjusted < policy.level:
        return "ok", f"{change}, within what chance explains (adjusted p = {adjusted:.2g})"
    named = each.detail.get("levels")
    return status, change + (f": {shown(named)}" if named else "")


def structure(comparison: Comparison, policy: Policy) -> list[Finding]:
    """Columns that only one of the windows has."""
    gone: tuple[Status, str] = ("alarm", "the column is not in the current window")
    new: tuple[Status, str] = ("skipped", "the column is not in the reference window")
    return [
        _about_column(comparison, column, "structure", judged, policy)
        for judged, columns in ((gone, comparison.absent), (new, comparison.extra))
        for column in columns
    ]


def _about_column(
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


# Performance


def accuracy(comparison: Comparison, policy: Policy) -> list[Finding]:
    """Accuracy: the drop exceeds the threshold, and its one-sided 99 % lower bound exceeds 0.

    Segments share the level among themselves (Bonferroni), so that looking at more of them does
    not raise the rate of false alarms.
    """
    about = [each for each in comparison.measurements if each.measure == "accuracy"]
    apart = max(sum(bool(each.segment) for each in about), 1)
    return [
        _finding(
            "accuracy", each, policy,
            _judge_accuracy(each, 1 - (1 - _METRIC_LEVEL) / (apart if each.segment else 1), policy),
            statistic=each.statistic,
        )
        for each in about
    ]  # fmt: skip


def _judge_accuracy(each: Measurement, level: float, policy: Policy) -> tuple[Status, str]:
    from mondrift.metrics.drop import accuracy_drop

    reference = each.detail.get("reference")
    if reference is None or math.isnan(each.statistic):
        return "inconclusive", each.reason or "no labelled rows in the reference window"
    found = accuracy_drop(
        (round(reference * each.n_reference), each.n_reference),
        (round(each.statistic * each.n_current), each.n_current),
        threshold=policy.accuracy_drop,
        level=level,
        minimum=policy.minimum_labels,
    )
    statuses: Mapping[str, Status] = {"dropped": "alarm", "held": "ok"}
    return statuses.get(found.outcome, "inconclusive"), found.reason
