"""Report: sections in reading order → one self-contained HTML file, the same bytes each time.

Numbers and pictures only: whatever a column or a category is called, it is shown and never run.
A page asks the network for nothing and is readable without JavaScript, on a phone, in the dark,
on paper and by a screen reader. The parts of a page are named here too (`PARTS`), loaded when
first asked for: this module is the one door through which higher floors reach pages.
"""

from __future__ import annotations

import os
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from mondrift import theme
from mondrift.errors import ReportError
from mondrift.whole import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mondrift.page.index import IndexRun as IndexRun
    from mondrift.page.index import index_page as index_page
    from mondrift.page.markdown import first_heading as first_heading
    from mondrift.page.sections import Banner as Banner
    from mondrift.page.sections import Chart as Chart
    from mondrift.page.sections import Code as Code
    from mondrift.page.sections import Details as Details
    from mondrift.page.sections import Figure as Figure
    from mondrift.page.sections import Figures as Figures
    from mondrift.page.sections import Heading as Heading
    from mondrift.page.sections import Image as Image
    from mondrift.page.sections import Markdown as Markdown
    from mondrift.page.sections import Section as Section
    from mondrift.page.sections import Spark as Spark
    from mondrift.page.sections import Status as Status
    from mondrift.page.sections import Table as Table
    from mondrift.page.sections import Text as Text
    from mondrift.page.wire import MIME as MIME
    from mondrift.page.wire import section_from_dict as section_from_dict

#: Names of this module that live on the floor of pictures, by the module that holds them.
PARTS: dict[str, tuple[str, ...]] = {
    "mondrift.page.sections": (
        *("Banner", "Chart", "Code", "Details", "Figure", "Figures", "Heading", "Image"),
        *("Markdown", "Section", "Spark", "Status", "Table", "Text"),
    ),
    "mondrift.page.index": ("IndexRun", "index_page"),
    "mondrift.page.markdown": ("first_heading",),
    "mondrift.page.wire": ("MIME", "section_from_dict"),
}
DRAWN_BY = {"mark", "layer", "hconcat", "vconcat", "concat", "facet", "repeat"}


def __getattr__(name: str) -> Any:
    for module, names in PARTS.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'mondrift.report' has no attribute {name!r}")


class Report:
    """A page in the making: `add` what belongs on it, then `save` it.

    Parameters
    ----------
    title : the page's one `<h1>`.
    subtitle : a line below it (what, which window); empty: none. No time is added unasked.

    >>> report = Report("Week 17").heading("Inputs").add("Nothing moved.")
    >>> "<p>Nothing moved.</p>" in report.to_html()
    True
    """

    def __init__(self, title: str, *, subtitle: str = "") -> None:
        self.title = str(title)
        self.subtitle = str(subtitle)
        self._sections: list[Section] = []

    @property
    def sections(self) -> tuple[Section, ...]:
        """What was added, in order."""
        return tuple(self._sections)

    def heading(self, text: str, *, level: int = 2) -> Report:
        """A heading; `level` 2 opens a chapter of the table of contents. Returns the report."""
        from mondrift.page.sections import Heading

        self._sections.append(Heading(str(text), level))
        return self

    def add(self, item: Any, *, title: str = "", note: str = "") -> Report:
        """Add one thing, and return the report.

        Parameters
        ----------
        item : a text (escaped; an empty line parts paragraphs), a DataFrame (at most 2,000 rows),
            an Altair chart, a section of `mondrift.page.sections`, or an object that has
            `_report_sections_()`, as Comparison and Verdict have.
        title, note : for a chart or a DataFrame: the words above and below it.

        Raises ReportError for anything else: a page holds no rows, objects or HTML.
        """
        self._sections.extend(sections_of(item, title=title, note=note))
        return self

    def to_html(self, *, stills: int = 8) -> str:
        """The whole page. Raises ReportError when a chart asks for a URL or exceeds its budget.

        `stills` (0 to 8): static images for the first charts, shown until (or instead of) the live
        drawing; each costs about 0.2 s of CPU.
        """
        from mondrift.page import page

        dark = f"@media (prefers-color-scheme:dark){{{theme.dark_rules('')}}}".replace("\n", "")
        return page.document(
            self.title,
            self._sections,
            subtitle=self.subtitle,
            theme=page.Theme(theme.config(), dark),
            version=version("mondrift"),
            stills=stills,
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page, whole or not at all (aside, then renamed); return its path.

        Raises ReportError when the folder does not exist or refuses the file.
        """
        target = Path(path)
        html = self.to_html()
        try:
            write_whole(target, html)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ReportError(
                f"The report cannot be written to {str(target)!r}: {reason}. "
                "Give a path in a folder that exists and may be written."
            ) from error
        return target

    def __repr__(self) -> str:
        return f"<Report {self.title!r}: {len(self._sections)} sections>"


def sections_of(item: Any, *, title: str = "", note: str = "") -> tuple[Section, ...]:
    """What a page shows of `item`; see `Report.add`.

    >>> sections_of("Two words")
    (Text(text='Two words'),)
    """
    from mondrift.page.sections import SECTIONS, Reportable, Text

    if isinstance(item, SECTIONS):
        return (item,)
    if isinstance(item, str):
        return (Text(item),)
    if isinstance(item, pd.DataFrame):
        from mondrift.page.table import from_frame

        return (from_frame(item, caption=title, note=note),)
    if not isinstance(item, type) and isinstance(item, Reportable):
        return _checked(item._report_sections_(), item)
    if hasattr(item, "to_dict") and hasattr(item, "_repr_mimebundle_"):
        return (_chart(item, title, note),)
    raise ReportError(
        f"A {type(item).__name__} cannot be added to a report. Add text, a DataFrame, an Altair "
        "chart, a section of mondrift.report, or an object with _report_sections_()."
    )


def _checked(sections: Iterable[Any], owner: object) -> tuple[Section, ...]:
    from mondrift.page.sections import SECTIONS

    made = tuple(sections)
    for section in made:
        if not isinstance(section, SECTIONS):
            raise ReportError(
                f"{type(owner).__name__}._report_sections_() gave a {type(section).__name__}, "
                "which is no section of mondrift.report."
            )
    return made


def _chart(chart: Any, title: str, note: str) -> Chart:
    from mondrift.page.sections import Chart

    spec = chart.to_dict()
    if not isinstance(spec, dict) or not DRAWN_BY & set(spec):
        raise ReportError(f"A {type(chart).__name__} is not a chart that a report can draw.")
    return Chart(spec, title=title, note=note)
