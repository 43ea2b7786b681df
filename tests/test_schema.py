"""A schema's importances: declared once, checked, kept, and used where things are ranked."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mondrift import Schema, compare, judge
from mondrift.diagnosis import diagnose
from mondrift.errors import ColumnError, SchemaError

N = 2000


def _rows(shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    names = ("small", "large", "other")
    rows = {name: rng.normal(shift * (place + 1), size=N) for place, name in enumerate(names)}
    return pd.DataFrame({**rows, "score": rng.random(N)})


def test_importances_are_kept_and_a_schema_without_them_reads_as_before() -> None:
    schema = Schema(importances={"large": 0.7, "small": 0.3})
    assert Schema.from_dict(schema.to_dict()) == schema
    assert "importances" not in Schema().to_dict()
    fitted = Schema(prediction="score", importances={"large": 0.7}).fit(_rows())
    found = [fitted.importance(name) for name in ("large", "small", "score")]
    assert found == [0.7, 0.0, 0.7]
    assert Schema().importance("anything") == 1.0


@pytest.mark.parametrize(
    ("importances", "complaint"),
    [
        ({"x": -1.0}, "the importance of 'x' is -1.0; it is a number from 0 on"),
        ({"x": float("nan")}, "the importance of 'x' is nan"),
        ({"score": 1.0}, "column 'score' has an importance, but is the prediction"),
    ],
)
def test_importances_that_make_no_sense_are_refused(
    importances: dict[str, float], complaint: str
) -> None:
    with pytest.raises(SchemaError, match=complaint):
        Schema(prediction="score", importances=importances)


def test_an_importance_of_an_unknown_column_is_named() -> None:
    with pytest.raises(ColumnError, match="'larg' is not in the reference window.*'large'"):
        Schema(importances={"larg": 1.0}).fit(_rows())


def test_what_moved_is_told_by_drift_times_importance() -> None:
    def told(schema: Schema) -> tuple[list[str], list[str]]:
        verdict = judge(compare(_rows(), _rows(1.0), schema=schema))
        moved = [each.name for each in diagnose(verdict).features]
        return moved, [each.column for each in verdict.flagged("drift")]

    plain = Schema(prediction="score")
    assert told(plain)[0] == ["other", "large", "small"]
    leaning = Schema(prediction="score", importances={"small": 100.0, "large": 1.0})
    assert told(leaning) == (["small", "large", "other"], ["small", "large", "other"])
