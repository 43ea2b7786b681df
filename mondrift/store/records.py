"""Which column of a schema stands where in a stored row.

One representation for every model: numbers, booleans (0, 1) and datetimes (microseconds since
1970, UTC) in `numerics`; codes of levels in `categories`, -1 missing; strings in `texts`, NULL
missing. Prediction, target, probabilities, latency and version have columns of their own; a class
is the code of its level, and prediction and target share one list of levels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mondrift.errors import SchemaError
from mondrift.kinds import Kind
from mondrift.schema import Schema

_OWN = frozenset({"id", "timestamp", "prediction", "target", "probability", "latency", "version"})
_IN_NUMERICS = ("numeric", "boolean", "datetime")

#: Roles that rows may come without.
OPTIONAL = frozenset({"id", "target", "probability", "latency", "version"})


@dataclass(frozen=True)
class Record:
    """The layout of a stored row under one version of a fitted schema."""

    schema: Schema
    schema_version: int

    def __post_init__(self) -> None:
        schema = self.schema
        for name in (schema.prediction, schema.target):
            if name is not None and self.kind(name) not in ("numeric", "boolean", "categorical"):
                raise SchemaError(
                    f"Column {name!r} is a {schema.role(name)} of kind {self.kind(name)!r}; "
                    "a prediction or target is numeric, boolean or categorical."
                )
        if schema.prediction and schema.target:
            kinds = {self.kind(schema.prediction), self.kind(schema.target)}
            if "categorical" in kinds and len(kinds) > 1:
                raise SchemaError(
                    f"Prediction {schema.prediction!r} and target {schema.target!r} are of kinds "
                    f"{sorted(kinds)}: classes must be categorical in both."
                )

    def kind(self, name: str) -> Kind:
        """The kind of a column."""
        return self.schema.kinds[name]

    @property
    def numerics(self) -> tuple[str, ...]:
        """Columns in `numerics`, by position."""
        return self._columns(_IN_NUMERICS)

    @property
    def categories(self) -> tuple[str, ...]:
        """Columns in `categories`, by position."""
        return self._columns(("categorical",))

    @property
    def texts(self) -> tuple[str, ...]:
        """Columns in `texts`, by position."""
        return self._columns(("text",))

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Prediction and target, those that are declared."""
        return tuple(filter(None, (self.schema.prediction, self.schema.target)))

    @property
    def probabilities(self) -> tuple[str, ...]:
        """Columns in `probabilities`, by position."""
        return tuple(self.schema.probabilities.values())

    @property
    def required(self) -> tuple[str, ...]:
        """Columns that every row must bring."""
        return tuple(n for n in self.schema.kinds if self.schema.role(n) not in OPTIONAL)

    def levels_of(self, name: str) -> str | None:
        """Under which name the levels of a column are kept; None when its values are no codes."""
        if name == self.schema.version:
            return name
        if self.kind(name) != "categorical":
            return None
        return self.outcomes[0] if name in self.outcomes else name

    def _columns(self, kinds: Iterable[str]) -> tuple[str, ...]:
        schema = self.schema
        return tuple(
            n for n, k in schema.kinds.items() if k in kinds and schema.role(n) not in _OWN
        )
