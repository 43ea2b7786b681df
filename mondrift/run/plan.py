"""A monitor is a saved plan: model, reference, windows, rules and alerts, in a file of YAML.

One file, `params/monitors/<name>.yaml`, is one monitor. It is checked as a whole before anything
runs; every complaint comes at once, with file and line.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from mondrift.errors import MonitorError, SettingsError, WindowError, nearest, shown
from mondrift.matching import MATCHES, Match
from mondrift.policy import Policy
from mondrift.run.catch_up import CatchUp
from mondrift.run.document import Document, read_document
from mondrift.run.keeping import Keeping
from mondrift.run.limits import Limits
from mondrift.run.ticks import cron_of, interval_of
from mondrift.run.windows import Calendar, Length
from mondrift.severity import AlertRules
from mondrift.window import Window

T = TypeVar("T")
Also = Callable[[Document], None]
_KEYS = (
    *("model", "title", "notebook", "parameters", "reference", "window", "segments"),
    *("schedule", "check_every", "catch_up", "limits", "policy", "alerts", "retention"),
)
_WINDOW_KEYS = ("length", "zone", "start", "end")
_MOST_WEEKS = 52
_SCALARS = (str, int, float, bool)
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Reference:
    """What windows are measured against: a registered baseline, the window before, or the same
    weekdays and hours of the weeks before.

    Parameters
    ----------
    version : of the baseline; None for the newest.
    weeks : how many of them, for "previous weeks".
    match : the baseline's rows are cut to the weekdays and hours of the window, see
        `mondrift.calendar_matched`; None for all of its rows.
    """

    kind: Literal["baseline", "previous window", "previous weeks"] = "baseline"
    version: int | None = None
    weeks: int = 0
    match: Match | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-valid, without what does not apply: it is part of what identifies a run."""
        applies = {"weeks": self.weeks, "match": self.match}
        told = {name: value for name, value in applies.items() if value}
        return {"kind": self.kind, "version": self.version, **told}


@dataclass(frozen=True)
class Monitor:
    """A saved plan; `load_monitor` reads it from its file.

    Parameters
    ----------
    name : the file's name without `.yaml`; also the name of its folder of reports.
    model : id of a registered model.
    notebook : name of a notebook, without `.ipynb`.
    parameters : {name: plain scalar} for the notebook.
    calendar : how time is cut into windows.
    schedule : a cron line in the calendar's zone, "" for none.
    segments : the model's segment columns that are looked at apart; None for all of them.
    check_every : seconds between two looks for windows to check, without a report; 0 for never,
        None where the file says nothing: see `interval`.
    catch_up : what the scheduler does about windows that were missed or failed.
    limits : how long the notebook may take, and how much memory.
    retention : how long reports are kept.
    """

    name: str
    model: str
    calendar: Calendar
    title: str = ""
    notebook: str = "drift_report"
    parameters: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    reference: Reference = field(default_factory=Reference)
    segments: tuple[str, ...] | None = None
    schedule: str = ""
    check_every: float | None = None
    catch_up: CatchUp = field(default_factory=CatchUp)
    limits: Limits = field(default_factory=Limits)
    policy: Policy = field(default_factory=Policy)
    alerts: AlertRules = field(default_factory=AlertRules)
    retention: Keeping = field(default_factory=Keeping)

    def windows(self, until: datetime) -> tuple[Window, ...]:
        """The windows that are over at `until`, oldest first.

        `until` is now, by the model's clock: the wall's, or the newest row's for `clock: data`.
        """
        return self.calendar.windows(until)

    def window(self, day: str) -> Window:
        """The window that begins on `day` (ISO, in the calendar's zone), or holds that moment."""
        return self.calendar.window(day)

    def interval(self, usual: float) -> float:
        """Seconds between two looks for windows to check, 0 for none of it.

        Where the file says nothing it is `usual` (DRIFT_CHECK_INTERVAL) without a schedule, and 0
        with one: its runs are checks, too.
        """
        if self.check_every is not None:
            return self.check_every
        return 0.0 if self.schedule else usual

    def config(self) -> dict[str, Any]:
        """What decides a run's result, JSON-valid; its hash is part of the run's identity.

        Schedule, interval, catching up, limits, first and last day, alerts and retention are left
        out: changing them makes no new results.
        """
        told = {} if self.segments is None else {"segments": list(self.segments)}
        return {
            "model": self.model,
            "notebook": self.notebook,
            "parameters": dict(self.parameters),
            "reference": self.reference.to_dict(),
            "window": {"length": str(self.calendar.length), "zone": self.calendar.zone},
            "policy": self.policy.to_dict(),
            **told,
        }


def load_monitors(
    folder: Path | str, *, policy: Policy | None = None, also: Also | None = None
) -> dict[str, Monitor]:
    """{name: monitor} of every `*.yaml` in `folder`, by name; `policy` is what theirs build upon.

    `also` looks at each file, too, and notes its complaints. Raises MonitorError with the
    complaints about all files.
    """
    paths = sorted(_folder(folder).glob("*.yaml"))
    monitors: dict[str, Monitor] = {}
    complaints = [
        f"{path}: a monitor's file ends with .yaml; rename it to {path.stem}.yaml."
        for path in sorted(Path(folder).glob("*.yml"))
    ]
    for path in paths:
        try:
            monitors[path.stem] = read_monitor(path, policy=policy, also=also)
        except MonitorError as error:
            complaints.append(str(error))
    if complaints:
        raise MonitorError("\n".join(complaints))
    return monitors


def load_monitor(name: str, folder: Path | str, *, policy: Policy | None = None) -> Monitor:
    """The monitor `name` of a folder; MonitorError when there is none, naming those there are."""
    found = {path.stem: path for path in sorted(_folder(folder).glob("*.yaml"))}
    if name not in found:
        raise MonitorError(
            f"There is no monitor {name!r} in {folder}, which has {shown(found)}."
            f"{nearest(name, found)}"
        )
    return read_monitor(found[name], policy=policy)


def monitor_names(folder: Path | str) -> list[str]:
    """The names of the files in a folder; MonitorError when the folder is not there."""
    return sorted(path.stem for path in _folder(folder).glob("*.yaml"))


def _folder(folder: Path | str) -> Path:
    path = Path(folder)
    if not path.is_dir():
        raise MonitorError(
            f"There is no folder {path}. `mondrift init` lays out params and notebooks here; or go "
            "to the folder that has them."
        )
    return path


def read_monitor(path: Path, *, policy: Policy | None = None, also: Also | None = None) -> Monitor:
    """Read and check one file; MonitorError with every complaint, each with its line."""
    return monitor_of(read_document(path), policy=policy, also=also)


def monitor_of(
    document: Document, *, policy: Policy | None = None, also: Also | None = None
) -> Monitor:
    """The monitor that a file's values are; MonitorError with every complaint."""
    path = document.path
    if also is not None:
        also(document)
    document.check_keys((), _KEYS)
    if not _NAME.fullmatch(path.stem):
        document.complain((), f"the file's name {path.stem!r} may hold a-z, 0-9, - and _ only.")
    calendar = _calendar(document)
    monitor = Monitor(
        name=path.stem,
        model=_text(document, "model"),
        calendar=calendar,
        title=_text(document, "title", path.stem.replace("_", " ")),
        notebook=_text(document, "notebook", "drift_report"),
        parameters=_parameters(document),
        reference=_reference(document, calendar),
        segments=_segments(document),
        schedule=_schedule(document),
        check_every=_check_every(document),
        catch_up=_part(document, "catch_up", CatchUp.from_mapping, CatchUp()),
        limits=_part(document, "limits", Limits.from_mapping, Limits()),
        policy=_policy(document, policy or Policy()),
        alerts=_part(document, "alerts", AlertRules.from_mapping, AlertRules()),
        retention=_part(document, "retention", Keeping.from_mapping, Keeping()),
    )
    document.raise_complaints()
    return monitor


# One function per part: it returns something usable and notes what is wrong in the document.


def _text(document: Document, key: str, default: str | None = None) -> str:
    value = document.values.get(key)
    value = default if value is None else value
    if value is None:
        document.complain((key,), f"{key} is missing.")
    elif not isinstance(value, str) or not value.strip():
        document.complain((key,), f"{key} is a text, not {value!r}.")
    return str(value)


def _mapping(document: Document, key: str) -> dict[str, Any]:
    value = document.values.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        document.complain((key,), f"{key} is a mapping of names to values, not {value!r}.")
        return {}
    return value


def _parameters(document: Document) -> dict[str, str | int | float | bool]:
    given = _mapping(document, "parameters")
    for name, value in given.items():
        if not str(name).isidentifier():
            document.complain(("parameters", str(name)), f"{name!r} is no name of a parameter.")
        if not isinstance(value, _SCALARS) or value != value or value in (math.inf, -math.inf):
            document.complain(
                ("parameters", str(name)),
                f"parameters.{name} is a text, a number or true/false, not {value!r}.",
            )
    return given


def _calendar(document: Document) -> Calendar:
    place = ("window",)
    given = _mapping(document, "window")
    fallback = Calendar(Length(days=1), "UTC", date(1970, 1, 1))
    if not given:
        document.complain(place, "window is missing: give length, zone and start.")
        return fallback
    document.check_keys(place, _WINDOW_KEYS)
    length, zone = Length(days=1), str(given.get("zone", "UTC"))
    try:
        length = Length.parse(str(given.get("length", "")))
    except WindowError as error:
        document.complain((*place, "length"), f"window.length: {error}")
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        close = nearest(zone, available_timezones())
        document.complain((*place, "zone"), f"window.zone: {zone!r} is no IANA time zone.{close}")
        return fallback
    start, end = (_day(document, (*place, key)) for key in ("start", "end"))
    if start is None and "start" not in given:
        document.complain(place, "window.start is missing: the first day, e.g. 2013-01-07.")
    if start and end and end <= start:
        document.complain((*place, "end"), f"window.end {end} is not after window.start {start}.")
    return Calendar(length, zone, start or fallback.start, end)


def _day(document: Document, place: tuple[str, str]) -> date | None:
    value = document.values[place[0]].get(place[1])
    if value is None:
        return None
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        document.complain(place, f"{'.'.join(place)}: {value!r} is no day; write it 2013-04-22.")
        return None


def _reference(document: Document, calendar: Calendar) -> Reference:
    given = document.values.get("reference", "baseline")
    place = ("reference",)
    if given == "previous window":
        return Reference("previous window")
    if given == "baseline":
        return Reference()
    if isinstance(given, dict) and set(given) == {"previous weeks"}:
        return _previous_weeks(document, given["previous weeks"], calendar)
    if isinstance(given, dict) and "baseline" in given and set(given) <= {"baseline", "match"}:
        version, match = given["baseline"], given.get("match")
        if match is not None and match not in MATCHES:
            document.complain(
                (*place, "match"), f"reference.match is one of {shown(MATCHES)}, not {match!r}."
            )
        if version == "newest":
            return Reference(match=match)
        if _is_count(version):
            return Reference(version=version, match=match)
    document.complain(
        place,
        "reference is 'baseline' (the newest), {baseline: 2} (that version), 'previous window', "
        "{previous weeks: 4} (their same weekdays and hours) or {baseline: newest, match: weekday "
        f"and hour}}, not {given!r}.",
    )
    return Reference()


def _previous_weeks(document: Document, weeks: Any, calendar: Calendar) -> Reference:
    least = calendar.length.weeks
    if _is_count(weeks) and least <= weeks <= _MOST_WEEKS:
        return Reference("previous weeks", weeks=weeks)
    document.complain(
        ("reference", "previous weeks"),
        f"reference.previous weeks is a number from {least} to {_MOST_WEEKS} for windows of "
        f"{calendar.length}, not {weeks!r}.",
    )
    return Reference()


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _schedule(document: Document) -> str:
    try:
        return cron_of(document.values.get("schedule"))
    except SettingsError as error:
        document.complain(("schedule",), str(error))
        return ""


def _check_every(document: Document) -> float | None:
    try:
        return interval_of(document.values.get("check_every"))
    except SettingsError as error:
        document.complain(("check_every",), str(error))
        return None


def _segments(document: Document) -> tuple[str, ...] | None:
    given = document.values.get("segments")
    if given is None:
        return None
    names = given if isinstance(given, list) else []
    if names != given or not all(isinstance(each, str) for each in names):
        document.complain(
            ("segments",),
            f"segments is a list of the model's segment columns, e.g. [origin], not {given!r}.",
        )
    elif len(set(names)) < len(names):
        document.complain(("segments",), f"segments names a column twice: {given!r}.")
    return tuple(map(str, names))


def _part(
    document: Document, key: str, read: Callable[[dict[str, Any]], T], default: T,
    always: Iterable[str] = (),
) -> T:  # fmt: skip
    """A part that has its own reader; the default where something is wrong with it."""
    given = _mapping(document, key)
    return read(given) if document.check_each((key,), given, read, always) else default


def _policy(document: Document, base: Policy) -> Policy:
    groups = _mapping(document, "policy").get("groups", {})
    if not isinstance(groups, dict) or not all(isinstance(each, list) for each in groups.values()):
        document.complain(
            ("policy", "groups"),
            "policy.groups maps names to lists of columns, e.g. weather: [temperature, humidity].",
        )
        return base

    def read(given: dict[str, Any]) -> Policy:
        return Policy.from_mapping(given, base)

    return _part(document, "policy", read, base, ("name", "learned"))
