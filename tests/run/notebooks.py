"""Small notebooks for the tests of the runner."""

from __future__ import annotations

from pathlib import Path

from mondrift.lean import lean_imports

with lean_imports():
    import nbformat

RUN_ID = 'run_id: str = ""  # which check'


def made(*sources: str, parameters: str = RUN_ID) -> nbformat.NotebookNode:
    """A notebook with a title, a parameters cell, and one code cell per source."""
    first = nbformat.v4.new_markdown_cell("# A report\n\nIs it so?")
    second = nbformat.v4.new_code_cell(parameters)
    second.metadata["tags"] = ["parameters"]
    codes = [nbformat.v4.new_code_cell(source) for source in sources]
    return nbformat.v4.new_notebook(cells=[first, second, *codes])


def save(notebook: nbformat.NotebookNode, path: Path) -> Path:
    """Write it; give its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path
