"""Sentences from facts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mondrift.diagnosis import diagnose
from mondrift.histogram import Histogram
from mondrift.why import Effect, Why
from mondrift.wording import direction, story
from tests.flights import APRIL, verdict


def numeric(reference: tuple[int, ...], current: tuple[int, ...]) -> Histogram:
    edges = (None, *range(1, len(reference)), None)
    labels = tuple(f"bin {i}" for i in range(len(reference)))
    return Histogram("x", "numeric", labels, edges, reference, current, 0, 0)


@pytest.mark.parametrize(
    ("reference", "current", "where"),
    [
        ((10, 10, 10), (0, 0, 30), "to higher values"),
        ((10, 10, 10), (30, 0, 0), "to lower values"),
        ((10, 10, 10), (15, 0, 15), "in shape, not to one side"),
        ((10, 10, 10), (0, 0, 0), "one window has no values"),
    ],
)
def test_direction_of_a_number(
    reference: tuple[int, ...], current: tuple[int, ...], where: str
) -> None:
    assert direction(numeric(reference, current)) == where


def test_direction_does_not_follow_the_number_of_rows() -> None:
    assert direction(numeric((1, 1, 1), (1000, 1000, 1000))) == "in shape, not to one side"


def test_direction_of_a_category_names_the_level_that_changed_most() -> None:
    plan = Histogram("plan", "categorical", ("a", "b", "c"), None, (50, 30, 20), (20, 35, 45), 0, 0)
    assert direction(plan) == "the share of plan = a fell from 50.0 % to 20.0 %"


def test_concept_drift_is_said_to_be_shown_only_where_the_drop_was_split() -> None:
    shown = Why("accuracy", Effect(0.04, 0.02, 0.07), Effect(0.11, 0.07, 0.14), None)
    unknown = Why("accuracy", None, None, None, "the inputs are too different")
    april = diagnose(verdict(APRIL))
    assert story(replace(april, why=shown)).startswith("What the model learned does not hold")
    for why in (unknown, None):
        told = story(replace(april, why=why))
        assert "points to concept drift" in told and "may not hold" in told
