"""Headless Chromium with the network off; every request and console message is recorded."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ARGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@dataclass
class Opened:
    """A page that was opened, and all it asked for and said."""

    page: Any
    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    def drawn(self) -> Opened:
        """Wait until the page says that its charts are drawn."""
        self.page.wait_for_selector("html[data-mondrift=ready]", timeout=60_000)
        return self


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    yield from launched()


def launched() -> Iterator[Any]:
    """A Chromium for as long as it is wanted; meanwhile this thread can run no other loop."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    sync_api = pytest.importorskip("playwright.sync_api")
    if program is None:
        pytest.skip("no chromium on PATH")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Callable[..., Opened]]:
    """`open_page(path, width=1200, scheme="light", javascript=True)` → Opened, offline."""
    yield from _opener(chromium)


@pytest.fixture(scope="module")
def open_for_many(chromium: Any) -> Iterator[Callable[..., Opened]]:
    """The same, for a page that the tests of a module share: drawing one takes seconds."""
    yield from _opener(chromium)


def _opener(chromium: Any) -> Iterator[Callable[..., Opened]]:
    contexts: list[Any] = []

    def opened(
        path: Path, *, width: int = 1200, scheme: str = "light", javascript: bool = True
    ) -> Opened:
        context = chromium.new_context(
            offline=True,
            color_scheme=scheme,
            java_script_enabled=javascript,
            viewport={"width": width, "height": 844},
        )
        contexts.append(context)
        page = context.new_page()
        record = Opened(page)
        page.on("request", lambda request: record.requests.append(request.url))
        page.on("console", lambda message: record.messages.append(message.text))
        page.on("pageerror", lambda error: record.messages.append(f"error: {error}"))
        page.on("dialog", lambda dialog: record.messages.append(f"dialog: {dialog.message}"))
        page.goto(path.as_uri(), wait_until="load")
        # The page itself, and what it holds as data: URLs, are not requests to anywhere.
        record.requests = [
            url for url in record.requests if not url.startswith(("data:", "blob:", path.as_uri()))
        ]
        return record

    yield opened
    for context in contexts:
        context.close()
