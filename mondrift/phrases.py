"""How numbers, names and moments are written in a sentence; each function is pure and small."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from mondrift.metrics import METRICS

_MEASURED: Mapping[str, str] = {
    "label_coverage": "labelled by now",
    "labelled_1d": "labelled within 1 day",
    "labelled_7d": "labelled within 7 days",
    "labelled_30d": "labelled within 30 days",
    "label_bias": "labelled apart from unlabelled rows",
    "covariate_shift_effect": "change by other inputs",
    "concept_drift_effect": "change by another relation",
    "changed_since": "rise of the errors",
}


def metric(name: str) -> str:
    """A metric's name inside a sentence.

    >>> metric("accuracy"), metric("mae"), metric("roc_auc")
    ('accuracy', 'MAE', 'ROC AUC')
    """
    label = METRICS[name].label
    return label.lower() if METRICS[name].unit == "share" else label


def reading(name: str, value: float) -> str:
    """A metric's value for people: a share in percent, else four digits.

    >>> reading("accuracy", 0.79376), reading("mae", 12.34567)
    ('79.4 %', '12.35')
    """
    return percent(value) if METRICS[name].unit == "share" else f"{value:.4g}"


def amount(name: str, change: float) -> str:
    """How far a metric moved, without its sign: points, or a share of the error."""
    return f"{100 * abs(change):.1f} {'%' if name == 'mae' else 'points'}"


def measured(name: str) -> str:
    """What a row of a table is about: a metric, an estimate, a fact about labels.

    >>> measured("roc_auc"), measured("estimated_f1"), measured("labelled_7d")
    ('ROC AUC', 'F1, estimated', 'labelled within 7 days')
    """
    plain = name.removeprefix("estimated_")
    said = _MEASURED.get(plain) or (metric(plain) if plain in METRICS else plain.replace("_", " "))
    return said if plain == name else f"{said}, estimated"


def listed(names: Iterable[str], limit: int = 10) -> str:
    """Names in a sentence.

    >>> listed(["a"]), listed(["a", "b", "c"]), listed("abcd", limit=2)
    ('a', 'a, b and c', 'a, b and 2 more')
    """
    told = list(names)
    if len(told) > limit:
        return f"{', '.join(told[:limit])} and {len(told) - limit} more"
    return " and ".join(filter(None, (", ".join(told[:-1]), *told[-1:])))


def percent(share: float) -> str:
    """A share in [0, 1] for people.

    >>> percent(0.79376)
    '79.4 %'
    """
    return f"{100 * share:.1f} %"


def since(began: datetime, now: datetime) -> str:
    """A moment as people say it: a day when it is near, a month, a month and year.

    >>> from datetime import UTC
    >>> now = datetime(2013, 12, 16, tzinfo=UTC)
    >>> [since(datetime(2013, *day, tzinfo=UTC), now) for day in ((4, 1), (12, 2))]
    ['since April', 'since 2 December']
    >>> since(datetime(2012, 4, 1, tzinfo=UTC), now)
    'since April 2012'
    """
    if now - began < timedelta(days=28):
        return f"since {began.day} {began:%B}"
    return f"since {began:%B}" if began.year == now.year else f"since {began:%B %Y}"


def capital(text: str) -> str:
    """A text as a sentence begins."""
    return text[:1].upper() + text[1:]
