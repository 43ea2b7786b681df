"""Verdicts on weeks of the demo's flights, in memory, for tests of what follows a verdict."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pandas as pd

from mondrift import demo
from mondrift.comparing import compare
from mondrift.policy import Policy
from mondrift.rows import read
from mondrift.schema import Schema
from mondrift.verdict import Verdict, judge
from mondrift.window import Window

SCHEMA = Schema(
    target=demo.TARGET,
    prediction=demo.PREDICTION,
    probability=demo.PROBABILITY,
    timestamp=demo.TIMESTAMP,
    id=demo.ID,
    segments=demo.SEGMENTS,
)
POLICY = Policy.from_mapping(
    {"groups": {"weather": list(demo.WEATHER)}, "expected": {"weather": "with the season"}}
)
FEBRUARY, APRIL, JULY, SEPTEMBER, DECEMBER = range(5)


@cache
def rows() -> pd.DataFrame:
    """Every flight, without the time of its label."""
    return demo.flights().drop(columns=demo.LABELLED_AT)


def between(start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """The flights of [start, end)."""
    times = rows()[demo.TIMESTAMP]
    return rows()[(times >= start) & (times < end)]


@cache
def reference() -> pd.DataFrame:
    """The four weeks of the baseline."""
    return pd.concat([between(week.start, week.end) for week in demo.REFERENCE])


@cache
def verdict(week: int, labels: bool = True) -> Verdict:
    """The verdict on `demo.WEEKS[week]`; without labels as on the day it ends, before any came."""
    chosen = demo.WEEKS[week]
    current = between(chosen.start, chosen.end)
    if not labels:
        current = current.assign(**{demo.TARGET: pd.array([pd.NA] * len(current), dtype="Int64")})
    before = read(reference(), SCHEMA.fit(reference()), label="reference")
    after = read(current, before.schema, window=Window(chosen.start, chosen.end, label=chosen.name))
    return judge(compare(before, after), POLICY)


def unexpected(week: int) -> Verdict:
    """The same verdict where nobody expects the weather to move."""
    return judge(verdict(week).comparison, replace(POLICY, expected={}))
