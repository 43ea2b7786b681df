"""What a report says of one verdict: a sentence, key figures, and tidy frames for its charts.

A briefing reads; it measures and judges nothing. What it shows is made of the verdict, of the
history up to the verdict's window, and of the alerts that the check has raised.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mondrift import wording
from mondrift.alert import alerts_for
from mondrift.diagnosis import Diagnosis, Performance, diagnose, measurement, moving_since
from mondrift.finding import Finding
from mondrift.measurement import Measurement
from mondrift.performance import positive_of
from mondrift.playbook import entry
from mondrift.policy import STATUSES
from mondrift.verdict import Verdict

if TYPE_CHECKING:
    import altair as alt

    from mondrift.page.sections import Section

_METRICS = ("accuracy", "roc_auc", "brier", "precision", "recall", "f1", "mae", "rmse")
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

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:  # noqa: ARG002
        from mondrift.page.sections import mimebundle

        return mimebundle(self.sections, html=self._repr_html_(), text=repr(self))

    def __repr__(self) -> str:
        return f"<View of {len(self.sections)} sections>"


@dataclass(frozen=True)
class Briefing(View):
    """The verdict of one window, told for people; made by `brief`.

    `history` has the tidy columns of `Store.history`, without windows after this one; `alerts` the
    columns `severity`, `title` and `text`.
    """

    sections: tuple[Section, ...] = field(init=False, repr=False)
    verdict: Verdict
    history: pd.DataFrame = field(repr=False)
    alerts: pd.DataFrame = field(repr=False)
    diagnosis: Diagnosis = field(repr=False)

    def __post_init__(self) -> None:
        from mondrift.page.sections import Banner

        reasons = tuple(f"{a.severity}: {a.text}" for a in self.alerts.itertuples())
        banner = Banner(self.verdict.status, f"{self.headline}.", "", reasons)
        object.__setattr__(self, "sections", (banner, *self.figures().sections))

    @property
    def performance(self) -> Performance | None:
        """Accuracy in both windows; None when there is none."""
        return self.diagnosis.performance

    @property
    def headline(self) -> str:
        """One sentence, without a full stop."""
        moved = (*self.diagnosis.features, *self.diagnosis.outputs)
        names = wording.listed((wording.name(each) for each in moved), limit=3)
        performance = self.performance
        if performance is not None and self.diagnosis.story in ("concept drift", "drift with harm"):
            fell = f"accuracy fell by {100 * performance.drop:.1f} points"
            if self.diagnosis.story == "concept drift":
                return _capital(f"{fell}; the inputs do not explain it")
            return _capital(f"{fell}, while {names} moved")
        flagged = wording.listed(dict.fromkeys(f.column for f in self.verdict.flagged("quality")))
        if not moved:
            quality = f"data quality changed: {flagged}" if flagged else ""
            if self.verdict.status == "inconclusive":
                return _capital(f"not enough data for a verdict: {self.verdict.reason}")
            return _capital(quality or "no material change was found")
        if performance is None or performance.status == "inconclusive":
            return _capital(f"{names} moved; whether it does harm is not known")
        word = "rose to" if performance.drop < -0.005 else "held at"
        return _capital(f"{names} moved; accuracy {word} {wording.percent(performance.now)}")

    def figures(self, rows: pd.DataFrame | None = None) -> View:
        """Key figures; with the window's `rows` also the mean score beside the share of outcomes."""
        from mondrift.page.sections import Figure, Figures

        comparison = self.verdict.comparison
        drift = [f for f in self.verdict.findings if f.family == "drift" and not f.segment]
        judged = [f for f in drift if f.status != "skipped"]
        moved = [f for f in judged if f.status in ("warning", "alarm")]
        figures = [
            Figure("rows", f"{comparison.current.n:,}", f"{comparison.reference.n:,} in the reference"),
            Figure("columns drifted", f"{len(moved)} of {len(judged)}", self.verdict.status),
        ]
        coverage = measurement(comparison, "label_coverage")
        if coverage is not None:
            labelled = int(coverage.detail["labelled"])
            figures.append(Figure("labelled", _percent(coverage.statistic), f"{labelled:,} labels"))
        for name in ("accuracy", "roc_auc", "brier", "mae", "r2"):
            found = measurement(comparison, name)
            if found is not None and not math.isnan(found.statistic):
                figures.append(_figure(found, self.performance))
        return View((Figures((*figures, *_rates_now(self.verdict, rows))),))

    def columns(self) -> View:
        """Every column with its status, worst first: effect, adjusted p-value, shape."""
        from mondrift.page.sections import Spark, Status, Table

        comparison = self.verdict.comparison
        pictures = {h.column: h for h in comparison.histograms if not h.segment}
        found = [f for f in self.verdict.findings if f.family == "drift" and not f.segment]
        lines = []
        for each in sorted(found, key=_worst_first):
            picture = pictures.get(each.column)
            spark = Spark(picture.shares("current"), picture.shares("reference")) if picture else None
            lines.append(
                (each.column, each.group or each.role, Status(each.status), spark, each.measure,
                 _plain(each.statistic), _plain(each.adjusted), each.reason)
            )  # fmt: skip
        names = ("column", "role", "status", "shape", "measure", "statistic", "adjusted p", "reason")
        note = "Shape: the current window as a line over the area of the reference."
        return View((Table(names, tuple(lines), "Drift, column by column", note),))

    def carriers(self, top: int = 8) -> tuple[str, ...]:
        """At most `top` columns that carry the verdict, worst first; target and scores come first."""
        flagged = [f for f in self.verdict.flagged("drift") if not f.segment]
        shown = set(self.verdict.comparison.columns)
        ranked = sorted(flagged, key=lambda f: (f.role not in _OUTCOMES, *_worst_first(f)))
        roles = [c for c in self.verdict.comparison.columns
                 if self.verdict.comparison.schema.role(c) in _OUTCOMES]  # fmt: skip
        names = [f.column for f in ranked] + roles
        return tuple(name for name in dict.fromkeys(names) if name in shown)[:top]

    def distributions(self, top: int = 8) -> list[alt.Chart]:
        """Reference against current of the columns that carry the verdict."""
        comparison = self.verdict.comparison
        return [comparison.plot(name).properties(title=name) for name in self.carriers(top)]

    def statuses(self, last: int = 26) -> pd.DataFrame:
        """One line per column and window, the worst status of its drift: for `charts.overview`."""
        drift = self.history[(self.history["family"] == "drift") & (self.history["segment"] == "")]
        drift = drift[drift["status"] != ""]
        starts = sorted(drift["window_start"].unique())[-last:]
        drift = drift[drift["window_start"].isin(starts)]
        rank = drift["status"].map(STATUSES.index)
        return (
            drift.assign(rank=rank, effect=drift["measure"] == "psi")
            .sort_values(["rank", "effect"], kind="stable")
            .drop_duplicates(["column", "window_start"], keep="last")
            .sort_values(["window_start", "rank"], ascending=[False, False], kind="stable")
            .drop(columns=["rank", "effect"])
            .reset_index(drop=True)
        )

    def measured(self, measure: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The history of one measure or metric over the whole windows."""
        rows = self.history[(self.history["measure"] == measure) & (self.history["segment"] == "")]
        if columns is not None:
            rows = rows[rows["column"].isin(columns)]
        return rows.reset_index(drop=True)

    def thresholds(self, measure: str) -> pd.DataFrame:
        """Where `measure` becomes a warning and an alarm; no rows for one without thresholds."""
        limits = self.verdict.policy.effects.get(measure)
        pairs = [("warning", limits.warning), ("alarm", limits.alarm)] if limits else []
        return pd.DataFrame(pairs, columns=["status", "statistic"])

    def baseline(self, metric: str) -> pd.DataFrame:
        """The reference's value of a metric: one row, or none."""
        found = measurement(self.verdict.comparison, metric)
        value = found.detail.get("reference") if found else None
        return pd.DataFrame({"statistic": [] if value is None else [value]})

    def volume(self) -> pd.DataFrame:
        """Rows per window."""
        return self.measured("rows")

    def rates(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Share of the positive class beside the mean score, per window of the history.

        `rows` have the model's timestamp, target and probability; other columns are ignored. Only
        labelled rows count, so that both lines are about the same rows. Columns: window_start,
        series, share, n.
        """
        schema = self.verdict.comparison.schema
        target, score, timestamp = schema.target, schema.probability, schema.timestamp
        empty = pd.DataFrame(columns=["window_start", "series", "share", "n"])
        if target is None or not isinstance(score, str) or timestamp is None or rows.empty:
            return empty
        starts = pd.DatetimeIndex(sorted(self.history["window_start"].unique()))
        known = rows[rows[target].notna()]
        at = np.asarray(starts.searchsorted(pd.DatetimeIndex(known[timestamp]), side="right")) - 1
        known = known.assign(window=at, hit=_hits(self.verdict, known[target]))[at >= 0]
        told = known.groupby("window").agg(hit=("hit", "mean"), score=(score, "mean"), n=("hit", "size"))
        parts = [
            pd.DataFrame({"window_start": starts[told.index], "series": name, "share": told[key].to_numpy(), "n": told["n"].to_numpy()})
            for name, key in ((f"share of {target}", "hit"), (f"mean {score}", "score"))
        ]  # fmt: skip
        return pd.concat(parts, ignore_index=True)

    def metrics(self) -> View:
        """Every metric: reference, current, interval, n."""
        from mondrift.page.sections import Table

        lines = [
            (each.measure, _plain(each.detail.get("reference")), _plain(each.statistic),
             _plain(each.low), _plain(each.high), each.n_current, each.reason)
            for each in self.verdict.comparison.measurements
            if each.family == "performance" and not each.segment
        ]  # fmt: skip
        names = ("metric", "reference", "current", "from", "to", "n", "note")
        return View((Table(names, tuple(lines), "Metrics with their 95 % intervals"),))

    def segments(self) -> View:
        """Accuracy in each segment, the largest drop first."""
        from mondrift.page.sections import Status, Table, Text

        status = {f.segment: f for f in self.verdict.findings if f.check == "accuracy"}
        found = [
            m for m in self.verdict.comparison.measurements
            if m.measure == "accuracy" and m.segment and m.segment in status
        ]  # fmt: skip
        if not found:
            return View((Text("This model has no segments whose accuracy could be measured."),))
        lines = [
            (each.segment, _plain(each.detail.get("reference")), _plain(each.statistic),
             _plain(each.low), _plain(each.high), each.n_current,
             Status(status[each.segment].status), status[each.segment].reason)
            for each in sorted(found, key=_gain)
        ]  # fmt: skip
        names = ("segment", "reference", "current", "from", "to", "n", "status", "reason")
        return View((Table(names, tuple(lines), "Accuracy by segment, 95 % intervals"),))

    def quality(self) -> View:
        """What changed in the state of the values; one sentence when nothing did."""
        from mondrift.page.sections import Status, Table, Text

        checks = [f for f in self.verdict.findings if f.family == "quality" and not f.segment]
        found = sorted((f for f in checks if f.status in ("warning", "alarm")), key=_worst_first)
        if not found:
            return View((Text(f"{len(checks)} checks of missing, unseen, infinite and unreadable "
                              "values: no material change."),))  # fmt: skip
        lines = [(f.column, f.check, Status(f.status), _plain(f.statistic), f.reason) for f in found]
        names = ("column", "check", "status", "change", "reason")
        note = f"{len(checks) - len(found)} other checks show no material change."
        return View((Table(names, tuple(lines), "Data quality", note),))

    def actions(self) -> View:
        """What to do now, and whether to retrain."""
        from mondrift.page.sections import Markdown, Text

        if self.diagnosis.story == "no drift" and not self.verdict.flagged():
            return View((Text("Nothing to do."),))
        advice = entry(self.diagnosis.story if self.diagnosis.story != "no drift" else "data quality")
        steps = "\n".join(f"{number}. {step}" for number, step in enumerate(advice.steps, start=1))
        return View((Markdown(steps), Markdown(f"**Retraining.** {advice.retraining}")))

    def method(self) -> View:
        """How it was measured: windows, rules, seed, versions."""
        from mondrift.page.sections import Table

        comparison, policy = self.verdict.comparison, self.verdict.policy
        limits = ", ".join(f"{m} {t.warning:g} / {t.alarm:g}" for m, t in policy.effects.items())
        lines = [
            ("reference", str(comparison.reference)),
            ("current window", str(comparison.current)),
            ("policy", f"{policy.name}: significant at {policy.level:g} after correction for all "
                       "columns (Benjamini-Hochberg), and material"),
            ("thresholds (warning / alarm)", limits),
            ("accuracy", f"a drop of more than {100 * policy.accuracy_drop:g} points, whose 99 % "
                         f"lower bound exceeds 0, on at least {policy.minimum_labels} labels"),
            ("groups", "; ".join(f"{g}: {', '.join(c)}" for g, c in policy.groups.items()) or "none"),
            ("bins", "PSI and chi-square on at most 10 quantile bins of the reference"),
            ("seed", str(comparison.seed)),
            ("versions", ", ".join(f"{n} {v}" for n, v in comparison.versions.items())),
        ]  # fmt: skip
        return View((Table(("what", "how"), tuple(lines), "How it was measured"),))


def brief(
    verdict: Verdict,
    *,
    history: pd.DataFrame | None = None,
    alerts: pd.DataFrame | None = None,
    expected: Mapping[str, str] | None = None,
) -> Briefing:
    """Tell a verdict for people.

    Parameters
    ----------
    history : `store.history(model, monitor=…)`; None: the verdict's own window only.
    alerts : `store.alerts(model)` of this run: columns severity, title, text; None: those that the
        default rules raise.
    expected : {column or group: reason} of changes that people know of.

    >>> import pandas as pd, mondrift as md
    >>> reference = pd.DataFrame({"x": range(1000)})
    >>> brief(md.judge(md.compare(reference, reference + 400))).headline
    'X moved; whether it does harm is not known'
    """
    comparison = verdict.comparison
    start: datetime | None = comparison.current.start
    past = verdict.to_frame() if history is None else history
    since: dict[str, datetime] = {}
    if history is not None and start is not None:
        past = past[past["window_start"] <= start]
        since = moving_since(past, verdict.policy, start)
    if alerts is None:
        raised = alerts_for(verdict, since=since)
        rows = [(a.severity, a.title, a.text) for a in raised]
        alerts = pd.DataFrame(rows, columns=["severity", "title", "text"])
    diagnosis = diagnose(verdict, since=since, expected=expected)
    return Briefing(verdict, past.reset_index(drop=True), alerts, diagnosis)


_OUTCOMES = ("target", "probability", "prediction")


def _worst_first(finding: Finding) -> tuple[int, float]:
    size = finding.statistic if finding.statistic == finding.statistic else 0.0
    return _SHOWN.index(finding.status), -abs(size)


def _gain(accuracy: Measurement) -> float:
    before = accuracy.detail.get("reference")
    gain = math.nan if before is None else accuracy.statistic - before
    return gain if gain == gain else math.inf


def _figure(found: Measurement, performance: Performance | None) -> Any:
    from mondrift.page.sections import Figure

    before = found.detail.get("reference")
    share = found.measure == "accuracy"
    shown = _percent if share else "{:.3f}".format
    interval = ""
    if found.low is not None and found.high is not None:
        interval = f" [{shown(found.low)} to {shown(found.high)}]"
    note = f"{shown(before)} in the reference{interval and '; now'}{interval}" if before else interval
    labels = {"accuracy": "accuracy", "roc_auc": "ROC AUC", "brier": "Brier score", "mae": "MAE",
              "r2": "R²"}  # fmt: skip
    status = performance.status if share and performance else None
    return Figure(labels[found.measure], shown(found.statistic), note, status)


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
    hit = float(_hits(verdict, known[target]).mean())
    mean = float(known[score].mean())
    note = f"{_percent(mean)} was the mean score of the same rows"
    return (Figure(f"share of {target}", _percent(hit), note),)


def _hits(verdict: Verdict, target: pd.Series[Any]) -> pd.Series[Any]:
    """1.0 where the target is the positive class, else 0.0."""
    names = target.astype("str").str.removesuffix(".0")
    positive = positive_of(verdict.comparison.schema, sorted(names.unique())) or "1"
    return (names == positive).astype("float64")


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else wording.percent(share)


def _plain(value: Any) -> float | None:
    return None if value is None or value != value else float(value)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
