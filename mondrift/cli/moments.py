"""Moments as people write them: ISO 8601 with a time zone."""

from __future__ import annotations

from datetime import datetime

import click


def moment(text: str) -> datetime:
    """The type of an option or argument that is a point in time.

    >>> moment("2013-01-21T05:00Z").isoformat()
    '2013-01-21T05:00:00+00:00'
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no time; write it like 2013-01-21T05:00Z") from None
    if found.tzinfo is None:
        raise click.BadParameter(f"{text!r} names no time zone; add Z for UTC")
    return found
