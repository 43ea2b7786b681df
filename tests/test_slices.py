"""The search finds where the model got worse and says so; in clean windows it finds nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mondrift.alert import alerts_for
from mondrift.comparing import compare
from mondrift.metrics.intervals import clopper_pearson
from mondrift.metrics.slices import FEWEST, holm, search
from mondrift.schema import Schema
from tests.flights import APRIL, verdict

SCHEMA = Schema(target="true", prediction="said")


def rows(n: int, seed: int, worse: str = "") -> pd.DataFrame:
    """Right in four of five rows; where `worse` holds (a query), in half of them."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "hour": random.integers(0, 24, n),
            "plan": random.choice(["free", "pro", "team"], n),
            "known": random.random(n) < 0.3,
            "income": np.where(random.random(n) < 0.1, np.nan, random.normal(50, 10, n)),
            "true": random.integers(0, 2, n),
        }
    )
    share = np.full(n, 0.2)
    if worse:
        share[frame.eval(worse).to_numpy(bool)] = 0.5
    wrong = random.random(n) < share
    return frame.assign(said=np.where(wrong, 1 - frame["true"], frame["true"]))


def found(before: pd.DataFrame, after: pd.DataFrame, schema: Schema = SCHEMA) -> dict:
    comparison = compare(before, after, schema=schema)
    return {m.segment: m for m in comparison.measurements if m.measure.startswith("slice_")}


@pytest.mark.parametrize(
    ("worse", "name"),
    [
        ("hour >= 18", "hour from 18"),
        ("plan == 'team'", "plan=team"),
        ("known == True", "known=1"),
        ("income != income", "income missing"),
    ],
)
def test_the_worst_slice_is_the_one_that_was_made_worse(worse: str, name: str) -> None:
    slices = found(rows(6000, 0), rows(3000, 1, worse))
    first = next(iter(slices.values()))
    assert first.segment == name
    assert first.measure == "slice_accuracy"
    assert first.statistic == pytest.approx(0.5, abs=0.08)
    assert first.detail["drop"] == pytest.approx(0.3, abs=0.09)
    assert first.detail["adjusted"] < 0.01


def test_of_numbers_the_error_is_searched() -> None:
    def guessed(n: int, seed: int, factor: float) -> pd.DataFrame:
        random = np.random.default_rng(seed)
        town, price = random.choice(["Graz", "Linz"], n), random.normal(200, 50, n)
        spread = np.where(town == "Graz", 10 * factor, 10)
        return pd.DataFrame(
            {"town": town, "true": price, "said": price + spread * random.normal(size=n)}
        )

    slices = found(guessed(4000, 0, 1.0), guessed(2000, 1, 1.5))
    assert slices["town=Graz"].measure == "slice_mae"
    assert slices["town=Graz"].detail["drop"] == pytest.approx(0.5, abs=0.1)
    assert "town=Linz" not in slices


def test_what_must_not_be_named_is_not() -> None:
    before, after = rows(6000, 0), rows(3000, 1, "plan == 'team'")
    hidden = Schema(target="true", prediction="said", private=("plan",))
    assert "plan=team" not in found(before, after, hidden)
    users = {"user": np.arange(6000) // 20}, {"user": np.arange(3000) // 20 + 1000}
    clustered = Schema(target="true", prediction="said", cluster="user")
    assert found(before.assign(**users[0]), after.assign(**users[1]), clustered) == {}


def test_small_slices_and_windows_without_labels_have_no_say() -> None:
    before, after = rows(6000, 0), rows(3000, 1, "plan == 'team'")
    few = pd.concat([after[after["plan"] != "team"], after[after["plan"] == "team"][: FEWEST - 1]])
    assert "plan=team" not in found(before, few)
    assert found(before, after.assign(true=pd.array([pd.NA] * len(after), dtype="Int64"))) == {}
    assert found(before, after.iloc[:0]) == {}


def test_laguardia_in_april_is_found_and_told() -> None:
    slices = [m for m in verdict(APRIL).comparison.measurements if m.measure == "slice_accuracy"]
    assert slices[0].segment in {"origin=LGA", "carrier=MQ", "carrier=WN", "carrier=FL"}
    assert "origin=LGA" in {each.segment for each in slices}
    text = next(a.text for a in alerts_for(verdict(APRIL)) if a.kind == "performance_degradation")
    assert "Of all columns, the worst: " in text


@pytest.mark.known
def test_shares_are_held_against_fishers_exact_test() -> None:
    random = np.random.default_rng(0)
    for n, m, one, other in [(60, 50, 0.1, 0.4), (400, 100, 0.05, 0.2), (3000, 900, 0.3, 0.4)]:
        here, now = (random.random(n) < one).astype(float), (random.random(m) < other).astype(float)
        (each,) = search(
            ([np.zeros(n, int)], here), ([np.zeros(m, int)], now), of="share", level=1.0
        )
        table = [[now.sum(), m - now.sum()], [here.sum(), n - here.sum()]]
        expected = stats.fisher_exact(table, alternative="greater").pvalue
        assert each.pvalue == pytest.approx(expected, rel=1e-6)


@pytest.mark.known
def test_holm_is_the_textbooks() -> None:
    # Holm, Scandinavian Journal of Statistics 6 (1979) 65: .01 of 4, .03 and .04 stopped by .02 * 3
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])).tolist() == pytest.approx(
        [0.03, 0.06, 0.06, 0.02]
    )


@pytest.mark.calibration
@pytest.mark.parametrize("of", ["share", "mean"])
def test_in_clean_windows_hardly_anything_is_named(of: str) -> None:
    random = np.random.default_rng(3)
    named = 0
    for _ in range(300):
        sides = []
        for n in (2000, 1000):
            codes = [random.integers(0, k, n) for k in (3, 4, 8) * 3]
            errors = random.exponential(size=n) * (1 + codes[0])
            if of == "share":
                errors = (random.random(n) < 0.1 * (1 + codes[0])).astype(float)
            sides.append((codes, errors))
        named += bool(search(*sides, of=of))
    assert clopper_pearson(named, 300, 0.99)[0] <= 0.01
