"""A policy is data; what cannot be used is refused with every complaint at once."""

import math

import pytest

from mondrift.errors import SettingsError
from mondrift.policy import Policy, Threshold


def test_an_effect_that_reaches_a_threshold_crosses_it():
    threshold = Threshold(0.1, 0.25)
    effects = (0.0999, 0.1, 0.2499, 0.25, 99.0)
    assert [threshold.status(e) for e in effects] == ["ok", "warning", "warning", "alarm", "alarm"]


def test_nan_is_never_a_pass():
    assert Threshold(0.1, 0.25).status(math.nan) == "inconclusive"


def test_a_policy_survives_json():
    policy = Policy(name="classic", groups={"weather": ("rain", "wind")}, expected={"rain": "x"})
    assert Policy.from_mapping(policy.to_dict()) == policy


def test_customary_keys_steer_the_classic_policy():
    policy = Policy.from_mapping(
        {"name": "classic", "ks_test_threshold": 0.01, "psi_threshold": 0.3,
         "chi_square_threshold": 0.02, "min_samples_for_eval": 50,
         "accuracy_drop_threshold": 0.1}
    )  # fmt: skip
    assert (policy.ks_level, policy.chi_square_level) == (0.01, 0.02)
    assert policy.effects["psi"] == Threshold(0.1, 0.3)
    assert (policy.minimum_labels, policy.accuracy_drop) == (50, 0.1)


def test_keys_of_the_classic_policy_are_an_error_under_the_default_one():
    with pytest.raises(SettingsError, match=r"psi_threshold steers the classic policy only"):
        Policy.from_mapping({"psi_threshold": 0.3})


def test_every_complaint_is_told_at_once():
    with pytest.raises(SettingsError) as caught:
        Policy.from_mapping(
            {"levle": 0.05, "effects": {"psy": {"warning": 1, "alarm": 2}, "ks": 0.3}}
        )
    message = str(caught.value)
    assert "'levle' is no key of a policy. Did you mean 'level'?" in message
    assert "no measure 'psy'" in message
    assert "effects.ks needs 'warning' and 'alarm', not 0.3" in message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"level": 1.5}, "level is 1.5, which must lie between 0 and 1"),
        ({"minimum_rows": 0}, "minimum_rows is 0, which must be at least 1"),
        ({"name": "strict"}, "the policies are 'default', 'learned', 'classic'"),
        ({"effects": {"psi": Threshold(0.3, 0.1)}}, "0 < warning <= alarm"),
        ({"groups": {"a": ("x",), "b": ("x",)}}, "more than one group"),
    ],
)
def test_values_outside_their_range_are_refused(changes, message):
    with pytest.raises(SettingsError, match=message):
        Policy(**changes)


def test_a_column_without_a_group_stands_for_itself():
    policy = Policy(groups={"weather": ("rain", "wind")})
    assert (policy.group("rain"), policy.group("income"), policy.group(None)) == ("weather", "", "")
