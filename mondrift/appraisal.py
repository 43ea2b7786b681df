"""What the performance report shows: does the model still work, since when not, why, what to do.

An appraisal reads a briefing (the verdict of one window and the history up to it) and gives charts
and tables; it measures and judges nothing. What this model cannot tell becomes one plain sentence
instead of a chart, so one notebook serves every kind of model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pandas as pd

from mondrift import particulars, phrases
from mondrift.answer import Answer, answer, leading
from mondrift.briefing import Briefing
from mondrift.comparison import Comparison
from mondrift.diagnosis import FLAGGED, measurement
from mondrift.exhibits import View
from mondrift.measurement import Measurement
from mondrift.policy import STATUSES
from mondrift.why import since_told, split_told

if TYPE_CHECKING:
    import altair as alt

    from mondrift.page.sections import Section

    Exhibit = View | alt.Chart | alt.LayerChart

AGES = {
    "labelled_1d": "within 1 day",
    "labelled_7d": "within 7 days",
    "labelled_30d": "within 30 days",
    "label_coverage": "by now",
}
"""The measures of maturity, and what people call them."""
BESIDE: Mapping[str, tuple[str, ...]] = {
    "accuracy": ("roc_auc", "f1", "f1_macro", "brier"),
    "mae": ("bias", "rmse"),
}
"""Metrics that are shown beside the leading one, where the model has them."""

_NOT_SPLIT = (
    "It was not split into its parts: that is done only where a metric became worse and the rows "
    "are there."
)
_DOUBT = (
    "Look at what is marked above, and ask the people who know it what changed there. On the whole "
    "the model is as right as before: no reason to retrain it now."
)
_PARTS_MEAN = (
    "Other inputs: the model is asked about rows of another kind, and is as right on each kind as "
    "before. Other outcomes: like rows come out in another way than before; only new labels can "
    "teach that."
)


@dataclass(frozen=True)
class Appraisal(View):
    """The performance of one window, told for people; made by `appraise`."""

    sections: tuple[Section, ...] = field(init=False, repr=False)
    briefing: Briefing = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sections", (self.answer.banner(),))

    @property
    def metric(self) -> str:
        """The metric that decides: "accuracy", or "mae" for a model of numbers."""
        return leading(self._comparison)

    @property
    def answer(self) -> Answer:
        """The answer to "does the model still work?"."""
        briefing = self.briefing
        trend = self._history(self.metric)
        found = answer(briefing.verdict, briefing.diagnosis, trend)
        whole = briefing.verdict.status
        if whole not in FLAGGED or STATUSES.index(whole) <= STATUSES.index(found.status):
            return found
        beside = f"Beside this: the check as a whole says {whole}. {briefing.headline}."
        return replace(found, reasons=(*found.reasons, beside))

    def trend(self, metric: str = "") -> Exhibit:
        """A metric (the leading one) over windows: reference, thresholds, since when."""
        from mondrift import charts
        from mondrift.charts.scales import titled

        name = metric or self.metric
        rows = self._history(name)
        if rows["statistic"].isna().all():
            return self._nothing(name, f"No window has a value of {titled(name)}")
        since = self._since() if name == self.metric else None
        limits = self._thresholds(name)
        return charts.performance(rows, self._reference(name), thresholds=limits, since=since)

    def beside(self) -> list[Exhibit]:
        """The other metrics that tell how the model does, those that it has."""
        known = set(self.briefing.history["measure"])
        names = [name for name in BESIDE[self.metric] if name in known]
        none = "This model has no other metric: it has no scores, or no labels came."
        return [self.trend(name) for name in names] or [_say(none)]

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that `outcomes` reads."""
        schema = self._comparison.schema
        names = (schema.timestamp, schema.target, *schema.probabilities.values())
        return tuple(name for name in names if name is not None)

    def outcomes(self, rows: pd.DataFrame) -> Exhibit:
        """What came true beside the mean score, over windows; `rows` hold the columns `needed`."""
        from mondrift import charts

        rates = self.briefing.rates(rows)
        if rates.empty:
            return _say(
                "No scores to hold against outcomes: the model has none, or no labels came."
            )
        return charts.outcomes(rates)

    def segments(self) -> Exhibit:
        """The leading metric in each segment: reference and now, the worst first."""
        from mondrift import charts

        rows = particulars.segments(self.briefing.verdict, self.metric)
        if rows.empty:
            return _say("No segment has a metric: none is declared, or too few labels came.")
        return charts.segments(rows)

    def since(self) -> View:
        """When the errors changed, in a sentence."""
        found, why = self._whole("changed_since"), self.briefing.diagnosis.why
        if why is not None and why.since is not None:
            return _say(since_told(why, self._comparison.current.start))
        if not self._worse:
            return _say("On the whole the model did not become worse: there is nothing to explain.")
        reason = found.reason if found and found.reason else "no single moment stands out"
        return _say(f"Since when: {reason}.")

    def why(self) -> list[Exhibit]:
        """The change in two parts: other inputs, and other outcomes of like inputs."""
        from mondrift import charts

        rows = particulars.parts(self._comparison, self.metric)
        if rows.empty and not self._worse:
            return []
        if rows.empty:
            found = [self._whole(name) for name in particulars.PARTS]
            reasons = [f"{each.reason}." for each in found if each and each.reason]
            return [_say(next(iter(reasons), _NOT_SPLIT))]
        why = self.briefing.diagnosis.why
        told = [_say(split_told(why))] if why is not None else []
        return [*told, charts.parts(rows), _say(_PARTS_MEAN)]

    def calibration(self) -> Exhibit:
        """Scores against what came true, reference and now."""
        from mondrift import charts

        found = self._whole("calibration_error")
        if found is None:
            return _say("No probabilities in this model: no calibration.")
        rows = particulars.curve(self._comparison)
        if math.isnan(found.statistic) or rows.empty:
            return self._nothing("calibration_error", "Calibration cannot be told")
        before = found.detail.get("reference")
        beside = "" if before is None else f"{phrases.percent(before)} in the reference. "
        title = {
            "text": f"Expected calibration error {phrases.percent(found.statistic)}",
            "subtitle": f"{beside}{_by_chance(found)}",
        }
        return charts.calibration(rows).properties(title=title)

    def confusion(self) -> Exhibit:
        """What was predicted of each class that happened, reference and now."""
        from mondrift import charts

        rows = particulars.confusion(self._comparison)
        if rows.empty or rows["share"].isna().all():
            why = "this model predicts numbers" if self.metric == "mae" else (
                "no labels came, or there are too many classes"
            )  # fmt: skip
            return _say(f"No confusion matrix: {why}.")
        return charts.confusion(rows)

    def labels(self) -> list[Exhibit]:
        """How many labels came, how soon, and whether those that came are like the others."""
        from mondrift import charts

        ages = [self._history(name).assign(series=said) for name, said in AGES.items()]
        rows = pd.concat([each for each in ages if not each.empty] or ages[:1])
        rows = rows.rename(columns={"statistic": "share", "n_current": "n"})
        told: list[Exhibit] = [_say(self._coverage()), *self._bias()]
        if not (rows["share"] > 0).any():
            return told
        return [*told, charts.maturity(rows)]

    def estimated(self) -> list[Exhibit]:
        """The leading metric as estimated without labels, beside the realised one."""
        from mondrift import charts

        name = f"estimated_{self.metric}"
        guess, truth = self._history(name), self._history(self.metric)
        if guess["statistic"].isna().all():
            return [self._nothing(name, "Nothing is estimated for this model")]
        both = [
            each.assign(series=series, measure=self.metric)
            for each, series in (
                (guess, "estimated"),
                (truth.dropna(subset="statistic"), "realised"),
            )
        ]
        rows = pd.concat([each for each in both if not each.empty])
        drawn = charts.estimated(rows, self._reference(self.metric))
        return [drawn, particulars.estimates(self._comparison)]

    def actions(self) -> View:
        """What to do now, and whether to retrain."""
        judged = self.briefing.diagnosis.performance
        if self.answer.status == "ok":
            return _say("Nothing to do: the model works. No reason to retrain.")
        if judged is not None and judged.status == "ok":
            return _say(_DOUBT)
        return self.briefing.actions()

    # Reading

    @property
    def _comparison(self) -> Comparison:
        return self.briefing.verdict.comparison

    @property
    def _worse(self) -> bool:
        """Whether labels show that the model became worse on the whole."""
        judged = self.briefing.diagnosis.performance
        return judged is not None and judged.status in FLAGGED

    def _whole(self, measure: str) -> Measurement | None:
        return measurement(self._comparison, measure)

    def _history(self, measure: str) -> pd.DataFrame:
        """One measure over windows, oldest first."""
        return self.briefing.measured(measure).sort_values("window_start", ignore_index=True)

    def _reference(self, metric: str) -> pd.DataFrame:
        """The reference's value and interval: one row, or none."""
        found = self._whole(metric) or self._whole(f"estimated_{metric}")
        detail = found.detail if found else {}
        names = {"statistic": "reference", "low": "reference_low", "high": "reference_high"}
        frame = pd.DataFrame({key: [detail.get(name)] for key, name in names.items()})
        return frame.dropna(subset="statistic")

    def _thresholds(self, metric: str) -> pd.DataFrame:
        """Where a change for the worse begins to count, as the policy says it."""
        policy = self.briefing.verdict.policy
        limits: Mapping[str, tuple[str, float, float]] = {
            "accuracy": ("alarm", 1.0, -policy.accuracy_drop),
            "mae": ("alarm", 1.0 + policy.error_rise, 0.0),
            "roc_auc": ("warning", 1.0, -policy.score_drop),
        }
        rows = [
            (limits[metric][0], limits[metric][1] * before + limits[metric][2])
            for before in self._reference(metric)["statistic"]
            if metric in limits
        ]
        return pd.DataFrame(rows, columns=["status", "statistic"])

    def _since(self) -> pd.DataFrame | None:
        """The moment to mark, by the clocks of its zone: only where the model became worse."""
        why = self.briefing.diagnosis.why
        if why is None or why.since is None or not self._worse:
            return None
        moments = {"at": why.since.at, "from": why.since.first, "to": why.since.last}
        local = {name: pd.Timestamp(at).tz_localize(None) for name, at in moments.items()}
        return pd.DataFrame({name: [at] for name, at in local.items()})

    # Saying

    def _nothing(self, measure: str, words: str) -> View:
        found = self._whole(measure)
        return _say(f"{words}{f': {found.reason}' if found and found.reason else ''}.")

    def _coverage(self) -> str:
        found = self._whole("label_coverage")
        if found is None:
            return "This model has no labels."
        if math.isnan(found.statistic):
            return "This window has no rows to label."
        labelled = found.detail.get("labelled", 0)
        told = f"{phrases.percent(found.statistic)} of this window's rows are labelled"
        return f"{told} ({labelled:,} of {found.n_current:,})."

    def _bias(self) -> list[Exhibit]:
        """Whether labels are missing at random, as far as it was judged."""
        judged = [
            each
            for each in self.briefing.verdict.findings
            if each.check == "label_bias" and not each.segment
        ]
        return [
            _say(f"{'Mind' if each.status in FLAGGED else 'Missing labels'}: {each.reason}.")
            for each in judged
        ]


def appraise(briefing: Briefing) -> Appraisal:
    """Tell the performance of a briefing's window for people.

    >>> import pandas as pd, mondrift as md
    >>> rows = pd.DataFrame({"x": [i % 7 for i in range(400)]})
    >>> rows["said"] = rows["came"] = [0, 1] * 200
    >>> current = rows.assign(said=[0, 1, 0, 0] * 100)
    >>> schema = md.Schema(target="came", prediction="said")
    >>> verdict = md.judge(md.compare(rows, current, schema=schema))
    >>> appraise(md.brief(verdict)).answer.title
    'No: accuracy fell by 25.0 points, to 75.0 %.'
    """
    return Appraisal(briefing)


def _by_chance(found: Measurement) -> str:
    most = found.detail.get("ceiling")
    return "Chance alone makes some." if most is None else (
        f"Chance alone makes up to {phrases.percent(most)}."
    )  # fmt: skip


def _say(words: str) -> View:
    from mondrift.page.sections import Text

    return View((Text(phrases.capital(words)),))
