"""A verdict can be bet on: significant and material, or it says that it does not know."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mondrift import (
    Comparison,
    Measurement,
    Policy,
    Schema,
    Threshold,
    Verdict,
    VerdictError,
    compare,
    judge,
)
from mondrift.drift import by_column, smallest_visible
from mondrift.measures.kolmogorov import two_sample_pvalue


def numbers(n: int, seed: int, columns: int = 5, shift: float = 0.0) -> pd.DataFrame:
    values = np.random.default_rng(seed).normal(size=(n, columns))
    values[:, 0] += shift
    return pd.DataFrame(values, columns=[f"x{i}" for i in range(columns)])


def status(verdict: Verdict, column: str) -> str:
    return verdict.columns()[column].status


def test_no_change_is_ok():
    verdict = judge(compare(numbers(5000, 0), numbers(5000, 1)))
    assert verdict.status == "ok"
    assert verdict.reason == "no material change was found"


def test_half_a_sigma_is_an_alarm_and_only_where_it_happened():
    verdict = judge(compare(numbers(5000, 0), numbers(5000, 1, shift=0.6)))
    assert verdict.status == "alarm"
    assert [f.column for f in verdict.flagged("drift")] == ["x0"]
    assert "1 of 5 columns drifted: x0" in verdict.reason


def test_a_shift_too_small_to_matter_is_no_drift_however_many_rows():
    verdict = judge(compare(numbers(1_000_000, 0, 1), numbers(1_000_000, 1, 1, shift=0.02)))
    assert verdict.status == "ok"
    assert "too little to matter" in verdict.columns()["x0"].reason


def test_few_rows_are_inconclusive_and_say_what_they_could_show():
    verdict = judge(compare(numbers(1000, 0), numbers(30, 1)))
    assert verdict.status == "inconclusive"
    assert "30 rows show only differences from" in verdict.columns()["x0"].reason


def test_too_few_rows_are_inconclusive_however_large_the_shift():
    verdict = judge(compare(numbers(1000, 0), numbers(10, 1, shift=50)))
    assert status(verdict, "x0") == "inconclusive"


def test_new_missing_values_are_a_finding_of_their_own():
    current = numbers(2000, 1)
    current.loc[: 2000 * 0.6, "x1"] = np.nan
    verdict = judge(compare(numbers(2000, 0), current))
    finding = verdict.columns()["x1"]
    assert (finding.check, finding.status) == ("missing", "alarm")
    assert finding.reason == "60.1 % of rows have no value, 0.0 % in the reference"


def test_an_unseen_category_is_named():
    reference = pd.DataFrame({"c": ["a", "b"] * 1000})
    current = pd.DataFrame({"c": ["a", "b"] * 950 + ["new"] * 100})
    verdict = judge(compare(reference, current))
    assert any(f.check == "unseen" and "(new)" in f.reason for f in verdict.flagged("quality"))


def test_a_vanished_column_is_an_alarm_and_a_new_one_is_listed():
    verdict = judge(compare(numbers(500, 0), numbers(500, 1).rename(columns={"x1": "z"})))
    assert verdict.status == "alarm"
    assert status(verdict, "x1") == "alarm"
    assert status(verdict, "z") == "skipped"


def test_words_where_numbers_were_are_an_alarm():
    current = numbers(500, 1).assign(x2="n/a")
    finding = judge(compare(numbers(500, 0), current)).columns()["x2"]
    assert finding.status == "alarm"


def test_every_compared_column_ends_in_one_status_with_a_reason():
    reference = numbers(500, 0).assign(key=[f"k{i}" for i in range(500)], one=1)
    verdict = judge(compare(reference, reference))
    assert set(verdict.columns()) == set(reference.columns)
    assert all(f.reason for f in verdict.findings)
    assert (status(verdict, "key"), status(verdict, "one")) == ("skipped", "skipped")


def test_windows_of_which_no_column_can_be_compared_are_inconclusive_and_say_why():
    keys = pd.DataFrame({"key": [f"k{i}" for i in range(500)]})
    verdict = judge(compare(keys, keys))
    assert verdict.status == "inconclusive"
    assert "key: 500 distinct values" in verdict.reason


def test_one_p_value_per_column_enters_the_correction():
    verdict = judge(compare(numbers(300, 0, 20), numbers(300, 1, 20)))
    drift = [f for f in verdict.findings if f.family == "drift"]
    assert len(drift) == 20
    assert all(f.adjusted >= f.pvalue for f in drift)


def test_negating_a_column_changes_no_verdict():
    one = judge(compare(numbers(1000, 0), numbers(1000, 1, shift=-1)))
    other = judge(compare(-numbers(1000, 0), -numbers(1000, 1, shift=-1)))
    assert [f.status for f in one.findings] == [f.status for f in other.findings]


def test_columns_of_a_group_are_judged_one_by_one_and_told_as_one():
    policy = Policy(groups={"weather": ("x0", "x1")})
    current = numbers(2000, 1) + np.array([1, 1, 0, 0, 0])
    verdict = judge(compare(numbers(2000, 0), current), policy)
    assert {f.group for f in verdict.flagged("drift")} == {"weather"}
    assert "weather (2 columns)" in verdict.reason


def test_what_is_expected_is_told_and_does_not_decide_about_the_window():
    current = numbers(2000, 1) + np.array([1, 1, 0, 0, 0])
    policy = Policy(groups={"weather": ("x0", "x1")}, expected={"weather": "with the season"})
    verdict = judge(compare(numbers(2000, 0), current), policy)
    assert verdict.status == "ok"
    assert status(verdict, "x0") == "alarm"
    assert "weather (2 columns, expected with the season)" in verdict.reason
    current["x2"] += 1
    assert judge(compare(numbers(2000, 0), current), policy).status == "alarm"


def scored(n: int, seed: int, correct: float) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 2, n)
    return pd.DataFrame({"y": target, "p": np.where(rng.random(n) < correct, target, 1 - target)})


SCHEMA = Schema(target="y", prediction="p")


def test_a_fall_in_accuracy_is_told_first():
    verdict = judge(compare(scored(5000, 0, 0.9), scored(1000, 1, 0.7), schema=SCHEMA))
    assert verdict.status == "alarm"
    assert verdict.reason.startswith("accuracy fell by")


def test_a_fall_that_a_hundred_labels_show_by_chance_is_no_alarm():
    flagged = sum(
        bool(judge(compare(scored(5000, s, 0.8), scored(100, 900 + s, 0.8), schema=SCHEMA))
             .flagged("performance"))
        for s in range(60)
    )  # fmt: skip
    assert flagged <= 3  # 1 % stated; more than 3 of 60 has probability .003


def test_without_labels_performance_is_inconclusive_and_says_so():
    current = scored(1000, 1, 0.9).assign(y=None)
    verdict = judge(compare(scored(5000, 0, 0.9), current, schema=SCHEMA))
    finding = next(f for f in verdict.findings if f.check == "accuracy")
    assert finding.status == "inconclusive"


def test_the_classic_policy_flags_by_fixed_rules():
    verdict = judge(compare(numbers(50, 0, 20), numbers(50, 1, 20)), Policy(name="classic"))
    assert verdict.status in ("warning", "alarm")  # noisy, as it is known for


def test_raise_for_status_raises_on_alarm_only():
    calm = judge(compare(numbers(500, 0), numbers(500, 1)))
    assert calm.raise_for_status() is calm
    with pytest.raises(VerdictError, match="x0"):
        judge(compare(numbers(500, 0), numbers(500, 1, shift=3))).raise_for_status()


def test_a_verdict_survives_json():
    comparison = compare(numbers(500, 0), numbers(500, 1, shift=3))
    verdict = judge(comparison, Policy(groups={"g": ("x0",)}))
    text = json.dumps(verdict.to_dict(), allow_nan=False)
    again = Verdict.from_dict(json.loads(text), comparison)
    assert (again.status, again.reason, again.policy) == (
        verdict.status, verdict.reason, verdict.policy,
    )  # fmt: skip


def test_the_frame_joins_measurements_with_statuses():
    frame = judge(compare(numbers(500, 0), numbers(500, 1, shift=3))).to_frame()
    assert set(frame.loc[(frame["column"] == "x0") & (frame["family"] == "drift"), "status"]) == {
        "alarm"
    }
    assert frame.loc[frame["measure"] == "ks", "adjusted"].notna().all()


def test_it_shows_itself_in_one_line_and_as_a_table():
    verdict = judge(compare(numbers(500, 0), numbers(500, 1, shift=3)))
    assert repr(verdict).startswith("<Verdict alarm: 1 of 5 columns drifted: x0")
    assert "Alarm" in verdict._repr_html_()


def test_a_stored_verdict_keeps_what_was_said_when_it_was_made():
    comparison = compare(numbers(500, 0), numbers(500, 1, shift=3))
    data = judge(comparison).to_dict() | {"status": "warning", "reason": "as an older version said"}
    again = Verdict.from_dict(json.loads(json.dumps(data)), comparison)
    assert (again.status, again.reason) == ("warning", "as an older version said")


def test_a_window_that_is_ok_names_the_columns_it_cannot_judge():
    current = numbers(2000, 1, 10)
    current["x3"] = np.where(np.arange(2000) < 1985, np.nan, current["x3"])
    reference = numbers(2000, 0, 10)
    reference["x3"] = current["x3"]
    verdict = judge(compare(reference, current))
    assert verdict.status == "ok"
    assert verdict.reason == "no material change was found; inconclusive: ['x3']"


# Rows in clusters: what they are worth


def clustered(comparison: Comparison, clusters: int, design_effect: float) -> Comparison:
    """The comparison with the details that the measures of clustered rows give."""
    facts = {"clusters": clusters, "design_effect": design_effect}
    return replace(
        comparison,
        measurements=tuple(
            replace(each, detail={**each.detail, **facts}) for each in comparison.measurements
        ),
    )


def test_fewer_than_twenty_clusters_are_inconclusive_however_large_the_shift():
    comparison = compare(numbers(1000, 0), numbers(1000, 1, shift=3))
    finding = judge(clustered(comparison, 19, 1.0)).columns()["x0"]
    assert (finding.status, finding.reason) == (
        "inconclusive", "19 clusters are too few; 20 are needed",
    )  # fmt: skip
    assert judge(clustered(comparison, 20, 1.0)).status == "alarm"


def test_rows_in_clusters_count_as_what_they_are_worth():
    comparison = compare(numbers(10_000, 0), numbers(10_000, 1))
    assert judge(clustered(comparison, 200, 10.0)).status == "ok"
    verdict = judge(clustered(comparison, 25, 200.0))
    assert verdict.status == "inconclusive"
    reason = verdict.columns()["x0"].reason
    assert "10,000 rows in clusters, worth 50 independent ones, show only differences" in reason


def visible(comparison: Comparison, column: str) -> float:
    by = next(each for each in by_column(comparison) if each["psi"].column == column)
    return smallest_visible(by, 0.01)


@pytest.mark.parametrize("kind", ["numeric", "categorical"])
def test_a_design_effect_of_four_hides_twice_as_much(kind):
    frames = numbers(5000, 0, 1), numbers(2000, 1, 1)
    if kind == "categorical":
        frames = tuple(frame.round().astype(int).astype(str) for frame in frames)
    comparison = compare(*frames)
    four = clustered(comparison, 100, 4.0)
    assert visible(four, "x0") == pytest.approx(2 * visible(comparison, "x0"))


def test_missing_values_show_nothing():
    current, reference = numbers(4000, 1, 1), numbers(4000, 0, 1)
    few = current.copy()
    few.loc[1000:, "x0"] = np.nan
    seen = visible(compare(reference, current[:1000]), "x0")
    assert visible(compare(reference, few), "x0") == pytest.approx(seen)


def test_the_smallest_visible_difference_is_what_a_test_of_that_size_shows():
    from scipy import stats

    n, m, level = 5000, 3000, 0.01
    distance = visible(compare(numbers(n, 0, 1), numbers(m, 1, 1)), "x0")
    effective = n * m / (n + m)
    # KS shares the level with chi-square: half of it each
    assert 2 * stats.kstwobign.sf(distance * effective**0.5) == pytest.approx(level, rel=1e-3)


def test_labels_in_clusters_count_as_what_they_are_worth():
    comparison = compare(scored(5000, 0, 0.9), scored(5000, 1, 0.8), schema=SCHEMA)
    status_of = {
        design: next(
            f for f in judge(clustered(comparison, 100, design)).findings if f.check == "accuracy"
        )
        for design in (1.0, 10.0, 100.0)
    }
    assert [f.status for f in status_of.values()] == ["alarm", "alarm", "inconclusive"]
    assert "(5,000 rows in clusters are worth 50)" in status_of[100.0].reason
    few = judge(clustered(comparison, 10, 2.0))
    finding = next(f for f in few.findings if f.check == "accuracy")
    assert finding.reason == "labels in 10 clusters are too few; 20 are needed"


# Windows known by their counts alone


def bounded(comparison: Comparison, measure: str, least: float, most: float) -> Comparison:
    """The comparison with one effect known between bounds only, as counts give it."""

    def between(each: Measurement) -> Measurement:
        if each.measure != measure:
            return each
        detail = {**each.detail, "at_least": least, "at_most": most}
        pvalue = None if each.pvalue is None else two_sample_pvalue(least, 5000, 5000)[0]
        return replace(each, statistic=least, pvalue=pvalue, detail=detail)

    return replace(comparison, measurements=tuple(map(between, comparison.measurements)))


@pytest.fixture(scope="module")
def calm() -> Comparison:
    return compare(numbers(5000, 0, 1), numbers(5000, 1, 1))


def test_bounds_that_straddle_a_threshold_are_inconclusive(calm):
    finding = judge(bounded(calm, "ks", 0.098, 0.103)).columns()["x0"]
    assert (finding.status, finding.reason) == (
        "inconclusive",
        "counts alone cannot tell: KS D between 0.098 and 0.103 (warning from 0.1); "
        "check from rows",
    )
    finding = judge(bounded(calm, "ks", 0.198, 0.2)).columns()["x0"]
    assert "between 0.198 and 0.2 (alarm from 0.2)" in finding.reason


@pytest.mark.parametrize(
    ("least", "most", "expected"),
    [(0.01, 0.02, "ok"), (0.06, 0.0999, "ok"), (0.1, 0.1999, "warning"), (0.2, 0.3, "alarm")],
)
def test_bounds_on_one_side_of_a_threshold_decide(calm, least, most, expected):
    assert judge(bounded(calm, "ks", least, most)).columns()["x0"].status == expected


def test_bounds_between_which_the_p_value_turns_are_inconclusive():
    few = compare(numbers(200, 0, 1), numbers(200, 1, 1))
    policy = Policy(effects={**Policy().effects, "ks": Threshold(0.1, 0.9)})
    finding = judge(bounded(few, "ks", 0.11, 0.25), policy).columns()["x0"]
    assert finding.status == "inconclusive"
    assert "counts alone cannot tell: p between" in finding.reason


def test_bounds_of_another_measure_count_too(calm):
    finding = judge(bounded(bounded(calm, "ks", 0.08, 0.08), "wasserstein", 0.1, 0.2))
    assert finding.columns()["x0"].status == "inconclusive"
    assert "Wasserstein up to 0.2 (warning from 0.15)" in finding.columns()["x0"].reason


def test_the_upper_bound_alone_is_enough(calm):
    only = bounded(calm, "ks", 0.0, 0.5)
    measurements = []
    for each in only.measurements:
        detail = {key: value for key, value in each.detail.items() if key != "at_least"}
        measurements.append(replace(each, detail=detail))
    assert judge(replace(only, measurements=tuple(measurements))).status == "inconclusive"
