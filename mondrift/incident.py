"""An incident is what stays open between the first alert and recovery.

One incident per (model, monitor, kind). It is moved by `step`, a pure function of the incident,
the alert of one window (or none) and the window's end; an adapter stores the incident and sends
the message. People are told when it opens, when it gets worse and when it is over, and again when
windows in between were never looked at; not once per window.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from mondrift import phrases
from mondrift.alert import Alert
from mondrift.phrases import since
from mondrift.severity import SEVERITIES, Severity
from mondrift.window import Window

Event = Literal["", "opened", "escalated", "again", "recovered"]


@dataclass(frozen=True)
class Incident:
    """Something that is wrong with a model, or was.

    `severity` is the worst so far and `told` the worst that people were told (None while silenced).
    Times are those of the data: `opened_at` is the start of the first window with an alert,
    `seen_at` the end of the last window that was looked at, `closed_at` the end of the window that
    closed it. `calm` counts quiet windows in a row. `title` is the last alert's.
    """

    model_id: str
    monitor: str
    kind: str
    severity: Severity
    title: str
    opened_at: datetime
    seen_at: datetime
    told: Severity | None = None
    calm: int = 0
    closed_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether it has not recovered yet."""
        return self.closed_at is None

    def to_dict(self) -> dict[str, Any]:
        """JSON-valid; `Incident.from_dict` reads it back."""
        return {
            key: value.isoformat() if isinstance(value, datetime) else value
            for key, value in vars(self).items()
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Incident:
        """The incident that `to_dict` wrote."""
        moments = {
            name: datetime.fromisoformat(data[name]) if data[name] else None
            for name in ("opened_at", "seen_at", "closed_at")
        }
        return cls(**{**data, **moments})


@dataclass(frozen=True)
class Silence:
    """A period without messages, up to `until` (exclusive); empty fields match everything."""

    until: datetime
    reason: str
    model_id: str = ""
    monitor: str = ""
    kind: str = ""

    def covers(self, incident: Incident, at: datetime) -> bool:
        """Whether messages about `incident` are held back at `at`."""
        pairs = ((self.model_id, incident.model_id), (self.monitor, incident.monitor),
                 (self.kind, incident.kind))  # fmt: skip
        return at < self.until and all(mine in ("", theirs) for mine, theirs in pairs)


@dataclass(frozen=True)
class Step:
    """What one window does to an incident, and the message it is worth ("" for none)."""

    incident: Incident | None
    event: Event = ""


def step(
    incident: Incident | None,
    alert: Alert | None,
    at: datetime,
    *,
    judged: bool = True,
    silences: Iterable[Silence] = (),
    recover_after: int = 1,
) -> Step:
    """Move an incident by one window.

    Parameters
    ----------
    incident : the last one of this model, monitor and kind, open or closed; None for none.
    alert : the window's alert of this kind, None when there is none.
    at : end of the window. A window older than the last one that counted changes nothing.
    judged : False when the window could not say (no labels): then no alert is no recovery.
    silences : while one covers the incident nobody is told; later people are, if it still holds.
    recover_after : so many quiet windows in a row close it.

    Examples
    --------
    >>> from datetime import UTC
    >>> april, may = datetime(2013, 4, 29, tzinfo=UTC), datetime(2013, 5, 6, tzinfo=UTC)
    >>> alert = Alert("data_drift", "low", "x drifted", "", "flights", "weekly", Window(end=april))
    >>> opened = step(None, alert, april)
    >>> opened.event, step(opened.incident, alert, may).event
    ('opened', '')
    >>> step(opened.incident, None, may).event
    'recovered'
    """
    if incident is not None and incident.is_open and at < incident.seen_at:
        return Step(incident)
    if incident is not None and not incident.is_open and at < (incident.closed_at or at):
        return Step(incident)
    if alert is not None:
        return _alerted(incident, alert, at, tuple(silences))
    if incident is None or not incident.is_open or not judged:
        return Step(incident)
    calm = incident.calm + 1
    if calm < recover_after:
        return Step(replace(incident, calm=calm, seen_at=at))
    closed = replace(incident, calm=calm, seen_at=at, closed_at=at)
    quiet = incident.told is None or any(s.covers(incident, at) for s in silences)
    return Step(closed, "" if quiet else "recovered")


def _alerted(
    incident: Incident | None, alert: Alert, at: datetime, silences: tuple[Silence, ...]
) -> Step:
    """Open, hold or escalate."""
    if incident is None or not incident.is_open:
        began = alert.window.start or at
        incident = Incident(
            alert.model_id, alert.monitor, alert.kind, alert.severity, alert.title, began, at
        )
    gap = alert.window.start is not None and alert.window.start > incident.seen_at
    severity = max(incident.severity, alert.severity, key=SEVERITIES.index)
    held = replace(incident, severity=severity, title=alert.title, seen_at=at, calm=0)
    if any(silence.covers(held, at) for silence in silences):
        return Step(held)
    if held.told is None:
        return Step(replace(held, told=severity), "opened")
    if SEVERITIES.index(severity) > SEVERITIES.index(held.told):
        return Step(replace(held, told=severity), "escalated")
    return Step(held, "again" if gap else "")


def recovery(incident: Incident, window: Window, *, now: str = "", report_url: str = "") -> Alert:
    """The message that an incident is over; `now` says what is measured today."""
    ended = window.end or incident.seen_at
    began = f", open {since(incident.opened_at, ended)}," if incident.opened_at < ended else ""
    about = incident.title.removeprefix(f"{incident.model_id}: ")
    return Alert(
        kind=incident.kind,
        severity="low",
        title=f"{incident.model_id}: recovered: {about}",
        text=f'"{phrases.capital(about)}"{began} is over. {now}'.strip(),
        model_id=incident.model_id,
        monitor=incident.monitor,
        window=window,
        evidence={"incident": incident.to_dict()},
        playbook="recovered",
        report_url=report_url,
    )
