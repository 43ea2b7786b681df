"""An executed notebook → a Report, built from data and never from somebody's HTML.

What a cell leaves is taken in this order: our own sections (`application/vnd.mondrift.v1+json`), a
Vega-Lite spec, Markdown, a picture, a DataFrame's table (its text is read out of pandas' HTML, the
HTML is thrown away), plain text. Any other HTML, JavaScript or SVG markup would run in the
stakeholder's browser with whatever a column was called, so it is not taken; code and what was
written to stderr stay in the notebook.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

from mondrift.errors import ReportError
from mondrift.report import (
    MIME,
    Banner,
    Chart,
    Code,
    Image,
    Markdown,
    Report,
    Section,
    Table,
    first_heading,
    section_from_dict,
)

if TYPE_CHECKING:
    from nbformat import NotebookNode

WIDGET = "application/vnd.jupyter.widget-view+json"
_VEGALITE = re.compile(r"application/vnd\.vegalite\.v[4-9][+.]json")
_PICTURES = {"image/png": b"\x89PNG", "image/jpeg": b"\xff\xd8\xff"}
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_USERINFO = re.compile(r"(\w[\w+.-]*://)[^/\s@'\"]*@")
_SECRET = re.compile(r"(?i)\b([\w-]*(?:password|passwd|secret|token|api_?key))(\s*[=:]\s*)\S+")
_PATH = re.compile(r"(?<![\w:/.])(?:[A-Za-z]:)?(?:[/\\][\w.@ +-]*[\w.@+-]){2,}")
_MIDNIGHT = re.compile(r"^(\d{4}-\d\d-\d\d) 00:00:00(?:\+00:00)?$")
MAX_TEXT = 20_000


def export(notebook: NotebookNode, *, title: str | None = None, subtitle: str = "") -> Report:
    """The report of an executed notebook.

    Parameters
    ----------
    notebook : nbformat 4, executed. Its first `# heading` is the report's title, unless `title`
        is given; code cells are not shown, what they left is.

    A notebook that failed gives a readable page: which step failed, what was said (without paths,
    credentials and traceback), what to do, and what was ready before. Raises ReportError for
    widgets, for charts that left as HTML, and for charts over their budget.
    """
    heading, cells = _title(notebook)
    report = Report(title or heading or "Report", subtitle=subtitle)
    failure = _failure(cells)
    if failure is not None:
        report.add(failure)
    step = 0
    for cell in cells:
        if _by_papermill(cell):
            continue
        if cell.cell_type == "markdown" and cell.source.strip():
            report.add(Markdown(cell.source))
        elif cell.cell_type == "code":
            step += 1
            for section in _outputs(cell.get("outputs", []), step):
                report.add(section)
    return report


def shareable(message: str) -> str:
    """A message without credentials, absolute paths and terminal colours, at most 600 characters.

    >>> shareable("no file /home/ann/rows.csv; postgresql://ann:pw@db/x, token=abc")
    'no file …/rows.csv; postgresql://…@db/x, token=…'
    """
    clean = _ANSI.sub("", message)
    clean = _USERINFO.sub(r"\1…@", clean)
    clean = _SECRET.sub(r"\1\2…", clean)
    clean = _PATH.sub(lambda match: "…/" + re.split(r"[/\\]", match[0])[-1], clean)
    return clean if len(clean) <= 600 else clean[:599] + "…"


def _title(notebook: NotebookNode) -> tuple[str, list[Any]]:
    """The first Markdown cell's `# heading`, and the cells without it."""
    cells = list(notebook.cells)
    for at, cell in enumerate(cells):
        if cell.cell_type == "markdown" and not _by_papermill(cell):
            heading, rest = first_heading(cell.source)
            if heading:
                cells[at] = type(cell)({**cell, "source": rest})
            return heading, cells
    return "", cells


def _failure(cells: Iterable[Any]) -> Banner | None:
    step = 0
    for cell in cells:
        if cell.cell_type != "code":
            continue
        step += 1
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                said = shareable(str(output.get("evalue", "")).strip())
                kind = str(output.get("ename", "Error"))
                told = [said] if said and kind == "RunError" else [kind, said]
                reason = ": ".join(filter(None, told))
                return Banner(
                    "failed",
                    "This report could not be finished.",
                    f"Step {step} of the notebook failed, so what follows is incomplete and must "
                    "not be read as a verdict.",
                    (
                        reason,
                        "Open notebook.ipynb beside this page: the failing cell is marked there.",
                        "Once the cause is gone, run the same window again.",
                    ),
                )
    return None


def _outputs(outputs: Iterable[Any], step: int) -> Iterator[Section]:
    for output in outputs:
        if output.output_type == "stream" and output.get("name") == "stdout":
            yield from _text(_joined(output.text))
        elif output.output_type in ("display_data", "execute_result"):
            yield from _shown(output.data, step)


def _shown(data: Mapping[str, Any], step: int) -> Iterator[Section]:
    if WIDGET in data:
        raise ReportError(
            f"Step {step} leaves a widget, which is dead without a kernel. Take it out of the "
            "notebook (explore_* notebooks are not exported) or use Vega-Lite's own controls."
        )
    vegalite = next((kind for kind in data if _VEGALITE.fullmatch(kind)), None)
    if MIME in data:
        yield from _sections(data[MIME], step)
    elif vegalite is not None:
        if not isinstance(data[vegalite], Mapping):
            raise ReportError(f"The chart of step {step} is not a Vega-Lite spec.")
        yield Chart(data[vegalite])
    elif "text/markdown" in data:
        yield Markdown(_joined(data["text/markdown"]))
    elif (kind := next((each for each in _PICTURES if each in data), None)) is not None:
        yield _picture(kind, _joined(data[kind]), _joined(data.get("text/plain", "")), step)
    elif "text/html" in data or "text/plain" in data:
        yield from _html_or_text(data, step)


def _sections(bundle: Any, step: int) -> Iterator[Section]:
    parts = bundle.get("sections") if isinstance(bundle, Mapping) else None
    if not isinstance(parts, list) or not all(isinstance(part, Mapping) for part in parts):
        raise ReportError(f"The output of step {step} says it is mondrift's, but has no sections.")
    for part in parts:
        yield section_from_dict(part)


def _picture(kind: str, data: str, alt: str, step: int) -> Image:
    try:
        raw = base64.b64decode("".join(data.split()), validate=True)
    except binascii.Error:
        raw = b""
    if not raw.startswith(_PICTURES[kind]):
        raise ReportError(f"The picture of step {step} is not what it says it is ({kind}).")
    plain = alt if alt and not alt.startswith("<") else f"Picture of step {step}"
    return Image(kind, base64.b64encode(raw).decode(), plain)


def _html_or_text(data: Mapping[str, Any], step: int) -> Iterator[Section]:
    html = _joined(data.get("text/html", ""))
    plain = _joined(data.get("text/plain", ""))
    if "vega" in html.lower() and ("Chart(" in plain or "<script" in html.lower()):
        raise ReportError(
            f"The chart of step {step} left its cell as HTML that loads its library from elsewhere."
            " Call mondrift.charts.enable() before the first chart, so that it leaves as data."
        )
    if 'class="dataframe"' in html:
        table = _FrameReader.read(html)
        if table is not None:
            yield table
            return
    yield from _text(plain)


def _text(text: str) -> Iterator[Section]:
    clean = _ANSI.sub("", text).strip("\n")
    if len(clean) > MAX_TEXT:
        clean = clean[:MAX_TEXT] + f"\n… and {len(clean) - MAX_TEXT:,} more characters"
    if clean.strip():
        yield Code(clean)


def _joined(text: Any) -> str:
    return text if isinstance(text, str) else "".join(map(str, text))


def _by_papermill(cell: Any) -> bool:
    tags = cell.get("metadata", {}).get("tags", [])
    return any(str(tag).startswith("papermill-error-cell") for tag in tags)


class _FrameReader(HTMLParser):
    """The words of the first table in pandas' HTML, row by row; attributes and tags are dropped."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[list[str]] = []
        self.in_cell = False
        self.done = False

    @classmethod
    def read(cls, html: str) -> Table | None:
        reader = cls()
        reader.feed(html)
        rows = [row for row in reader.rows if row]
        if not rows or any(len(row) != len(rows[0]) for row in rows):
            return None  # headers of several levels: their plain text is shown instead
        # An index without a name is only a row number.
        start = 1 if rows[0][0] == "" and all(row[0].isdigit() for row in rows[1:]) else 0
        return Table(tuple(rows[0][start:]), tuple(tuple(row[start:]) for row in rows[1:]))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if self.done:
            return
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
            self.in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self.in_cell = False
        elif tag == "table":
            self.done = True

    def handle_data(self, data: str) -> None:
        if self.in_cell and not self.done:
            self.rows[-1][-1] += _MIDNIGHT.sub(r"\1", data.strip())
