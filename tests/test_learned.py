"""Thresholds learned from past windows: a window spends one level, and k says which it can."""

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import mondrift as md
from mondrift.errors import InputError, SettingsError
from mondrift.null import CALM, Learned, Null
from mondrift.policy import Policy, Threshold
from mondrift.rows import read

SWING = 0.3  # σ between windows: what rows of one day have in common
COLUMNS = 2


def day(seed: int, *, rows: int = 200, shift: float = 0.0, swing: float = SWING) -> pd.DataFrame:
    """A window whose columns have moved together, by chance; x0 by `shift` besides."""
    rng = np.random.default_rng(seed)
    values = rng.normal(rng.normal(0, swing, COLUMNS), 1, (rows, COLUMNS))
    values[:, 0] += shift
    return pd.DataFrame(values, columns=[f"x{i}" for i in range(COLUMNS)])


REFERENCE = pd.concat([day(seed) for seed in range(10)], ignore_index=True)


def past(windows: int, **changes: float) -> list[pd.DataFrame]:
    return [day(1000 + place, **changes) for place in range(windows)]


@pytest.fixture(scope="module")
def policy() -> Policy:
    return md.learn_thresholds(REFERENCE, past(99))


@pytest.fixture(scope="module")
def short() -> Policy:
    return md.learn_thresholds(REFERENCE, past(40))


def judged(current: pd.DataFrame, policy: Policy | None) -> md.Verdict:
    return md.judge(md.compare(REFERENCE, current), policy)


def test_what_days_always_did_is_no_drift_where_p_values_see_one(policy):
    days = [day(5000 + seed) for seed in range(20)]
    assert sum(judged(each, None).status in ("warning", "alarm") for each in days) >= 10
    assert sum(judged(each, policy).status in ("warning", "alarm") for each in days) <= 2


def test_what_no_day_did_is_an_alarm_and_only_where_it_happened(policy):
    verdict = judged(day(7, shift=3), policy)
    assert verdict.status == "alarm"
    assert [f.column for f in verdict.flagged("drift")] == ["x0"]
    finding = verdict.columns()["x0"]
    assert "0 of 99 past windows stood out as much" in finding.reason
    assert finding.adjusted == 1 / 100


def test_what_is_too_little_to_matter_is_ok_however_unusual():
    calm = [day(seed, rows=2000, swing=0.0) for seed in range(100, 109)]
    reference = day(1, rows=20_000, swing=0.0)
    policy = md.learn_thresholds(reference, calm, level=0.1)
    verdict = md.judge(md.compare(reference, day(2, rows=2000, swing=0.0, shift=0.1)), policy)
    assert verdict.status == "ok"
    assert "too little to matter" in verdict.columns()["x0"].reason


def test_too_few_windows_are_inconclusive_where_they_would_decide(short):
    verdict = judged(day(7, shift=3), short)
    assert verdict.status == "inconclusive"
    finding = verdict.columns()["x0"]
    assert finding.status == "inconclusive"
    assert "40 windows can show at best 1 in 41, and 1 % needs 99" in finding.reason
    assert finding.reason in verdict.reason


def test_too_few_windows_can_still_say_that_nothing_is_unusual(short):
    assert judged(day(1000), short).status == "ok"


def test_39_windows_are_enough_for_one_in_40():
    policy = md.learn_thresholds(REFERENCE, past(39), level=0.025)
    assert judged(day(7, shift=3), policy).status == "alarm"


def test_a_policy_survives_json_and_yaml(policy):
    data = policy.to_dict()
    assert Policy.from_mapping(json.loads(json.dumps(data, allow_nan=False))) == policy
    assert Policy.from_mapping(yaml.safe_load(yaml.safe_dump(data))) == policy


def test_what_it_was_learned_on_is_told():
    times = pd.date_range("2024-01-01", periods=18 * 30, freq="48min", tz="UTC")
    rows = pd.DataFrame({"at": times, "x": np.random.default_rng(1).normal(size=len(times))})
    before, after = rows[: 9 * 30], rows[9 * 30 :]
    days = md.chunk(after, "1D", timestamp="at")
    learned = md.learn_thresholds(before, days, schema=md.Schema(timestamp="at")).learned
    assert (learned.windows, learned.n_reference, learned.smallest) == (9, 270, 30)
    assert (learned.start, learned.end) == (
        "2024-01-10T00:00:00+00:00", "2024-01-19T00:00:00+00:00",
    )  # fmt: skip
    assert list(learned.families["drift"].typical[""]) == ["x"]


def test_a_monitor_changes_other_rules_of_a_learned_policy(policy):
    changed = Policy.from_mapping({"accuracy_drop_threshold": 0.1}, base=policy)
    assert (changed.accuracy_drop, changed.learned) == (0.1, policy.learned)


def test_a_smaller_window_than_any_of_the_past_is_inconclusive(policy):
    verdict = judged(day(7, rows=150, shift=3), policy)
    assert verdict.status == "inconclusive"
    assert "150 rows are fewer than in any window" in verdict.reason


def test_another_reference_is_inconclusive(policy):
    verdict = md.judge(md.compare(REFERENCE[:1500], day(7, shift=3)), policy)
    assert verdict.status == "inconclusive"
    assert "a reference of 2,000 rows, this one has 1,500: learn them again" in verdict.reason


def test_a_column_that_was_not_there_is_inconclusive():
    policy = md.learn_thresholds(REFERENCE[["x1"]], past(9), level=0.1)
    finding = judged(day(7, shift=3), policy).columns()["x0"]
    assert finding.status == "inconclusive"
    assert "not there when the thresholds were learned" in finding.reason


def test_a_column_that_never_changed_is_flagged_when_it_does():
    still = REFERENCE.assign(flag=0.0)
    policy = md.learn_thresholds(still, [each.assign(flag=0.0) for each in past(9)], level=0.1)
    current = day(1000).assign(flag=np.arange(200) % 2.0)
    verdict = md.judge(md.compare(still, current), policy)
    assert verdict.columns()["flag"].status == "alarm"


def test_a_restless_column_does_not_hide_a_calm_one():
    def with_wild(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        return frame.assign(wild=rng.normal(rng.normal(0, 2), 1, len(frame)))

    reference = with_wild(day(1, rows=2000, swing=0.1), 1)
    chunks = [with_wild(day(s, swing=0.1), s) for s in range(100, 119)]
    policy = md.learn_thresholds(reference, chunks, level=0.05)
    current = with_wild(day(3, swing=0.1, shift=1.0), 3)
    verdict = md.judge(md.compare(reference, current), policy)
    assert [f.column for f in verdict.flagged("drift")] == ["x0"]


def test_missing_values_have_a_null_of_their_own():
    def holes(frame: pd.DataFrame, share: float, seed: int) -> pd.DataFrame:
        gone = np.random.default_rng(seed).random(len(frame)) < share
        return frame.assign(x1=frame["x1"].where(~gone))

    shares = np.random.default_rng(0).uniform(0, 0.2, 19)
    chunks = [holes(f, share, i) for i, (f, share) in enumerate(zip(past(19), shares, strict=True))]
    reference = holes(REFERENCE, 0.1, 1)
    policy = md.learn_thresholds(reference, chunks, level=0.05)
    for share, status in ((0.15, "ok"), (0.6, "alarm")):
        verdict = md.judge(md.compare(reference, holes(day(1000), share, 2)), policy)
        finding = next(f for f in verdict.findings if (f.check, f.column) == ("missing", "x1"))
        assert finding.status == status


def test_what_has_no_test_is_judged_by_its_effect_alone(short):
    finding = judged(day(7).assign(x1="n/a"), short).columns()["x1"]
    assert (finding.check, finding.status) == ("type_change", "alarm")


def test_segments_have_thresholds_of_their_own():
    def cut(frame: pd.DataFrame, by: float = 0.0) -> pd.DataFrame:
        where = np.resize(["a", "b"], len(frame))
        return frame.assign(where=where, x1=frame["x1"] + by * (where == "b"))

    schema = md.Schema(segments=("where",))
    reference = cut(REFERENCE)
    chunks = [cut(each) for each in past(9)]
    policy = md.learn_thresholds(reference, chunks, schema=schema, level=0.1)
    verdict = md.judge(md.compare(reference, cut(day(1000), by=4), schema=schema), policy)
    assert ("where=b", "x1") in {(f.segment, f.column) for f in verdict.flagged("drift")}
    assert ("where=a", "x1") not in {(f.segment, f.column) for f in verdict.flagged("drift")}


# What cannot be learned from


def test_chunks_of_the_reference_are_refused_by_their_values():
    with pytest.raises(InputError, match=r"2 of 3 chunks share rows with the reference") as caught:
        md.learn_thresholds(REFERENCE, [REFERENCE[:200], day(1000), REFERENCE[500:700]])
    assert "cut the chunks from other rows" in str(caught.value)


def test_chunks_of_the_reference_are_refused_by_their_time():
    times = pd.date_range("2024-01-01", periods=500, freq="h", tz="UTC")
    rows = pd.DataFrame({"at": times, "c": np.resize(list("ab"), 500)})
    schema = md.Schema(timestamp="at")
    with pytest.raises(InputError, match="1 of 1 chunks share rows with the reference"):
        md.learn_thresholds(rows, [rows[100:200]], schema=schema)
    later = rows.assign(at=rows["at"] + pd.Timedelta(days=30))
    with pytest.raises(InputError, match="1 of 2 chunks share rows with another"):
        md.learn_thresholds(rows, [later[:200], later[100:300]], schema=schema)


def test_the_same_chunk_twice_is_refused():
    with pytest.raises(InputError, match=r"1 of 3 chunks share rows with another: \['chunk 3'\]"):
        md.learn_thresholds(REFERENCE, [day(1000), day(1001), day(1000)])


def test_equal_values_of_a_few_levels_are_no_copies():
    rows = pd.DataFrame({"c": ["a", "b"] * 100})
    assert md.learn_thresholds(rows, [rows] * 3).learned.windows == 3


def test_chunks_with_too_few_rows_are_named():
    schema = md.Schema().fit(REFERENCE)
    small = read(day(1, rows=19), schema, label="Sunday")
    with pytest.raises(InputError, match=r"1 of 2 chunks have fewer than 20 rows: \['Sunday'\]"):
        md.learn_thresholds(read(REFERENCE, schema), [small, day(1000)])


def test_nothing_is_learned_from_nothing():
    with pytest.raises(InputError, match=r"there are no chunks; cut them with mondrift.chunk"):
        md.learn_thresholds(REFERENCE, [])


def test_every_complaint_is_told_at_once():
    with pytest.raises(InputError) as caught:
        md.learn_thresholds(REFERENCE, [day(1, rows=5), REFERENCE[:200]])
    assert "fewer than 20 rows" in str(caught.value)
    assert "share rows with the reference" in str(caught.value)


def test_the_classic_policy_learns_nothing():
    with pytest.raises(SettingsError, match="fixed rules"):
        md.learn_thresholds(REFERENCE, past(2), policy=Policy(name="classic"))


@pytest.mark.parametrize("level", [0.0, 1.0, math.nan])
def test_a_level_is_a_probability(level):
    with pytest.raises(SettingsError, match="must lie between 0 and 1"):
        md.learn_thresholds(REFERENCE, past(2), level=level)


# The policy


def test_a_learned_policy_needs_what_was_learned(policy):
    with pytest.raises(SettingsError, match=r"make it with learn_thresholds\(\)"):
        Policy(name="learned")
    with pytest.raises(SettingsError, match="set name: learned"):
        replace(policy, name="default")


def test_thresholds_hold_for_the_effects_they_were_learned_with(policy):
    with pytest.raises(SettingsError, match=r"learned with other warnings for \['ks'\]"):
        replace(policy, effects={**policy.effects, "ks": Threshold(0.05, 0.2)})
    higher = replace(policy, effects={**policy.effects, "ks": Threshold(0.1, 0.4)})
    assert higher.effects["ks"].alarm == 0.4


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"windoes": 3}, "learned needs .* Did you mean 'windows'"),
        ("yes", "learned needs"),
        (None, "nothing was"),
    ],
)
def test_learned_that_is_none_is_refused(given, message):
    with pytest.raises(SettingsError, match=message):
        Policy.from_mapping({"name": "learned", "learned": given})


def test_learned_with_words_for_numbers_is_refused(policy):
    data = policy.to_dict()
    with pytest.raises(SettingsError, match="learned cannot be read"):
        Policy.from_mapping({**data, "learned": {**data["learned"], "windows": "many"}})


# The null


def learned(null: Null, windows: int) -> Learned:
    return Learned(windows, 1000, 200, "", "", {}, {"drift": null})


def test_each_window_is_held_against_the_others():
    null = Null.of({("", "x"): np.array([1.0, 1.0, 4.0])})
    assert null.largest == pytest.approx((4.0, 1 / math.sqrt(8.5), 1 / math.sqrt(8.5)))


def test_only_what_is_material_counts():
    assert Null.of({("", "x"): np.array([0.99, 0.5, math.nan])}).largest == ()


def test_of_a_window_only_the_largest_counts():
    heights = np.array([1.0, 2.0, 3.0])
    assert len(Null.of({("", "x"): heights, ("", "y"): heights[::-1]}).largest) == 3


def test_a_column_that_never_moved_has_a_least_scale():
    assert Null.of({("", "x"): np.zeros(99)}).scale("", "x") == CALM


heights = st.lists(st.floats(0, 20), min_size=2, max_size=250)


@given(heights, st.floats(1, 50), st.sampled_from([0.01, 0.02, 0.05, 0.2]))
def test_the_threshold_and_the_p_value_say_the_same(past_heights, height, level):
    null = learned(Null.of({("", "x"): np.array(past_heights)}), len(past_heights))
    stands_out = null.stands_out("drift", "", "x", level)
    if abs(height - stands_out) > 1e-6:
        beyond = null.pvalue("drift", "", "x", height) <= level + 1e-9
        assert beyond == (height > stands_out)


@given(heights, st.floats(0, 50))
def test_a_p_value_is_at_least_one_in_k_plus_one(past_heights, height):
    null = learned(Null.of({("", "x"): np.array(past_heights)}), len(past_heights))
    assert 1 / (len(past_heights) + 1) <= null.pvalue("drift", "", "x", height) <= 1


@pytest.mark.parametrize(("level", "needed"), [(0.01, 99), (0.05, 19), (0.1, 9), (0.025, 39)])
def test_a_level_needs_one_less_than_its_inverse(level, needed):
    null = Null({}, ())
    assert learned(null, needed).short(level) == ""
    assert f"needs {needed}" in learned(null, needed - 1).short(level)
    assert learned(null, needed - 1).stands_out("drift", "", "x", level) == math.inf
