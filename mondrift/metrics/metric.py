"""The declaration of a metric, and the value it gives.

A metric is a plain function of an `Outcomes` (targets and predictions, or probabilities); what is
true about it (name, bounds, unit, which direction is good) is data beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Task = Literal["binary", "multiclass", "regression", "latency"]
Needs = Literal["prediction", "probability", "latency"]
Unit = Literal["share", "score", "nats", "target", "percent", "latency"]


@dataclass(frozen=True)
class Value:
    """One metric on one window: an estimate, its interval, and how far both can be trusted.

    `value` is NaN when it cannot be computed; `low` and `high` are None when there is no interval
    that deserves its level. In both cases `reason` says why. `n` counts the rows used, `excluded`
    those left out because something was missing or not finite. `method` names the interval.

    >>> Value.undefined("no rows with target and prediction")
    Value(value=nan, low=None, high=None, n=0, excluded=0, reason='no rows with target and
    prediction', method='', level=0.95)
    """

    value: float
    low: float | None = None
    high: float | None = None
    n: int = 0
    excluded: int = 0
    reason: str = ""
    method: str = ""
    level: float = 0.95

    @classmethod
    def undefined(cls, reason: str, n: int = 0, excluded: int = 0) -> Value:
        """A value that cannot be computed, and why."""
        return cls(math.nan, n=n, excluded=excluded, reason=reason)

    @property
    def defined(self) -> bool:
        """Whether there is a number at all."""
        return not math.isnan(self.value)


@dataclass(frozen=True)
class Metric:
    """The facts about one metric.

    `function` takes an `Outcomes` (for `needs="latency"` an array of durations) and returns a
    `Value`. `tasks` are the tasks it serves. `bounds` are those of the value, infinite where there
    is none. `higher_is_better` is None when zero is best (bias). `unit`: "target" is the target's
    own unit, "latency" that of the durations, "nats" natural logarithms.
    """

    name: str
    label: str
    function: Callable[..., Value]
    tasks: frozenset[Task]
    needs: Needs
    bounds: tuple[float, float]
    higher_is_better: bool | None
    unit: Unit
