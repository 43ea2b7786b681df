"""How metrics are written for people, and the reference that they are read against."""

from __future__ import annotations

import altair as alt
import pandas as pd

from mondrift import theme
from mondrift.charts.frame import inline, picked, side, tips, word

TITLES = {
    "psi": "PSI",
    "ks": "KS distance",
    "roc_auc": "ROC AUC",
    "pr_auc": "PR AUC",
    "brier": "Brier score",
    "f1": "F1",
    "f1_macro": "F1 (macro)",
    "f1_weighted": "F1 (weighted)",
    "mae": "mean absolute error",
    "rmse": "root mean square error",
    "mape": "mean error in percent",
    "r2": "R²",
    "bias": "bias (predicted − actual)",
}
SHARES = ("accuracy", "precision", "recall", "label_coverage")
"""Metrics that are shares of rows: written in percent."""


def titled(metric: str) -> str:
    """The name of a metric on an axis.

    >>> titled("roc_auc"), titled("estimated_accuracy")
    ('ROC AUC', 'estimated accuracy')
    """
    name = metric.removeprefix("estimated_")
    title = TITLES.get(name, name.replace("_", " "))
    return title if name == metric else f"estimated {title}"


def shape(metric: str) -> str:
    """The number format of a metric: percent for shares of rows, else three or four digits.

    >>> shape("accuracy"), shape("estimated_precision"), shape("mae")
    ('.1%', '.1%', '.4g')
    """
    return ".1%" if is_share(metric) else ".4g"


def is_share(metric: str) -> bool:
    """Whether a metric is a share of rows."""
    return metric.removeprefix("estimated_").startswith(SHARES)


def axis(metric: str, title: str = "") -> alt.Axis:
    """The axis of a metric."""
    named = title or titled(metric)
    if is_share(metric):
        return alt.Axis(title=named, format="%", tickCount=5)
    return alt.Axis(title=named, tickCount=5)


def level(metric: str, field: str = "statistic") -> alt.Y:
    """A metric on the y axis, which need not start at 0: it is read against its reference."""
    return alt.Y(f"{field}:Q", axis=axis(metric), scale=alt.Scale(zero=False, nice=True))


def reach(base: alt.Chart, metric: str) -> alt.Chart:
    """A layer that is not seen: it makes the y axis reach the ends in `high`.

    The drawer fits an axis to `y`, not to `y2`; a domain of our own makes it warn on the console.
    """
    unseen: alt.Chart = base.mark_point(opacity=0, size=1)
    return unseen.encode(y=level(metric, "high"))


def baseline(
    frame: pd.DataFrame | None, metric: str, windows: pd.DataFrame
) -> tuple[list[alt.Chart], list[alt.Chart]]:
    """The reference: a band for its interval and a dashed rule to lie below; its word, above.

    `frame` has one row: `statistic`, optional `low` and `high`; no layers without it. `windows` is
    what is drawn beside it: the word goes where less stands in its way.
    """
    if frame is None or frame.empty:
        return [], []
    rows = picked(frame, ("statistic",), "baseline", optional=("low", "high"))
    rows = rows.assign(what="reference")
    base = alt.Chart(inline(rows))
    written = shape(metric)
    tooltip = tips(
        rows,
        ("what", "rule", ""),
        ("statistic", titled(metric), written),
        ("low", "from", written),
        ("high", "to", written),
    )
    band = base.mark_rect(color=theme.REFERENCE.light, opacity=0.45).encode(
        x=alt.value(0), x2=alt.value("width"), y=level(metric, "low"), y2="high:Q"
    )
    rule = base.mark_rule(strokeDash=[5, 4], strokeWidth=1.4, color=theme.MUTED.light)
    words = base.encode(y=level(metric), text="what:N")
    end = side(windows, float(rows["statistic"].iloc[0]))
    below = [
        *([band] if rows["low"].notna().any() else []),
        rule.encode(y=level(metric), tooltip=tooltip),
    ]
    return below, word(words, theme.MUTED.light, end, baseline="bottom", dy=-4)
