"""The small Markdown: what it knows becomes tags, everything else stays text."""

from __future__ import annotations

import time

import pytest

from mondrift.page.markdown import first_heading, markdown


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("# A", "<h2>A</h2>"),
        ("### A ###", "<h4>A</h4>"),
        ("a\nb", "<p>a\nb</p>"),
        ("a\n\nb", "<p>a</p>\n<p>b</p>"),
        ("- a\n- b\n  c", "<ul><li>a</li><li>b\nc</li></ul>"),
        ("1. a\n2. b", "<ol><li>a</li><li>b</li></ol>"),
        ("**a** and *b*", "<p><strong>a</strong> and <em>b</em></p>"),
        ("snake_case_name", "<p>snake_case_name</p>"),
        ("2 * 3 * 4", "<p>2 * 3 * 4</p>"),
        ("`a<b` *c*", "<p><code>a&lt;b</code> <em>c</em></p>"),
        ("```\n<b>\n```", "<pre><code>&lt;b&gt;</code></pre>"),
        ("> a\n> b", "<blockquote><p>a\nb</p></blockquote>"),
        ("---", "<hr>"),
        ("text\n- a", "<p>text</p>\n<ul><li>a</li></ul>"),
    ],
)
def test_what_is_known_becomes_markup(source: str, html: str) -> None:
    assert markdown(source) == html


@pytest.mark.parametrize(
    "target", ["https://a.b/c?d=1", "http://a.b", "report.html", "#s1", "../a"]
)
def test_links_lead_to_the_web_or_beside_the_page(target: str) -> None:
    assert f'<a href="{target}" rel="noreferrer noopener">x</a>' in markdown(f"[x]({target})")


@pytest.mark.parametrize(
    "target",
    ["javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "vbscript:x", "//a.b",
     "file:///etc/passwd", "\x01javascript:alert(1)", "&#106;avascript:x", "java\tscript:x"],
)  # fmt: skip
def test_other_links_stay_text(target: str) -> None:
    assert "<a " not in markdown(f"[x]({target})")


@pytest.mark.parametrize(
    "source",
    ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '[x](https://a"onclick="b)',
     "[<b>x</b>](https://a)", "`</code><script>`", "# <script>", "- <script>", "> <script>",
     "```\n</code></pre><script>\n```", "**<b>**", "![x](https://a/b.png)", "\x000\x00<b>"],
)  # fmt: skip
def test_markup_in_the_source_is_shown_not_used(source: str) -> None:
    made = markdown(source)
    for tag in ("<script", "<img", "<b>", 'onclick="'):
        assert tag not in made


@pytest.mark.parametrize(
    "source", [">" * 20_000, "[" * 20_000, "*" * 20_000, "`" * 20_000, "_a" * 10_000, "- " * 10_000]
)
def test_a_wall_of_signs_takes_no_time(source: str) -> None:
    start = time.process_time()
    markdown(source)
    assert time.process_time() - start < 3.0


def test_the_first_heading_is_taken_out() -> None:
    assert first_heading("\n# A `b` &\n\nc") == ("A b &", "c")
    assert first_heading("## A") == ("", "## A")
