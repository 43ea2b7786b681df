"""What a comparison is made of: measurements, each one number about one column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Measurement:
    """One number about one column (or the model) in one segment.

    `family` is drift, quality, volume or performance. `statistic` is NaN when it could not be
    computed, and then `reason` says why; `pvalue` is None where the measure has no test. For
    metrics, `statistic` is the current window's value, [low, high] its 95 % interval, and
    `detail["reference"]` the reference's value. `segment` is "" for the whole window.
    """

    family: str
    column: str
    role: str
    kind: str
    measure: str
    statistic: float
    pvalue: float | None
    n_reference: int
    n_current: int
    low: float | None = None
    high: float | None = None
    segment: str = ""
    reason: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
