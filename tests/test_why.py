"""What a split and a change point say, in words; and what they are held for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mondrift.measurement import Measurement
from mondrift.why import Effect, Since, Why, sentences, split_told, why_of

SINCE = Since(
    datetime(2013, 4, 22, tzinfo=UTC), datetime(2013, 4, 21, tzinfo=UTC),
    datetime(2013, 4, 23, tzinfo=UTC), None, 0.2, 0.36, 1340, False,
)  # fmt: skip


@pytest.mark.parametrize(
    ("inputs", "relation", "blamed"),
    [
        (Effect(0.01, -0.02, 0.04), Effect(0.11, 0.07, 0.14), "relation"),
        (Effect(0.11, 0.07, 0.14), Effect(0.01, -0.02, 0.04), "inputs"),
        (Effect(0.05, -0.01, 0.11), Effect(0.05, -0.01, 0.11), ""),  # neither is sure
        (Effect(-0.05, -0.08, -0.02), Effect(0.15, 0.1, 0.2), "relation"),
        (Effect(-0.15, -0.2, -0.1), Effect(0.05, 0.01, 0.09), ""),  # it got better
        (None, None, ""),
    ],
)
def test_blame_needs_half_of_the_harm_and_certainty(
    inputs: Effect | None, relation: Effect | None, blamed: str
) -> None:
    assert Why("accuracy", inputs, relation, None).blamed == blamed


def test_inputs_moved_and_the_model_is_fine_reads_otherwise_than_the_reverse() -> None:
    large, small = Effect(0.11, 0.07, 0.14), Effect(0.01, -0.02, 0.04)
    relation = split_told(Why("accuracy", small, large, None))
    inputs = split_told(Why("accuracy", large, small, None))
    assert "related otherwise than before" in relation
    assert "about as right as before" in inputs


@pytest.mark.parametrize(
    ("inputs", "ends"),
    [
        (Effect(-0.04, -0.07, -0.01), "Other inputs made it easier, by 4.0 points."),
        (Effect(-0.01, -0.04, 0.02), "Other inputs account for nothing of the drop."),
        (Effect(0.04, 0.01, 0.07), "Other inputs add 4.0 points (1.0 to 7.0)."),
    ],
)
def test_what_inputs_add_to_another_relation(inputs: Effect, ends: str) -> None:
    assert split_told(Why("accuracy", inputs, Effect(0.2, 0.15, 0.25), None)).endswith(ends)


def test_mae_is_told_in_the_targets_unit() -> None:
    told = split_told(Why("mae", Effect(0.2, -0.5, 0.9), Effect(3.1, 2.0, 4.2), None))
    assert "MAE rose by 3.1 (2 to 4.2)" in told
    assert "0.2 of the rise (at most 0.9)" in told


def test_what_is_not_clear_and_what_cannot_be_told_is_said() -> None:
    even = Effect(0.05, -0.01, 0.11)
    assert split_told(Why("accuracy", even, even, None)).startswith("It is not clear what did it")
    reason = "the inputs are too different (1 % of them are alike, 25 % are needed)"
    assert split_told(Why("accuracy", None, None, None, reason)) == (
        "Whether other inputs or another relation did it is not known: the inputs are too "
        "different (1 % of them are alike, 25 % are needed)."
    )


def test_a_model_that_did_not_get_worse_has_nothing_to_explain() -> None:
    better = Effect(-0.05, -0.09, -0.01)
    assert "nothing to explain" in split_told(Why("accuracy", better, better, None))


def test_the_moment_is_told_with_its_range_and_its_end() -> None:
    now = datetime(2013, 4, 22, tzinfo=UTC)
    why = Why("accuracy", None, None, SINCE)
    assert sentences(why, now) == (
        "It is so since 22 April (21 to 23 April): the share of wrong answers went from "
        "20.0 % to 36.0 %.",
    )
    over = replace(SINCE, until=datetime(2013, 4, 27, tzinfo=UTC), hourly=True)
    told = sentences(replace(why, since=over), datetime(2014, 1, 1, tzinfo=UTC))
    assert told[0].endswith("; over since 27 April 2013 00:00.")


def test_a_moment_without_the_level_before_it_is_no_moment() -> None:
    detail = {"metric": "accuracy", "at": "2013-04-22T00:00:00+00:00"}
    about = ("performance", "late", "target", "categorical", "changed_since", 0.15, 1e-6, 900, 900)
    found = why_of([Measurement(*about, detail=detail)])
    assert found is not None
    assert found.since is None
