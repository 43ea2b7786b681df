"""Sections as JSON and back: how a notebook's cell hands its content to the exporter.

An output carries its sections under the mimetype `MIME`; the exporter builds the page from them
and never from somebody's HTML.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mondrift.errors import ReportError, shown
from mondrift.page.sections import (
    SECTIONS,
    Banner,
    Chart,
    Code,
    Details,
    Figure,
    Figures,
    Heading,
    Image,
    Markdown,
    Section,
    Spark,
    Status,
    Table,
    Text,
)

MIME = "application/vnd.mondrift.v1+json"

_PARTS: dict[str, type[Any]] = {
    part.__name__.lower(): part
    for part in (
        *(Heading, Text, Markdown, Code, Image, Table, Chart, Figures, Figure, Banner, Details),
        *(Status, Spark),
    )
}


def section_to_dict(part: Any) -> dict[str, Any]:
    """A section or cell as JSON-valid data, `{"type": "heading", "text": …, "level": 2}`.

    >>> section_to_dict(Heading("Inputs"))
    {'type': 'heading', 'text': 'Inputs', 'level': 2}
    """
    plain: dict[str, Any] = {"type": type(part).__name__.lower()}
    for name in part.__dataclass_fields__:
        plain[name] = _plain(getattr(part, name), free=name == "spec")
    return plain


def section_from_dict(plain: Mapping[str, Any]) -> Section:
    """The section that `section_to_dict` wrote. Raises ReportError for anything else.

    >>> section_from_dict({"type": "heading", "text": "Inputs", "level": 2})
    Heading(text='Inputs', level=2)
    """
    part = _part_from_dict(plain)
    if not isinstance(part, SECTIONS):
        raise ReportError(f"A {type(part).__name__} is a part of a section, not a section.")
    return part


def _plain(value: Any, *, free: bool) -> Any:
    if type(value).__name__.lower() in _PARTS and hasattr(value, "__dataclass_fields__"):
        return section_to_dict(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(each, free=free) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each, free=free) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int)):
        return value
    raise ReportError(f"A {type(value).__name__} cannot be part of a section: {value!r:.80}")


def _part_from_dict(plain: Mapping[str, Any]) -> Any:
    part = _PARTS.get(str(plain.get("type")))
    if part is None:
        raise ReportError(f"Section type {plain.get('type')!r} is not one of {shown(_PARTS)}.")
    known = part.__dataclass_fields__
    unknown = [name for name in plain if name != "type" and name not in known]
    if unknown:
        raise ReportError(f"A section of type {plain['type']!r} has no {shown(unknown)}.")
    values = {
        name: value if name == "spec" else _value(value)
        for name, value in plain.items()
        if name != "type"
    }
    for name, value in values.items():
        expected = {"str": str, "Mapping[str, Any]": Mapping}.get(str(known[name].type))
        if expected is not None and not isinstance(value, expected):
            raise ReportError(f"{plain['type']}.{name} is a {type(value).__name__}, not text.")
    try:
        return part(**values)
    except TypeError as error:
        raise ReportError(f"A section of type {plain['type']!r} is incomplete: {error}") from None


def _value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _part_from_dict(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(_value(each) for each in value)
    return value
