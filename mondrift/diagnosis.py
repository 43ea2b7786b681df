"""What a verdict says about the model: did it get worse, what moved, does one explain the other.

Five stories, told apart by labels first, by a split of the drop where it is sure (`why`), and by
scores where it is not:

- *no drift*: nothing moved, nothing got worse;
- *drift without harm*: something moved and the model is as right as before: nothing to repair;
- *drift, harm unknown*: something moved and labels are too few to say what it did;
- *drift with harm*: the scores moved far and the model got worse: it is asked about what it hardly
  saw;
- *concept drift*: the model got worse while its scores stayed about the same: what it learned no
  longer holds. Only labels show it.

Blind spot: one window cannot prove a cause. What has moved for longer than the drop lasts did not
start it; that is the strongest thing said here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import pandas as pd

from mondrift.comparison import Comparison
from mondrift.degradation import change
from mondrift.finding import Finding
from mondrift.measurement import Measurement
from mondrift.performance import DECISIVE
from mondrift.policy import STATUSES, Policy, Status
from mondrift.verdict import Verdict
from mondrift.why import Blamed, Why, why_of

Story = Literal[
    "no drift", "drift without harm", "drift, harm unknown", "drift with harm", "concept drift"
]
FLAGGED: tuple[Status, ...] = ("warning", "alarm")
FEATURES = ("feature", "segment")
OUTPUTS = ("prediction", "probability")

#: The name under which `since` holds when the model began to be worse.
WORSE = "(worse)"


@dataclass(frozen=True)
class Moved:
    """Something whose distribution moved: a column, or a policy's group of columns told as one.

    `columns` moved, worst first; `since` is the start of the first of the consecutive windows in
    which it did, None when no earlier window is known; `expected` is why people expect it ("with
    the season"); `older` says that it moved already before the model got worse.
    """

    name: str
    columns: tuple[str, ...]
    status: Status
    worst: Finding
    since: datetime | None = None
    expected: str = ""
    older: bool = False


@dataclass(frozen=True)
class Performance:
    """The metric that decides, in both windows, and how sure its change for the worse is.

    `metric` is accuracy, a share in [0, 1], or MAE, in the target's unit. `change` is positive when
    the model got worse: points of accuracy (.05 = five), or the share by which MAE grew. `lower` is
    its one-sided 99 % bound: with that confidence the change is larger. `smallest` is the smallest
    true change that so many labels show. `status` is `alarm` for a change for the worse, `ok`, or
    `inconclusive` with the `reason`.
    """

    status: Status
    reason: str
    before: float = math.nan
    now: float = math.nan
    n: int = 0
    change: float = math.nan
    lower: float = math.nan
    metric: str = "accuracy"
    smallest: float = math.nan


@dataclass(frozen=True)
class Diagnosis:
    """The story of a window and the facts it rests on; `performance` is None without a metric."""

    story: Story
    performance: Performance | None
    features: tuple[Moved, ...]
    outputs: tuple[Moved, ...]
    targets: tuple[Moved, ...]
    why: Why | None = None

    @property
    def scores(self) -> Status:
        """The worst status of the model's outputs: `ok` when none moved."""
        return _worst([each.status for each in self.outputs])


def diagnose(verdict: Verdict, *, since: Mapping[str, datetime] | None = None) -> Diagnosis:
    """Tell the story of a verdict.

    Parameters
    ----------
    since : {name: moment}, as `moving_since` reads it from a history; names are columns, groups
        and `WORSE`. What people expect to move is told by the policy.
    """
    known, reasons = since or {}, verdict.policy.expected
    performance = performance_of(verdict)
    features = _moved(verdict, FEATURES, known, reasons)
    outputs = _moved(verdict, OUTPUTS, known, reasons)
    targets = _moved(verdict, ("target",), known, reasons)
    scores = _worst([each.status for each in outputs])
    fresh = any(not each.older and not each.expected for each in features)
    judged = performance.status if performance else "inconclusive"
    why = why_of(verdict.comparison.measurements)
    blamed = why.blamed if why else ""
    story = story_of(judged, scores, moved=bool(features or outputs), fresh=fresh, blamed=blamed)
    return Diagnosis(story, performance, features, outputs, targets, why)


def story_of(
    performance: Status, scores: Status, *, moved: bool, fresh: bool, blamed: Blamed = ""
) -> Story:
    """The story, from the status of the metric and of the scores, and what a split has `blamed`.

    `moved`: anything moved; `fresh`: a feature moved that nobody expected and that did not move
    before. A far shift of the scores, or a small one together with a fresh feature, may explain a
    drop; anything less does not. A split of the drop that is sure of either knows better.

    >>> story_of("alarm", "ok", moved=False, fresh=False)
    'concept drift'
    >>> story_of("alarm", "alarm", moved=True, fresh=False)
    'drift with harm'
    >>> story_of("ok", "alarm", moved=True, fresh=True)
    'drift without harm'
    >>> story_of("inconclusive", "ok", moved=True, fresh=True)
    'drift, harm unknown'
    >>> story_of("alarm", "ok", moved=True, fresh=False, blamed="inputs")
    'drift with harm'
    """
    if performance in FLAGGED:
        if blamed:
            return "concept drift" if blamed == "relation" else "drift with harm"
        explained = scores == "alarm" or (scores == "warning" and fresh)
        return "drift with harm" if explained else "concept drift"
    if not moved:
        return "no drift"
    return "drift without harm" if performance == "ok" else "drift, harm unknown"


def moving_since(history: pd.DataFrame, policy: Policy, before: datetime) -> dict[str, datetime]:
    """{name: start of the first of the consecutive windows, the last one before `before`, flagged}.

    `history` has the tidy columns `window_start`, `segment`, `family`, `column`, `measure` and
    `status` (others are ignored); names are groups of `policy`, columns outside of groups, and
    `WORSE`.

    >>> weeks = pd.to_datetime(["2013-04-01", "2013-04-08", "2013-04-15"], utc=True)
    >>> history = pd.DataFrame({"window_start": weeks, "segment": "", "family": "drift",
    ...     "column": "x", "measure": "psi", "status": ["ok", "warning", "alarm"]})
    >>> now = pd.Timestamp("2013-04-22", tz="UTC")
    >>> {name: f"{at:%d %b}" for name, at in moving_since(history, Policy(), now).items()}
    {'x': '08 Apr'}
    """
    past = history[(history["segment"] == "") & (history["window_start"] < before)]
    about = (past["family"] == "drift") | past["measure"].isin(DECISIVE)
    flagged = past[past["status"].isin(FLAGGED) & about]
    names: dict[pd.Timestamp, set[str]] = {}
    for start, family, column in zip(
        flagged["window_start"], flagged["family"], flagged["column"], strict=True
    ):
        name = WORSE if family == "performance" else policy.group(column) or column
        names.setdefault(start, set()).add(name)
    since: dict[str, datetime] = {}
    running: set[str] | None = None
    for start in sorted(past["window_start"].unique(), reverse=True):
        found = names.get(start, set())
        running = found if running is None else running & found
        since.update(dict.fromkeys(running, start.to_pydatetime()))
    return since


def performance_of(verdict: Verdict) -> Performance | None:
    """The metric that decides over the whole window, None when the verdict has none."""
    finding = next((f for f in verdict.findings if f.check in DECISIVE and not f.segment), None)
    measured = None if finding is None else measurement(verdict.comparison, finding.check)
    if finding is None or measured is None:
        return None
    name, n, before = measured.measure, measured.n_current, measured.detail.get("reference")
    if before is None or math.isnan(measured.statistic) or finding.status == "inconclusive":
        return Performance(finding.status, finding.reason, n=n, metric=name)
    found = change(measured, verdict.policy)
    return Performance(
        finding.status, finding.reason, before, measured.statistic, n,
        found.change, found.lower, name, found.smallest,
    )  # fmt: skip


def measurement(comparison: Comparison, measure: str) -> Measurement | None:
    """The performance metric `measure` over the whole window, None when it is not there."""
    for each in comparison.measurements:
        if each.family == "performance" and each.measure == measure and not each.segment:
            return each
    return None


def _moved(
    verdict: Verdict,
    roles: tuple[str, ...],
    since: Mapping[str, datetime],
    expected: Mapping[str, str],
) -> tuple[Moved, ...]:
    """What moved over the whole window among the columns of `roles`, worst first."""
    drop_began = since.get(WORSE, verdict.comparison.current.start)
    together: dict[str, list[Finding]] = {}
    for each in verdict.flagged("drift"):
        if each.role in roles and not each.segment:
            together.setdefault(each.group or each.column, []).append(each)
    schema, moved = verdict.comparison.schema, []

    def rank(finding: Finding) -> tuple[int, float]:
        weight = schema.importance(finding.column) * finding.statistic
        return STATUSES.index(finding.status), weight

    for name, findings in together.items():
        ranked = sorted(findings, key=rank, reverse=True)
        began = since.get(name)
        moved.append(
            Moved(
                name=name,
                columns=tuple(each.column for each in ranked),
                status=ranked[0].status,
                worst=ranked[0],
                since=began,
                expected=expected.get(name, ""),
                older=began is not None and drop_began is not None and began < drop_began,
            )
        )
    return tuple(sorted(moved, key=lambda each: rank(each.worst), reverse=True))


def _worst(statuses: list[Status]) -> Status:
    return max(statuses, key=STATUSES.index, default="ok")
