"""New York's flights of 2013: a year of real predictions, with the labels that came later.

The model answers, at the scheduled departure, "will this flight land more than 15 minutes late?"
from schedule and weather only (how it was made: `mondrift.demo.build`). One flight in five is
here, with its score. Weeks are those of New York: they begin on Monday at 00:00 local time.

>>> rows = flights()
>>> rows.shape, int(rows["late"].count())  # cancelled and diverted flights have no label
((67523, 17), 65644)
>>> WEEKS[1].name, WEEKS[1].start.isoformat()
('week of 22 April', '2013-04-22T04:00:00+00:00')
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib import resources
from io import BytesIO
from zoneinfo import ZoneInfo

import pandas as pd

MODEL_ID = "flights"
ZONE = "America/New_York"
FILE_NAME = "flights.csv.gz"

ID = "flight_id"
TIMESTAMP = "scheduled_departure"  # the moment of the prediction
PROBABILITY = "score"  # P(late), four decimals
PREDICTION = "predicted_late"  # 1 where the score reaches .5
TARGET = "late"  # 1 when the flight landed more than 15 minutes late
LABELLED_AT = "labelled_at"  # the minute of landing, when the label became known
SEGMENTS = ("origin",)

CATEGORICAL = ("carrier", "origin", "destination")
SCHEDULE = ("scheduled_hour", "distance", *CATEGORICAL)  # local hour; miles
# °F, °F, %, mph, inches, miles: the reading at the origin in the scheduled hour
WEATHER = ("temperature", "dewpoint", "humidity", "wind_speed", "precipitation", "visibility")
NUMERIC = ("scheduled_hour", "distance", *WEATHER)
COLUMNS = (
    *(ID, TIMESTAMP, *SCHEDULE, *WEATHER),
    *(PROBABILITY, PREDICTION, TARGET, LABELLED_AT),
)


@dataclass(frozen=True)
class Week:
    """Seven local days from `monday`, and what a monitor should teach about them."""

    monday: date
    lesson: str

    @property
    def name(self) -> str:
        """For titles: `week of 22 April`."""
        return f"week of {self.monday.day} {self.monday:%B}"

    @property
    def start(self) -> datetime:
        """Monday 00:00 in New York, as UTC."""
        return _midnight(self.monday)

    @property
    def end(self) -> datetime:
        """The next Monday 00:00 in New York, as UTC, exclusive: 167 to 169 hours after `start`."""
        return _midnight(self.monday + timedelta(days=7))


# Four whole weeks, not contiguous, spread over the training months but not trained on.
REFERENCE_WEEKS = (date(2013, 1, 21), date(2013, 2, 11), date(2013, 3, 4), date(2013, 3, 25))
REFERENCE = tuple(Week(monday, "what the model is measured against") for monday in REFERENCE_WEEKS)

WEEKS = (
    Week(
        date(2013, 2, 25),
        "A quiet winter week: only the weather differs from the reference, as weather does.",
    ),
    Week(
        date(2013, 4, 22),
        "Concept drift: half of LaGuardia's flights land late, in dry weather and on the usual "
        "schedule, while the scores move slightly the other way. Only labels show it, and the "
        "segment says where.",
    ),
    Week(
        date(2013, 7, 22),
        "Drift with harm: summer moved the weather and lowered the scores, while many more "
        "flights landed late at all three airports.",
    ),
    Week(
        date(2013, 9, 2),
        "Drift without harm: weather and scores are as far from the reference as in July, and "
        "the model is right more often than on the reference. Nothing is broken.",
    ),
    Week(
        date(2013, 12, 16),
        "Harm without drift: the scores and the airlines' schedule look like the reference's, yet "
        "far more flights land late at all three airports. Only labels show it.",
    ),
)


def flights() -> pd.DataFrame:
    """The 67,523 flights of the sample in the order of their predictions, columns as `COLUMNS`.

    Times are UTC (microseconds); `late` is Int64 and `labelled_at` a time, both missing for the
    1,879 flights that were cancelled or diverted; missing weather stays missing.
    """
    kinds: dict[str, str] = {ID: "str", TARGET: "Int64"} | dict.fromkeys(CATEGORICAL, "str")
    packed = (resources.files(__name__) / "data" / FILE_NAME).read_bytes()
    rows: pd.DataFrame = pd.read_csv(BytesIO(gzip.decompress(packed)), dtype=kinds)
    for name in (TIMESTAMP, LABELLED_AT):
        rows[name] = pd.to_datetime(rows[name], utc=True).dt.as_unit("us")
    return rows.sort_values([TIMESTAMP, ID], ignore_index=True)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(ZONE)).astimezone(UTC)
