"""Baselines of statistics alone: measured where they tell something, said where they do not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mondrift import Schema, compare, judge
from mondrift.errors import ColumnError, InputError
from mondrift.run.check import CheckOptions, check
from mondrift.run.plan import Monitor
from mondrift.run.windows import Calendar, Length
from mondrift.store import Store
from mondrift.store.stated import summaries

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
N = 4000
SCHEMA = Schema(
    timestamp="at",
    prediction="late",
    target="was_late",
    kinds={
        "at": "datetime",
        "income": "numeric",
        "age": "numeric",
        "plan": "categorical",
        "returning": "boolean",
        "note": "text",
        "late": "categorical",
        "was_late": "categorical",
    },
)
TENTHS = np.arange(1, 10) / 10
_AGE = {"n": 9, "mean": 7, "std": 1, "min": 6, "max": 9}


def _rows(seed: int = 0, *, n: int = N, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "at": pd.date_range(START + seed * DAY, periods=n, freq="20s"),
            "income": rng.gamma(4.0, size=n) + shift,
            "age": rng.normal(40 + 10 * shift, 8, size=n),
            "plan": rng.choice(["basic", "gold", "free"], n, p=[0.5, 0.3, 0.2]),
            "returning": rng.random(n) < 0.45,
            "note": "hello",
            "late": rng.integers(0, 2, n),
            "was_late": rng.integers(0, 2, n),
        }
    )


def _numbers(values: pd.Series[Any]) -> dict[str, Any]:
    names = ("mean", "std", "min", "max")
    return {"n": N, **{name: float(getattr(values, name)()) for name in names}}


def _statistics(rows: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """`income` by its deciles, `age` by its moments, the others by their shares."""
    deciles = {str(at): float(rows["income"].quantile(at)) for at in TENTHS}
    late = rows["late"].astype(str).value_counts(normalize=True)
    return {
        "income": {**_numbers(rows["income"]), "quantiles": deciles},
        "age": _numbers(rows["age"]),
        "plan": {"n": N, "shares": rows["plan"].value_counts(normalize=True).to_dict()},
        "returning": {"n": N, "share": float(rows["returning"].mean())},
        "note": {"n": N},
        "late": {"n": N, "shares": late.to_dict()},
    }


def _found(reference: Any, current: pd.DataFrame) -> dict[tuple[str, str], Any]:
    comparison = compare(reference, current, schema=SCHEMA)
    return {(m.column, m.measure): m for m in comparison.measurements if not m.segment}


def test_shares_are_counts_and_are_measured_like_rows() -> None:
    rows, current = _rows(), _rows(1).assign(plan="gold").replace({"plan": {"x": "y"}})
    stated = _found(summaries(_statistics(rows), SCHEMA, {}), current)
    by_rows = _found(rows, current)
    for column in ("plan", "returning", "late"):
        for measure in ("psi", "chi_square", "jensen_shannon", "total_variation", "missing"):
            one, other = stated[column, measure], by_rows[column, measure]
            assert one.statistic == pytest.approx(other.statistic, rel=1e-12), (column, measure)
            assert (one.pvalue, one.n_reference) == (other.pvalue, other.n_reference)
    assert stated["plan", "vanished"].statistic == by_rows["plan", "vanished"].statistic


def test_quantiles_are_bins_and_what_asks_inside_them_is_not_measured() -> None:
    rows = _rows()
    for shift in (0.0, 0.7):
        current = _rows(2, shift=shift)
        stated = _found(summaries(_statistics(rows), SCHEMA, {}), current)
        by_rows = _found(rows, current)
        psi, expected = stated["income", "psi"], by_rows["income", "psi"]
        # bins fitted on rows have a tenth of them each, those between deciles too
        assert psi.statistic == pytest.approx(expected.statistic, rel=0.02, abs=1e-4)
        edges = [-np.inf, *rows["income"].quantile(TENTHS), np.inf]
        shares = np.histogram(current["income"], edges)[0] / N
        exact = float(np.sum((shares - 0.1) * np.log(shares / 0.1)))
        assert psi.statistic == pytest.approx(exact, rel=0.01, abs=1e-3)
        for measure in ("ks", "wasserstein"):
            assert np.isnan(stated["income", measure].statistic)
            assert stated["income", measure].reason == (
                "the reference is known by its quantiles only"
            )
        assert stated["income", "out_of_range"].statistic == pytest.approx(
            by_rows["income", "out_of_range"].statistic, abs=1e-12
        )


@pytest.mark.parametrize("shift", [0.0, 0.9])
def test_the_verdict_says_what_cannot_be_known(shift: float) -> None:
    reference = summaries(_statistics(_rows()), SCHEMA, {})
    verdict = judge(compare(reference, _rows(3, shift=shift)))
    found = verdict.columns()
    assert {name: found[name].status for name in ("plan", "returning", "late")} == {
        "plan": "ok", "returning": "ok", "late": "ok",
    }  # fmt: skip
    assert found["income"].status == ("alarm" if shift else "ok")
    age = [each for each in verdict.findings if each.column == "age" and each.check == "drift"]
    assert [each.status for each in age] == ["skipped"]
    assert "known by mean, std, min and max only" in age[0].reason
    assert verdict.status == ("alarm" if shift else "ok")
    far = judge(compare(reference, _rows(3).assign(age=lambda rows: rows["age"] + 200)))
    assert far.columns()["age"].check == "out_of_range"
    assert far.columns()["age"].status == "alarm"


def test_the_picture_shows_the_bins_that_are_known_and_no_others() -> None:
    comparison = compare(summaries(_statistics(_rows()), SCHEMA, {}), _rows(1))
    picture = comparison.histogram("income")
    assert len(picture.labels) == 10
    assert picture.reference == pytest.approx((N / 10,) * 10, abs=1)
    with pytest.raises(ColumnError, match="known by mean, std, min and max only"):
        comparison.histogram("age")


def test_without_drift_nobody_is_told() -> None:
    for seed in range(1, 21):
        rows = _rows(seed)
        assert not judge(
            compare(summaries(_statistics(rows), SCHEMA, {}), _rows(seed + 100))
        ).flagged("drift")


def test_quantiles_that_meet_are_one_bin_with_all_their_rows() -> None:
    values = pd.Series(np.r_[np.zeros(N // 2), np.linspace(0.5, 10, N // 2)])
    given = {
        "income": {
            **_numbers(values),
            "quantiles": {at: float(values.quantile(at)) for at in TENTHS.tolist()},
        }
    }
    summary = summaries(given, SCHEMA, {}).columns[""]["income"]
    assert summary.counts.sum() == summary.count == N
    assert summary.counts[:3].tolist() == [N // 2, N // 10, N // 10]
    assert (summary.mean, summary.std) == pytest.approx((values.mean(), values.std(ddof=0)))


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"incme": {"n": 5}}, "'incme' is none of .*Did you mean 'income'"),
        ({"at": {"n": 5}}, "'at' is none of"),
        ({"age": {"n": 5, "mean": 1.0}}, r"'age': it lacks \['std', 'min', 'max'\]"),
        ({"age": {"n": 9, "mean": 5, "std": 1, "min": 6, "max": 9}}, "mean 5 is not between min 6"),
        ({"age": {"n": 9, "mean": 7, "std": 9, "min": 6, "max": 9}}, "std 9 is impossible"),
        ({"age": {"n": 9, "mean": 7, "std": "1", "min": 6, "max": 9}}, "std is '1'.*no finite"),
        ({"age": {"n": 0, "mean": 7, "std": 1, "min": 6, "max": 9}}, "n is 0 and missing 0"),
        ({"age": {**_AGE, "quantiles": {"0.5": 7, "0.9": 6}}},
         "quantiles do not ascend"),
        ({"age": {**_AGE, "quantiles": {"50": 7}}},
         "shares between 0 and 1"),
        ({"age": {**_AGE, "quantiles": [7]}},
         "share of the rows: value"),
        ({"plan": {"n": 9, "shares": {"a": 0.5, "b": 0.3}}}, "add up to 0.8, not to 1"),
        ({"plan": {"n": 9, "shares": {"a": 1.5}}}, r"shares of \['a'\] are not from 0 to 1"),
        ({"plan": {"n": 9, "shares": []}}, "level: share of the rows"),
        ({"plan": {"n": 9, "mean": 1}}, "'mean' says nothing of a categorical column"),
        ({"returning": {"n": 9, "share": 45}}, "share is 45; it is that of true"),
        ({"note": {"n": 9}, "plan": {"n": 8, "shares": {"a": 1.0}}}, "n differs between columns"),
    ],
)  # fmt: skip
def test_statistics_that_cannot_be_are_refused(
    given: Mapping[str, Mapping[str, Any]], complaint: str
) -> None:
    with pytest.raises(InputError, match=f"are no baseline: .*{complaint}"):
        summaries(given, SCHEMA, {})


def test_all_complaints_come_at_once() -> None:
    given = {"nope": {"n": 1}, "age": {"n": 5}, "plan": {"n": 5, "shares": {"a": 0.2}}}
    with pytest.raises(InputError, match="'nope'.*'age'.*'plan'"):
        summaries(given, SCHEMA, {})


@pytest.mark.servers
def test_a_monitor_judges_windows_against_statistics(store: Store) -> None:
    store.register_model("stated", SCHEMA, task="binary", clock="data")
    made = store.register_baseline("stated", _statistics(_rows()), name="from the paper")
    assert (made.version, made.n, made.sampled, made.windows) == (1, N, 0, ())
    assert store.register_baseline("stated", _statistics(_rows())).version == 1
    assert len(made.rows()) == 0
    features = made.features().set_index("feature")
    assert features.loc["age", "statistics"]["mean"] == pytest.approx(40, abs=1)
    assert store.audit("stated")["action"].tolist() == ["register", "register baseline"]
    monitor = Monitor("stated", "stated", Calendar(Length.parse("1D"), "UTC", date(2026, 3, 1)))
    for seed, shift in ((1, 0.0), (2, 0.9)):
        store.log("stated", _rows(seed, shift=shift))
        verdict = check(store, monitor, monitor.window(f"2026-03-0{seed + 1}")).verdict
        found = verdict.columns()
        expected = judge(compare(made.summaries(), _rows(seed, shift=shift))).columns()
        for name in ("income", "plan", "returning"):
            assert found[name].status == expected[name].status, name
        assert found["late"].reason == "reference window: no rows with target and prediction"
        assert found["income"].status == ("alarm" if shift else "ok")
    after = store.register_baseline("stated", _statistics(_rows(4)))  # on the model's grids by now
    assert after.version == 2
    verdict = check(store, monitor, monitor.window("2026-03-03"), CheckOptions(force=True)).verdict
    assert verdict.columns()["income"].status == "alarm"
    (psi,) = [
        m for m in verdict.comparison.measurements if (m.column, m.measure) == ("income", "psi")
    ]
    assert psi.detail["from"] == "counts"


@pytest.mark.servers
def test_statistics_need_to_know_the_kinds_and_independent_rows(store: Store) -> None:
    store.register_model("unknown", Schema(timestamp="at"), task="binary")
    with pytest.raises(InputError, match="does not know the kinds of its columns yet"):
        store.register_baseline("unknown", {"x": {"n": 5, "share": 0.5}})
    kinds = {"at": "datetime", "x": "boolean", "user": "categorical"}
    clustered = Schema(timestamp="at", cluster="user", kinds=kinds)  # type: ignore[arg-type]
    store.register_model("clustered", clustered, task="binary")
    with pytest.raises(InputError, match="rows depend on each other"):
        store.register_baseline("clustered", {"x": {"n": 5, "share": 0.5}})
