"""Imports of other packages without what they load in vain."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def lean_imports() -> Iterator[None]:
    """Import nbformat or Altair without `rfc3987_syntax`, which costs a second or more.

    JupyterLab brings it, and jsonschema then loads its grammar on import, to check addresses with
    letters beyond ASCII (`format: iri`): neither notebooks nor charts have that in their schemas.
    """
    absent = "rfc3987_syntax" not in sys.modules
    if absent:
        sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if absent:
            del sys.modules["rfc3987_syntax"]
