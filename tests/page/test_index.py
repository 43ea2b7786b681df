"""The archive's index: one file, newest first, every word escaped."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from mondrift.errors import ReportError
from mondrift.page.index import IndexRun, index_page


def run(number: int, **changes: str) -> IndexRun:
    facts = {
        "run_id": f"r{number:06d}", "monitor": "weekly", "href": f"weekly/r{number}/report.html",
        "start": f"2013-{1 + number % 12:02d}-01", "end": "", "status": "ok", "headline": "fine",
    } | changes  # fmt: skip
    return IndexRun(**facts, value=number / 10)


def test_the_newest_run_comes_first_whatever_the_order() -> None:
    runs = [run(i) for i in range(12)]
    page = index_page("Reports", runs)
    body = page[page.index("<tbody>") :]
    assert body.index("2013-12-01") < body.index("2013-01-01")
    random.Random(1).shuffle(runs)
    assert index_page("Reports", runs) == page


def test_hostile_words_are_text_everywhere() -> None:
    evil = "</script><script>alert(1)</script>"
    page = index_page(evil, [run(1, monitor=evil, headline=evil, start=evil)])
    assert "<script>alert" not in page
    assert page.count("</script>") == 3


@pytest.mark.parametrize("href", ["javascript:alert(1)", "https://a.b", "/etc", "data:text/html,x"])
def test_a_link_that_leaves_the_archive_is_refused(href: str) -> None:
    with pytest.raises(ReportError, match="relative to it"):
        run(1, href=href)


def test_an_archive_without_runs_says_so() -> None:
    assert "No runs yet" in index_page("Reports", [])


def test_fifty_thousand_runs_fit() -> None:
    page = index_page("Reports", (run(i) for i in range(50_000)))
    assert len(page.encode()) < 6_000_000
    assert page.count("<tr>") == 101  # the others are drawn on demand


def test_removed_reports_are_counted_and_left_out_of_the_markup() -> None:
    facts = run(1, label="week 1")
    page = index_page("Reports", [run(2), replace(facts, pruned=True)])
    assert "1 run of 1 monitor; the reports of 1 older one were removed" in page
    assert page.count("week 1") == 1  # in the rows that the script draws when asked
    assert "No runs yet" not in index_page("Reports", [replace(facts, pruned=True)])
