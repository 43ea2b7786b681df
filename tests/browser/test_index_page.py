"""The archive's index in a real browser: search, filter, permalink, nothing asked, nothing run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mondrift.page.index import IndexRun, index_page

pytestmark = pytest.mark.browser

EVIL = "</script><script>alert(1)</script>"


@pytest.fixture(scope="module")
def index_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = [
        IndexRun(
            run_id=f"r{i:04d}",
            monitor=["weekly", EVIL][i % 2],
            href=f"weekly/r{i:04d}/report.html",
            start=f"2013-{1 + i // 28:02d}-{1 + i % 28:02d}",
            end="",
            status=["ok", "ok", "alarm", "warning"][i % 4],
            headline=f"run no{i}. {EVIL if i % 5 == 0 else ''}",
            value=i / 250,
        )
        for i in range(250)
    ]
    target = tmp_path_factory.mktemp("archive") / "index.html"
    target.write_text(index_page("Reports", runs), encoding="utf-8")
    return target


def rows(page: Any) -> int:
    return int(page.locator(".runs tbody tr").count())


def test_the_index_opens_silently_and_shows_the_newest(
    open_page: Callable[..., Any], index_file: Path
) -> None:
    opened = open_page(index_file).drawn()
    assert rows(opened.page) == 100
    opened.page.click(".more")
    opened.page.click(".more")
    assert rows(opened.page) == 250
    assert not opened.page.is_visible(".more")
    assert (opened.requests, opened.messages) == ([], [])


def test_search_and_filters_narrow_and_become_a_permalink(
    open_page: Callable[..., Any], index_file: Path
) -> None:
    page = open_page(index_file).drawn().page
    page.select_option("[name=status]", "alarm")
    page.select_option("[name=monitor]", "weekly")
    assert page.text_content("output") == "62 of 250 runs"
    page.fill("[name=q]", "RUN no6.")
    assert rows(page) == 1
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    assert rows(page) == 1
    assert page.input_value("[name=q]") == "RUN no6."


def test_without_javascript_the_newest_runs_remain(
    open_page: Callable[..., Any], index_file: Path
) -> None:
    page = open_page(index_file, javascript=False).page
    assert rows(page) == 100
    assert not page.is_visible(".filters")


def test_the_index_fits_a_phone(open_page: Callable[..., Any], index_file: Path) -> None:
    page = open_page(index_file, width=390).drawn().page
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_removed_reports_are_shown_when_asked_for_and_by_a_permalink(
    open_page: Callable[..., Any], tmp_path: Path
) -> None:
    runs = [
        IndexRun(f"r{i}", "weekly", f"weekly/r{i}/report.html", f"2013-01-0{i}", "", "ok", "fine",
                 pruned=i < 3, label=f"day {i}")
        for i in range(1, 6)
    ]  # fmt: skip
    target = tmp_path / "index.html"
    target.write_text(index_page("Reports", runs), encoding="utf-8")
    page = open_page(target).drawn().page
    assert rows(page) == 3
    page.check("[name=pruned]")
    assert rows(page) == 5
    assert page.locator(".runs tr.pruned").first.text_content().endswith("(report removed)weekly")
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    assert (rows(page), page.is_checked("[name=pruned]")) == (5, True)
