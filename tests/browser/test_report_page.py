"""A report of 20 columns in a real browser with the network off: drawn, silent, inert, readable."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mondrift import charts
from mondrift.report import Banner, Details, Figure, Figures, Report, Spark, Status, Table, Text

pytestmark = pytest.mark.browser

HOSTILE = [
    *("</script><script>alert(1)</script>", "a:b", "c.d", "e[0]", 'it\'s "quoted"', "שלום עולם"),
    *("🚀 start", "x" * 300, "<img src=x onerror=alert(2)>", "{{ 7*7 }}", "datum.constructor"),
]
NAMES = [f"feature_{i}" for i in range(20 - len(HOSTILE))] + HOSTILE
STARTS = pd.date_range("2013-01-07", periods=12, freq="7D", tz="UTC")


def histogram(name: str, *, numeric: bool, rng: np.random.Generator) -> pd.DataFrame:
    bins = 10 if numeric else 6
    borders = [-np.inf, *np.sort(rng.normal(50, 20, bins - 1)).round(1), np.inf]
    levels = [*HOSTILE[:4], "<b>", "(other)"]
    shares = {"reference": np.full(bins, 1 / bins), "current": rng.dirichlet(np.full(bins, 6.0))}
    rows = [
        {
            "column": name,
            "position": i,
            "label": f"{borders[i]} to {borders[i + 1]}" if numeric else levels[i],
            "start": borders[i] if numeric else None,
            "end": borders[i + 1] if numeric else None,
            "window": window,
            "count": round(share[i] * 5000),
            "share": share[i],
        }
        for window, share in shares.items()
        for i in range(bins)
    ]
    return pd.DataFrame(rows)


def made_up() -> Report:
    rng = np.random.default_rng(17)
    statuses = ["alarm", "alarm", "warning", "inconclusive", *["ok"] * 15, "skipped"]
    report = Report("Week 17", subtitle="22 to 29 April 2013 against January to March")
    report.add(Banner("alarm", "The model has become worse.", "Accuracy fell.", (HOSTILE[0],)))
    report.add(Figures((Figure("Accuracy", "0.62", "0.79 before", "alarm"), Figure("n", "1,302"))))
    windows = pd.DataFrame({"window_start": STARTS, "window_end": STARTS + pd.Timedelta("7D")})
    accuracy = windows.assign(measure="accuracy", statistic=np.linspace(0.8, 0.62, 12))
    accuracy = accuracy.assign(low=accuracy.statistic - 0.03, high=accuracy.statistic + 0.03)
    report.heading("Performance")
    report.add(charts.performance(accuracy, pd.DataFrame({"statistic": [0.79]})), title="Accuracy")
    report.heading("Columns")
    rows = tuple(
        (name, Status(status), 0.1, Spark(tuple(rng.dirichlet(np.ones(8))), (0.125,) * 8))
        for name, status in zip(NAMES, statuses, strict=True)
    )
    report.add(Table(("column", "status", "psi", "shape"), rows, "Every column"))
    cells = pd.DataFrame({"column": NAMES, "status": statuses, "measure": "psi", "statistic": 0.1})
    report.add(charts.overview(cells), title="Status")
    line = windows.assign(column=HOSTILE[0], measure="psi", statistic=np.linspace(0, 0.3, 12))
    rules = pd.DataFrame({"status": ["warning", "alarm"], "statistic": [0.1, 0.25]})
    report.add(charts.timeline(line, rules), title="PSI")
    report.add(charts.volume(windows.assign(n_current=100, low=80, high=120)), title="Volume")
    for i, name in enumerate(NAMES):
        report.add(charts.distribution(histogram(name, numeric=i % 2 == 0, rng=rng)), title=name)
    folded = Report("x").add(charts.volume(windows.assign(n_current=7)), title="Folded").sections
    return report.add(Details("More", (Text("folded away"), *folded)))


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up().save(tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture(scope="module")
def light(open_for_many: Callable[..., Any], page_file: Path) -> Any:
    """The page by day, for the tests that change nothing which another one looks at."""
    return open_for_many(page_file).drawn()


@pytest.fixture(scope="module")
def dark(open_for_many: Callable[..., Any], page_file: Path) -> Any:
    """The page by night."""
    return open_for_many(page_file, scheme="dark").drawn()


def colour(page: Any, selector: str, name: str) -> str:
    script = "([s, n]) => getComputedStyle(document.querySelector(s)).getPropertyValue(n)"
    return str(page.evaluate(script, [selector, name]))


def test_a_report_of_twenty_columns_is_small(page_file: Path) -> None:
    assert page_file.stat().st_size < 1_400_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_chart_is_drawn_offline_without_a_word(
    request: pytest.FixtureRequest, scheme: str
) -> None:
    opened = request.getfixturevalue(scheme)
    states = opened.page.eval_on_selector_all(
        "figure[data-chart]", "all => all.map(f => f.dataset.chart)"
    )
    assert states == ["drawn"] * 24 + ["new"]  # the folded one waits
    marks = opened.page.eval_on_selector_all(
        "[data-chart=drawn] .live-chart svg",
        "all => all.map(s => [s.querySelectorAll('.role-mark path[d]').length,"
        " s.getBoundingClientRect().width])",
    )
    assert len(marks) == 24
    assert min(count for count, _ in marks) > 0
    assert min(width for _, width in marks) > 700
    assert (opened.requests, opened.messages) == ([], [])


def test_bars_have_the_height_of_their_share(light: Any) -> None:
    sizes = light.page.eval_on_selector_all(
        "figure[data-chart]:nth-of-type(5) .role-mark path, figure[data-chart] .mark-rect path",
        "all => all.map(p => p.getBBox()).filter(b => b.width > 1 && b.height > 1).length",
    )
    assert sizes > 200


def test_a_folded_chart_is_drawn_when_it_is_opened(
    open_page: Callable[..., Any], page_file: Path
) -> None:
    opened = open_page(page_file).drawn()
    opened.page.click("details.group > summary")
    opened.page.wait_for_selector("details.group figure[data-chart=drawn]", timeout=20_000)
    assert opened.messages == []


def test_a_tooltip_tells_the_numbers_and_nothing_runs(light: Any) -> None:
    page = light.page
    figure = page.locator("figure", has=page.locator("figcaption", has_text="PSI"))
    figure.locator(".mark-symbol path").nth(5).hover(force=True)
    tip = page.locator("#vg-tooltip-element.visible")
    tip.wait_for(timeout=10_000)
    words = tip.inner_text()
    assert "2013-02-11 to 2013-02-18" in words
    assert HOSTILE[0] in words
    assert "undefined" not in words
    assert "null" not in words
    assert (light.requests, light.messages) == ([], [])


def test_a_click_on_the_legend_dims_the_other_window(light: Any) -> None:
    page = light.page
    figure = page.locator("figure", has=page.locator("figcaption", has_text="feature_0"))
    figure.locator(".role-legend-label text", has_text="current").click(force=True)
    bars = "all => all.map(p => p.getAttribute('opacity'))"
    page.wait_for_function(
        "f => [...f.querySelectorAll('.mark-rect path')]"
        ".some(p => p.getAttribute('opacity') === '0.12')",
        arg=figure.element_handle(),
    )
    assert "1" in figure.locator(".mark-rect path").evaluate_all(bars)


def test_hostile_names_are_shown_as_they_are(light: Any) -> None:
    captions = light.page.eval_on_selector_all("figcaption", "all => all.map(c => c.textContent)")
    assert set(NAMES) <= set(captions)
    cells = light.page.eval_on_selector_all("td", "all => all.map(c => c.textContent)")
    assert set(NAMES) <= set(cells)
    assert light.messages == []


def test_an_injected_script_does_not_run_even_if_it_got_in(
    open_page: Callable[..., Any], page_file: Path
) -> None:
    opened = open_page(page_file)
    opened.page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.hit = 1';"
        " document.body.append(s); }"
    )
    assert opened.page.evaluate("window.hit") is None


def test_without_javascript_the_images_and_tables_remain(
    open_page: Callable[..., Any], page_file: Path
) -> None:
    opened = open_page(page_file, javascript=False)
    stills = opened.page.locator("img.still")
    assert stills.count() == 8
    for i in range(8):
        box = stills.nth(i).bounding_box()
        assert box["width"] > 700
        assert box["height"] > 40
    assert opened.page.locator("noscript").count() == 17
    assert opened.page.locator("summary", has_text="The numbers behind").count() == 25


def test_a_phone_never_scrolls_sideways(open_page: Callable[..., Any], page_file: Path) -> None:
    opened = open_page(page_file, width=390).drawn()
    assert opened.page.evaluate("document.documentElement.scrollWidth") == 390
    widths = opened.page.eval_on_selector_all(
        "[data-chart=drawn] .live-chart svg", "all => all.map(s => s.getBoundingClientRect().right)"
    )
    assert max(widths) <= 390
    assert opened.messages == []


def test_the_dark_is_dark_in_page_and_charts_and_paper_is_light(dark: Any) -> None:
    page = dark.page
    assert colour(page, "body", "background-color") == "rgb(18, 22, 29)"
    bar = '.live-chart [fill="#20639f"]'
    assert colour(page, bar, "fill") == "rgb(109, 177, 242)"
    page.emulate_media(color_scheme="dark", media="print")
    assert colour(page, "body", "background-color") == "rgb(255, 255, 255)"
    assert colour(page, bar, "fill") == "rgb(32, 99, 159)"
    page.emulate_media(color_scheme="dark", media="screen")


def test_headings_and_names_tell_the_page_to_a_screen_reader(light: Any) -> None:
    page = light.page
    levels = page.eval_on_selector_all("h1, h2, h3, h4", "all => all.map(h => +h.tagName[1])")
    assert levels[:2] == [1, 2]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.locator("[role=region]:not([aria-label])").count() == 0
    assert page.locator("img:not([alt])").count() == 0
    assert page.get_attribute("html", "lang") == "en"
    ids = page.eval_on_selector_all("[id]", "all => all.map(e => e.id)")
    assert len(ids) == len(set(ids))
