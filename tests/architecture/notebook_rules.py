"""The static shape of a notebook (STYLE: Notebooks): a page that calls mondrift, nothing else."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

STATEMENTS = 8
IMPORTS = ("pandas", "altair", "mondrift")
SCALARS = {"str": str, "int": int, "float": (int, float), "bool": bool}
BANNED = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef),
    *(ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar),
)
DATE_WORDS = ("start", "end", "date", "day")
# Only these may hold widgets: they are not exported.
INTERACTIVE = re.compile(r"explore_.*|incident_review")


def complaints(name: str, notebook: Mapping[str, Any], public: Sequence[str]) -> list[str]:
    """What is wrong with a notebook (its JSON as a dict), given the names in `mondrift.__all__`."""
    cells = notebook["cells"]
    found = [*opening(cells), *stripped(notebook, cells)]
    for number, cell in enumerate(cells, start=1):
        if cell["cell_type"] != "code":
            continue
        source = "".join(cell["source"])
        try:
            tree = ast.parse(source)
        except SyntaxError:
            found.append(f"cell {number} is not plain Python (magics are not)")
            continue
        if "parameters" in tags(cell):
            found += [f"cell {number}: {each}" for each in parameters(source, tree)]
        else:
            found += [f"cell {number}: {each}" for each in code(tree, public)]
    if notebook["metadata"].get("widgets") and not INTERACTIVE.fullmatch(name):
        found.append("holds widgets, which are for explore_* and incident_review")
    return found


def tags(cell: Mapping[str, Any]) -> Sequence[str]:
    """The tags of a cell."""
    return cell["metadata"].get("tags", ())


def opening(cells: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """First cell: title and the question it answers. One cell of parameters."""
    first = "".join(cells[0]["source"]) if cells else ""
    if not cells or cells[0]["cell_type"] != "markdown" or not first.startswith("# "):
        yield "the first cell is not a title in Markdown"
    if "?" not in first:
        yield "the first cell asks no question"
    tagged = sum("parameters" in tags(cell) for cell in cells if cell["cell_type"] == "code")
    if tagged != 1:
        yield f"{tagged} cells are tagged `parameters`, not one"


def stripped(notebook: Mapping[str, Any], cells: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Committed without outputs and counts, as nbformat 4.5 with stable cell ids."""
    if any(cell.get("outputs") or cell.get("execution_count") for cell in cells):
        yield "committed with outputs: clear them"
    if (notebook["nbformat"], notebook["nbformat_minor"]) < (4, 5):
        yield "older than nbformat 4.5"
    ids = [cell.get("id") for cell in cells]
    if None in ids or len(set(ids)) < len(ids):
        yield "cells without an id of their own"


def parameters(source: str, tree: ast.Module) -> Iterator[str]:
    """Lines of the form `name: type = literal  # help`, plain scalars, dates as ISO strings."""
    helped = {
        token.start[0]
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT and len(token.string) > 2
    }
    for statement in tree.body:
        line = ast.unparse(statement)
        if not isinstance(statement, ast.AnnAssign) or statement.value is None:
            yield f"`{line}` is not of the form `name: type = literal  # help`"
            continue
        kind = ast.unparse(statement.annotation)
        try:
            value = ast.literal_eval(statement.value)
        except ValueError:
            yield f"`{line}`: the value is no literal"
            continue
        exact = isinstance(value, SCALARS.get(kind, ())) and isinstance(value, bool) == (
            kind == "bool"
        )
        if not exact:
            yield f"`{line}`: not a plain scalar of the type that it names"
        if statement.lineno not in helped:
            yield f"`{line}` has no help behind it"
        words = ast.unparse(statement.target).split("_")
        if kind == "str" and value and set(words) & set(DATE_WORDS) and not ISO.fullmatch(value):
            yield f"`{line}`: not an ISO date"


ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?)?")


def code(tree: ast.Module, public: Sequence[str]) -> Iterator[str]:
    """At most 8 statements, none that defines or loops, imports of three packages only."""
    statements = sum(isinstance(node, ast.stmt) for node in ast.walk(tree))
    if statements > STATEMENTS:
        yield f"{statements} statements, more than {STATEMENTS}"
    aliases = {"mondrift"}
    for node in ast.walk(tree):
        if isinstance(node, BANNED):
            yield f"`{type(node).__name__.lower()}` belongs into the package"
        if isinstance(node, ast.Import):
            yield from (f"imports {each.name}" for each in node.names if each.name not in IMPORTS)
            aliases |= {
                each.asname for each in node.names if each.name == "mondrift" and each.asname
            }
        if isinstance(node, ast.ImportFrom):
            if node.module not in IMPORTS:
                yield f"imports {node.module}"
            elif node.module == "mondrift":
                hidden = [each.name for each in node.names if each.name not in public]
                yield from (f"{each} is not in mondrift.__all__" for each in hidden)
    uses = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    for node in uses:
        if ast.unparse(node.value) in {*aliases, "md"} and node.attr not in public:
            yield f"{node.attr} is not in mondrift.__all__"
