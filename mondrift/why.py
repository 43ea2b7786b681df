"""Why a model is worse and since when, read from a comparison's measurements, and in words.

The words name no cause in the world: they say whether other inputs or another relation of inputs
and outcomes account for the change, how sure that is, and from when on errors were more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from mondrift.measurement import Measurement
from mondrift.since import SINCE
from mondrift.split import CONCEPT, COVARIATE

Blamed = Literal["relation", "inputs", ""]


@dataclass(frozen=True)
class Effect:
    """How much worse something made the metric, with its 95 % limits; negative is better."""

    harm: float
    low: float
    high: float


@dataclass(frozen=True)
class Since:
    """The moment from which on errors are more, its 95 % range, and when that was over.

    `before` and `after` are mean errors; `labelled` rows came after the range.
    """

    at: datetime
    first: datetime
    last: datetime
    until: datetime | None
    before: float
    after: float
    labelled: int
    hourly: bool


@dataclass(frozen=True)
class Why:
    """What other inputs (`inputs`) and another relation (`relation`) did, and since when.

    Effects are None where the change could not be split, for the `reason`.
    """

    metric: str
    inputs: Effect | None
    relation: Effect | None
    since: Since | None
    reason: str = ""

    @property
    def blamed(self) -> Blamed:
        """What accounts for at least half of the harm, surely more than for nothing; else ""."""
        if self.inputs is None or self.relation is None:
            return ""
        half = (self.inputs.harm + self.relation.harm) / 2
        if half <= 0:
            return ""
        if self.relation.low > 0 and self.relation.harm >= half:
            return "relation"
        return "inputs" if self.inputs.low > 0 and self.inputs.harm > half else ""


def why_of(measurements: Iterable[Measurement], segment: str = "") -> Why | None:
    """What is known of a segment ("" for the whole window); None when nothing was measured."""
    held = {each.measure: each for each in measurements
            if each.segment == segment and each.measure in (COVARIATE, CONCEPT, SINCE)}  # fmt: skip
    if not held:
        return None
    covariate, concept = held.get(COVARIATE), held.get(CONCEPT)
    metric = str(next(iter(held.values())).detail.get("metric", "accuracy"))
    reason = concept.reason if concept else ""
    return Why(metric, _effect(covariate), _effect(concept), _since(held.get(SINCE)), reason)


def sentences(why: Why, now: datetime | None) -> tuple[str, ...]:
    """What accounts for the change, and since when it is so."""
    told = [split_told(why)] if why.relation is not None or why.reason else []
    if why.since is not None:
        told.append(since_told(why, now))
    return tuple(told)


def split_told(why: Why) -> str:
    """Whether other inputs or another relation account for a change, in one or two sentences.

    >>> relation, inputs = Effect(0.11, 0.07, 0.14), Effect(0.01, -0.02, 0.04)
    >>> print(split_told(Why("accuracy", inputs, relation, None)))
    On inputs that both windows have alike, accuracy fell by 11.0 points (7.0 to 14.0): inputs and
    outcomes are related otherwise than before. Other inputs account for 1.0 points of the drop (at
    most 4.0).
    >>> print(split_told(Why("accuracy", relation, inputs, None)))
    Other inputs account for 11.0 points of the drop (7.0 to 14.0). On inputs that both windows have
    alike, the model is about as right as before: accuracy fell by 1.0 points, at most by 4.0.
    """
    if why.inputs is None or why.relation is None:
        return f"Whether other inputs or another relation did it is not known: {why.reason}."
    relation, inputs = why.relation, why.inputs
    total = inputs.harm + relation.harm
    if total <= 1e-9:
        return "The model did not get worse: there is nothing to explain."
    if why.blamed == "relation":
        return (
            f"On inputs that both windows have alike, {_moved(why.metric, relation)} "
            f"({_range(why.metric, relation)}): inputs and outcomes are related otherwise than "
            f"before. {_inputs_told(why.metric, inputs)}"
        )
    drop = "rise" if why.metric == "mae" else "drop"
    if why.blamed == "inputs":
        return (
            f"Other inputs account for {_size(why.metric, inputs.harm)} of the {drop} "
            f"({_range(why.metric, inputs)}). On inputs that both windows have alike, the model is "
            f"about as right as before: {_moved(why.metric, relation)}, at most by "
            f"{_number(why.metric, max(relation.high, 0.0))}."
        )
    return (
        f"It is not clear what did it: other inputs account for {_size(why.metric, inputs.harm)} "
        f"of the {drop} ({_range(why.metric, inputs)}), another relation for "
        f"{_size(why.metric, relation.harm)} ({_range(why.metric, relation)})."
    )


def moment_told(since: Since, now: datetime | None) -> str:
    """The moment by which errors surely were more: the end of its range."""
    return _moment(since.last, since, now)


def since_told(why: Why, now: datetime | None) -> str:
    """Since when errors are more, and whether that is over."""
    since = why.since
    assert since is not None
    at, first, last = (_moment(each, since, now) for each in (since.at, since.first, since.last))
    near = (since.first.year, since.first.month) == (since.last.year, since.last.month)
    start = f"{since.first.day}" if near and not since.hourly else first
    between = f" ({start} to {last})" if first != last else ""
    levels = f"{_error(why.metric, since.before)} to {_error(why.metric, since.after)}"
    what = "the mean error" if why.metric == "mae" else "the share of wrong answers"
    over = f"; over since {_moment(since.until, since, now)}" if since.until else ""
    return f"It is so since {at}{between}: {what} went from {levels}{over}."


def _inputs_told(metric: str, inputs: Effect) -> str:
    drop = "rise" if metric == "mae" else "drop"
    size = _size(metric, inputs.harm)
    if inputs.low > 0:
        return f"Other inputs add {size} ({_range(metric, inputs)})."
    if inputs.high < 0:
        return f"Other inputs made it easier, by {size}."
    if inputs.harm <= 0:
        return f"Other inputs account for nothing of the {drop}."
    most = _number(metric, inputs.high)
    return f"Other inputs account for {size} of the {drop} (at most {most})."


def _moved(metric: str, effect: Effect) -> str:
    if metric == "mae":
        return f"MAE {'rose' if effect.harm >= 0 else 'fell'} by {_size(metric, effect.harm)}"
    return f"accuracy {'fell' if effect.harm >= 0 else 'rose'} by {_size(metric, effect.harm)}"


def _size(metric: str, harm: float) -> str:
    return f"{_number(metric, abs(harm))}{'' if metric == 'mae' else ' points'}"


def _range(metric: str, effect: Effect) -> str:
    return f"{_number(metric, effect.low)} to {_number(metric, effect.high)}"


def _number(metric: str, value: float) -> str:
    return f"{value:.3g}" if metric == "mae" else f"{100 * value:.1f}"


def _error(metric: str, value: float) -> str:
    return f"{value:.3g}" if metric == "mae" else f"{100 * value:.1f} %"


def _moment(at: datetime, since: Since, now: datetime | None) -> str:
    """A day, or a day and an hour, of the zone in which places were cut."""
    year = f" {at.year}" if now is None or at.year != now.year else ""
    hour = f" {at:%H:%M}" if since.hourly else ""
    return f"{at.day} {at:%B}{year}{hour}"


def _effect(found: Measurement | None) -> Effect | None:
    """In the sense of harm: what makes accuracy smaller, or MAE larger, is positive."""
    if found is None or math.isnan(found.statistic) or found.low is None or found.high is None:
        return None
    if found.detail.get("metric") == "mae":
        return Effect(found.statistic, found.low, found.high)
    return Effect(-found.statistic, -found.high, -found.low)


def _since(found: Measurement | None) -> Since | None:
    if found is None:
        return None
    detail: dict[str, Any] = dict(found.detail)
    if detail.get("at") is None or detail.get("reference") is None:
        return None
    zone = ZoneInfo(str(detail.get("zone", "UTC")))
    at, first, last, until = (
        datetime.fromisoformat(detail[name]).astimezone(zone) if detail.get(name) else None
        for name in ("at", "from", "to", "until")
    )
    assert at is not None  # it is there, see above
    before = float(detail["reference"])
    return Since(
        at, first or at, last or at, until, before, before + found.statistic,
        int(detail.get("labelled", 0)), detail.get("step") == "1h",
    )  # fmt: skip
