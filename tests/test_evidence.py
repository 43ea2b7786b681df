"""Confusion, calibration curve and classes stand beside their metrics, without small cells."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn import calibration
from sklearn import metrics as theirs

from mondrift.comparing import compare
from mondrift.comparison import Comparison
from mondrift.errors import SchemaError
from mondrift.measurement import Measurement
from mondrift.schema import Schema

BINARY = Schema(target="came", probability="score")


def scored(n: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    score = random.uniform(size=n)
    came = (random.uniform(size=n) < score).astype(int)
    return pd.DataFrame({"came": came, "score": score, "x": random.normal(size=n)})


def kinds(n: int, seed: int, names: str = "abc") -> pd.DataFrame:
    random = np.random.default_rng(seed)
    shares = np.linspace(1, 3, len(names))
    true = random.choice(list(names), n, p=shares / shares.sum())
    said = np.where(random.random(n) < 0.7, true, random.choice(list(names), n))
    return pd.DataFrame({"true": true, "said": said, "x": random.normal(size=n)})


def metric(comparison: Comparison, name: str, segment: str = "") -> Measurement:
    return next(m for m in comparison.measurements if m.measure == name and m.segment == segment)


def test_confusion_counts_are_those_of_scikit_learn() -> None:
    one, other = kinds(900, 0), kinds(300, 1)
    comparison = compare(one, other, schema=Schema(target="true", prediction="said"))
    found = metric(comparison, "accuracy").detail["confusion"]
    for window, rows in (("reference", one), ("current", other)):
        expected = theirs.confusion_matrix(rows["true"], rows["said"], labels=found["labels"])
        assert found[window] == expected.tolist()
    json.dumps(found, allow_nan=False)


def test_with_many_classes_there_is_no_confusion_matrix_and_twenty_are_told() -> None:
    names = "abcdefghijklmnopqrstuvwxy"
    schema = Schema(target="true", prediction="said")
    comparison = compare(kinds(9000, 0, names), kinds(4000, 1, names), schema=schema)
    assert "confusion" not in metric(comparison, "accuracy").detail
    told = metric(comparison, "f1_macro").detail["per_class"]
    assert (len(told["current"]), told["left_out"]) == (20, 5)


def test_each_class_has_its_own_f1_with_limits() -> None:
    one, other = kinds(900, 0), kinds(300, 1)
    comparison = compare(one, other, schema=Schema(target="true", prediction="said"))
    told = metric(comparison, "f1_macro").detail["per_class"]["current"]
    for name in ("precision", "recall", "f1"):
        score = getattr(theirs, f"{name}_score")
        expected = score(other["true"], other["said"], average=None, labels=list("abc"))
        values = {line["class"]: line[name][0] for line in told}
        assert values == pytest.approx(dict(zip("abc", expected, strict=True)), abs=1e-6)
        assert all(line[name][1] < line[name][0] < line[name][2] for line in told)
    assert {line["class"]: line["n"] for line in told} == dict(other["true"].value_counts())


def test_a_class_of_fewer_than_five_rows_is_not_told() -> None:
    rare = kinds(300, 1).assign(true=lambda rows: rows["true"].where(rows.index >= 4, "rare"))
    comparison = compare(kinds(900, 0), rare, schema=Schema(target="true", prediction="said"))
    told = metric(comparison, "f1_macro").detail["per_class"]
    assert "rare" not in {line["class"] for line in told["current"]}


def test_the_curve_has_the_points_of_scikit_learn() -> None:
    one, other = scored(2000, 0), scored(1000, 1)
    found = metric(compare(one, other, schema=BINARY), "calibration_error")
    shares, scores = calibration.calibration_curve(
        other["came"], other["score"], n_bins=10, strategy="quantile"
    )
    told = found.detail["curve"]["current"]
    assert [point["share"] for point in told] == pytest.approx(shares.tolist(), abs=1e-6)
    assert [point["score"] for point in told] == pytest.approx(scores.tolist(), abs=1e-6)
    assert sum(point["n"] for point in told) == 1000
    assert 0 < found.statistic < found.detail["ceiling"] < 0.1


def test_points_of_fewer_than_five_rows_are_not_told() -> None:
    found = metric(compare(scored(2000, 0), scored(33, 1), schema=BINARY), "calibration_error")
    assert found.n_current == 33
    assert found.detail["curve"]["current"] == []


def test_private_columns_name_no_class_and_no_score() -> None:
    schema = Schema(target="true", prediction="said", private=("true",))
    comparison = compare(kinds(900, 0), kinds(300, 1), schema=schema)
    labels = metric(comparison, "accuracy").detail["confusion"]["labels"]
    assert labels == ["class 1", "class 2", "class 3"]
    told = metric(comparison, "f1_macro").detail["per_class"]["current"]
    assert {line["class"] for line in told} == set(labels)
    hidden = Schema(target="came", probability="score", private=("score",))
    found = metric(compare(scored(2000, 0), scored(1000, 1), schema=hidden), "calibration_error")
    assert "curve" not in found.detail


def test_a_probability_alone_is_judged_at_the_threshold() -> None:
    one, other = scored(2000, 0), scored(1000, 1)
    for threshold in (None, 0.3):
        schema = Schema(target="came", probability="score", threshold=threshold)
        said = other["score"] >= (threshold or 0.5)
        comparison = compare(one, other, schema=schema)
        assert metric(comparison, "recall").statistic == theirs.recall_score(other["came"], said)
        assert metric(comparison, "accuracy").column == "score"
    assert Schema.from_dict(schema.to_dict()) == schema


def test_several_probabilities_alone_say_the_likeliest_class() -> None:
    random = np.random.default_rng(0)
    shares = random.dirichlet(np.ones(3), size=600)
    rows = pd.DataFrame(shares, columns=["pa", "pb", "pc"])
    rows["true"] = np.array(list("abc"))[
        (random.random(600)[:, None] > shares.cumsum(axis=1)).sum(axis=1)
    ]
    schema = Schema(target="true", probability={"a": "pa", "b": "pb", "c": "pc"})
    said = np.array(list("abc"))[shares.argmax(axis=1)]
    found = metric(compare(rows, rows, schema=schema), "accuracy")
    assert found.statistic == theirs.accuracy_score(rows["true"], said)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"probability": "p", "threshold": 1.0}, "must lie between 0 and 1"),
        ({"probability": "p", "prediction": "q", "threshold": 0.4}, "has the predictions already"),
        ({"threshold": 0.4}, "threshold needs probability"),
    ],
)
def test_a_threshold_that_means_nothing_is_refused(given: dict, complaint: str) -> None:
    with pytest.raises(SchemaError, match=complaint):
        Schema(target="y", **given)


@pytest.mark.parametrize("measure", ["mae", "roc_auc"])
def test_rows_in_clusters_widen_the_limits(measure: str) -> None:
    def rows(seed: int) -> pd.DataFrame:
        random = np.random.default_rng(seed)
        users, level = np.repeat(np.arange(60), 20), np.repeat(random.normal(size=60), 20)
        true = random.normal(size=1200)
        guess = true + np.exp(level / 2) * random.normal(size=1200)
        came = (random.random(1200) < 0.4).astype(int)
        score = 1 / (1 + np.exp(-random.normal(size=1200) - (1.2 + level) * came))
        return pd.DataFrame(
            {"user": [f"{seed}-{user}" for user in users], "true": true, "guess": guess,
             "came": came, "score": score}
        )  # fmt: skip

    roles = {
        "mae": {"target": "true", "prediction": "guess"},
        "roc_auc": {"target": "came", "probability": "score"},
    }[measure]
    one, other = rows(0), rows(1)
    plain = metric(compare(one, other, schema=Schema(**roles)), measure)
    wide = metric(compare(one, other, schema=Schema(cluster="user", **roles)), measure)
    assert plain.statistic == wide.statistic
    assert wide.low < plain.low < plain.high < wide.high
    assert wide.detail["clusters"] == 60
    assert wide.detail["design_effect"] > 1.5
