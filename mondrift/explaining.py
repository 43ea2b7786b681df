"""`explain()`: why a model is worse in one window than in another, and since when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mondrift.comparing import windows
from mondrift.errors import InputError
from mondrift.exhibits import View
from mondrift.kinds import table
from mondrift.measurement import Measurement
from mondrift.performance import Errors, errors_of
from mondrift.rows import Rows
from mondrift.schema import Schema
from mondrift.since import Course, changed_since, course_of
from mondrift.split import split_change
from mondrift.why import Why, sentences, why_of

if TYPE_CHECKING:
    from mondrift.page.sections import Section

FRAME = ("segment", "metric", "measure", "statistic", "low", "high", "n_reference", "n_current",
         "reason")  # fmt: skip


@dataclass(frozen=True)
class Explanation(View):
    """What a change of the deciding metric comes from, whole window and segments; by `explain`."""

    sections: tuple[Section, ...] = field(init=False, repr=False)
    measurements: tuple[Measurement, ...]

    def __post_init__(self) -> None:
        from mondrift.page.sections import Table, Text

        words = tuple(Text(each) for each in sentences(self.why, None))
        rows = self.to_frame().astype(object).where(lambda frame: frame.notna(), None)
        held = tuple(tuple(row) for row in rows.to_numpy().tolist())
        told = Table(FRAME, held, "What the change comes from, in the metric's unit")
        object.__setattr__(self, "sections", (*words, told))

    @property
    def why(self) -> Why:
        """Of the whole window: what `inputs` and `relation` did, what is `blamed`, `since` when."""
        found = why_of(self.measurements)
        assert found is not None
        return found

    def to_frame(self) -> pd.DataFrame:
        """Tidy: a row per segment and measure; limits are of 95 %, NaN where there is no answer."""
        rows = [
            [each.segment, each.detail.get("metric"), *(getattr(each, name) for name in FRAME[2:])]
            for each in self.measurements
        ]
        numbers = {"statistic": float, "low": float, "high": float}
        return pd.DataFrame(rows, columns=list(FRAME)).astype(numbers)

    def __repr__(self) -> str:
        return f"<Explanation: {' '.join(sentences(self.why, None))}>"


def explain(
    reference: Any, current: Any, *, schema: Schema | None = None, seed: int = 0
) -> Explanation:
    """Split the change of accuracy or MAE into other inputs and another relation; say since when.

    Parameters
    ----------
    reference, current : pandas, polars or pyarrow tables with targets and predictions.
    schema : roles and kinds; target and prediction must be declared. With a timestamp, the moment
        of the change is looked for in both windows together, else not.
    seed : of the draw of rows and of the permutations.

    Raises InputError without target and prediction.

    Blind spots: a cause that is not among the features counts as another relation; windows whose
    inputs hardly overlap are not split. Takes seconds, where `compare` takes tenths of one.

    >>> import numpy as np, pandas as pd, mondrift as md
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=4000)
    >>> rows = pd.DataFrame({"x": x, "guess": x > 0, "truth": (x > 0) ^ (rng.random(4000) < 0.1)})
    >>> worse = rows.assign(truth=rows["truth"] ^ (rng.random(4000) < 0.2))
    >>> found = md.explain(rows, worse, schema=md.Schema(target="truth", prediction="guess"))
    >>> found.why.blamed
    'relation'
    """
    before, after = windows(reference, current, schema=schema)
    assert isinstance(before, Rows) and isinstance(after, Rows)  # frames were given
    measured = split_change(before, after, seed=seed)
    errors = errors_of(before, after)
    if errors is None:
        raise InputError(
            "There is nothing to explain without targets and predictions in both windows: declare "
            "them, e.g. schema=Schema(target='late', prediction='predicted_late'), and give both "
            "windows these columns."
        )
    timestamp = before.schema.timestamp
    if timestamp is not None:
        times = [table(each, "a window")[timestamp].to_pandas() for each in (reference, current)]
        course = _course(times, errors)
        if course is not None:
            found = changed_since(course, measured[0], metric=errors.metric, seed=seed)
            measured.append(found)
    return Explanation(tuple(measured))


def _course(times: Sequence[pd.Series[pd.Timestamp]], errors: Errors) -> Course | None:
    """Errors over time: of both windows when the reference came first, else of the current one."""
    before, after = times
    if before.max() < after.min():
        both = pd.concat([before, after], ignore_index=True)
        return course_of(both, np.concatenate([errors.reference, errors.current]))
    return course_of(after, errors.current)
