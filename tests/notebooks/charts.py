"""What an executed notebook shows: its charts' specs, and its sections, as data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

VEGA = "application/vnd.vegalite.v5+json"
OURS = "application/vnd.mondrift.v1+json"


def charts(notebook: Any, cell: str = "") -> list[dict[str, Any]]:
    """The Vega-Lite specs of one cell, by its id, or of all cells, in order."""
    return [
        output["data"][VEGA]
        for each in notebook.cells
        if cell in ("", each["id"])
        for output in each.get("outputs", ())
        if VEGA in output.get("data", {})
    ]


def sections(notebook: Any, cell: str) -> list[dict[str, Any]]:
    """The sections that a cell, named by its id, shows."""
    found = [
        section
        for each in notebook.cells
        if each["id"] == cell
        for output in each.get("outputs", ())
        for section in output.get("data", {}).get(OURS, {}).get("sections", ())
    ]
    assert found, f"cell {cell!r} shows no section"
    return found


def marks(spec: dict[str, Any]) -> set[str]:
    """Kinds of marks that a spec draws with, in all its layers."""
    kinds = (view["mark"] for view in views(spec) if "mark" in view)
    return {each if isinstance(each, str) else each["type"] for each in kinds}


def rows_of(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows that a spec brings along, those of all its layers once."""
    rows: dict[str, dict[str, Any]] = {}
    named = spec.get("datasets", {})
    for view in views(spec):
        data = view.get("data", {})
        values = data.get("values", named.get(data.get("name"), ()))
        rows |= {repr(sorted(row.items())): row for row in values}
    return list(rows.values())


def views(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A spec and the views inside it."""
    yield spec
    for kind in ("layer", "hconcat", "vconcat", "concat"):
        for inner in spec.get(kind, ()):
            yield from views(inner)
