"""Whether a monitor's file fits what lies around it: its notebook, and the notebook's parameters.

Needs no store and no kernel. What only the store knows (the model, its columns) is told by a check.
"""

from __future__ import annotations

from mondrift.errors import RunError
from mondrift.run.document import Document
from mondrift.run.notebook import read_notebook
from mondrift.run.parameters import bind, parameters_of
from mondrift.run.workspace import Workspace


def check_notebook(document: Document, workspace: Workspace) -> None:
    """Complain about a notebook that is not there, and parameters that it does not take."""
    name = document.values.get("notebook") or "drift_report"
    given = document.values.get("parameters") or {}
    if not isinstance(name, str) or not isinstance(given, dict):
        return  # told already
    place = ("notebook",) if "notebook" in document.values else ()
    where = f"notebooks/{name}.ipynb"
    try:
        declared = parameters_of(read_notebook(workspace.notebook(name)), where)
    except RunError as error:
        document.complain(place, str(error))
        return
    for key, value in given.items():
        if isinstance(value, (str, int, float, bool)):
            try:
                bind(declared, {key: value}, where=where)
            except RunError as error:
                document.complain(("parameters", str(key)), str(error))
