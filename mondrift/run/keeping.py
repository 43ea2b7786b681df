"""How long the reports of a monitor are kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from mondrift.errors import SettingsError, nearest, shown

_LENGTH = re.compile(r"([1-9]\d{0,4})\s*([dwmy])")
_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}
_KEYS = ("reports", "alarms")


def length(text: str) -> timedelta:
    """A length of time in days, weeks, months (of 30 days) or years (of 365); SettingsError else.

    >>> length("90d"), length("1y")
    (datetime.timedelta(days=90), datetime.timedelta(days=365))
    """
    match = _LENGTH.fullmatch(text.strip())
    if match is None:
        raise SettingsError(
            f"{text!r} is no length of time; write 90d, 12w, 6m or 1y (days, weeks, months, years)."
        )
    return timedelta(days=int(match[1]) * _DAYS[match[2]])


@dataclass(frozen=True)
class Keeping:
    """What `retention:` in a monitor's file says.

    Parameters
    ----------
    reports : so long a report is kept after it was made.
    alarms : so long one is kept that alarmed or failed; at least as long as `reports`.
    """

    reports: timedelta = timedelta(days=90)
    alarms: timedelta = timedelta(days=365)

    def __post_init__(self) -> None:
        if self.alarms < self.reports:
            raise SettingsError(
                f"retention.alarms ({self.alarms.days}d) is shorter than retention.reports "
                f"({self.reports.days}d); alarms are kept at least as long."
            )

    def to_dict(self) -> dict[str, str]:
        """As a file says it.

        >>> Keeping().to_dict()
        {'reports': '90d', 'alarms': '365d'}
        """
        return {name: f"{getattr(self, name).days}d" for name in _KEYS}

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> Keeping:
        """The keys of a file; SettingsError for what is wrong. `alarms` grows with `reports`.

        >>> Keeping.from_mapping({"reports": "2y"}).alarms.days
        730
        """
        unknown = [name for name in given if name not in _KEYS]
        if unknown:
            raise SettingsError(
                f"{unknown[0]!r} is no key of retention, which has {shown(_KEYS)}."
                f"{nearest(unknown[0], _KEYS)}"
            )
        read = {name: _named(name, value) for name, value in given.items()}
        alarms = read.get("alarms", max(cls.alarms, read.get("reports", cls.reports)))
        return cls(read.get("reports", min(cls.reports, alarms)), alarms)

    def changed(self, given: Mapping[str, str]) -> Keeping:
        """This, but for what `given` says; `alarms` grows with `reports`.

        >>> Keeping().changed({"reports": "2y"}).alarms.days
        730
        """
        said = Keeping.from_mapping(given)
        reports = said.reports if "reports" in given else self.reports
        alarms = said.alarms if "alarms" in given else max(self.alarms, reports)
        return Keeping(reports, alarms)


def _named(name: str, value: object) -> timedelta:
    try:
        return length(str(value))
    except SettingsError as error:
        raise SettingsError(f"retention.{name}: {error}") from None
