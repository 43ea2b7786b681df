"""What a report exhibits of a verdict: key figures and tables, as sections of a page.

Each function reads a verdict and gives a `View`, which shows itself in a notebook and is exported.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from mondrift import phrases
from mondrift.comparison import Comparison
from mondrift.degradation import JUDGED, change, worsening
from mondrift.diagnosis import Performance, measurement, performance_of
from mondrift.expected import estimate_of, spoken
from mondrift.finding import Finding
from mondrift.measurement import Measurement
from mondrift.metrics import METRICS
from mondrift.performance import DECISIVE, positive_of
from mondrift.policy import Policy
from mondrift.quality import QUALITY
from mondrift.since import SINCE
from mondrift.split import CONCEPT, COVARIATE
from mondrift.verdict import Verdict

if TYPE_CHECKING:
    from mondrift.page.sections import Section

_SHOWN = ("alarm", "warning", "inconclusive", "ok", "skipped")


@dataclass(frozen=True)
class View:
    """Sections of a report that show themselves as the last line of a cell."""

    sections: tuple[Section, ...]

    def _report_sections_(self) -> tuple[Section, ...]:
        return self.sections

    def _repr_html_(self) -> str:
        from mondrift.page.page import fragment

        return fragment(self.sections)

    def _repr_mimebundle_(
        self,
        include: object = None,  # noqa: ARG002  (IPython's names)
        exclude: object = None,  # noqa: ARG002
    ) -> dict[str, object]:
        from mondrift.page.sections import mimebundle

        return mimebundle(self.sections, html=self._repr_html_(), text=repr(self))

    def __repr__(self) -> str:
        return f"<View of {len(self.sections)} sections>"


def figures(verdict: Verdict, rows: pd.DataFrame | None = None) -> View:
    """Key figures; with the window's `rows` also the mean score beside the share of outcomes."""
    from mondrift.page.sections import Figure, Figures

    comparison = verdict.comparison
    drift = [f for f in verdict.findings if f.family == "drift" and not f.segment]
    judged = [f for f in drift if f.status != "skipped"]
    moved = [f for f in judged if f.status in ("warning", "alarm")]
    coverage = measurement(comparison, "label_coverage")
    labelled = f"{_percent(coverage.statistic)} labelled; " if coverage is not None else ""
    figures = [
        Figure("rows", f"{comparison.current.n:,}",
               f"{labelled}{_throughput(comparison)}{comparison.reference.n:,} in the reference"),
        Figure("columns that moved", f"{len(moved)} of {len(judged)}",
               phrases.listed(dict.fromkeys(f.group or f.column for f in moved), limit=4)),
    ]  # fmt: skip
    for name in ("accuracy", "roc_auc", "brier", "mae", "r2"):
        found = measurement(comparison, name)
        if found is not None and not math.isnan(found.statistic):
            figures.append(_figure(found, performance_of(verdict)))
    figures += _estimated(verdict)
    return View((Figures((*figures, *_rates_now(verdict, rows))),))


def _throughput(comparison: Comparison) -> str:
    """Rows per hour where the window knows its bounds: of all that were seen, also of a sample."""
    start, end = comparison.current.start, comparison.current.end
    about = [m for m in comparison.measurements if m.family == "volume" and not m.segment]
    rows = next((m.statistic for m in about if m.measure == "rows"), math.nan)
    if start is None or end is None or end <= start or math.isnan(rows):
        return ""
    return f"{rows / ((end - start).total_seconds() / 3600):,.3g} per hour; "


def columns(verdict: Verdict) -> View:
    """Every column with its status, worst first: effect, adjusted p-value, shape."""
    from mondrift.page.sections import Spark, Status, Table

    comparison = verdict.comparison
    pictures = {h.column: h for h in comparison.histograms if not h.segment}
    found = [f for f in verdict.findings if f.family == "drift" and not f.segment]
    lines = []
    for each in sorted(found, key=worst_first):
        picture = pictures.get(each.column)
        spark = Spark(picture.shares("current"), picture.shares("reference")) if picture else None
        role = each.group or each.role
        lines.append((each.column, role, Status(each.status), spark, each.reason))
    names = ("column", "role", "status", "shape", "reason")
    note = "Shape: the current window as a line over the area of the reference."
    return View((Table(names, tuple(lines), "Drift, column by column", note),))


def metrics(verdict: Verdict) -> View:
    """Every metric: reference, current, interval, n."""
    from mondrift.page.sections import Table

    lines = [
        (phrases.measured(each.measure), _plain(_before(each)),
         _plain(each.statistic), _plain(each.low), _plain(each.high), each.n_current,
         _noted(each, verdict.policy))
        for each in verdict.comparison.measurements
        if each.family == "performance" and not each.segment
    ]  # fmt: skip
    names = ("metric", "reference", "current", "from", "to", "n", "note")
    assumed = {
        m.detail["assumes"] for m in verdict.comparison.measurements if "assumes" in m.detail
    }
    note = "".join(f"An estimate {each}." for each in sorted(assumed))
    return View((Table(names, tuple(lines), "Metrics with their 95 % intervals", note),))


def _before(each: Measurement) -> float | None:
    """The reference's value; of a change there is none."""
    return None if each.measure in (COVARIATE, CONCEPT, SINCE) else each.detail.get("reference")


def _noted(each: Measurement, policy: Policy) -> str:
    """Its reason, the smallest change that shows, and in short what an estimate assumes."""
    assumes = each.detail.get("assumes", "").partition(":")[0]
    chance = each.detail.get("ceiling") if each.measure == "calibration_error" else None
    floor = "" if chance is None else f"up to {chance:.2g} by chance alone"
    return "; ".join(filter(None, (each.reason, _smallest(each, policy), floor, assumes)))


def _smallest(each: Measurement, policy: Policy) -> str:
    """The smallest change for the worse that so many labels show, of what is judged."""
    if each.measure not in JUDGED:
        return ""
    found = change(each, policy)
    if found.outcome == "too few":
        return "" if each.reason and each.reason in found.reason else found.reason
    word = "rise" if each.measure == "mae" else "drop"
    if math.isnan(found.smallest):
        return f"so few labels can show no {word}"
    least = phrases.amount(each.measure, found.smallest)
    return f"a true {word} of {least} would show in about 80 % of such windows"


def segments(verdict: Verdict) -> View:
    """The metric that decides, in each segment, where it got worse most first."""
    from mondrift.page.sections import Status, Table, Text

    status = {f.segment: f for f in verdict.findings if f.check in DECISIVE}
    found = [
        m for m in verdict.comparison.measurements
        if m.measure in DECISIVE and m.segment and m.segment in status
    ]  # fmt: skip
    if not found:
        return View((Text("This model has no segments whose performance could be measured."),))
    lines = [
        (each.segment, _plain(each.detail.get("reference")), _plain(each.statistic),
         _plain(each.low), _plain(each.high), each.n_current,
         Status(status[each.segment].status), status[each.segment].reason)
        for each in sorted(found, key=_calm)
    ]  # fmt: skip
    names = ("segment", "reference", "current", "from", "to", "n", "status", "reason")
    title = f"{METRICS[found[0].measure].label} by segment, with 95 % intervals"
    return View((Table(names, tuple(lines), title),))


def slices(verdict: Verdict) -> View:
    """Where the search over every feature found the model worse, the largest change first."""
    from mondrift.page.sections import Table, Text

    found = [m for m in verdict.comparison.measurements if m.measure.startswith("slice_")]
    if not found:
        return View((Text("No part of the window stands out as worse than in the reference."),))
    lines = [
        (each.segment, _plain(each.detail["reference"]), _plain(each.statistic), _plain(each.low),
         _plain(each.high), each.n_current, _plain(each.detail["adjusted"]))
        for each in found
    ]  # fmt: skip
    names = ("where", "reference", "current", "from", "to", "n", "adjusted p")
    name = phrases.metric(found[0].measure.removeprefix("slice_"))
    note = (
        "Every category and every quarter of every number was looked at; p-values are corrected "
        "for that (Holm). Told, not judged."
    )
    return View((Table(names, tuple(lines), f"Where {name} got worse most", note),))


def quality(verdict: Verdict) -> View:
    """What changed in the state of the values; one sentence when nothing did."""
    from mondrift.page.sections import Status, Table, Text

    checks = [f for f in verdict.findings if f.family == "quality" and not f.segment]
    found = sorted((f for f in checks if f.status in ("warning", "alarm")), key=worst_first)
    if not found:
        return View((Text(f"{len(checks)} checks of missing, unseen, infinite and unreadable "
                          "values: no material change."),))  # fmt: skip
    lines = [
        (f.column, QUALITY.get(f.check, f.check), Status(f.status), _plain(f.statistic), f.reason)
        for f in found
    ]
    names = ("column", "check", "status", "change", "reason")
    note = f"{len(checks) - len(found)} other checks show no material change."
    return View((Table(names, tuple(lines), "What changed in the values", note),))


def _rule(policy: Policy) -> str:
    if policy.name == "classic":
        return "a fixed level for each column, without correction, or PSI beyond its threshold"
    if policy.name == "learned":
        return f"material, and further than all but {policy.level:.0%} of past windows went"
    return (
        f"significant at {policy.level:g} after correction for all columns (Benjamini-Hochberg), "
        "and material"
    )


def _worse_rule(policy: Policy) -> str:
    return (
        f"an alarm for accuracy more than {100 * policy.accuracy_drop:g} points lower or MAE more "
        f"than {100 * policy.error_rise:g} % higher, a warning for ROC AUC more than "
        f"{100 * policy.score_drop:g} points lower; each with a 99 % lower bound above 0, on at "
        f"least {policy.minimum_labels} labels"
    )


def _sources(comparison: Comparison) -> str:
    """Rows or counts, and what rows are taken for."""
    details = [each.detail for each in comparison.measurements if each.family == "drift"]
    counted = "; labels and latencies from rows" if comparison.schema.target else ""
    source = f"counts{counted}" if any(d.get("from") == "counts" for d in details) else "rows"
    clusters = next((d["clusters"] for d in details if "clusters" in d), None)
    if clusters is None:
        return f"{source}; rows are taken for independent"
    name = comparison.schema.cluster
    return f"{source}, which depend on each other within {name!r}: at least {clusters:,} of these"


def _samples(comparison: Comparison) -> tuple[str, ...]:
    """What part of the rows was measured, where a client kept only a sample."""
    found = [m.detail["sampled"] for m in comparison.measurements if "sampled" in m.detail][:1]
    return tuple(
        f"{each['kept']:,} of {each['seen']:,} rows, drawn with seed "
        + ", ".join(str(seed) for seed in each["seeds"])
        for each in found
    )


def method(verdict: Verdict) -> View:
    """How it was measured: windows, rules, seed, versions."""
    from mondrift.page.sections import Table

    comparison, policy = verdict.comparison, verdict.policy
    limits = ", ".join(f"{m} {t.warning:g} / {t.alarm:g}" for m, t in policy.effects.items())
    lines = [
        ("reference", str(comparison.reference)),
        ("current window", str(comparison.current)),
        ("policy", f"{policy.name}: {_rule(policy)}"),
        ("thresholds (warning / alarm)", limits),
        ("performance", _worse_rule(policy)),
        ("groups", "; ".join(f"{g}: {', '.join(c)}" for g, c in policy.groups.items()) or "none"),
        ("measured from", _sources(comparison)),
        *(("sample", each) for each in _samples(comparison)),
        ("bins", "PSI and chi-square on at most 10 quantile bins of the reference"),
        ("seed", str(comparison.seed)),
        ("versions", ", ".join(f"{n} {v}" for n, v in comparison.versions.items())),
    ]  # fmt: skip
    return View((Table(("what", "how"), tuple(lines), "Windows, rules and versions"),))


def worst_first(finding: Finding) -> tuple[int, float]:
    size = finding.statistic if finding.statistic == finding.statistic else 0.0
    return _SHOWN.index(finding.status), -abs(size)


def _calm(each: Measurement) -> float:
    worse = worsening(each)
    return -worse if worse == worse else math.inf


def _figure(found: Measurement, performance: Performance | None) -> Any:
    from mondrift.page.sections import Figure

    before = found.detail.get("reference")
    shown = _SHOWN_AS.get(found.measure, "{:.4g}".format)
    interval = ""
    if found.low is not None and found.high is not None:
        interval = f" [{shown(found.low)} to {shown(found.high)}]"
    note = (
        f"{shown(before)} in the reference{interval and '; now'}{interval}" if before else interval
    )
    decides = performance is not None and found.measure == performance.metric
    status = performance.status if performance is not None and decides else None
    return Figure(phrases.metric(found.measure), shown(found.statistic), note, status)


def _estimated(verdict: Verdict) -> list[Any]:
    """The estimate that stands in for a metric without labels, with what it assumes."""
    from mondrift.page.sections import Figure

    found = estimate_of(verdict.comparison, verdict.policy)
    if found is None:
        return []
    said = spoken(found)
    reference = f"{said.before} in the reference" if said.before else ""
    note = "; ".join(filter(None, (said.band, reference, found.detail["assumes"])))
    judged = next((f.status for f in verdict.findings if f.check == found.measure), None)
    status = "warning" if judged == "warning" else None  # without labels nothing is known to be ok
    return [Figure(f"{said.name}, estimated", said.value, note, status)]


def _rates_now(verdict: Verdict, rows: pd.DataFrame | None) -> tuple[Any, ...]:
    """Share of the positive class and mean score of the labelled rows."""
    from mondrift.page.sections import Figure

    schema = verdict.comparison.schema
    target, score = schema.target, schema.probability
    if rows is None or target is None or not isinstance(score, str) or target not in rows.columns:
        return ()
    known = rows[rows[target].notna()]
    if known.empty:
        return ()
    hit = float(hits(verdict, known[target]).mean())
    mean = float(known[score].mean())
    note = f"{_percent(mean)} was the mean score of the same rows"
    return (Figure(f"share of {target}", _percent(hit), note),)


def hits(verdict: Verdict, target: pd.Series[Any]) -> pd.Series[Any]:
    """1.0 where the target is the positive class, else 0.0."""
    names = target.astype("str").str.removesuffix(".0")
    positive = positive_of(verdict.comparison.schema, sorted(names.unique())) or "1"
    return (names == positive).astype("float64")


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{100 * share:.1f}\u00a0%"


def _plain(value: Any) -> float | None:
    return None if value is None or value != value else float(value)


_SHOWN_AS = {
    "accuracy": _percent,
    **dict.fromkeys(("roc_auc", "brier", "r2"), "{:.3f}".format),
}
"""How key figures are written; others with four digits."""
