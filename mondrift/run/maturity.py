"""What a check tells of labels that needs the store: what share came in time, and which came first.

Of the whole window; of segments only coverage and bias are told, which need no ages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from mondrift.comparison import Comparison
from mondrift.measurement import Measurement
from mondrift.measures.contingency import homogeneity_test
from mondrift.performance import positive_of
from mondrift.run.plan import Monitor
from mondrift.run.reference import bounds
from mondrift.schema import Schema
from mondrift.store import Store
from mondrift.window import Window


def with_label_ages(
    store: Store, monitor: Monitor, window: Window, comparison: Comparison
) -> Comparison:
    """The same comparison with `labelled_1d`, `labelled_7d` and `labelled_30d`.

    Each stands after `label_coverage`: the share of rows with a label within so many days, among
    rows at least so old; NaN with the reason where there is none. `label_bias` then also says
    which share of the labels of the first day is positive, and of the later ones.
    """
    coverage = next((each for each in comparison.measurements if _is_coverage(each)), None)
    if coverage is None:
        return comparison
    ages = store.label_ages(monitor.model, *bounds(window))
    early = _early(comparison.schema, ages.classes)
    told: list[Measurement] = []
    for each in comparison.measurements:
        if each.measure == "label_bias" and not each.segment:
            each = replace(each, detail={**each.detail, **early})
        told.append(each)
        if each is coverage:
            told += [_matured(coverage, line) for line in ages.maturity.to_dict("records")]
    return replace(comparison, measurements=tuple(told))


def _is_coverage(each: Measurement) -> bool:
    return each.measure == "label_coverage" and not each.segment


def _matured(coverage: Measurement, line: Mapping[Any, Any]) -> Measurement:
    return replace(
        coverage,
        measure=f"labelled_{line['days']}d",
        statistic=float(line["share"]),
        reason=str(line["reason"]),
        detail={
            "reference": None,
            "n_old": int(line["rows"]),
            "labelled": int(line["labelled"]),
        },
    )


def _early(schema: Schema, classes: pd.DataFrame) -> dict[str, Any]:
    """Share of positives among early and late labels; nothing where a class is none of two."""
    positive = positive_of(schema, classes["value"])
    if len(classes) != 2 or positive is None:
        return {}
    hit = (classes["value"] == positive).to_numpy()
    counts = classes[["early", "late"]].to_numpy(dtype=np.int64)
    early, late = (int(each) for each in counts.sum(axis=0))
    if not early or not late or not hit.any():
        return {}
    test = homogeneity_test(counts[:, 0], counts[:, 1], ordered=False)
    shares = counts[hit][0] / counts.sum(axis=0)
    return {
        "early": float(shares[0]), "early_n": early,
        "late": float(shares[1]), "late_n": late,
        "early_pvalue": float(test.pvalue),
    }  # fmt: skip
