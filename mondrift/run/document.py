"""A YAML file read with the line of every entry, so that a complaint can say where.

Values come from PyYAML's safe loader, except that dates stay strings (a plan is written in ISO
dates), a key given twice is a complaint instead of a silent last-one-wins, and aliases are refused:
every value has its own line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mondrift.errors import MonitorError, RunError, SettingsError, nearest

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
                hint = nearest(key, names) or f" Known: {', '.join(names)}."
                self.complain((*place, str(key)), f"unknown key {key!r}{inside}.{hint}")

    def check_each(
        self,
        place: Place,
        given: Mapping[str, Any],
        read: Callable[[dict[str, Any]], object],
        always: Iterable[str] = (),
    ) -> bool:
        """Whether `read` takes `given`; if not, its complaints, each on the line of its key.

        Each key is read by itself, together with the keys `always`; then all of them at once.
        """
        base = {key: given[key] for key in always if key in given}
        told: set[str] = set()
        for key in (*base, *(key for key in given if key not in base)):
            _read_one(self, (*place, str(key)), {**base, key: given[key]}, read, told)
        if not told:
            _read_one(self, place, dict(given), read, told)
        return not told

    def raise_complaints(self) -> None:
        """MonitorError with every complaint, in the order of the file, if there is any."""
        if self.complaints:
            raise MonitorError(
                "\n".join(f"{self.path}:{n}: {t}" for n, t in sorted(self.complaints))
            )


def _read_one(
    document: Document,
    place: Place,
    given: dict[str, Any],
    read: Callable[[dict[str, Any]], object],
    told: set[str],
) -> None:
    """Note what `read` has against `given`, unless it was told before."""
    try:
        read(given)
        return
    except (SettingsError, RunError) as error:
        text = str(error)
    except (TypeError, ValueError, AttributeError):  # a text for a number, a list for a mapping
        text = f"{'.'.join(place)} cannot be {given[place[-1]]!r}."
    if text not in told:
        document.complain(place, text)
    told.add(text)


def read_document(path: Path) -> Document:
    """Read a YAML mapping; MonitorError when the file is not one."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MonitorError(f"{path} cannot be read: {error.strerror}.") from None
    try:
        return parse_document(content.decode("utf-8-sig"), path)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise MonitorError(
            f"{path}:{line}: this is not UTF-8; save the file in that encoding."
        ) from None


def parse_document(text: str, path: Path) -> Document:
    """Read the text of a file that is, or shall be, at `path`; MonitorError as `read_document`."""
    try:
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.AliasEvent):
                raise MonitorError(
                    f"{path}:{_line(event.start_mark)}: *{event.anchor} repeats another entry; "
                    "write its values out, so that each has its line."
                )
        loader = _Loader(text)
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise MonitorError(f"{path}:1: a monitor's file is a mapping such as 'model: flights'.")
        lines: dict[Place, int] = {(): 1}
        twice = list(_walk(node, (), lines))
        document = Document(path, loader.construct_document(node), lines)
    except MonitorError:
        raise
    except yaml.MarkedYAMLError as error:
        line = _line(error.problem_mark or error.context_mark)
        raise MonitorError(f"{path}:{line}: this is not YAML: {error.problem}.") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise MonitorError(
            f"{path}:{line}: the character {chr(error.character)!r} has no place in YAML."
        ) from None
    except RecursionError:
        raise MonitorError(f"{path}:1: this is nested too deeply to be a monitor.") from None
    except ValueError as error:  # a number or a date that is none
        raise MonitorError(f"{path}:1: this is not YAML: {error}.") from None
    for line, place in twice:
        document.complaints.append((line, f"{'.'.join(place)} is given twice."))
    return document


def _line(mark: Any) -> int:
    """Where PyYAML saw something; it may not know."""
    return mark.line + 1 if mark else 1


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
