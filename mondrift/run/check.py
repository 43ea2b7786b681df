"""A check: compare, judge, and one transaction with results, incidents and messages.

The same monitor, configuration, window, rows and labels again is a no-op; new rows, late labels or
`force` make the next revision. What is sent is decided here and sent later, from the outbox.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from mondrift import wording
from mondrift.alert import Alert, alerts_for, judged_kinds
from mondrift.diagnosis import diagnose, moving_since
from mondrift.errors import WindowError
from mondrift.incident import Event, Incident, Silence, recovery, step
from mondrift.notify import payload
from mondrift.performance import DECISIVE
from mondrift.run.judging import judge_window
from mondrift.run.plan import Monitor
from mondrift.run.reference import bounds, reference_windows
from mondrift.run.stops import is_stop, words_of
from mondrift.severity import SEVERITIES
from mondrift.store import Message, Run, Store
from mondrift.verdict import Verdict
from mondrift.window import Window

_REMEMBERED = 60  # windows of history that "since" looks back on
TELLING = ("rows", "psi", *DECISIVE)
"""Measures that tell when columns, groups and the model moved, as `history` holds them: a row for
every window, and one measure per column, since each carries the status of its column."""


@dataclass(frozen=True)
class CheckOptions:
    """How a window is checked.

    Parameters
    ----------
    force : make a new revision even when nothing has changed.
    silences : periods in which nobody is told.
    reports : address of the archive, for links to <reports>/<monitor>/<run>/report.html.
    """

    force: bool = False
    silences: Sequence[Silence] = ()
    reports: str = ""


@dataclass(frozen=True)
class CheckResult:
    """What a check found.

    `run.fresh` is False when the answer was there already; then nothing was written, and `alerts`
    and `news` are empty. `alerts` are all of this window; `news` are those that people are told
    of, with what became of the incident, worst first.
    """

    run: Run
    verdict: Verdict
    alerts: tuple[Alert, ...] = ()
    news: tuple[tuple[Event, Alert], ...] = ()


def check(
    store: Store, monitor: Monitor, window: Window, options: CheckOptions | None = None
) -> CheckResult:
    """Check one window, alone: nobody else checks this monitor meanwhile.

    Parameters
    ----------
    window : one of the monitor's; its rows are read from the store.

    A window without rows or labels gives a verdict that says so. Raises ModelError when the store
    does not know the model or its baseline, BusyError when another process runs this monitor.
    """
    with store.running(monitor.name):
        return check_held(store, monitor, window, options)


def check_held(
    store: Store, monitor: Monitor, window: Window, options: CheckOptions | None = None
) -> CheckResult:
    """`check` for a caller that holds `store.running(monitor.name)` itself."""
    options = options or CheckOptions()
    run = begin(store, monitor, window, options)
    return conclude(store, monitor, window, run, options)


def begin(store: Store, monitor: Monitor, window: Window, options: CheckOptions) -> Run:
    """The run that this check is; not `fresh` when its answer is there already."""
    return store.primary.begin_run(
        monitor.name, monitor.model, window, monitor.config(),
        reference=_measured_against(monitor, window), force=options.force,
    )  # fmt: skip


def conclude(
    store: Store, monitor: Monitor, window: Window, run: Run, options: CheckOptions
) -> CheckResult:
    """Carry a run out that has begun; whatever goes wrong, the run is marked as failed by it."""
    store = store.primary  # a replica may lack rows that `begin_run` has counted
    if not run.fresh:
        return CheckResult(run, store.verdict(run))
    try:
        store.fold(monitor.model)  # so that counts can answer, soon and in few rows
        verdict = judge_window(store, monitor, window)
        reports = options.reports.rstrip("/")
        link = f"{reports}/{monitor.name}/{run.run_id}/report.html" if reports else ""
        alerts = _alerts(store, monitor, verdict, link)
        outcome = _step(store, monitor, verdict, alerts, options.silences)
        messages = _messages(monitor, outcome)
        store.save_check(
            run, verdict.comparison, verdict, messages=messages, incidents=outcome.moved
        )
    except Exception as error:
        store.fail_run(run, f"{type(error).__name__}: {error}")
        raise
    except BaseException as stop:
        with suppress(Exception):  # a store that is stopped, too; then `reconcile` tells it
            leave(store, run, stop, words_of(stop))
        raise
    stored = replace(store.run(run.run_id), fresh=True)
    return CheckResult(stored, verdict, alerts, outcome.news)


def leave(store: Store, run: Run, broken: BaseException, words: str) -> None:
    """Tell the store that a run ended before its end, unless it has been told."""
    if store.run(run.run_id).state not in ("started", "checked"):
        return
    move = store.stop_run if is_stop(broken) else store.fail_run
    move(run, words)


def has_news(store: Store, monitor: Monitor, window: Window, *, report: bool = False) -> bool:
    """Whether a check of the window would find rows or labels that the last one has not seen.

    `report`: also whether the last one is without its report, so that a run would make it.
    """
    return store.primary.has_news(
        monitor.name, monitor.model, window, monitor.config(),
        reference=_measured_against(monitor, window), report=report,
    )  # fmt: skip


def _measured_against(monitor: Monitor, window: Window) -> tuple[Window, ...]:
    """Windows whose late rows and labels are news, too; a window without any fails in judging."""
    try:
        return reference_windows(monitor, window)
    except WindowError:
        return ()


def now_of(store: Store, monitor: Monitor) -> datetime | None:
    """Now, by the model's clock: the wall's, or the newest row's for `clock: data` (None: no row).

    `monitor.windows(now)` are then the windows that are over.
    """
    model = store.model(monitor.model)
    return store.latest(monitor.model) if model.clock == "data" else store.now()


def _alerts(store: Store, monitor: Monitor, verdict: Verdict, link: str) -> tuple[Alert, ...]:
    start, _ = bounds(verdict.comparison.current)
    history = store.history(
        monitor.model, measures=TELLING, whole=True, monitor=monitor.name, last=_REMEMBERED
    )
    zone = ZoneInfo(monitor.calendar.zone)
    moving = moving_since(history, monitor.policy, start)
    since = {name: began.astimezone(zone) for name, began in moving.items()}
    return alerts_for(
        verdict,
        rules=monitor.alerts,
        model_id=monitor.model,
        monitor=monitor.name,
        since=since,
        report_url=link,
    )


@dataclass(frozen=True)
class _Outcome:
    """What a window does: incidents that it moved, alerts with their event, worst first.

    An alert without an event was told before and holds on; `hushed` are under a silence.
    """

    moved: tuple[Incident, ...]
    alerts: tuple[tuple[Event, Alert], ...]
    hushed: tuple[Alert, ...]

    @property
    def news(self) -> tuple[tuple[Event, Alert], ...]:
        return tuple(each for each in self.alerts if each[0])


def _step(
    store: Store,
    monitor: Monitor,
    verdict: Verdict,
    alerts: Iterable[Alert],
    silences: Sequence[Silence],
) -> _Outcome:
    """Move every incident of the monitor by this window."""
    _, at = bounds(verdict.comparison.current)
    known = {each.kind: each for each in store.incidents(monitor.model, monitor.name)}
    raised = {each.kind: each for each in alerts}
    judged = judged_kinds(verdict)
    moved: list[Incident] = []
    told: list[tuple[Event, Alert]] = []
    hushed: list[Alert] = []
    for kind in dict.fromkeys((*raised, *known)):
        before, alert = known.get(kind), raised.get(kind)
        stepped = step(
            before, alert, at,
            judged=kind in judged, silences=silences, recover_after=monitor.alerts.recover_after,
        )  # fmt: skip
        incident, event = stepped.incident, stepped.event
        if incident is not None and incident != before:
            moved.append(incident)
        if incident is not None and event == "recovered":
            told.append((event, _recovery(incident, verdict)))
        elif alert and incident and any(each.covers(incident, at) for each in silences):
            hushed.append(alert)
        elif alert:
            told.append((event, alert))
    return _Outcome(tuple(moved), tuple(sorted(told, key=_weight, reverse=True)), tuple(hushed))


def _recovery(incident: Incident, verdict: Verdict) -> Alert:
    performance = diagnose(verdict).performance
    told = incident.kind == "performance_degradation" and performance is not None
    now = wording.held(performance) if told and performance else ""
    if incident.kind == "estimated_degradation":  # the labels may have confirmed it
        now = wording.instead(verdict)
    return recovery(incident, verdict.comparison.current, now=now)


def _weight(told: tuple[Event, Alert]) -> tuple[bool, int, bool]:
    event, alert = told
    return event != "recovered", SEVERITIES.index(alert.severity), bool(event)


def _messages(monitor: Monitor, outcome: _Outcome) -> tuple[Message, ...]:
    """Every alert is kept. When there is news, one message is sent, led by what is worst now."""
    messages = []
    for position, (event, alert) in enumerate(outcome.alerts):
        leads = position == 0 and bool(outcome.news)
        body = payload(alert, event, also=outcome.alerts[1:] if leads else ())
        channels = monitor.alerts.channels if leads else ()
        messages.append(Message(alert, channels, body, event or "held"))
    hushed = [Message(each, (), payload(each, ""), "hushed") for each in outcome.hushed]
    return (*messages, *hushed)
