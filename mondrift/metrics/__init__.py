"""Metrics: how well predictions agree with what happened, each with n and an interval.

Target first, then prediction and probability. A metric that cannot be computed is a `Value` of NaN
with the reason; too few cases is a value without an interval, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mondrift.errors import InputError, nearest, shown
from mondrift.metrics import (
    auc,
    averaged,
    classification,
    latency,
    probability as probabilities,
    regression,
)
from mondrift.metrics.drop import AccuracyDrop, accuracy_drop
from mondrift.metrics.intervals import difference
from mondrift.metrics.metric import Metric, Task, Value
from mondrift.metrics.outcomes import Outcomes, positive_code

__all__ = [
    "METRICS",
    "AccuracyDrop",
    "Metric",
    "Outcomes",
    "Value",
    "accuracy_drop",
    "difference",
    "evaluate",
    "evaluate_latency",
]

_BINARY: frozenset[Task] = frozenset({"binary"})
_MULTI: frozenset[Task] = frozenset({"multiclass"})
_CLASSES: frozenset[Task] = _BINARY | _MULTI
_REGRESSION: frozenset[Task] = frozenset({"regression"})
_LATENCY: frozenset[Task] = frozenset({"latency"})
_SHARE = (0.0, 1.0)

# fmt: off
_ALL = (
    Metric("accuracy", "Accuracy", classification.accuracy, _CLASSES, "prediction", _SHARE, True, "share"),
)
# fmt: on
