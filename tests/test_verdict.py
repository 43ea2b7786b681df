"""A verdict can be bet on: significant and material, or it says that it does not know."""

import json

import numpy as np
import pandas as pd
import pytest

from mondrift import Policy, Schema, Verdict, VerdictError, compare, judge


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
    assert "missing values" in finding.reason


def test_an_unseen_category_is_named():
    reference = pd.DataFrame({"c": ["a", "b"] * 1000})
    current = pd.DataFrame({"c": ["a", "b"] * 950 + ["new"] * 100})
    verdict = judge(compare(reference, current))
    assert any(f.check == "unseen" and "'new'" in f.reason for f in verdict.flagged("quality"))


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
