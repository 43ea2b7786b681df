"""Small tidy frames, one for each chart of performance."""

from __future__ import annotations

import pandas as pd

STARTS = pd.date_range("2013-01-07", periods=4, freq="28D", tz="UTC")


def accuracy() -> pd.DataFrame:
    """Four windows of a metric with intervals and statuses."""
    return pd.DataFrame(
        {
            "window_start": STARTS,
            "window_end": STARTS + pd.Timedelta("28D"),
            "measure": "accuracy",
            "statistic": [0.80, 0.79, 0.66, 0.65],
            "low": [0.78, 0.77, 0.64, 0.63],
            "high": [0.82, 0.81, 0.68, 0.67],
            "status": ["ok", "ok", "alarm", "alarm"],
            "n_current": 900,
        }
    )


def curve() -> pd.DataFrame:
    """Two calibration curves of two points."""
    rows = [
        ("reference", 0.2, 0.21, 500, 0.17, 0.25),
        ("reference", 0.7, 0.69, 100, 0.60, 0.77),
        ("current", 0.2, 0.35, 400, 0.30, 0.40),
        ("current", 0.7, 0.80, 80, 0.70, 0.88),
    ]
    return pd.DataFrame(rows, columns=["window", "score", "share", "n", "low", "high"])


def cells(first: str = "no", second: str = "yes") -> pd.DataFrame:
    """A confusion matrix of two classes in two windows; one cell is too small to be told."""
    rows = [
        ("reference", first, first, 90, 0.9), ("reference", first, second, 10, 0.1),
        ("reference", second, first, 30, 0.6), ("reference", second, second, 20, 0.4),
        ("current", first, first, 80, 1.0), ("current", first, second, None, None),
        ("current", second, first, 50, 0.5), ("current", second, second, 50, 0.5),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["window", "target", "prediction", "count", "share"])


def by_segment(names: list[str] | None = None) -> pd.DataFrame:
    """A metric in segments, the worst first."""
    named = names or ["origin=LGA", "origin=JFK", "origin=EWR"]
    many = len(named)
    return pd.DataFrame(
        {
            "segment": named,
            "measure": "accuracy",
            "statistic": [0.55 + 0.01 * i for i in range(many)],
            "reference": 0.8,
            "low": 0.5,
            "high": 0.9,
            "status": (["alarm", "ok", None] * many)[:many],
            "n_current": 400,
        }
    )


def ages() -> pd.DataFrame:
    """Shares labelled by age; the last window is too young for the second age."""
    rows = [
        (start, series, share if (i, series) != (3, "within 7 days") else None, 900)
        for i, start in enumerate(STARTS)
        for series, share in (("within 1 day", 0.4), ("within 7 days", 0.9))
    ]
    return pd.DataFrame(rows, columns=["window_start", "series", "share", "n"])


def both() -> pd.DataFrame:
    """Four estimates, and realised values of the two windows that have labels."""
    guess = accuracy().drop(columns="status").assign(series="estimated", statistic=0.78)
    truth = accuracy().drop(columns="status").assign(series="realised").head(2)
    return pd.concat([guess, truth], ignore_index=True)


def effects() -> pd.DataFrame:
    """A change in two parts."""
    return pd.DataFrame(
        {
            "part": ["other inputs", "other outcomes"],
            "metric": "accuracy",
            "statistic": [-0.02, -0.12],
            "low": [-0.04, -0.15],
            "high": [0.0, -0.09],
        }
    )


def rates(name: str = "late") -> pd.DataFrame:
    """What came true beside the mean score, in two windows."""
    rows = [
        (window, series, share, 300)
        for window in ("2013-01-07", "2013-02-04")
        for series, share in ((f"share of {name}", 0.3), ("mean score", 0.25))
    ]
    return pd.DataFrame(rows, columns=["window", "series", "share", "n"])
