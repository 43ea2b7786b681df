"""Run all cells of our notebooks, as a person does: in JupyterLab, in a browser."""

from __future__ import annotations

from typing import Any

import pytest

from tests.jupyterlab.conftest import Lab
from tests.notebooks.small_store import fingerprint

pytestmark = [pytest.mark.servers, pytest.mark.jupyterlab]

VEGA = "application/vnd.vegalite.v5+json"
RUN_ALL = """() => {
    window.finished = false;
    const run = jupyterapp.commands.execute("notebook:run-all-cells");
    run.finally(() => { window.finished = true; });
}"""
FINISHED = """() => window.finished
    && jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === "idle" """
CELLS = "() => jupyterapp.shell.currentWidget.content.model.toJSON().cells"
# Cells far from the screen are not drawn: a person scrolls, and so does the test.
SCROLL = "at => jupyterapp.shell.currentWidget.content.scrollToItem(at, 'center')"
# How many charts of a cell have ink of more than one colour.
DRAWN = """([at, many]) => {
    const node = jupyterapp.shell.currentWidget.content.widgets[at].node;
    const inked = [...node.querySelectorAll(".vega-embed canvas")].filter(canvas => {
        if (!canvas.width || !canvas.height) return false;
        const all = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        const seen = new Set(new Uint32Array(all.buffer));
        return seen.size > 8;
    });
    const drawings = node.querySelectorAll(".vega-embed svg.marks path, .vega-embed g path");
    return inked.length + (drawings.length ? many : 0) >= many;
}"""


def run_all(lab: Lab, name: str) -> tuple[Any, list[dict[str, Any]]]:
    """The page of a notebook after all its cells have run, and its code cells."""
    page = lab.open(name)
    page.evaluate(RUN_ALL)
    page.wait_for_function(FINISHED, timeout=60_000)
    return page, page.evaluate(CELLS)


def errors(cells: list[dict[str, Any]]) -> list[str]:
    return [
        f"cell {at}: {output['ename']}: {output['evalue']}"
        for at, cell in enumerate(cells)
        for output in cell.get("outputs", ())
        if output["output_type"] == "error"
    ]


def charts(cells: list[dict[str, Any]]) -> dict[int, int]:
    """{position of a cell: its charts}"""
    many = {
        at: sum(VEGA in output.get("data", {}) for output in cell.get("outputs", ()))
        for at, cell in enumerate(cells)
    }
    return {at: n for at, n in many.items() if n}


def draw_all(page: Any, cells: list[dict[str, Any]]) -> None:
    for at, many in charts(cells).items():
        page.evaluate(SCROLL, at)
        page.wait_for_function(DRAWN, arg=[at, many], timeout=20_000)


def test_the_drift_report_runs_and_draws_and_writes_nothing(lab: Lab, database_url: str) -> None:
    before = fingerprint(database_url)
    page, cells = run_all(lab, "drift_report.ipynb")
    assert errors(cells) == []
    assert all(cell["execution_count"] for cell in cells if cell["cell_type"] == "code")
    assert sum(charts(cells).values()) >= 10
    draw_all(page, cells)
    page.evaluate(SCROLL, next(at for at, cell in enumerate(cells) if cell["id"] == "verdict"))
    banner = page.locator(".mondrift .banner").first
    banner.wait_for(timeout=10_000)
    assert "Accuracy fell by 15.9 points" in banner.inner_text()
    assert fingerprint(database_url) == before
    page.context.close()


def test_getting_started_runs_and_draws(lab: Lab) -> None:
    page, cells = run_all(lab, "getting_started.ipynb")
    assert errors(cells) == []
    assert sum(charts(cells).values()) == 2
    draw_all(page, cells)
    page.evaluate(SCROLL, next(at for at, cell in enumerate(cells) if cell["id"] == "verdict"))
    banner = page.locator(".mondrift .banner").first
    banner.wait_for(timeout=10_000)
    assert "2 of 3 columns drifted: income, channel" in banner.inner_text()
    page.context.close()


def test_nothing_was_asked_of_the_world_and_nothing_went_wrong_in_the_pages(lab: Lab) -> None:
    assert lab.asked == []
    assert lab.errors == []
