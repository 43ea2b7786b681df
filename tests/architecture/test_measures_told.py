"""docs/measures.md tells of every measure, and of no other."""

from __future__ import annotations

import re

from mondrift.measures import MEASURES
from tests.rings import ROOT


def test_every_measure_is_told_and_every_told_one_exists() -> None:
    page = (ROOT / "docs" / "measures.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    told = [name for row in rows for name in re.findall(r"`([a-z_]+)`", row)]
    assert sorted(told) == sorted(MEASURES)
