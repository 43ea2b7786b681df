"""A `Schema` declares what each column is for (its role) and how it is measured (its kind)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mondrift.errors import ColumnError, SchemaError
from mondrift.kinds import KINDS, Kind, Role, infer, table

POSITIVE = "(positive)"  # stands for the positive class, whichever that is

#: Roles whose distribution is compared; the others steer the comparison.
COMPARED: tuple[Role, ...] = ("feature", "segment", "prediction", "probability", "target")

_SINGLE: tuple[Role, ...] = (
    "prediction",
    "target",
    "timestamp",
    "cluster",
    "latency",
    "version",
    "id",
)


@dataclass(frozen=True)
class Schema:
    """What each column of a model's rows is for, and how it is measured.

    Parameters
    ----------
    target, prediction, timestamp, id, cluster, latency, version : str, optional
        The column with this role. `timestamp` holds UTC; `latency` is in ms; rows of one
        `cluster` depend on each other (a user, a machine, a stretch of time): the column is kept
        out of the comparison, and p-values and effects of all others respect it. Stretches of
        time must be long: fifteen times as many rows as the rows remember.
    probability : str or {class: column}, optional
        Probability of the positive class, or one column per class; values in [0, 1].
    segments : names of categorical features by which everything is also measured apart.
    positive : the class counted as positive; by default 1, True or yes.
    threshold : probability from which a row is predicted positive, in (0, 1), by default .5: for
        models without a column of predictions.
    private : names of columns whose values are shown nowhere: no category, no border of a bin.
    importances : {feature: how much the model leans on it}, numbers from 0 on, in any unit; what
        is found is told in the order of drift times importance. None given: all alike; features
        that are not among them: 0.
    kinds : {column: kind}
        "numeric", "categorical", "boolean", "datetime" or "text"; what is not declared is
        inferred by `fit`, once, from the reference.
    notes : {column: reason}
        Why `fit` gave a column its kind, where that is not plain.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"income": [1.0, 2.0], "plan": ["a", "b"], "bought": [0, 1]})
    >>> schema = Schema(target="bought").fit(rows)
    >>> dict(schema.kinds)
    {'income': 'numeric', 'plan': 'categorical', 'bought': 'categorical'}
    >>> schema.features
    ('income', 'plan')
    """

    target: str | None = None
    prediction: str | None = None
    probability: str | Mapping[str, str] | None = None
    timestamp: str | None = None
    id: str | None = None
    segments: tuple[str, ...] = ()
    cluster: str | None = None
    latency: str | None = None
    version: str | None = None
    positive: str | None = None
    threshold: float | None = None
    private: tuple[str, ...] = ()
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    importances: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("segments", "private"):
            given = getattr(self, name)
            object.__setattr__(self, name, (given,) if isinstance(given, str) else tuple(given))
        complaints = [
            f"column {name!r} has kind {kind!r}; the kinds are {list(KINDS)}"
            for name, kind in self.kinds.items()
            if kind not in KINDS
        ]
        roles: dict[str, str] = {}
        for role, name in self._declared():
            if roles.setdefault(name, role) != role:
                complaints.append(f"column {name!r} is declared as {roles[name]} and as {role}")
        complaints += [
            f"column {name!r} is private and a segment, whose values would be names"
            for name in self.segments
            if name in self.private
        ]
        complaints += self._complaints_about_importances(roles)
        complaints += self._complaints_about_threshold()
        if complaints:
            raise SchemaError("The schema contradicts itself: " + "; ".join(complaints) + ".")

    def _complaints_about_importances(self, roles: Mapping[str, str]) -> list[str]:
        found = []
        for name, value in self.importances.items():
            if roles.get(name, "segment") != "segment":
                found.append(f"column {name!r} has an importance, but is the {roles[name]}")
            if isinstance(value, bool) or not (math.isfinite(value) and value >= 0):
                found.append(f"the importance of {name!r} is {value!r}; it is a number from 0 on")
        return found

    def _complaints_about_threshold(self) -> list[str]:
        if self.threshold is None:
            return []
        if not 0 < self.threshold < 1:
            return [f"threshold is {self.threshold}, which must lie between 0 and 1"]
        if self.prediction is not None:
            column = f"column {self.prediction!r} has the predictions already"
            return [f"threshold makes predictions of a probability, and {column}"]
        if not isinstance(self.probability, str):
            return ["threshold needs probability: the column with that of the positive class"]
        return []

    def importance(self, name: str) -> float:
        """How much the model leans on a column: 1 for all when no importances are declared.

        What is no input of the model, such as its prediction, weighs like its most important one.
        """
        if not self.importances:
            return 1.0
        other = self.role(name) not in ("feature", "segment")
        return float(max(self.importances.values()) if other else self.importances.get(name, 0.0))

    def _declared(self) -> Iterable[tuple[Role, str]]:
        for role in _SINGLE:
            name = getattr(self, role)
            if name is not None:
                yield role, name
        for name in self.probabilities.values():
            yield "probability", name
        for name in self.segments:
            yield "segment", name

    @property
    def probabilities(self) -> Mapping[str, str]:
        """{class: column}; the key is `POSITIVE` when one column holds P(positive class)."""
        if self.probability is None:
            return {}
        return (
            {POSITIVE: self.probability} if isinstance(self.probability, str) else self.probability
        )

    @property
    def output(self) -> str:
        """The column that metrics are told of: the prediction, else a probability, or ""."""
        return self.prediction or next(iter(self.probabilities.values()), "")

    @property
    def features(self) -> tuple[str, ...]:
        """The model's inputs: columns with no other role, and segments; known after `fit`."""
        return tuple(name for name in self.kinds if self.role(name) in ("feature", "segment"))

    def role(self, name: str) -> Role:
        """The role of a column; a column without a declared one is a feature."""
        return next((role for role, column in self._declared() if column == name), "feature")

    def fit(self, reference: Any) -> Schema:
        """This schema with the kind of every column of `reference`; declared kinds stand.

        Raises ColumnError when a declared column is not there, or two columns share a name.
        """
        frame = table(reference, "the reference window")
        for _, name in self._declared():
            if name not in frame.columns:
                raise ColumnError.unknown(name, frame.columns, "the reference window")
        for name in (*self.private, *self.kinds, *self.importances):
            if name not in frame.columns:
                raise ColumnError.unknown(name, frame.columns, "the reference window")
        kinds: dict[str, Kind] = {}
        notes = dict(self.notes)
        for name in frame.columns:
            if name in self.kinds:
                kinds[name] = self.kinds[name]
                continue
            kinds[name], note = infer(frame[name], self.role(name))
            if note:
                notes[name] = note
        return replace(self, kinds=kinds, notes=notes)

    def to_dict(self) -> dict[str, Any]:
        """JSON-valid; `Schema.from_dict` reads it back."""
        probability = self.probability
        return {
            **{role: getattr(self, role) for role in _SINGLE},
            "probability": probability
            if probability is None or isinstance(probability, str)
            else dict(probability),
            "positive": self.positive,
            "segments": list(self.segments),
            "private": list(self.private),
            "kinds": dict(self.kinds),
            "notes": dict(self.notes),
            # Only where there are any: a schema that was stored before reads as it did.
            **({"importances": dict(self.importances)} if self.importances else {}),
            **({"threshold": self.threshold} if self.threshold is not None else {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Schema:
        """The schema that `to_dict` wrote."""
        fields: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in data.items()
        }
        return cls(**fields)
