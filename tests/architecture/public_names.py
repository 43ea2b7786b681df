"""`mondrift.__all__`, read from the source: these tests hold even while the package is broken."""

from __future__ import annotations

import ast

from tests.rings import ROOT


def public_names() -> list[str]:
    """The literal list in mondrift/__init__.py."""
    tree = ast.parse((ROOT / "mondrift" / "__init__.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    raise AssertionError("mondrift/__init__.py has no literal __all__")
