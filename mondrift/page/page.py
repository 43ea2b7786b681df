"""Sections to markup: a whole self-contained page, or a fragment for a notebook's cell.

The page carries everything it needs. A Content-Security-Policy of script hashes lets exactly two
scripts run (the drawing library and `report.js`); nothing may be loaded, posted or evaluated.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mondrift.page import spec, table, vendor
from mondrift.page.markdown import markdown
from mondrift.page.sections import (
    STATUS_WORDS,
    Banner,
    Chart,
    Details,
    Heading,
    Section,
    Spark,
    Status,
    Table,
)
from mondrift.page.sparkline import sparkline

ASSETS = Path(__file__).parent / "assets"
STILLS = 8
"""Static images a page holds at most: for its first charts, which carry the verdict."""
LONG = 24
"""A cell of more characters is words: it may wrap."""
STACKED = 200
"""Tables of at most so many rows are stacked on a phone: the labels for it cost bytes."""
WIDE = 6
"""So many columns do not stand beside each other on a phone."""
BULLET = "• "
_PERCENT = re.compile(r"(?<=\d) %")


@dataclass(frozen=True)
class Theme:
    """What a page takes from the palette: a chart config, and the dark twins of chart colours."""

    config: Mapping[str, Any]
    still_style: str


@dataclass(frozen=True)
class _Part:
    section: Section
    anchor: str
    drawn: dict[str, Any] | None = None
    parts: tuple[_Part, ...] = ()

    @property
    def kind(self) -> str:
        return type(self.section).__name__.lower()


def document(
    title: str,
    sections: Sequence[Section],
    *,
    subtitle: str = "",
    theme: Theme,
    version: str = "",
    stills: int = STILLS,
) -> str:
    """The whole page: the first banner, a table of contents, then the sections in order.

    `stills` (0 to 8) is how many of the charts get a static image beside the live drawing.
    Raises ReportError for a chart that asks for a URL or exceeds its budget of bytes.
    """
    maker = _Maker(theme, min(stills, STILLS))
    parts = [maker.part(section) for section in sections]
    verdict = next((part for part in parts if isinstance(part.section, Banner)), None)
    body = [part for part in parts if part is not verdict]
    chapters = [
        part for part in body if isinstance(part.section, Heading) and part.section.level == 2
    ]
    script = asset("report.js").strip()
    hashes = [digest(script), f"sha256-{vendor.bundle_notes()['sha256']}"] if maker.charts else []
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            title=title,
            subtitle=subtitle,
            verdict=[verdict] if verdict else [],
            contents=chapters if len(chapters) > 3 else [],
            body=body,
            charts=maker.charts,
            policy=policy(hashes),
            styles=Markup(asset("palette.css") + asset("report.css")),  # noqa: S704  ours
            config=inert_json(theme.config),
            bundle=vendor.packed_bundle() if maker.charts else "",
            script=Markup(script),  # noqa: S704  ours
            version=version,
        )
    )


def fragment(sections: Iterable[Section]) -> str:
    """Markup for a notebook's cell (`_repr_html_`): no script, no chart, its own scoped style."""
    shown = [each for each in sections if not isinstance(each, Chart)]
    template = environment().get_template("fragment.html.j2")
    parts = [_Maker(Theme({}, ""), 0).part(each) for each in shown]
    return template.render(body=parts, styles=Markup(asset("fragment.css")))  # noqa: S704  ours


def policy(hashes: Sequence[str]) -> str:
    """The Content-Security-Policy of a page that runs the scripts of these hashes, nothing else.

    >>> policy([]).split("; ")[:2]
    ["default-src 'none'", "script-src 'none'"]
    """
    scripts = " ".join(f"'{each}'" for each in hashes) or "'none'"
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; "
        "img-src data: blob:; connect-src 'none'; form-action 'none'; base-uri 'none'"
    )


def inert_json(value: Any) -> Markup:
    """JSON for a `<script type="application/json">`: it can close no tag and start no line.

    >>> inert_json({"a": "</script>"})
    Markup('{"a":"\\\\u003c/script\\\\u003e"}')
    """
    text = spec.compact(value)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704  escaped for its place on the lines above


def asset(name: str) -> str:
    """A text file of `assets/`."""
    return (ASSETS / name).read_text(encoding="utf-8")


def digest(script: str) -> str:
    """The CSP hash of an inline script.

    >>> digest("")
    'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
    """
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


class _Maker:
    """Numbers anchors and charts in reading order, so that the same sections give the same page."""

    def __init__(self, theme: Theme, stills: int) -> None:
        self.theme = theme
        self.stills = stills
        self.charts = 0
        self.count = 0

    def part(self, section: Section) -> _Part:
        self.count += 1
        anchor = f"s{self.count}"
        if isinstance(section, Chart):
            return _Part(section, anchor, drawn=self._chart(section))
        if isinstance(section, Details):
            return _Part(section, anchor, parts=tuple(self.part(each) for each in section.sections))
        return _Part(section, anchor)

    def _chart(self, chart: Chart) -> dict[str, Any]:
        self.charts += 1
        clean = spec.clean(chart.spec, chart.title)
        label = chart.title or spec.words_of(clean) or f"Chart {self.charts}"
        image = ""
        if self.charts <= self.stills:
            image = spec.still(clean, self.theme.config, self.theme.still_style)
        return {
            "title": chart.title,
            "note": chart.note,
            "label": label,
            "image": image,
            "json": inert_json(clean),
            "table": chart.table or spec.data_table(clean),
        }


def _paragraphs(text: str) -> list[str]:
    return [block.strip() for block in text.split("\n\n") if block.strip()]


def _blocks(text: str) -> list[str | list[str]]:
    """Paragraphs as text, runs of lines with a bullet as lists of items.

    >>> _blocks("It fell.\\n• here\\n• there\\n\\nLook.")
    ['It fell.', ['here', 'there'], 'Look.']
    """
    blocks: list[str | list[str]] = []
    for paragraph in _paragraphs(text):
        for listed, lines in groupby(paragraph.split("\n"), lambda line: line.startswith(BULLET)):
            items = [line.removeprefix(BULLET) for line in lines]
            blocks.append(items if listed else "\n".join(items))
    return blocks


def _tight(value: object) -> object:
    """Text in which no number is parted from its percent sign at the end of a line.

    >>> _tight("95 % of rows")
    '95\\xa0% of rows'
    """
    if isinstance(value, str) and not isinstance(value, Markup):
        return _PERCENT.sub("\u00a0%", value)
    return value


def _stacks(section: Table) -> bool:
    """Whether a phone shows each row as a paragraph: it ends in words, or is wider than a phone."""
    wordy = any(isinstance(row[-1], str) and len(row[-1]) > LONG for row in section.rows)
    return len(section.rows) <= STACKED and (wordy or len(section.columns) >= WIDE)


@cache
def environment() -> Environment:
    """The environment of all templates in this folder."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_tight,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.tests["status"] = lambda cell: isinstance(cell, Status)
    made.tests["long"] = lambda cell: isinstance(cell, str) and len(cell) > LONG
    made.tests["list"] = lambda block: isinstance(block, list)
    made.tests["stacked"] = _stacks
    made.tests["spark"] = lambda cell: isinstance(cell, Spark)
    made.globals.update(
        cell_text=table.text,
        numeric_columns=table.numeric_columns,
        blocks=_blocks,
        markdown=lambda text: markdown(str(_tight(text))),
        paragraphs=_paragraphs,
        sparkline=sparkline,
        status_words=STATUS_WORDS,
    )
    return made
