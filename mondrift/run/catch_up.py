"""How a monitor makes up for windows that were missed, failed, or got labels late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from mondrift.errors import SettingsError, nearest, shown

First = Literal["oldest", "newest"]
_MOST = 10_000


@dataclass(frozen=True)
class CatchUp:
    """What `catch_up:` in a monitor's file says.

    Parameters
    ----------
    windows : the scheduler looks back at so many windows, at least 1; older ones are left alone.
    first : which of several missed windows is run first.
    retries : how often a window that failed is tried again, 0 for never.
    late_labels : windows that have been run are asked again at each tick of the schedule; new
        labels or rows make the next revision, without any it is a no-op.
    """

    windows: int = 30
    first: First = "oldest"
    retries: int = 3
    late_labels: bool = False

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> CatchUp:
        """The keys of a file; SettingsError with everything that is wrong.

        >>> CatchUp.from_mapping({"windows": 7, "first": "newest"})
        CatchUp(windows=7, first='newest', retries=3, late_labels=False)
        >>> CatchUp.from_mapping({"windows": 0})
        Traceback (most recent call last):
        mondrift.errors.SettingsError: catch_up.windows is a whole number from 1 to 10000, not 0.
        """
        known = [each.name for each in fields(cls)]
        complaints = [
            f"{name!r} is no key of catch_up, which has {shown(known)}.{nearest(name, known)}"
            for name in given
            if name not in known
        ]
        for name, least in (("windows", 1), ("retries", 0)):
            value = given.get(name, least)
            whole = isinstance(value, int) and not isinstance(value, bool)
            if not whole or not least <= value <= _MOST:
                complaints.append(
                    f"catch_up.{name} is a whole number from {least} to {_MOST}, not {value!r}."
                )
        if given.get("first", "oldest") not in get_args(First):
            complaints.append(
                f"catch_up.first is one of {shown(get_args(First))}, not {given['first']!r}."
            )
        if not isinstance(given.get("late_labels", False), bool):
            complaints.append(
                f"catch_up.late_labels is true or false, not {given['late_labels']!r}."
            )
        if complaints:
            raise SettingsError(" ".join(complaints))
        return cls(**given)
