"""Parameters of a notebook: read from its tagged cell, and values checked before a kernel starts.

The cell holds lines of the form ``name: type = literal  # help`` with plain scalars. A value given
as text (on a command line) is read as the parameter's type, so "007" for a `str` stays "007".
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from mondrift.errors import RunError, nearest, shown

if TYPE_CHECKING:
    from nbformat import NotebookNode

Scalar = str | int | float | bool
_TYPES: Mapping[str, type[Scalar]] = {"str": str, "int": int, "float": float, "bool": bool}
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_PASSWORD_IN_URL = re.compile(r"\w://[^/\s@]*:[^/\s@]+@")


@dataclass(frozen=True)
class Parameter:
    """One line of a notebook's parameters cell."""

    name: str
    kind: str
    default: Scalar
    help: str = ""

    def read(self, text: str) -> Scalar:
        """A value written as text; ValueError when it is none of this parameter's type.

        >>> Parameter("store", "str", "").read("007"), Parameter("weeks", "int", 4).read("007")
        ('007', 7)
        """
        if self.kind == "bool":
            if text.lower() not in _TRUTHS:
                raise ValueError(text)
            return _TRUTHS[text.lower()]
        return _TYPES[self.kind](text)

    def fits(self, value: object) -> bool:
        """Whether a value is of this parameter's type; a whole number is a float, too.

        >>> Parameter("weeks", "int", 4).fits(True), Parameter("level", "float", 0.1).fits(1)
        (False, True)
        """
        if isinstance(value, bool) or self.kind == "bool":
            return isinstance(value, bool) and self.kind == "bool"
        return isinstance(value, (int, float) if self.kind == "float" else _TYPES[self.kind])


def parameters_of(notebook: NotebookNode, where: str) -> tuple[Parameter, ...]:
    """The parameters that a notebook declares; RunError when its cell cannot be read."""
    cells = [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", ())
    ]
    if not cells:
        return ()
    source = cells[0].source
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise RunError(
            f"{where}: line {error.lineno} of the parameters cell is no Python."
        ) from None
    helps = dict(_comments(source))
    return tuple(_parameter(line, helps, where) for line in tree.body)


def _comments(source: str) -> Iterable[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("# ")


def _parameter(line: ast.stmt, helps: Mapping[int, str], where: str) -> Parameter:
    if (
        isinstance(line, ast.AnnAssign)
        and isinstance(line.target, ast.Name)
        and line.value is not None
        and (kind := ast.unparse(line.annotation)) in _TYPES
    ):
        try:
            default = cast(Scalar, ast.literal_eval(line.value))
        except ValueError:
            default = ()  # type: ignore[assignment]  # fits no type
        found = Parameter(line.target.id, kind, default, helps.get(line.lineno, ""))
        if found.fits(default):
            return found
    raise RunError(
        f"{where}: `{ast.unparse(line)}` in the parameters cell is not of the form "
        f"`name: type = literal  # help`, with one of the types {shown(_TYPES)}."
    )


def bind(
    parameters: Iterable[Parameter],
    given: Mapping[str, Any],
    *,
    texts: Mapping[str, str] | None = None,
    where: str,
) -> dict[str, Scalar]:
    """Checked values for a notebook; RunError with every complaint at once.

    Parameters
    ----------
    given : values as a params file holds them, already typed.
    texts : values as a command line holds them; they win.
    where : what the complaints are about, e.g. "notebooks/drift_report.ipynb".
    """
    known = {parameter.name: parameter for parameter in parameters}
    values: dict[str, Scalar] = {}
    complaints = []
    for name, value in {**given, **(texts or {})}.items():
        parameter = known.get(name)
        if parameter is None:
            complaints.append(
                f"there is no parameter {name!r}, only {shown(known)}.{nearest(name, known)}"
            )
        elif isinstance(value, str) and _PASSWORD_IN_URL.search(value):
            complaints.append(
                f"{name} holds a password; name connections by the environment (DATABASE_URL)"
            )
        elif name in (texts or {}):
            try:
                values[name] = parameter.read(str(value))
            except ValueError:
                complaints.append(f"{name} is of type {parameter.kind}, which {value!r} is not")
        elif parameter.fits(value):
            values[name] = float(value) if parameter.kind == "float" else value
        else:
            hint = " Put it in quotes." if parameter.kind == "str" else ""
            complaints.append(
                f"{name} is of type {parameter.kind}, but {value!r} is a "
                f"{type(value).__name__}.{hint}"
            )
    if complaints:
        raise RunError(f"The parameters do not fit {where}: " + "; ".join(complaints))
    return values
