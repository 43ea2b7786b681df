"""One checked column, as floor 1 receives it: plain numpy arrays, no frame.

`rows.py` makes it from any frame; whoever has arrays can make it by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mondrift.errors import InputError

KINDS = ("numeric", "categorical", "boolean", "datetime", "text")


@dataclass(frozen=True, eq=False)
class Column:
    """A named column of one window.

    `values` has one entry per row: float64 with NaN for missing (numeric; boolean as 0 and 1),
    int32 codes into `levels` with -1 for missing (categorical), or a bool array that says
    "is missing" (datetime, text). Levels are sorted by whoever makes the column, so that they do
    not depend on the order of the rows.

    >>> Column("origin", "categorical", np.array([0, 1, -1], dtype=np.int32), ("EWR", "JFK")).n
    3
    """

    name: str
    kind: str
    values: NDArray[Any]
    levels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise InputError when kind and array do not belong together."""
        if self.kind not in KINDS:
            raise InputError(f"Column {self.name!r} has kind {self.kind!r}; kinds are {KINDS}.")
        wanted = {"numeric": "f", "boolean": "f", "categorical": "i"}.get(self.kind, "b")
        if self.values.ndim != 1 or self.values.dtype.kind != wanted:
            raise InputError(
                f"Column {self.name!r} of kind {self.kind} needs one dimension of dtype kind "
                f"{wanted!r}, and got {self.values.dtype} of shape {self.values.shape}. "
                "Make it with mondrift.rows, or convert the array."
            )

    @property
    def n(self) -> int:
        """Number of rows, missing ones included."""
        return len(self.values)


def numeric(values: Any, name: str = "x") -> Column:
    """A numeric column from anything numpy can turn into float64; for examples and tests.

    >>> numeric([1, 2, None]).values
    array([ 1.,  2., nan])
    """
    return Column(name, "numeric", np.asarray(values, dtype=np.float64))


def categorical(values: Any, name: str = "x") -> Column:
    """A categorical column from strings and None; for examples and tests.

    >>> categorical(["b", "a", None, "b"]).values
    array([ 1,  0, -1,  1], dtype=int32)
    """
    levels = tuple(sorted({str(value) for value in values if value is not None}))
    code = {level: position for position, level in enumerate(levels)}
    codes = [-1 if value is None else code[str(value)] for value in values]
    return Column(name, "categorical", np.array(codes, dtype=np.int32), levels)
