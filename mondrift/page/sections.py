"""What a page is made of: sections that are plain, frozen and JSON-valid, so they travel.

`mondrift.page.wire` turns them into JSON and back, for a notebook's outputs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from mondrift.errors import ReportError, nearest, shown

STATUS_WORDS: dict[str, str] = {
    "ok": "OK",
    "inconclusive": "Inconclusive",
    "warning": "Warning",
    "alarm": "Alarm",
    "skipped": "Skipped",
    "failed": "Failed",
}
"""The statuses of a verdict, and `failed` for a run that did not finish, as people read them."""


MAX_ROWS = 2_000
"""Rows of one table: a page holds numbers, not rows."""


def checked_status(status: str) -> str:
    """`status` itself, or a ReportError that shows the choice.

    >>> checked_status("alarm")
    'alarm'
    """
    if status not in STATUS_WORDS:
        raise ReportError(
            f"Status {status!r} is not one of {shown(STATUS_WORDS)}.{nearest(status, STATUS_WORDS)}"
        )
    return status


@dataclass(frozen=True)
class Status:
    """A table cell that shows a status by word, icon and colour; `label` replaces the word."""

    status: str
    label: str = ""

    def __post_init__(self) -> None:
        checked_status(self.status)


@dataclass(frozen=True)
class Spark:
    """A table cell with a small picture: `current` as a line over the area of `reference`.

    Shares of bins, or any series; None and NaN are gaps. Without a reference: only the line.
    """

    current: tuple[float | None, ...]
    reference: tuple[float | None, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "current", tuple(_finite(v) for v in self.current))
        object.__setattr__(self, "reference", tuple(_finite(v) for v in self.reference))


Cell = None | bool | int | float | str | Status | Spark


@dataclass(frozen=True)
class Heading:
    """A heading: `level` 2 opens a chapter, 3 and 4 go below it."""

    text: str
    level: int = 2

    def __post_init__(self) -> None:
        if self.level not in (2, 3, 4):
            raise ReportError(f"A heading's level is 2, 3 or 4 (1 is the title), not {self.level}.")


@dataclass(frozen=True)
class Text:
    """Words of a stranger or of the program: shown as they are.

    An empty line parts paragraphs; lines that begin with a bullet (•) are a list.
    """

    text: str


@dataclass(frozen=True)
class Markdown:
    """Words of an author: a small, safe Markdown (see `mondrift.page.markdown`)."""

    text: str


@dataclass(frozen=True)
class Code:
    """Text in which every space counts: what a cell printed."""

    text: str


@dataclass(frozen=True)
class Image:
    """A PNG, JPEG or SVG picture, base64-encoded; `alt` says what it shows."""

    media: str
    data: str
    alt: str = ""

    def __post_init__(self) -> None:
        if self.media not in ("image/png", "image/jpeg", "image/svg+xml"):
            raise ReportError(
                f"A picture of type {self.media!r} cannot be shown; save it as PNG, JPEG or SVG."
            )


@dataclass(frozen=True)
class Table:
    """Rows of cells below column names; `caption` says what the rows are.

    >>> Table(["column", "status"], [["income", Status("alarm")]]).columns
    ('column', 'status')
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(str(name) for name in self.columns))
        object.__setattr__(self, "rows", tuple(tuple(row) for row in self.rows))
        if len(self.rows) > MAX_ROWS:
            raise ReportError(
                f"A table of {len(self.rows):,} rows does not belong in a report (at most "
                f"{MAX_ROWS:,}). Aggregate it, or take the rows that matter with .head()."
            )
        for number, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ReportError(
                    f"Row {number} of table {self.caption!r} has {len(row)} cells, "
                    f"but there are {len(self.columns)} columns."
                )


@dataclass(frozen=True)
class Chart:
    """A Vega-Lite `spec` with inline data, a `title` above it, a `note` below, a `table` beside.

    Without a table the page makes one from the spec's own data.
    """

    spec: Mapping[str, Any] = field(hash=False)
    title: str = ""
    note: str = ""
    table: Table | None = None


@dataclass(frozen=True)
class Figure:
    """One key figure: what it is, its value as text, what it means."""

    label: str
    value: str
    note: str = ""
    status: str | None = None

    def __post_init__(self) -> None:
        if self.status is not None:
            checked_status(self.status)


@dataclass(frozen=True)
class Figures:
    """Key figures, side by side."""

    figures: tuple[Figure, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "figures", tuple(self.figures))


@dataclass(frozen=True)
class Banner:
    """The verdict: a status, one sentence, and the reasons below it. A page's first section."""

    status: str
    title: str
    text: str = ""
    reasons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        checked_status(self.status)
        object.__setattr__(self, "reasons", tuple(self.reasons))


@dataclass(frozen=True)
class Details:
    """Sections folded away below a line that opens them."""

    title: str
    sections: tuple[Section, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "sections", tuple(self.sections))


SECTIONS = (Heading, Text, Markdown, Code, Image, Table, Chart, Figures, Banner, Details)
Section = Heading | Text | Markdown | Code | Image | Table | Chart | Figures | Banner | Details


@runtime_checkable
class Reportable(Protocol):
    """Anything that says of which sections it is made: `Report.add` takes it as it is."""

    def _report_sections_(self) -> tuple[Section, ...]: ...


def mimebundle(sections: Iterable[Section], *, html: str, text: str) -> dict[str, Any]:
    """What an object's `_repr_mimebundle_` returns so that it shows in a notebook and is exported.

    JupyterLab shows `html` (see `mondrift.page.page.fragment`), a terminal `text`; the exporter
    reads only the sections.
    """
    from mondrift.page.wire import MIME, section_to_dict  # wire knows every section above

    return {
        MIME: {"sections": [section_to_dict(section) for section in sections]},
        "text/html": html,
        "text/plain": text,
    }


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
