"""What cannot be computed is a value with a reason, in every comparison; nothing crashes."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from mondrift.briefing import brief
from mondrift.comparing import compare
from mondrift.comparison import Comparison
from mondrift.schema import Schema
from mondrift.verdict import judge

N = 300
BINARY = Schema(target="y", prediction="said", probability="p", latency="ms")
NUMBERS = Schema(target="y", prediction="said", kinds={"y": "numeric", "said": "numeric"})


def binary(seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    p = random.uniform(size=N)
    y = (random.uniform(size=N) < p).astype(float)
    return pd.DataFrame(
        {"y": y, "said": (p > 0.5).astype(float), "p": p, "ms": random.exponential(20, N),
         "x": random.normal(size=N)}
    )  # fmt: skip


def numbers(seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    y = random.normal(10, 2, N)
    return pd.DataFrame({"y": y, "said": y + random.normal(size=N), "x": random.normal(size=N)})


def reasons(comparison: Comparison) -> dict[str, str]:
    """The reasons of what has no value; every missing value has one, and all else is finite."""
    found = [m for m in comparison.measurements if m.family == "performance"]
    for each in found:
        assert not math.isinf(each.statistic), each.measure
        assert each.reason or not math.isnan(each.statistic), each.measure
    json.dumps(comparison.to_dict(), allow_nan=False)
    verdict = judge(comparison)
    briefing = brief(verdict)
    assert briefing.headline and briefing.metrics()._repr_html_()
    return {m.measure: m.reason for m in found if math.isnan(m.statistic) and not m.segment}


CURRENT = {
    "one class only": {"y": 1.0},
    "no labels": {"y": np.nan},
    "no predictions": {"said": np.nan},
    "no probabilities": {"p": np.nan},
    "probabilities outside [0, 1]": {"p": 1.5},
    "a class that the reference never saw": {"y": 7.0},
    "an infinite target": {"y": np.inf},
    "no durations": {"ms": np.nan},
    "the same duration always": {"ms": 3.0},
}


@pytest.mark.parametrize("case", CURRENT)
def test_a_window_of_classes_with(case: str) -> None:
    found = reasons(compare(binary(), binary(1).assign(**CURRENT[case]), schema=BINARY))
    expected = {
        "one class only": {"roc_auc": "only one class"},
        "no labels": {"accuracy": "no rows with target and prediction"},
        "no predictions": {"accuracy": "no rows with target and prediction"},
        "no probabilities": {"brier": "no rows with target and probability"},
        "probabilities outside [0, 1]": {"calibration_error": "probabilities are outside [0, 1]"},
        "no durations": {"latency_p50": "no durations"},
    }.get(case, {})
    for name, reason in expected.items():
        assert found[name].startswith(reason), (name, found[name])


@pytest.mark.parametrize("case", CURRENT)
def test_a_reference_of_classes_with(case: str) -> None:
    reasons(compare(binary().assign(**CURRENT[case]), binary(1), schema=BINARY))


OF_NUMBERS = {
    "the same target always": ({"y": 3.0}, {"r2": "all targets are equal"}),
    "targets of zero": ({"y": 0.0}, {"mape": "every target is 0"}),
    "infinite targets": ({"y": np.inf}, {"mae": "no rows with finite target and prediction"}),
    "infinite predictions": ({"said": -np.inf}, {"mae": "no rows with finite target"}),
    "no labels": ({"y": np.nan}, {"mae": "no rows with finite target and prediction"}),
    "huge errors": ({"said": 1e308, "y": -1e308}, {"mae": "the errors are too large for a float"}),
    "no error at all": ({"y": 5.0, "said": 5.0}, {}),
}


@pytest.mark.parametrize("case", OF_NUMBERS)
@pytest.mark.parametrize("side", ["reference", "current"])
def test_a_window_of_numbers_with(case: str, side: str) -> None:
    given, expected = OF_NUMBERS[case]
    one, other = numbers(), numbers(1)
    if side == "reference":
        reasons(compare(one.assign(**given), other, schema=NUMBERS))
        return
    found = reasons(compare(one, other.assign(**given), schema=NUMBERS))
    for name, reason in expected.items():
        assert found[name].startswith(reason), (name, found[name])


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_a_window_of_hardly_any_rows(rows: int) -> None:
    reasons(compare(binary(), binary(1).iloc[:rows], schema=BINARY))
    reasons(compare(numbers(), numbers(1).iloc[:rows], schema=NUMBERS))


def test_an_empty_segment() -> None:
    town = np.where(np.arange(N) % 2, "Graz", "Linz")
    schema = Schema(target="y", prediction="said", probability="p", segments=("town",))
    comparison = compare(binary().assign(town=town), binary(1).assign(town="Graz"), schema=schema)
    reasons(comparison)
    empty = [m for m in comparison.measurements if m.segment == "town=Linz"]
    metrics = [m for m in empty if m.family == "performance"]
    assert metrics and all(m.reason for m in metrics)


def test_several_classes_one_of_which_is_gone_or_new() -> None:
    random = np.random.default_rng(0)
    names, schema = np.array(list("abc")), Schema(target="y", probability={"a": "pa", "b": "pb"})
    shares = random.dirichlet(np.ones(2), size=N)
    rows = pd.DataFrame({"y": names[random.integers(0, 3, N)], "pa": shares[:, 0],
                         "pb": shares[:, 1], "x": random.normal(size=N)})  # fmt: skip
    for gone in ("a", "c"):
        reasons(compare(rows, rows[rows["y"] != gone], schema=schema))
        reasons(compare(rows[rows["y"] != gone], rows, schema=schema))
