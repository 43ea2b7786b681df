"""What a report says of one verdict: a sentence, key figures, and tidy frames for its charts.

A briefing reads; it measures and judges nothing. What it shows is made of the verdict, of the
history up to the verdict's window, and of the alerts that the check has raised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mondrift import exhibits, phrases, wording
from mondrift.alert import alerts_for
from mondrift.diagnosis import Diagnosis, Performance, diagnose, measurement, moving_since
from mondrift.exhibits import View, hits, worst_first
from mondrift.playbook import entry, recommend
from mondrift.policy import STATUSES
from mondrift.severity import SEVERITIES, Severity
from mondrift.verdict import Verdict

if TYPE_CHECKING:
    import altair as alt

    from mondrift.page.sections import Section


@dataclass(frozen=True)
class Told:
    """What one alert says."""

    severity: Severity
    title: str
    text: str


@dataclass(frozen=True)
class Briefing(View):
    """The verdict of one window, told for people; made by `brief`.

    `history` has the tidy columns of `Store.history`, without windows after this one and with times
    of the monitor's zone; `told` is what the check's alerts say.
    """

    sections: tuple[Section, ...] = field(init=False, repr=False)
    verdict: Verdict
    history: pd.DataFrame = field(repr=False)
    told: tuple[Told, ...] = field(repr=False)
    diagnosis: Diagnosis = field(repr=False)
    zone: str = "UTC"

    def __post_init__(self) -> None:
        from mondrift.page.sections import Banner, Heading, Text

        reasons = tuple(f"{each.title} ({each.severity})" for each in self.ranked)
        words = [
            section
            for each in self.ranked
            for section in (Heading(phrases.capital(each.title), 3), Text(each.text))
        ]
        banner = Banner(self.verdict.status, f"{self.headline}.", "", reasons)
        object.__setattr__(self, "sections", (banner, *words))

    @property
    def ranked(self) -> tuple[Told, ...]:
        """What the alerts say, the gravest first."""
        order = sorted(self.told, key=lambda each: SEVERITIES.index(each.severity), reverse=True)
        return tuple(order)

    @property
    def performance(self) -> Performance | None:
        """The metric that decides, in both windows; None when there is none."""
        return self.diagnosis.performance

    @property
    def headline(self) -> str:
        """One sentence, without a full stop."""
        moved = (*self.diagnosis.features, *self.diagnosis.outputs)
        names = phrases.listed((wording.name(each) for each in moved), limit=3)
        performance, guess = self.performance, wording.guess(self.verdict)
        if performance is not None and self.diagnosis.story in ("concept drift", "drift with harm"):
            fell = wording.worse(performance)
            if self.diagnosis.story == "concept drift":
                part = wording.inputs_add(self.diagnosis)
                explain = "explain only a part of it" if part else "do not explain it"
                return phrases.capital(f"{fell}; the inputs {explain}")
            return phrases.capital(f"{fell}, while {names} moved")
        flagged = phrases.listed(dict.fromkeys(f.column for f in self.verdict.flagged("quality")))
        if not moved:
            quality = f"data quality changed: {flagged}" if flagged else ""
            if self.verdict.status == "inconclusive":
                why = f"not enough data for a verdict: {self.verdict.reason}"
                return phrases.capital(f"{why}{guess}")
            return phrases.capital(quality or "no material change was found")
        if performance is None or performance.status == "inconclusive":
            return phrases.capital(f"{names} moved; whether it does harm is not known{guess}")
        reasons = {each.expected for each in moved}
        why = f" {reasons.pop()}" if len(reasons) == 1 and "" not in reasons else ""
        return phrases.capital(f"{names} moved{why}; {wording.kept(performance)}")

    def figures(self, rows: pd.DataFrame | None = None) -> View:
        """Key figures; with the window's `rows` also outcomes beside the mean score."""
        return exhibits.figures(self.verdict, rows)

    def columns(self) -> View:
        """Every column with its status, worst first."""
        return exhibits.columns(self.verdict)

    def metrics(self) -> View:
        """Every metric: reference, current, interval, n."""
        return exhibits.metrics(self.verdict)

    def segments(self) -> View:
        """The metric that decides, in each segment, where it got worse most first."""
        return exhibits.segments(self.verdict)

    def slices(self) -> View:
        """Where a search over every feature found the model worse, the largest change first."""
        return exhibits.slices(self.verdict)

    def quality(self) -> View:
        """What changed in the state of the values."""
        return exhibits.quality(self.verdict)

    def method(self) -> View:
        """How it was measured: windows, rules, seed, versions."""
        return exhibits.method(self.verdict)

    def carriers(self, top: int = 8) -> tuple[str, ...]:
        """At most `top` columns that carry the verdict: target and scores, then the worst."""
        flagged = [f for f in self.verdict.flagged("drift") if not f.segment]
        shown = set(self.verdict.comparison.columns)
        ranked = sorted(flagged, key=lambda f: (f.role not in _OUTCOMES, *worst_first(f)))
        roles = [c for c in self.verdict.comparison.columns
                 if self.verdict.comparison.schema.role(c) in _OUTCOMES]  # fmt: skip
        names = [f.column for f in ranked] + roles
        return tuple(name for name in dict.fromkeys(names) if name in shown)[:top]

    def distributions(self, top: int = 8) -> list[alt.Chart]:
        """Reference against current of the columns that carry the verdict."""
        comparison = self.verdict.comparison
        return [comparison.plot(name).properties(title=name) for name in self.carriers(top)]

    def statuses(self) -> pd.DataFrame:
        """One line per column and window, the worst status of its drift: for `charts.overview`."""
        drift = self.history[(self.history["family"] == "drift") & (self.history["segment"] == "")]
        drift = drift[drift["status"] != ""]
        rank = drift["status"].map(STATUSES.index)
        return (
            drift.assign(rank=rank, effect=drift["measure"] == "psi")
            .sort_values(["rank", "effect"], kind="stable")
            .drop_duplicates(["column", "window_start"], keep="last")
            .sort_values(["window_start", "rank"], ascending=[False, False], kind="stable")
            .drop(columns=["rank", "effect", "reason"])  # words for each cell: half the page
            .reset_index(drop=True)
        )

    def measured(self, measure: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The history of one measure or metric over the whole windows."""
        rows = self.history[(self.history["measure"] == measure) & (self.history["segment"] == "")]
        if columns is not None:
            rows = rows[rows["column"].isin(columns)]
        return rows.drop(columns="reason").reset_index(drop=True)

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
        labelled rows count, so that both lines are about the same rows. Columns: window (its first
        day, or moment), series, share, n.
        """
        schema = self.verdict.comparison.schema
        target, score, timestamp = schema.target, schema.probability, schema.timestamp
        empty = pd.DataFrame(columns=["window", "series", "share", "n"])
        if target is None or not isinstance(score, str) or timestamp is None or rows.empty:
            return empty
        starts = pd.DatetimeIndex(sorted(self.history["window_start"].unique()))
        known = rows[rows[target].notna()]
        moments = _local(known[timestamp], self.zone)
        at = np.asarray(starts.searchsorted(pd.DatetimeIndex(moments), side="right")) - 1
        known = known.assign(window=at, hit=hits(self.verdict, known[target]))[at >= 0]
        told = known.groupby("window").agg(
            hit=("hit", "mean"), score=(score, "mean"), n=("hit", "size")
        )
        days = [str(at).removesuffix(" 00:00:00") for at in starts[told.index]]
        shared = {"window": days, "n": told["n"].to_numpy()}
        parts = [
            pd.DataFrame({**shared, "series": name, "share": told[key].to_numpy()})
            for name, key in ((f"share of {target}", "hit"), (f"mean {score}", "score"))
        ]
        return pd.concat(parts, ignore_index=True)

    def actions(self) -> View:
        """What to do now, and whether to retrain."""
        from mondrift.page.sections import Heading, Markdown, Text

        if self.diagnosis.story == "no drift" and not self.verdict.flagged():
            return View((Text("Nothing to do."),))
        advice = entry(
            self.diagnosis.story if self.diagnosis.story != "no drift" else "data quality"
        )
        steps = "\n".join(f"{number}. {step}" for number, step in enumerate(advice.steps, start=1))
        told = recommend(self.verdict, self.diagnosis).text
        return View((Markdown(steps), Heading("Retraining", 3), Text(told)))


def brief(
    verdict: Verdict,
    *,
    history: pd.DataFrame | None = None,
    alerts: pd.DataFrame | None = None,
    last: int | None = None,
    zone: str = "UTC",
) -> Briefing:
    """Tell a verdict for people.

    Parameters
    ----------
    history : `store.history(model, monitor=…)`; None: the verdict's own window only.
    alerts : `store.alerts(model)` of this run: columns severity, title, text; None: those that the
        default rules raise.
    last : so many windows, up to the verdict's, are shown; None: all of the history.
    zone : IANA zone in which windows are dated.

    >>> import pandas as pd, mondrift as md
    >>> reference = pd.DataFrame({"x": [i / 7 for i in range(1000)]})
    >>> brief(md.judge(md.compare(reference, reference + 50))).headline
    'X moved; whether it does harm is not known'
    """
    comparison = verdict.comparison
    start: datetime | None = comparison.current.start
    past = verdict.to_frame() if history is None else history
    since: dict[str, datetime] = {}
    if history is not None and start is not None:
        past = past[past["window_start"] <= start]
        since = moving_since(past, verdict.policy, start)
    if last is not None:
        past = past[past["window_start"].isin(sorted(past["window_start"].unique())[-last:])]
    if alerts is None:
        raised = alerts_for(verdict, since=since)
        told = tuple(Told(each.severity, each.title, each.text) for each in raised)
    else:
        said = alerts[["severity", "title", "text"]].astype("str").to_numpy().tolist()
        told = tuple(
            Told(sev, title.partition(": ")[2] or title, text) for sev, title, text in said
        )
    times = {name: _local(past[name], zone) for name in ("window_start", "window_end")}
    past = past.assign(**times).reset_index(drop=True)
    return Briefing(verdict, past, told, diagnose(verdict, since=since), zone)


_OUTCOMES = ("target", "probability", "prediction")


def _local(times: pd.Series[Any], zone: str) -> pd.Series[Any]:
    """Times as the clocks of `zone` show them, so that a window that starts at midnight says so."""
    shown: pd.Series[Any] = times.dt.tz_convert(zone).dt.tz_localize(None)
    return shown
