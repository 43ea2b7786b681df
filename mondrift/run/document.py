"""A YAML file read with the line of every entry, so that a complaint can say where.

Values come from PyYAML's safe loader, except that dates stay strings (a plan is written in ISO
dates) and a key given twice is a complaint instead of a silent last-one-wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mondrift.errors import MonitorError, nearest

Place = tuple[str, ...]


class _Loader(yaml.SafeLoader):
    """The safe loader without dates."""


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass
class Document:
    """The values of a file, the line of each entry, and the complaints gathered so far."""

    path: Path
    values: dict[str, Any]
    lines: Mapping[Place, int]
    complaints: list[tuple[int, str]] = field(default_factory=list)

    def complain(self, place: Place, text: str) -> None:
        """Note a complaint about the entry at `place`, or the nearest one above that has a line."""
        while place not in self.lines:
            place = place[:-1]
        self.complaints.append((self.lines[place], text))

    def check_keys(self, place: Place, known: Iterable[str]) -> None:
        """Complain about each key of the mapping at `place` that is not `known`."""
        mapping: Any = self.values
        for key in place:
            mapping = mapping[key]
        names = list(known)
        for key in mapping:
            if key not in names:
                inside = f" in {'.'.join(place)}" if place else ""
                text = f"unknown key {key!r}{inside}.{nearest(key, names)}"
                self.complain((*place, key), text if "?" in text else f"{text} Known: {names}")

    def raise_complaints(self) -> None:
        """MonitorError with every complaint, in the order of the file, if there is any."""
        if self.complaints:
            raise MonitorError(
                "\n".join(f"{self.path}:{n}: {t}" for n, t in sorted(self.complaints))
            )


def read_document(path: Path) -> Document:
    """Read a YAML mapping; MonitorError when the file is not one."""
    try:
        text = path.read_text(encoding="utf-8")
        loader = _Loader(text)
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise MonitorError(f"{path}:1: a monitor's file is a mapping such as 'model: flights'.")
        lines: dict[Place, int] = {(): 1}
        twice = list(_walk(node, (), lines))
        document = Document(path, loader.construct_document(node), lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise MonitorError(f"{path}:{line}: this is not YAML: {error.problem}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise MonitorError(f"{path}:1: this is not YAML in UTF-8: {error}.") from None
    except OSError as error:
        raise MonitorError(f"{path} cannot be read: {error.strerror}.") from None
    for line, place in twice:
        document.complaints.append((line, f"{'.'.join(place)} is given twice."))
    return document


def _walk(
    node: yaml.MappingNode, place: Place, lines: dict[Place, int]
) -> Iterable[tuple[int, Place]]:
    """Fill `lines`; yield every key that is given twice."""
    for key, value in node.value:
        here = (*place, str(key.value))
        line = key.start_mark.line + 1
        if here in lines:
            yield line, here
        lines[here] = line
        if isinstance(value, yaml.MappingNode):
            yield from _walk(value, here, lines)
