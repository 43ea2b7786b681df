"""How a chart leaves a notebook's cell: as data, which JupyterLab draws and the exporter reads.

Altair's own renderers load the library from a CDN (`html`), embed it once per chart (`jupyter`), or
name a mimetype that nbformat refuses (`mimetype` in Altair 6). This one says
`application/vnd.vegalite.v5+json`: valid in a notebook file, drawn offline by JupyterLab 4,
Notebook 7 and VS Code.
"""

from __future__ import annotations

from typing import Any

import altair as alt

MIME = "application/vnd.vegalite.v5+json"
SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
NAME = "mondrift"
WIDTH = 640
"""Width of a chart in a notebook's cell, in pixels."""
FILLS = {"mondrift": {"width": "container"}}


def render(spec: dict[str, Any]) -> dict[str, Any]:
    """The mimebundle of a chart: the spec, and a line of text for a terminal.

    >>> sorted(render({"mark": "bar"}))
    ['application/vnd.vegalite.v5+json', 'text/plain']
    """
    # A spec of version 6 draws in version 5 too; the name in it only makes the drawer warn.
    shown = {**spec, "$schema": SCHEMA}
    if spec.get("width") == "container":
        # JupyterLab 4.6 hangs on a container's width; a page reads the mark and fills its own.
        shown |= {"width": WIDTH, "usermeta": FILLS}
    return {MIME: shown, "text/plain": "<chart>"}


def enable() -> None:
    """Let every Altair chart of this session leave its cell as data (see the module).

    Changes Altair's active renderer, and nothing else; `alt.renderers.enable("default")` undoes it.
    """
    alt.renderers.register(NAME, render)
    alt.renderers.enable(NAME)
