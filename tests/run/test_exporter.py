"""A notebook becomes a page from data alone; what is not data does not get through."""

from __future__ import annotations

import base64
from typing import Any

import altair as alt
import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from mondrift.charts.renderer import render
from mondrift.errors import ReportError
from mondrift.page.sections import Banner, Chart, Code, Image, Markdown, Table, Text, mimebundle
from mondrift.run.exporter import WIDGET, export, shareable

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(8)).decode()


def shown(*bundles: dict[str, Any]) -> nbformat.NotebookNode:
    outputs = [new_output("display_data", data=bundle) for bundle in bundles]
    book = new_notebook(cells=[new_code_cell("secret_code()", outputs=outputs)])
    nbformat.validate(book)
    return book


def failed(ename: str, evalue: str) -> nbformat.NotebookNode:
    error = new_output("error", ename=ename, evalue=evalue, traceback=["File /home/ann/x.py"])
    marker = new_markdown_cell("<span>An Exception was encountered</span>")
    marker.metadata["tags"] = ["papermill-error-cell-tag"]
    return new_notebook(
        cells=[
            marker,
            new_markdown_cell("# Weekly *drift*\n\nWhat moved?"),
            new_code_cell("x = 1", outputs=[new_output("stream", name="stdout", text="ready\n")]),
            new_code_cell("boom()", outputs=[error]),
        ]
    )


def test_the_first_heading_is_the_title_and_code_is_not_shown() -> None:
    book = new_notebook(
        cells=[new_markdown_cell("# Weekly *drift*\n\nWhat **moved**?"), new_code_cell("code()")]
    )
    report = export(book)
    assert report.title == "Weekly drift"
    assert report.sections == (Markdown("What **moved**?"),)
    assert export(book, title="Other", subtitle="week 17").title == "Other"


def test_our_own_sections_come_back_as_they_were() -> None:
    sections = (Banner("alarm", "Two columns moved"), Text("why"))
    book = shown(mimebundle(sections, html="<script>alert(1)</script>", text="x"))
    assert export(book).sections == sections


def test_a_chart_leaves_a_valid_notebook_as_its_spec() -> None:
    chart = alt.Chart(pd.DataFrame({"a": [1]})).mark_bar().encode(x="a:Q")
    (section,) = export(shown(render(chart.to_dict()))).sections
    assert isinstance(section, Chart)
    assert export(shown(render(chart.to_dict()))).to_html().count("data-chart=") == 1


def test_a_frame_is_read_out_of_its_html_as_words() -> None:
    frame = pd.DataFrame({"column": ["a<b>", "</td>"], "psi": [0.25, 0.75]})
    (table,) = export(shown({"text/html": frame.to_html(), "text/plain": "x"})).sections
    assert table == Table(("column", "psi"), (("a<b>", "0.25"), ("</td>", "0.75")))


def test_midnight_is_only_its_date() -> None:
    frame = pd.DataFrame({"start": pd.to_datetime(["2013-04-22"], utc=True), "n": [1]})
    html = frame.to_html().replace("<td>2013-04-22</td>", "<td>2013-04-22 00:00:00+00:00</td>")
    (table,) = export(shown({"text/html": html, "text/plain": "x"})).sections
    assert table == Table(("start", "n"), (("2013-04-22", "1"),))


@pytest.mark.parametrize(
    "html",
    ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<iframe src=x>", "<b>x</b>"],
)
def test_other_html_never_gets_through(html: str) -> None:
    made = export(shown({"text/html": html, "text/plain": "plain"}))
    assert made.sections == (Code("plain"),)
    assert html not in made.to_html()


def test_javascript_and_svg_markup_are_not_taken() -> None:
    book = shown({"application/javascript": "alert(1)"}, {"image/svg+xml": "<svg onload=x>"})
    assert export(book).sections == ()


def test_pictures_are_checked_to_be_pictures() -> None:
    assert export(shown({"image/png": PNG, "text/plain": "<Figure>"})).sections == (
        Image("image/png", PNG, "Picture of step 1"),
    )
    with pytest.raises(ReportError, match="not what it says"):
        export(shown({"image/png": base64.b64encode(b"<svg>").decode()}))
    with pytest.raises(ReportError, match="not what it says"):
        export(shown({"image/png": '"><script>'}))


def test_widgets_are_refused() -> None:
    with pytest.raises(ReportError, match="Step 1 leaves a widget"):
        export(shown({WIDGET: {"model_id": "x"}, "text/plain": "IntSlider()"}))


def test_a_chart_that_left_as_html_is_refused_with_the_fix() -> None:
    html = '<div></div><script>vegaEmbed("#vis", {})</script>'
    with pytest.raises(ReportError, match=r"charts.enable\(\)"):
        export(shown({"text/html": html, "text/plain": "alt.Chart(...)"}))


@pytest.mark.parametrize(
    "bundle", [{"sections": "x"}, {"sections": [1]}, {}, {"sections": [{"type": "script"}]}]
)
def test_sections_that_are_none_are_refused(bundle: dict[str, Any]) -> None:
    with pytest.raises(ReportError):
        export(shown({"application/vnd.mondrift.v1+json": bundle}))


def test_what_was_printed_is_shown_and_what_was_logged_is_not() -> None:
    outputs = [
        new_output("stream", name="stdout", text="\x1b[31mred\x1b[0m <b>\n"),
        new_output("stream", name="stderr", text="Warning: /home/ann\n"),
    ]
    report = export(new_notebook(cells=[new_code_cell("x", outputs=outputs)]))
    assert report.sections == (Code("red <b>"),)


def test_a_failed_notebook_is_a_readable_page() -> None:
    url = "postgresql://ann:hunter2@db:5432/x"
    html = export(failed("ServerError", f"no answer from {url}, see /home/ann/log.txt")).to_html()
    assert "This report could not be finished." in html
    assert "Step 2 of the notebook failed" in html
    assert "ServerError: no answer from postgresql://…@db:5432/x" in html
    assert "ready" in html
    for private in ("hunter2", "/home/ann", "Traceback", "papermill", "boom()", "Exception was"):
        assert private not in html
    assert html.index("could not be finished") < html.index("What moved?")


@pytest.mark.parametrize(
    ("said", "shared"),
    [
        ("password='hunter2' rest", "password=… rest"),
        ("api_key: abc", "api_key: …"),
        ("redis://:pw@h:1/0", "redis://…@h:1/0"),
        (r"C:\Users\ann\x.csv is gone", "…/x.csv is gone"),
        ("1/2 of a/b rows, n/a", "1/2 of a/b rows, n/a"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("x" * 700, "x" * 599 + "…"),
    ],
)
def test_a_message_is_made_fit_to_share(said: str, shared: str) -> None:
    assert shareable(said) == shared
