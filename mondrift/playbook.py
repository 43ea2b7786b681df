"""What to do: a short entry per story and kind of alert, and what it says about retraining."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mondrift.errors import InputError, nearest, shown


@dataclass(frozen=True)
class Entry:
    """Steps in the order in which they pay off, and a sentence about retraining."""

    name: str
    steps: tuple[str, ...]
    retraining: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-valid."""
        return {"name": self.name, "steps": list(self.steps), "retraining": self.retraining}


_ENTRIES = (
    Entry(
        "concept drift",
        (
            "Look at accuracy by segment in the report: where it fell most, the cause is near.",
            "Ask the people who know that segment what changed in the world on that day.",
            "Until it is known, treat the model's answers there as a guess.",
        ),
        "Retrain only when the change is there to stay and enough labels were made after it; "
        "what ends by itself in days is waited out.",
    ),
    Entry(
        "drift with harm",
        (
            "Open the report and see which columns moved and since when.",
            "Check that the data are right: a unit, a source, a default value.",
            "If the data are right, the model is asked about what it did not learn.",
        ),
        "Retrain with rows from the new conditions; measure it on a window that it has not seen.",
    ),
    Entry(
        "drift without harm",
        (
            "Nothing to repair: the model is as right as before.",
            "If the change is one that comes every year, name it under policy: expected: in the "
            "monitor's file.",
        ),
        "Do not retrain for this.",
    ),
    Entry(
        "drift, harm unknown",
        (
            "See in the report which columns moved and how far.",
            "Check that the data are right: a unit, a source, a default value.",
            "Wait for labels, or label a sample of the rows; the check runs again when they come.",
        ),
        "Too early to tell: drift alone is no reason to retrain.",
    ),
    Entry(
        "target drift",
        (
            "See in the report whether accuracy held.",
            "If outcomes are more or less frequent for a known reason, tell those who act on the "
            "predictions.",
        ),
        "Retrain if accuracy or calibration suffers and the change is there to stay.",
    ),
    Entry(
        "data quality",
        (
            "Look at the column where it is made: a source, a join, a default value, a release.",
            "Repair the source; then log the rows again, or leave the window marked.",
        ),
        "Do not retrain on rows that are wrong.",
    ),
    Entry("recovered", ("Nothing to do.",), "No reason to retrain."),
)

PLAYBOOK: Mapping[str, Entry] = {each.name: each for each in _ENTRIES}


def entry(name: str) -> Entry:
    """The entry that an alert's `playbook` names.

    >>> entry("drift without harm").retraining
    'Do not retrain for this.'
    """
    if name not in PLAYBOOK:
        raise InputError(
            f"The playbook has no entry {name!r}, only {shown(PLAYBOOK)}.{nearest(name, PLAYBOOK)}"
        )
    return PLAYBOOK[name]
