"""Run all cells of our notebooks, as a person does: in JupyterLab, in a browser."""

from __future__ import annotations

from typing import Any

import pytest

from tests.jupyterlab.conftest import PATIENCE, Lab
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
# Every chart of a cell is drawn: its canvas has coloured ink; axes and their words are grey.
DRAWN = """([at, many]) => {
    const node = jupyterapp.shell.currentWidget.content.widgets[at].node;
    const drawn = [...node.querySelectorAll(".vega-embed canvas")].filter(canvas => {
        if (!canvas.width || !canvas.height) return false;
        const area = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        let coloured = 0;
        for (let i = 0; i < area.data.length; i += 4) {
            const [r, g, b] = area.data.subarray(i, i + 3);
            if (Math.max(r, g, b) - Math.min(r, g, b) > 40) coloured += 1;
        }
        return coloured > 200;
    });
    return drawn.length === many;
}"""


def run_all(lab: Lab, name: str) -> list[dict[str, Any]]:
    """The cells of a notebook after all have run."""
    lab.open(name)
    lab.page.evaluate(RUN_ALL)
    lab.page.wait_for_function(FINISHED, timeout=PATIENCE)
    cells: list[dict[str, Any]] = lab.page.evaluate(CELLS)
    return cells


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


def draw_all(lab: Lab, cells: list[dict[str, Any]]) -> None:
    """Scroll to every chart, and wait until it is drawn."""
    for at, many in charts(cells).items():
        lab.page.evaluate(SCROLL, at)
        lab.page.wait_for_function(DRAWN, arg=[at, many], timeout=PATIENCE)


def banner(lab: Lab, cells: list[dict[str, Any]], shown_by: str = "verdict") -> str:
    """The words of the verdict's banner, once it is seen."""
    at = next(at for at, cell in enumerate(cells) if cell["id"] == shown_by)
    lab.page.evaluate(SCROLL, at)
    seen = lab.page.locator(".jp-Notebook:visible .banner").first
    seen.wait_for(timeout=PATIENCE)
    return str(seen.inner_text())


def test_the_drift_report_runs_and_draws_and_writes_nothing(lab: Lab, database_url: str) -> None:
    before = fingerprint(database_url)
    cells = run_all(lab, "drift_report.ipynb")
    assert errors(cells) == []
    assert all(cell["execution_count"] for cell in cells if cell["cell_type"] == "code")
    assert sum(charts(cells).values()) >= 10
    draw_all(lab, cells)
    assert "Accuracy fell by 15.9 points" in banner(lab, cells)
    assert fingerprint(database_url) == before


def test_the_performance_report_runs_and_draws_and_writes_nothing(
    lab: Lab, database_url: str
) -> None:
    before = fingerprint(database_url)
    cells = run_all(lab, "performance_report.ipynb")
    assert errors(cells) == []
    assert sum(charts(cells).values()) >= 7
    draw_all(lab, cells)
    assert "No: accuracy fell by 15.9 points, to 63.4\xa0%." in banner(lab, cells, "appraise")
    assert fingerprint(database_url) == before


def test_getting_started_runs_and_draws(lab: Lab) -> None:
    cells = run_all(lab, "getting_started.ipynb")
    assert errors(cells) == []
    assert sum(charts(cells).values()) == 2
    draw_all(lab, cells)
    assert "2 of 3 columns drifted: income, channel" in banner(lab, cells)


def test_nothing_was_asked_of_the_world_and_nothing_went_wrong_in_the_page(lab: Lab) -> None:
    assert lab.asked == []
    assert lab.errors == []
