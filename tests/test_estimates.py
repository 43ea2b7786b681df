"""Estimates in a comparison: there before any label, the same after, and honest on blindness."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from mondrift import Comparison, Measurement, Schema, compare
from mondrift.estimates import CLASSES, LEARNED

SCORED = Schema(target="late", prediction="told", probability="score")
PRICED = Schema(target="price", prediction="offer")


def scored(n: int, seed: int, near: float = 1.0) -> pd.DataFrame:
    """Calibrated scores, uniform, or near to one half; what came of them."""
    rng = np.random.default_rng(seed)
    score = rng.beta(near, near, n)
    late = (rng.random(n) < score).astype(int)
    frame = pd.DataFrame({"late": late, "told": (score > 0.5).astype(int), "score": score})
    return frame.assign(x=rng.normal(size=n))


def priced(n: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    """Offers, and prices that miss them by more where the offer is higher."""
    rng = np.random.default_rng(seed)
    offer = rng.normal(10 + shift, 1, n)
    price = offer + np.exp(0.3 * (offer - 10)) * rng.normal(size=n)
    return pd.DataFrame({"price": price, "offer": offer, "x": rng.normal(size=n)})


def measured(comparison: Comparison, measure: str) -> Measurement:
    (found,) = [m for m in comparison.measurements if m.measure == measure]
    return found


def estimated(comparison: Comparison) -> list[str]:
    return [m.measure for m in comparison.measurements if m.measure.startswith("estimated_")]


@pytest.fixture(scope="module")
def reference() -> pd.DataFrame:
    return scored(20_000, 0)


@pytest.mark.known
def test_uniform_calibrated_scores_give_the_closed_forms(reference: pd.DataFrame) -> None:
    window = scored(20_000, 1).drop(columns="late")
    comparison = compare(reference, window, schema=SCORED)
    # E max(p, 1 - p) of a uniform p; P(a positive outranks a negative) of Beta(2, 1), Beta(1, 2)
    for measure, answer in {
        "estimated_accuracy": 3 / 4,
        "estimated_precision": 3 / 4,
        "estimated_recall": 3 / 4,
        "estimated_f1": 3 / 4,
        "estimated_roc_auc": 5 / 6,
    }.items():
        found = measured(comparison, measure)
        assert found.statistic == pytest.approx(answer, abs=0.012), measure
        assert found.low < answer < found.high, measure
    assert estimated(comparison) == [
        f"estimated_{name}" for name in ("accuracy", "precision", "recall", "f1", "roc_auc")
    ]


def test_the_estimate_does_not_read_the_window_s_labels(reference: pd.DataFrame) -> None:
    reference, window = reference[:3000], scored(600, 2)
    none = window.assign(late=np.nan)
    wrong = window.assign(late=1 - window["late"])
    comparisons = [
        compare(reference, each, schema=SCORED)
        for each in (window, none, wrong, window.drop(columns="late"))
    ]
    for measure in estimated(comparisons[0]):
        first, *others = [measured(each, measure) for each in comparisons]
        assert [(m.statistic, m.low, m.high) for m in others] == [
            (first.statistic, first.low, first.high)
        ] * 3


def test_concept_drift_leaves_the_estimate_where_it_was_and_it_says_so(
    reference: pd.DataFrame,
) -> None:
    window = scored(2000, 3)
    comparison = compare(reference, window.assign(late=1 - window["late"]), schema=SCORED)
    realised, found = (measured(comparison, f"{e}accuracy") for e in ("", "estimated_"))
    assert realised.statistic < 0.3 and found.statistic > 0.7
    assert "blind to concept drift" in found.detail["assumes"]


def test_the_estimate_follows_a_drop_by_covariate_shift(reference: pd.DataFrame) -> None:
    window = scored(4000, 4, near=4.0)  # more rows that are hard to tell
    comparison = compare(reference, window, schema=SCORED)
    realised, found = (measured(comparison, f"{e}accuracy") for e in ("", "estimated_"))
    assert realised.statistic < realised.detail["reference"] - 0.1
    assert found.low < realised.statistic < found.high


def test_labels_that_come_for_positives_first_do_not_fool_it(reference: pd.DataFrame) -> None:
    window = scored(4000, 5)
    rng = np.random.default_rng(0)
    known = rng.random(4000) < np.where(window["late"] == 1, 0.9, 0.05)
    comparison = compare(reference, window.assign(late=window["late"].where(known)), schema=SCORED)
    true = float((window["late"] == window["told"]).mean())
    realised, found = (measured(comparison, f"{e}recall") for e in ("", "estimated_"))
    precision = measured(comparison, "precision")
    assert precision.statistic > 0.9  # of the labelled rows: nearly all of them are positives
    assert measured(comparison, "estimated_accuracy").low < true
    assert true < measured(comparison, "estimated_accuracy").high
    assert found.statistic == pytest.approx(realised.statistic, abs=0.05)


def test_errors_of_a_regression_follow_the_predictions() -> None:
    reference, window = priced(5000, 0), priced(2000, 1, shift=1.0)
    comparison = compare(reference, window.drop(columns="price"), schema=PRICED)
    realised = float((window["price"] - window["offer"]).abs().mean())
    found = measured(comparison, "estimated_mae")
    assert realised > 1.2 * found.detail["reference"]
    assert found.low < realised < found.high
    assert estimated(comparison) == ["estimated_mae", "estimated_rmse"]


def test_features_are_not_read_so_that_every_way_of_checking_measures_the_same() -> None:
    reference, window = priced(3000, 0), priced(500, 1)
    found, plain = (
        measured(compare(*pair, schema=PRICED), "estimated_mae")
        for pair in ((reference, window), (reference.drop(columns="x"), window.drop(columns="x")))
    )
    assert found == plain
    assert found.detail["method"] == "expected from bins of the prediction; delta method, log scale"
    assert found.detail["assumes"].startswith("assumes that errors depend on the prediction as")


def test_several_classes_are_estimated_too() -> None:
    def classes(n: int, seed: int) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        chance = rng.dirichlet([1, 1, 1], n)
        target = (rng.random(n)[:, None] > chance.cumsum(axis=1)).sum(axis=1)
        names = np.array(["a", "b", "c"])
        frame = pd.DataFrame(chance, columns=["pa", "pb", "pc"])
        return frame.assign(y=names[target], p=names[chance.argmax(axis=1)])

    schema = Schema(target="y", prediction="p", probability={"b": "pb", "a": "pa", "c": "pc"})
    comparison = compare(classes(4000, 0), classes(1500, 1).drop(columns="y"), schema=schema)
    # E of the largest of three: 1/3 (1 + 1/2 + 1/3)
    found = measured(comparison, "estimated_accuracy")
    assert found.statistic == pytest.approx(11 / 18, abs=0.02)
    assert "estimated_f1_macro" in estimated(comparison)


def test_too_many_classes_are_a_reason_not_a_wait() -> None:
    names = [f"c{i:02}" for i in range(CLASSES + 1)]
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.dirichlet(np.ones(len(names)), 400), columns=names)
    frame = frame.assign(y=np.resize(names, 400), p=np.resize(names, 400))
    schema = Schema(target="y", prediction="p", probability={n: n for n in names})
    found = measured(compare(frame, frame, schema=schema), "estimated_accuracy")
    assert np.isnan(found.statistic)
    assert found.reason == "21 classes are too many: estimates are made for up to 20"


def test_of_a_large_reference_some_rows_are_drawn_and_it_says_how_many() -> None:
    window = scored(1000, 1)
    small, large = (
        measured(compare(scored(n, 7), window, schema=SCORED), "estimated_accuracy")
        for n in (20_000, LEARNED + 10_000)
    )
    assert (small.detail["learned_on"], large.detail["learned_on"]) == (20_000, LEARNED)
    assert large.n_reference == LEARNED + 10_000  # the realised value is that of all rows
    assert large.statistic == pytest.approx(small.statistic, abs=0.01)


def test_rows_in_clusters_get_no_band() -> None:
    frames = [scored(1000, seed).assign(user=np.arange(1000) // 10) for seed in (0, 1)]
    schema = Schema(target="late", prediction="told", probability="score", cluster="user")
    found = measured(compare(*frames, schema=schema), "estimated_accuracy")
    assert (found.low, found.high) == (None, None)
    assert found.reason == "no band: rows depend on each other within 'user'"


def test_labels_of_a_private_target_are_not_told() -> None:
    names = np.array(["well", "ill", "hurt", "secret"])
    chance = np.random.default_rng(0).dirichlet(np.ones(4), 600)
    frame = pd.DataFrame(chance, columns=names)
    frame = frame.assign(p=names[chance.argmax(axis=1)], y=names[chance[:, :3].argmax(axis=1)])
    probability = {name: name for name in names.tolist()}
    for private in ((), ("y",)):
        schema = Schema(target="y", prediction="p", probability=probability, private=private)
        found = measured(compare(frame, frame, schema=schema), "estimated_accuracy")
        assert "expected nowhere" in found.reason
        assert ("secret" in found.reason) is (not private)


@pytest.mark.parametrize(
    ("schema", "gone"),
    [
        (Schema(target="late", prediction="told"), []),
        (Schema(prediction="told", probability="score"), []),
        (SCORED, ["score"]),
    ],
)
def test_what_has_no_target_or_no_probabilities_has_no_estimate(
    schema: Schema, gone: list[str]
) -> None:
    window = scored(300, 1).drop(columns=gone)
    assert estimated(compare(scored(300, 0), window, schema=schema)) == []


def test_a_reference_without_labels_gives_a_reason() -> None:
    reference = scored(300, 0).assign(late=[0, 1] + [None] * 298)
    found = measured(compare(reference, scored(300, 1), schema=SCORED), "estimated_accuracy")
    assert np.isnan(found.statistic) and "too few" in found.reason


def test_an_estimate_survives_being_stored(reference: pd.DataFrame) -> None:
    comparison = compare(reference, scored(500, 9), schema=SCORED)
    text = json.dumps(comparison.to_dict(), allow_nan=False)
    again = Comparison.from_dict(json.loads(text))
    assert measured(again, "estimated_f1") == measured(comparison, "estimated_f1")
