"""Report: one file, the same bytes, everything escaped, nothing that does not belong."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import altair as alt
import pandas as pd
import pytest

from mondrift.errors import ReportError
from mondrift.report import (
    Banner,
    Chart,
    Details,
    Figure,
    Figures,
    Heading,
    Report,
    Section,
    Spark,
    Status,
    Table,
    Text,
)

EVIL = "</script><script>alert(1)</script>\u2028<img src=x onerror=alert(2)>\"'"


def chart(label: str = "x") -> alt.Chart:
    rows = pd.DataFrame({"label": [label, "b"], "n": [1, 2]})
    return alt.Chart(rows).mark_bar().encode(x="n:Q", y="label:N")


class Tags(HTMLParser):
    """Every tag of a page with its attributes; scripts hold only what the parser gives them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


class Verdictish:
    def _report_sections_(self) -> tuple[Section, ...]:
        return (Banner("alarm", "Two columns moved"), Text("why"))


def test_the_same_input_gives_the_same_bytes() -> None:
    def made() -> str:
        return Report("T").add(Verdictish()).add(chart(), title="C").to_html()

    assert made() == made()


def test_the_verdict_comes_first_wherever_it_was_added() -> None:
    html = Report("T").heading("Inputs").add(Verdictish()).to_html()
    assert html.index("Two columns moved") < html.index("Inputs")


def test_every_word_of_a_stranger_is_escaped() -> None:
    report = (
        Report(EVIL, subtitle=EVIL)
        .heading(EVIL)
        .add(EVIL)
        .add(Banner("alarm", EVIL, EVIL, (EVIL,)))
        .add(Figures((Figure(EVIL, EVIL, EVIL, "ok"),)))
        .add(Table((EVIL,), ((EVIL,), (Status("ok", EVIL),)), EVIL, EVIL))
        .add(Details(EVIL, (Text(EVIL),)))
        .add(pd.DataFrame({EVIL: [EVIL]}), title=EVIL, note=EVIL)
        .add(chart(EVIL), title=EVIL, note=EVIL)
    )
    tags = Tags(report.to_html()).tags
    scripts = [attrs for tag, attrs in tags if tag == "script"]
    assert [attrs.get("type") for attrs in scripts] == [
        "application/json", "application/json", "text/plain", None,
    ]  # fmt: skip
    images = [attrs["src"] for tag, attrs in tags if tag == "img"]
    assert all(src is not None and src.startswith("data:image/svg+xml") for src in images)
    assert not [attrs for _, attrs in tags if any(name.startswith("on") for name in attrs)]


def test_a_page_asks_for_nothing() -> None:
    html = Report("T").add(chart()).to_html()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert policy is not None
    assert "default-src &#39;none&#39;" in policy[1]
    assert "unsafe-eval" not in policy[1]
    assert policy[1].count("sha256-") == 2
    for tag, attrs in Tags(html).tags:
        for name in ("src", "href"):
            assert (attrs.get(name) or "data:").startswith(("data:", "#")), (tag, attrs)


def test_the_library_is_in_the_page_once_and_only_with_charts() -> None:
    three = Report("T").add(chart()).add(chart()).add(chart()).to_html()
    assert three.count('id="mondrift-vega"') == 1
    plain = Report("T").add("words").to_html()
    assert "mondrift-vega" not in plain
    assert "script-src &#39;none&#39;" in plain
    assert len(plain) < 30_000


def test_only_the_first_eight_charts_have_a_static_image() -> None:
    report = Report("T")
    for _ in range(9):
        report.add(chart())
    assert report.to_html().count('class="still"') == 8
    assert report.to_html(stills=0).count('class="still"') == 0


def test_a_chart_has_its_numbers_beside_it() -> None:
    html = Report("T").add(chart("lone & level"), title="C").to_html()
    assert "The numbers behind this chart" in html
    assert "<td>lone &amp; level</td>" in html


def test_a_contents_list_appears_with_the_fourth_chapter() -> None:
    report = Report("T").heading("a").heading("b").heading("c")
    assert "<nav" not in report.to_html()
    assert re.search(r'<a href="#(s\d+)">d</a>', report.heading("d").to_html())


def test_a_thousand_columns_stay_below_two_megabytes() -> None:
    rows = tuple(
        (f"column_{i}", Status("ok"), "numeric", 0.01, 0.02, 0.5, 10_000, Spark((0.1,) * 10))
        for i in range(1000)
    )
    names = ("column", "status", "kind", "psi", "ks", "p-value", "rows", "shape")
    report = Report("T").add(Table(names, rows))
    for _ in range(8):
        report.add(chart())
    assert len(report.to_html().encode()) < 2_000_000


@pytest.mark.parametrize("item", [3, None, b"bytes", ["a"], {"a": 1}, Verdictish, pd.Series([1])])
def test_what_does_not_belong_is_refused_with_the_choice(item: object) -> None:
    with pytest.raises(ReportError, match="cannot be added to a report. Add text, a DataFrame"):
        Report("T").add(item)


def test_an_object_that_gives_something_else_than_sections_is_named() -> None:
    class Wrong:
        def _report_sections_(self) -> tuple[str, ...]:
            return ("<b>",)

    with pytest.raises(ReportError, match="Wrong._report_sections_.. gave a str"):
        Report("T").add(Wrong())


def test_a_chart_with_data_elsewhere_is_refused() -> None:
    with pytest.raises(ReportError, match="holds its data itself"):
        Report("T").add(alt.Chart("https://a.b/c.csv").mark_bar()).to_html()


def test_a_heading_knows_its_levels() -> None:
    with pytest.raises(ReportError, match="level is 2, 3 or 4"):
        Heading("a", 1)


def test_a_report_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    assert Report("T").add("a").save(target) == target
    before = target.read_bytes()
    with pytest.raises(ReportError):
        Report("T").add(Chart({"mark": "bar", "data": {"url": "x"}})).save(target)
    assert target.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["page.html"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"cannot be written to .*No such file"):
        Report("T").save(tmp_path / "none" / "page.html")


def test_chart_json_in_the_page_reads_back() -> None:
    html = Report("T").add(chart(EVIL)).to_html()
    text = html.split('<script type="application/json">')[1].split("</script>")[0]
    assert EVIL in json.dumps(json.loads(text), ensure_ascii=False).encode().decode() or any(
        row["label"] == EVIL for rows in json.loads(text)["datasets"].values() for row in rows
    )
