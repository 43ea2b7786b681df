"""How much an alert weighs, as data that a monitor's file can change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from mondrift.errors import SettingsError, nearest, shown

Severity = Literal["low", "medium", "high", "critical"]

#: Worst last.
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")

#: Rule → severity. Wide drift is drift in at least `AlertRules.many` features.
DEFAULT_SEVERITIES: Mapping[str, Severity | None] = {
    "performance_degradation": "critical",
    "ranking_degradation": "medium",
    "wide_data_drift": "high",
    "output_drift": "medium",
    "data_quality": "medium",
    "data_drift": "low",
    "target_drift": "low",
    "estimated_degradation": "low",
}


@dataclass(frozen=True)
class AlertRules:
    """The `alerts:` part of a monitor.

    Parameters
    ----------
    channels : names of the channels that alerts go to, e.g. "webhook"; addresses are settings.
    severities : {rule: severity, or None for no alert}; see `DEFAULT_SEVERITIES`.
    many : from so many features on, drift is wide; a policy's group counts as one.
    recover_after : so many quiet windows in a row close an incident.

    Examples
    --------
    >>> rules = AlertRules.from_mapping({"severities": {"target_drift": "none"}})
    >>> rules.severities["target_drift"], rules.severities["data_drift"]
    (None, 'low')
    """

    channels: tuple[str, ...] = ()
    severities: Mapping[str, Severity | None] = field(
        default_factory=lambda: dict(DEFAULT_SEVERITIES)
    )
    many: int = 3
    recover_after: int = 1

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> AlertRules:
        """Rules from YAML; raises SettingsError with every complaint at once."""
        known = [each.name for each in fields(cls)]
        complaints = [
            f"{key!r} is no key of alerts.{nearest(key, known)}"
            for key in given
            if key not in known
        ]
        channels = given.get("channels", ())
        if not isinstance(channels, list | tuple) or not all(isinstance(c, str) for c in channels):
            complaints.append(f"channels is a list of names, e.g. [webhook], not {channels!r}")
        for name in ("many", "recover_after"):
            value = given.get(name, 1)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                complaints.append(f"{name} is a whole number from 1 on, not {value!r}")
        changes = given.get("severities", {})
        if isinstance(changes, Mapping):
            complaints += _check_severities(changes)
        else:
            complaints.append(f"severities is a mapping, not {changes!r}")
        if complaints:
            raise SettingsError("The alerts cannot be used: " + "; ".join(complaints) + ".")
        chosen = {rule: None if s == "none" else s for rule, s in changes.items()}
        return cls(
            channels=tuple(channels),
            severities={**DEFAULT_SEVERITIES, **chosen},
            many=given.get("many", cls.many),
            recover_after=given.get("recover_after", cls.recover_after),
        )


def _check_severities(given: Mapping[str, Any]) -> list[str]:
    choice = (*SEVERITIES, "none")
    return [
        f"severities has no rule {rule!r}, only {shown(DEFAULT_SEVERITIES)}."
        f"{nearest(rule, DEFAULT_SEVERITIES)}"
        for rule in given
        if rule not in DEFAULT_SEVERITIES
    ] + [
        f"the severity of {rule} is {severity!r}; the choice is {shown(choice)}"
        for rule, severity in given.items()
        if severity not in choice
    ]
