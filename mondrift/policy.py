"""The rules of a verdict, as data: what is material, how sure one must be, what counts together.

Three policies are named. `default` asks for evidence *and* effect, corrected for the number of
columns; `learned` takes its evidence from past windows instead of p-values (`learn_thresholds`);
`classic` holds the customary fixed rules (KS p < 0.05, PSI ≥ 0.1 / 0.25, chi-square p < 0.05) for
those who need them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from mondrift.errors import SettingsError, nearest, shown
from mondrift.null import Learned

Status = Literal["skipped", "ok", "inconclusive", "warning", "alarm"]

#: Worst last. `skipped` never aggregates.
STATUSES: tuple[Status, ...] = ("skipped", "ok", "inconclusive", "warning", "alarm")


@dataclass(frozen=True)
class Threshold:
    """Where an effect stops being acceptable; an effect that reaches it crosses it.

    >>> Threshold(0.1, 0.25).status(0.25), Threshold(0.1, 0.25).status(0.0999)
    ('alarm', 'ok')
    """

    warning: float
    alarm: float

    def status(self, effect: float) -> Status:
        """`ok`, `warning` or `alarm`; NaN is never a pass: `inconclusive`."""
        if effect != effect:
            return "inconclusive"
        if effect >= self.alarm:
            return "alarm"
        return "warning" if effect >= self.warning else "ok"

    def limit(self, status: Status) -> float:
        """Where `warning` or `alarm` begins."""
        return self.alarm if status == "alarm" else self.warning


#: Effects that are material, per measure. A shift of a tenth in PSI is about 0.32 standard
#: deviations of a normal column, a quarter about 0.5; KS 0.1 / 0.2 are 0.25 σ and 0.5 σ.
DEFAULT_EFFECTS: Mapping[str, Threshold] = {
    "psi": Threshold(0.1, 0.25),
    "ks": Threshold(0.1, 0.2),
    "wasserstein": Threshold(0.15, 0.5),
    "total_variation": Threshold(0.1, 0.2),
    "missing": Threshold(0.01, 0.1),
    "infinite": Threshold(0.01, 0.1),
    "unseen": Threshold(0.005, 0.1),
    "vanished": Threshold(0.005, 0.1),
    "out_of_range": Threshold(0.01, 0.1),
    "type_change": Threshold(0.01, 0.1),
}

_NAMES = ("default", "learned", "classic")
_CUSTOMARY = {
    "min_samples_for_eval": "minimum_labels",
    "accuracy_drop_threshold": "accuracy_drop",
    "error_rise_threshold": "error_rise",
}
_CLASSIC_ONLY = {
    "ks_test_threshold": "ks_level",
    "psi_threshold": "psi",
    "chi_square_threshold": "chi_square_level",
}


@dataclass(frozen=True)
class Policy:
    """How measurements become statuses.

    Parameters
    ----------
    name : "default", "learned" or "classic".
    level : probability, in (0, 1), of flagging any column of a window without drift, per family
        of findings.
    effects : {measure: Threshold}; for `classic` only `psi` is used.
    minimum_rows : below so many rows in either window a column is `inconclusive`.
    minimum_clusters : the same for clusters, where rows depend on each other (`Schema.cluster`).
    minimum_labels : below so many labels a metric is `inconclusive`.
    accuracy_drop : share, in (0, 1); a drop must *exceed* it, and its one-sided 99 % lower bound 0.
    error_rise : share of the reference's MAE, above 0, by which it may grow; as `accuracy_drop`.
    score_drop : the same for ROC AUC, in (0, 1), in points; it warns, and never alarms.
    ks_level, chi_square_level : significance levels of the classic rules.
    groups : {name: columns}; judged column by column, told and counted as one.
    expected : {column or group: why}, e.g. {"weather": "with the season"}; that it moves is judged
        and told, but says nothing about the window as a whole.
    learned : what past windows did, for `learned` only; `learn_thresholds` makes it.

    Examples
    --------
    >>> Policy.from_mapping({"name": "classic", "psi_threshold": 0.3}).effects["psi"]
    Threshold(warning=0.1, alarm=0.3)
    """

    name: str = "default"
    level: float = 0.01
    effects: Mapping[str, Threshold] = field(default_factory=lambda: dict(DEFAULT_EFFECTS))
    minimum_rows: int = 20
    minimum_clusters: int = 20
    minimum_labels: int = 100
    accuracy_drop: float = 0.05
    error_rise: float = 0.1
    score_drop: float = 0.05
    ks_level: float = 0.05
    chi_square_level: float = 0.05
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    expected: Mapping[str, str] = field(default_factory=dict)
    learned: Learned | None = None

    def __post_init__(self) -> None:
        complaints = [
            f"{name} is {getattr(self, name)}, which must lie between 0 and 1"
            for name in ("level", "accuracy_drop", "score_drop", "ks_level", "chi_square_level")
            if not 0 < getattr(self, name) < 1
        ]
        complaints += [
            f"{name} is {getattr(self, name)}, which must be at least 1"
            for name in ("minimum_rows", "minimum_clusters", "minimum_labels")
            if getattr(self, name) < 1
        ]
        if not 0 < self.error_rise < math.inf:
            complaints.append(f"error_rise is {self.error_rise}, which must be above 0")
        complaints += [
            f"the threshold of {measure} warns from {t.warning} and alarms from {t.alarm}; "
            "0 < warning <= alarm must hold"
            for measure, t in self.effects.items()
            if not 0 < t.warning <= t.alarm
        ]
        if self.name not in _NAMES:
            complaints.append(
                f"name is {self.name!r}; the policies are {', '.join(map(repr, _NAMES))}"
            )
        complaints += self._complaints_about_learned()
        grouped = [column for columns in self.groups.values() for column in columns]
        doubled = sorted({column for column in grouped if grouped.count(column) > 1})
        if doubled:
            complaints.append(f"columns {shown(doubled)} are in more than one group")
        if complaints:
            raise SettingsError("The policy cannot be used: " + "; ".join(complaints) + ".")

    def _complaints_about_learned(self) -> list[str]:
        if self.learned is None:
            if self.name != "learned":
                return []
            return ["name is 'learned' but nothing was; make it with learn_thresholds()"]
        if self.name != "learned":
            return [f"it has learned thresholds, but name is {self.name!r}; set name: learned"]
        others = [
            measure
            for measure, warning in self.learned.warnings.items()
            if measure not in self.effects or self.effects[measure].warning != warning
        ]
        if not others:
            return []
        return [
            f"its thresholds were learned with other warnings for {shown(others)}; "
            "give learn_thresholds() a policy with these effects"
        ]

    def group(self, column: str | None) -> str:
        """The group that `column` is told with, "" when it stands for itself."""
        return next((name for name, columns in self.groups.items() if column in columns), "")

    def why_expected(self, column: str) -> str:
        """Why people expect `column` (or its group) to move, "" when they do not."""
        return self.expected.get(self.group(column)) or self.expected.get(column, "")

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any], base: Policy | None = None) -> Policy:
        """A policy from the `policy:` part of a YAML file or from settings, over `base`.

        Knows the fields of this class, `effects: {measure: {warning:, alarm:}}`, and the customary
        keys (`min_samples_for_eval`, `accuracy_drop_threshold`, `error_rise_threshold`;
        `ks_test_threshold`, `psi_threshold` and `chi_square_threshold` under `classic` only).
        Raises SettingsError with every complaint at once.
        """
        policy = base or cls()
        name = str(given.get("name", policy.name))
        changes: dict[str, Any] = {"name": name}
        effects = dict(policy.effects)
        complaints: list[str] = []
        for key, value in given.items():
            if wanted := _wanted(key, value):
                complaints.append(f"{key} is {wanted}, not {value!r}")
            elif key in _CLASSIC_ONLY and name != "classic":
                complaints.append(f"{key} steers the classic policy only; set name: classic")
            elif key == "psi_threshold":
                effects["psi"] = Threshold(min(effects["psi"].warning, value), value)
            elif key == "effects":
                complaints += _set_effects(effects, value)
            elif key in ("groups", "expected") and not isinstance(value, Mapping):
                complaints.append(f"{key} is a mapping, not {value!r}")
            elif key == "groups":
                changes["groups"] = {str(g): tuple(columns) for g, columns in value.items()}
            elif key == "expected":
                changes["expected"] = {str(name): str(why) for name, why in value.items()}
            elif key == "learned":
                changes["learned"] = None if value is None else Learned.from_mapping(value)
            elif key in cls.__dataclass_fields__:
                changes[key] = value
            elif key in _CUSTOMARY or key in _CLASSIC_ONLY:
                changes[(_CUSTOMARY | _CLASSIC_ONLY)[key]] = value
            else:
                known = [*cls.__dataclass_fields__, *_CUSTOMARY, *_CLASSIC_ONLY]
                complaints.append(f"{key!r} is no key of a policy.{nearest(key, known)}")
        if complaints:
            raise SettingsError("The policy cannot be used: " + "; ".join(complaints) + ".")
        return replace(policy, effects=effects, **changes)

    def to_dict(self) -> dict[str, Any]:
        """JSON-valid; `from_mapping` reads it back."""
        plain = {
            name: getattr(self, name)
            for name in self.__dataclass_fields__
            if name not in ("effects", "groups", "expected", "learned")
        }
        return {
            **plain,
            "effects": {
                m: {"warning": t.warning, "alarm": t.alarm} for m, t in self.effects.items()
            },
            "groups": {name: list(columns) for name, columns in self.groups.items()},
            "expected": dict(self.expected),
            "learned": self.learned.to_dict() if self.learned else None,
        }


def _wanted(key: str, value: object) -> str:
    """What a key that holds a number wants in place of `value`; "" where it fits.

    >>> _wanted("minimum_rows", 2.5), _wanted("level", "high"), _wanted("level", 1), _wanted("x", 1)
    ('a whole number', 'a number', '', '')
    """
    known = Policy.__dataclass_fields__.get(_CUSTOMARY.get(key, key))
    default = 0.0 if key in _CLASSIC_ONLY else known.default if known else None
    if not isinstance(default, int | float):
        return ""
    whole = isinstance(default, int)
    fits = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    return "" if fits else "a whole number" if whole else "a number"


def _set_effects(effects: dict[str, Threshold], given: Any) -> list[str]:
    """Change `effects` as `given` says; the complaints, one per line that cannot be used."""
    if not isinstance(given, Mapping):
        return [f"effects is a mapping, not {given!r}"]
    complaints = []
    for measure, value in given.items():
        if measure not in effects:
            complaints.append(
                f"effects has no measure {measure!r}, only {shown(effects)}."
                f"{nearest(measure, effects)}"
            )
        elif not isinstance(value, Mapping) or set(value) != {"warning", "alarm"}:
            complaints.append(f"effects.{measure} needs 'warning' and 'alarm', not {value!r}")
        elif not all(isinstance(each, int | float) for each in value.values()):
            complaints.append(f"effects.{measure} holds two numbers, not {value!r}")
        else:
            effects[measure] = Threshold(float(value["warning"]), float(value["alarm"]))
    return complaints
