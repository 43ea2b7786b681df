"""Small models in a store, one for each kind of which a performance report tells."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd

from mondrift.policy import Policy
from mondrift.run.check import check
from mondrift.run.plan import Monitor
from mondrift.run.windows import Calendar, Length
from mondrift.schema import Schema
from mondrift.store import Store

N = 500  # rows a day
DAYS = ("2026-03-03", "2026-03-04")
ALL = ("2026-03-01", "2026-03-02", *DAYS)
BASELINE = (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC))
FRUIT = ("apple", "pear", "plum")
NOISE = {"2026-03-04": 2.0}  # how much larger the errors of a day are


def _times(day: str, many: int = N) -> pd.DatetimeIndex:
    return pd.date_range(day, periods=many, freq="2min", tz="UTC")


def prices(day: str) -> pd.DataFrame:
    """A day of a model of numbers: on the last day its errors are twice as large."""
    rng = np.random.default_rng(int(day[-2:]))
    size = rng.uniform(20, 200, N)
    price = 3 * size + rng.normal(0, 10 * NOISE.get(day, 1.0), N)
    rows = {"at": _times(day), "size": size, "predicted": 3 * size, "price": price}
    return pd.DataFrame(rows).assign(place=np.where(size > 110, "town", "country"))


def loans(day: str) -> pd.DataFrame:
    """A day of a binary model: on the last day what it learned no longer holds in the north."""
    rng = np.random.default_rng(int(day[-2:]))
    score = rng.beta(1.0, 2.0, N).round(4)
    north = rng.uniform(size=N) < 0.5
    turned = np.where(north & (day == DAYS[-1]), 1 - score, score)
    rows = {"at": _times(day), "income": rng.normal(50, 9, N), "score": score}
    return pd.DataFrame(rows).assign(
        said=(score >= 0.5).astype(int),
        defaulted=(rng.uniform(size=N) < turned).astype(int),
        region=np.where(north, "north", "south"),
    )


def fruits(day: str) -> pd.DataFrame:
    """A day of a model of three classes with a probability for each."""
    rng = np.random.default_rng(int(day[-2:]))
    share = rng.dirichlet((2.0, 1.0, 1.0), N).round(4)
    chosen = [rng.choice(3, p=each / each.sum()) for each in share]
    rows = {f"p_{name}": share[:, i] for i, name in enumerate(FRUIT)}
    said = np.array(FRUIT)[share.argmax(axis=1)]
    return pd.DataFrame({"at": _times(day), "said": said, "fruit": np.array(FRUIT)[chosen], **rows})


LOANS = Schema(
    target="defaulted", prediction="said", probability="score", timestamp="at",
    segments=("region",),
)  # fmt: skip
PRICES = Schema(target="price", prediction="predicted", timestamp="at", segments=("place",))
FRUITS = Schema(
    target="fruit", prediction="said", timestamp="at",
    probability={name: f"p_{name}" for name in FRUIT},
)  # fmt: skip


def watch_loans(store: Store) -> str:
    """The newest check of a binary model, which became wrong in one segment."""
    rows = pd.concat([loans(day) for day in ALL], ignore_index=True)
    _log(store, "loans", LOANS, rows, "binary", labelled=rows["at"] >= BASELINE[0])
    return [_check(store, "loans", day) for day in DAYS][-1]


def watch_prices(store: Store) -> str:
    """The newest check of a model of numbers, whose errors have doubled."""
    rows = pd.concat([prices(day) for day in ALL], ignore_index=True)
    _log(store, "prices", PRICES, rows, "regression", labelled=rows["at"] >= BASELINE[0])
    return [_check(store, "prices", day) for day in DAYS][-1]


def watch_fruits(store: Store) -> tuple[str, str]:
    """Checks of a model of three classes: of a day without labels, and of one without rows."""
    rows = pd.concat([fruits(day) for day in ALL], ignore_index=True)
    _log(store, "fruits", FRUITS, rows, "multiclass", labelled=rows["at"] < BASELINE[1])
    first, second = (_check(store, "fruits", day) for day in (DAYS[0], "2026-03-20"))
    return first, second


def watch_clicks(store: Store) -> str:
    """A check of a model without a target: nobody will ever say what was right."""
    rows = pd.concat([loans(day) for day in ALL], ignore_index=True)
    rows = rows[["at", "income", "score", "region"]].assign(id=[f"c{i}" for i in range(len(rows))])
    schema = Schema(prediction="score", timestamp="at", segments=("region",))
    before = rows[rows["at"] < BASELINE[1]]
    fitted = schema.fit(before.drop(columns="id"))
    store.register_model("clicks", fitted, task="regression", clock="data")
    store.log("clicks", rows)
    store.register_baseline("clicks", [BASELINE])
    return _check(store, "clicks", DAYS[0])


def _log(
    store: Store, model: str, schema: Schema, rows: pd.DataFrame, task: str, labelled: pd.Series
) -> None:
    rows = rows.assign(id=[f"{model}-{i}" for i in range(len(rows))])
    before = rows[rows["at"] < BASELINE[1]]
    fitted = schema.fit(before.drop(columns="id"))
    store.register_model(model, fitted, task=task, clock="data")
    store.log(model, rows.drop(columns=schema.target or ""))
    rows["received_at"] = rows["at"] + pd.Timedelta("36h")
    names = {"id": "id", schema.target or "": "value", "received_at": "received_at"}
    store.label(model, rows[labelled][list(names)].rename(columns=names))
    store.register_baseline(model, [BASELINE])


def _check(store: Store, model: str, day: str) -> str:
    monitor = Monitor(
        name=f"{model}_daily",
        model=model,
        calendar=Calendar(Length(days=1), "UTC", date(2026, 3, 3)),
        notebook="performance_report",
        policy=Policy(),
    )
    return check(store, monitor, monitor.window(day)).run.run_id
