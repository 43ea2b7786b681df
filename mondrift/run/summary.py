"""The monitoring summary of a run as data: `metrics.json` beside the report.

Its keys are those that people know from hand-written monitors: `monitoring_period`,
`performance_summary`, `drift_summary`, `alerts`; and every measurement of the window.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from mondrift.diagnosis import FEATURES, FLAGGED, OUTPUTS
from mondrift.metrics import METRICS
from mondrift.verdict import Verdict

NEEDED = ("rows", "psi", "label_coverage", "calibration_error", *METRICS)
"""Measures of a history that the summary reads: a row for every window, one measure per column,
since each carries the status of its column, and every metric."""

_LAST_ALERTS = 10
_ALERT_KEYS = ("kind", "severity", "title", "text", "window_start", "window_end", "created_at")
_KINDS: Mapping[str, tuple[str, ...]] = {
    "data_drift": FEATURES,
    "output_drift": OUTPUTS,
    "target_drift": ("target",),
}


def metrics_summary(
    verdict: Verdict, *, history: pd.DataFrame, alerts: pd.DataFrame
) -> dict[str, Any]:
    """The summary of a monitor up to the window of `verdict`, JSON-valid.

    Parameters
    ----------
    history : `store.history(model, monitor=…)`, all of it or only the whole windows' `NEEDED`;
        windows that begin after this one are left out.
    alerts : `store.alerts(model)`, newest first; the last ten are shown.

    `accuracy` is summed up over windows (each counts once, whatever its rows): avg, min, max, std
    (n − 1). `drift_summary` counts columns × windows that drifted, over the whole window only.
    """
    window = verdict.comparison.current
    past = history[history["segment"] == ""]
    if window.start is not None:
        past = past[past["window_start"] <= window.start]
    starts, ends = past["window_start"], past["window_end"]
    return {
        "monitoring_period": {
            "start": _moment(starts.min() if len(past) else window.start),
            "end": _moment(ends.max() if len(past) else window.end),
            "n_batches": int(starts.nunique()),
        },
        "window": window.to_dict(),
        "status": verdict.status,
        "reason": verdict.reason,
        "performance_summary": _performance(past),
        "drift_summary": _drift(past),
        "alerts": _alerts(alerts),
        "measurements": _measurements(verdict),
    }


def _performance(past: pd.DataFrame) -> dict[str, Any]:
    """{metric: {avg, min, max, std, n_windows}} over the windows in which it could be computed."""
    about = (past["family"] == "performance") & past["measure"].isin(NEEDED)
    known = past[about & past["statistic"].notna()]
    return {
        str(name): {
            "avg": _number(values.mean()),
            "min": _number(values.min()),
            "max": _number(values.max()),
            "std": _number(values.std(ddof=1)) if len(values) > 1 else None,
            "n_windows": len(values),
        }
        for name, values in known.groupby("measure", sort=True)["statistic"]
    }


def _drift(past: pd.DataFrame) -> dict[str, int]:
    flagged = past[(past["family"] == "drift") & past["status"].isin(FLAGGED)]
    columns = flagged.drop_duplicates(["window_start", "column"])
    counts = {kind: int(columns["role"].isin(roles).sum()) for kind, roles in _KINDS.items()}
    return {"total": len(columns), **counts}


def _alerts(alerts: pd.DataFrame) -> list[dict[str, Any]]:
    newest = alerts.head(_LAST_ALERTS)
    return [
        {key: _moment(row[key]) if key.endswith(("_at", "_start", "_end")) else row[key]
         for key in _ALERT_KEYS}
        for row in newest.to_dict("records")
    ]  # fmt: skip


def _measurements(verdict: Verdict) -> list[dict[str, Any]]:
    rows = verdict.to_frame().drop(columns=["window_start", "window_end"]).to_dict("records")
    return [{str(key): _number(value) for key, value in row.items()} for row in rows]


def _number(value: Any) -> Any:
    """JSON's types; NaN and infinities as None."""
    plain = value.item() if hasattr(value, "item") else value
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain


def _moment(value: Any) -> str | None:
    return None if value is None or value is pd.NaT else str(pd.Timestamp(value).isoformat())
