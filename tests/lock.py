"""Prints constraints.txt from pip's report of a dry run: names and versions, nothing else.

    pip install --dry-run --ignore-installed --report report.json -e ".[dev]"
    python tests/lock.py report.json > constraints.txt

`make lock` does both. Addresses and hashes in the report stay there: where packages come from is
the reader's own pip configuration.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

HEADER = """\
# The newest versions that were tested together: names and versions, written by `make lock`.
# Resolved on the oldest Python that mondrift supports, so that newer ones can use it too.
"""


def locked(report: dict[str, Any]) -> list[str]:
    """One `name==version` for each package that pip would install, without mondrift itself.

    >>> locked({"install": [{"metadata": {"name": "PyYAML", "version": "6.0.3"}},
    ...                     {"metadata": {"name": "mondrift", "version": "0.1.0"}}]})
    ['pyyaml==6.0.3']
    """
    found = (each["metadata"] for each in report["install"])
    pairs = ((re.sub(r"[-_.]+", "-", each["name"]).lower(), each["version"]) for each in found)
    return sorted(f"{name}=={version}" for name, version in pairs if name != "mondrift")


if __name__ == "__main__":
    report = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.stdout.write(HEADER + "\n".join(locked(report)) + "\n")
