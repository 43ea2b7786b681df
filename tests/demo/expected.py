"""Expected findings on the demo's weeks, derived without mondrift's measures.

    python tests/demo/expected.py          # writes tests/demo/expected_findings.json

Only numpy, scipy and scikit-learn count here, straight from the definitions, so that the table can
contradict mondrift. What was decided where a definition leaves a choice:

bins        borders are the reference's deciles, equal ones merged, a border at the reference's
            maximum dropped; a bin holds (border, next border], its ends are open. mondrift may snap
            borders to a grid: compare its PSI within a few per cent, not to the last digit.
psi         half a count per bin on both sides; psi_corrected = psi - (bins - 1)(1/n + 1/m)
chi_square  contingency table of counts, no Yates; `pooled` puts the levels with an expected count
            below 5 on either side into one
wasserstein both sides winsorised at the reference's .5 and 99.5 % quantiles, divided by the
            reference's standard deviation (n - 1, not winsorised)
missing     two-sided Fisher's exact test
drop        accuracy of the reference minus that of the week; `low` is Newcombe's one-sided 99 %
            lower bound (method 10, Wilson limits)
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from mondrift import demo

TABLE = Path(__file__).with_name("expected_findings.json")
NUMERIC = (*demo.NUMERIC, demo.PROBABILITY)
CATEGORICAL = (*demo.CATEGORICAL, demo.PREDICTION, demo.TARGET)


def findings() -> dict[str, Any]:
    """Everything: the reference, then each week by the date of its Monday."""
    rows = demo.flights()
    reference = pd.concat([within(rows, week) for week in demo.REFERENCE])
    weeks = {}
    for week in demo.WEEKS:
        current = within(rows, week)
        of_reference, of_week = performance(reference), performance(current)
        weeks[week.monday.isoformat()] = {
            "name": week.name,
            "numeric": {name: numeric(reference[name], current[name]) for name in NUMERIC},
            "categorical": {
                name: categorical(reference[name], current[name]) for name in CATEGORICAL
            },
            "performance": of_week,
            "accuracy_drop": accuracy_drop(of_reference, of_week),
            "by_origin": by_origin(current),
            "accuracy_drop_by_origin": {
                origin: accuracy_drop(before, by_origin(current)[origin])
                for origin, before in by_origin(reference).items()
            },
        }
    return {
        "rows": len(rows),
        "reference": {"performance": performance(reference), "by_origin": by_origin(reference)},
        "weeks": weeks,
    }


def within(rows: pd.DataFrame, week: demo.Week) -> pd.DataFrame:
    moments = rows[demo.TIMESTAMP]
    return rows[(moments >= week.start) & (moments < week.end)]


def numeric(reference: pd.Series, current: pd.Series) -> dict[str, Any]:
    old, new = (side.dropna().to_numpy(float) for side in (reference, current))
    borders = np.unique(np.quantile(old, np.arange(1, 10) / 10))
    borders = borders[borders < old.max()]
    counts = [
        np.bincount(np.searchsorted(borders, side), minlength=len(borders) + 1)
        for side in (old, new)
    ]
    low, high = np.quantile(old, [0.005, 0.995])
    ks = stats.ks_2samp(old, new)
    distance = stats.wasserstein_distance(old.clip(low, high), new.clip(low, high))
    return {
        "n_reference": len(old),
        "n_current": len(new),
        "ks": {"statistic": ks.statistic, "pvalue": ks.pvalue},
        "borders": borders.tolist(),
        "counts_reference": counts[0].tolist(),
        "counts_current": counts[1].tolist(),
        **psi(*counts),
        "chi_square": chi_square(*counts),
        "wasserstein": distance / old.std(ddof=1),
        "mean_reference": old.mean(),
        "mean_current": new.mean(),
        "missing": missing(reference, current),
    }


def categorical(reference: pd.Series, current: pd.Series) -> dict[str, Any]:
    old, new = reference.dropna().value_counts(), current.dropna().value_counts()
    levels = sorted(set(old.index) | set(new.index))
    counts = [side.reindex(levels, fill_value=0).to_numpy() for side in (old, new)]
    pooled = pool(*counts)
    unseen, vanished = (
        sorted(set(new.index) - set(old.index)),
        sorted(set(old.index) - set(new.index)),
    )
    return {
        "n_reference": int(old.sum()),
        "n_current": int(new.sum()),
        "levels": len(levels),
        "levels_pooled": len(pooled[0]),
        **psi(*counts),
        "psi_pooled": psi(*pooled),
        "chi_square": chi_square(*counts),
        "chi_square_pooled": chi_square(*pooled),
        "total_variation": total_variation(*counts),
        "total_variation_pooled": total_variation(*pooled),
        "unseen": unseen,
        "unseen_share": new.loc[unseen].sum() / new.sum(),
        "vanished": vanished,
        "vanished_share": old.loc[vanished].sum() / old.sum(),
        "missing": missing(reference, current),
    }


def psi(reference: np.ndarray, current: np.ndarray) -> dict[str, float]:
    old, new = (side + 0.5 for side in (reference, current))
    old, new = old / old.sum(), new / new.sum()
    raw = float(np.sum((new - old) * np.log(new / old)))
    bias = (len(old) - 1) * (1 / reference.sum() + 1 / current.sum())
    return {"psi": raw, "psi_corrected": raw - bias}


def chi_square(reference: np.ndarray, current: np.ndarray) -> dict[str, float]:
    result = stats.chi2_contingency(np.array([reference, current]), correction=False)
    return {"statistic": result.statistic, "df": result.dof, "pvalue": result.pvalue}


def total_variation(reference: np.ndarray, current: np.ndarray) -> float:
    return float(np.abs(reference / reference.sum() - current / current.sum()).sum() / 2)


def pool(reference: np.ndarray, current: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    smaller = min(reference.sum(), current.sum()) / (reference.sum() + current.sum())
    rare = (reference + current) * smaller < 5
    if not rare.any():
        return reference, current
    return tuple(np.append(side[~rare], side[rare].sum()) for side in (reference, current))


def missing(reference: pd.Series, current: pd.Series) -> dict[str, float]:
    table = [[int(side.isna().sum()), int(side.notna().sum())] for side in (reference, current)]
    shares = [gone / (gone + here) for gone, here in table]
    return {
        "share_reference": shares[0],
        "share_current": shares[1],
        "change": shares[1] - shares[0],
        "pvalue": stats.fisher_exact(table).pvalue,
    }


def performance(rows: pd.DataFrame) -> dict[str, Any]:
    from sklearn import metrics

    known = rows[rows[demo.TARGET].notna()]
    late, predicted = known[demo.TARGET].astype(int), known[demo.PREDICTION]
    return {
        "n": len(rows),
        "n_labelled": len(known),
        "label_coverage": len(known) / len(rows),
        "late_rate": late.mean(),
        "correct": int((late == predicted).sum()),
        "accuracy": metrics.accuracy_score(late, predicted),
        "auc": metrics.roc_auc_score(late, known[demo.PROBABILITY]),
        "brier": metrics.brier_score_loss(late, known[demo.PROBABILITY]),
        "precision": metrics.precision_score(late, predicted, zero_division=np.nan),
        "recall": metrics.recall_score(late, predicted),
        "f1": metrics.f1_score(late, predicted),
        "mean_score": known[demo.PROBABILITY].mean(),
        "predicted_late_rate": predicted.mean(),
    }


def by_origin(rows: pd.DataFrame) -> dict[str, Any]:
    return {str(origin): performance(part) for origin, part in rows.groupby("origin")}


def accuracy_drop(reference: dict[str, Any], current: dict[str, Any]) -> dict[str, float]:
    """The drop and its lower bound: squared distances to the Wilson limits, added."""
    before, after = reference["accuracy"], current["accuracy"]
    down, _ = wilson(before, reference["n_labelled"])
    _, up = wilson(after, current["n_labelled"])
    drop = before - after
    return {"drop": drop, "low": drop - math.hypot(before - down, up - after)}


def wilson(share: float, n: int) -> tuple[float, float]:
    z = stats.norm.ppf(0.99)
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)


def rounded(value: Any) -> Any:
    """JSON-ready: six significant digits, no numpy types, NaN as null."""
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


if __name__ == "__main__":
    TABLE.write_text(json.dumps(rounded(findings()), indent=1, sort_keys=True) + "\n")
