"""Sections travel as JSON and come back equal; what is not a section is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mondrift.errors import ReportError
from mondrift.page.page import fragment
from mondrift.page.sections import (
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
    mimebundle,
)
from mondrift.page.wire import MIME, section_from_dict, section_to_dict

EVERY: list[Section] = [
    Heading("Inputs", 3),
    Text("a"),
    Markdown("*a*"),
    Code("a  b"),
    Image("image/png", "aGk=", "x"),
    Table(("a", "b"), ((Status("ok", "fine"), Spark((0.1, None), (0.2,))), (None, 1.5)), "c", "n"),
    Chart({"mark": "bar", "data": {"values": [{"type": "heading"}]}}, "t", "n", Table(("a",), ())),
    Figures((Figure("a", "1", "n", "alarm"), Figure("b", "2"))),
    Banner("warning", "t", "x", ("r",)),
    Details("more", (Text("a"), Details("deeper", (Heading("b"),)))),
]


@pytest.mark.parametrize("section", EVERY, ids=lambda section: type(section).__name__)
def test_a_section_comes_back_from_json_as_it_was(section: Section) -> None:
    text = json.dumps(section_to_dict(section), allow_nan=False)
    assert section_from_dict(json.loads(text)) == section


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ({"type": "script"}, "'script' is not one of"),
        ({}, "None is not one of"),
        ({"type": "heading", "text": "a", "onclick": "b"}, "has no"),
        ({"type": "heading"}, "incomplete"),
        ({"type": "heading", "text": 3}, "heading.text is a int, not text"),
        ({"type": "text", "text": {"type": "heading", "text": "a"}}, "not text"),
        ({"type": "status", "status": "ok"}, "not a section"),
        ({"type": "banner", "status": "fine", "title": "a"}, "'fine' is not one of"),
        ({"type": "image", "media": "text/html", "data": ""}, "cannot be shown"),
        ({"type": "table", "columns": ["a"], "rows": [[1, 2]]}, "2 cells"),
    ],
)
def test_what_is_not_a_section_is_refused(plain: dict[str, Any], said: str) -> None:
    with pytest.raises(ReportError, match=said):
        section_from_dict(plain)


def test_a_mimebundle_shows_in_a_notebook_and_carries_its_sections() -> None:
    bundle = mimebundle([Text("a")], html="<p>a</p>", text="a")
    assert bundle[MIME] == {"sections": [{"type": "text", "text": "a"}]}
    assert (bundle["text/html"], bundle["text/plain"]) == ("<p>a</p>", "a")


def test_a_number_that_json_does_not_have_becomes_unknown() -> None:
    plain = section_to_dict(Table(("a",), ((float("nan"),), (float("inf"),))))
    assert plain["rows"] == [[None], [None]]


def test_lines_with_a_bullet_are_a_list_and_stay_escaped() -> None:
    markup = fragment([Text("It fell, by 15.9 % of rows.\n• in <b>LGA</b>\n• [x](http://x)")])
    assert "<p>It fell, by 15.9\u00a0% of rows.</p><ul>" in markup
    assert "<li>in &lt;b&gt;LGA&lt;/b&gt;</li><li>[x](http://x)</li></ul>" in markup


def test_a_table_of_words_is_stacked_on_a_phone_and_labels_its_numbers() -> None:
    long = Table(("column", "n", "reason"), (("x", 3, "within what chance explains"),))
    assert '<table class="stacked">' in fragment([long])
    assert 'data-label="n">3<' in fragment([long])
    assert "stacked" not in fragment([Table(("column", "n"), (("x", 3),))])
