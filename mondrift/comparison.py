"""A `Comparison`: what was measured between two windows; measurements and histograms, never rows.

A comparison is a function of two windows; everything after it only reads the comparison. It can be
judged, plotted, stored, mailed and reopened without the data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from mondrift.errors import ColumnError
from mondrift.histogram import Histogram
from mondrift.measurement import Measurement
from mondrift.measures import MEASURES
from mondrift.schema import Schema
from mondrift.window import Window

if TYPE_CHECKING:
    import altair as alt

    from mondrift.page.sections import Section


#: Columns of the tidy frame, in order.
FRAME = (
    "window_start", "window_end", "segment", "family", "column", "role", "kind", "measure",
    "statistic", "pvalue", "n_reference", "n_current", "low", "high", "reason",
)  # fmt: skip
#: Measures about the state of the values, not their distribution; always made.
QUALITY = ("missing", "infinite", "unseen", "vanished", "out_of_range")


@dataclass(frozen=True)
class Comparison:
    """What `compare` measured between two windows.

    `skipped` maps columns without a comparable distribution to the reason; `absent` and `extra`
    are columns that only the reference, or only the current window, has.
    """

    reference: Window
    current: Window
    schema: Schema
    measurements: tuple[Measurement, ...]
    histograms: tuple[Histogram, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    seed: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the compared columns, in the schema's order."""
        return tuple(dict.fromkeys(h.column for h in self.histograms if not h.segment))

    def to_frame(self) -> pd.DataFrame:
        """Tidy: one row per segment × column × measure; columns as in `FRAME`."""
        rows = [
            {
                "window_start": self.current.start,
                "window_end": self.current.end,
                **{name: getattr(each, name) for name in FRAME[2:]},
            }
            for each in self.measurements
        ]
        frame = pd.DataFrame(rows, columns=list(FRAME))
        for name in ("statistic", "pvalue", "low", "high"):
            frame[name] = frame[name].astype("float64")
        for name in ("window_start", "window_end"):
            frame[name] = pd.to_datetime(frame[name], utc=True)
        return frame

    def histogram(self, column: str, segment: str = "") -> Histogram:
        """The histogram of `column` in `segment` ("" for the whole window)."""
        for each in self.histograms:
            if each.column == column and each.segment == segment:
                return each
        if column in self.skipped:
            raise ColumnError(f"Column {column!r} has no histogram: {self.skipped[column]}.")
        raise ColumnError.unknown(column, self.columns, "the comparison")

    def plot(self, column: str) -> alt.Chart:
        """An interactive Altair chart: reference against current distribution of `column`."""
        from mondrift.charts.distribution import distribution

        return distribution(self.histogram(column).to_frame())

    def __getitem__(self, column: str) -> Comparison:
        """The same comparison, of one column only."""
        self.histogram(column)
        return replace(
            self,
            measurements=tuple(each for each in self.measurements if each.column == column),
            histograms=tuple(each for each in self.histograms if each.column == column),
            skipped={},
            absent=(),
            extra=(),
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-valid (NaN becomes None); `Comparison.from_dict` reads it back."""
        plain = {
            "reference": self.reference.to_dict(),
            "current": self.current.to_dict(),
            "schema": self.schema.to_dict(),
            "measurements": [vars(each) for each in self.measurements],
            "histograms": [vars(each) for each in self.histograms],
            "skipped": dict(self.skipped),
            "absent": list(self.absent),
            "extra": list(self.extra),
            "seed": self.seed,
            "versions": dict(self.versions),
        }
        return cast(dict[str, Any], _plain(plain))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Comparison:
        """The comparison that `to_dict` wrote."""
        measurements = [
            Measurement(**{**each, "statistic": _number(each["statistic"])})
            for each in data["measurements"]
        ]
        histograms = [Histogram.from_dict(each) for each in data["histograms"]]
        return cls(
            reference=Window.from_dict(data["reference"]),
            current=Window.from_dict(data["current"]),
            schema=Schema.from_dict(data["schema"]),
            measurements=tuple(measurements),
            histograms=tuple(histograms),
            skipped=data["skipped"],
            absent=tuple(data["absent"]),
            extra=tuple(data["extra"]),
            seed=data["seed"],
            versions=data["versions"],
        )

    def __repr__(self) -> str:
        psi = [m for m in self.measurements if m.measure == "psi" and not math.isnan(m.statistic)]
        worst = max(psi, key=lambda m: m.statistic, default=None)
        tail = f", largest PSI {worst.statistic:.3g} in {worst.column!r}" if worst else ""
        return (
            f"<Comparison of {len(self.columns)} columns, "
            f"{self.reference.n:,} against {self.current.n:,} rows{tail}>"
        )

    def _report_sections_(self) -> tuple[Section, ...]:
        """One table: a row per column with its measures, sizes and a sketch of both windows."""
        from mondrift.page.sections import Spark, Table

        shown = [
            name
            for name, measure in MEASURES.items()
            if name not in QUALITY and any(each.measure == name for each in self.measurements)
        ]
        by_column: dict[str, dict[str, Measurement]] = {}
        for each in self.measurements:
            if not each.segment and each.family in ("drift", "quality"):
                by_column.setdefault(each.column, {})[each.measure] = each
        rows = []
        for column in self.columns:
            by, picture = by_column[column], self.histogram(column)
            any_one = next(iter(by.values()))
            test = by.get("ks") or by.get("chi_square")
            rows.append(
                (
                    column,
                    any_one.kind,
                    *(by[name].statistic if name in by else None for name in shown),
                    test.pvalue if test else None,
                    by["missing"].statistic if "missing" in by else None,
                    any_one.n_reference,
                    any_one.n_current,
                    Spark(picture.shares("current"), picture.shares("reference")),
                )
            )
        labels = tuple(MEASURES[name].label for name in shown)
        columns = (
            "column",
            "kind",
            *labels,
            "p-value",
            "missing change",
            "n reference",
            "n current",
            "distribution",
        )
        note = "; ".join(f"{name}: skipped, {reason}" for name, reason in self.skipped.items())
        return (Table(columns, tuple(rows), "Measures per column, reference first", note),)

    def _repr_html_(self) -> str:
        from mondrift.page.page import fragment

        return fragment(self._report_sections_())

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:  # noqa: ARG002  IPython passes them
        from mondrift.page.sections import mimebundle

        return mimebundle(self._report_sections_(), html=self._repr_html_(), text=repr(self))


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _plain(value: Any) -> Any:
    """JSON's types only; NaN and infinities become None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
