import pytest
from tests.jupyterlab.test_lab import CELLS, charts
pytestmark = [pytest.mark.servers, pytest.mark.jupyterlab]
def test_dbg(lab):
    lab.open("getting_started.ipynb")
    lab.page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
    lab.page.wait_for_timeout(1000)
    print(lab.page.evaluate("() => [document.querySelectorAll('.vega-embed canvas').length, document.querySelectorAll('.vega-embed svg.marks').length, document.querySelector('.vega-embed')?.innerHTML.slice(0,900)]"))
    lab.page.screenshot(path="/tmp/w/shot5.png")
