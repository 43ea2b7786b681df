"""The published table of false alarms and power: simulated, counted, written, rendered.

    python -m tests.calibration.table --minutes 60 --workers 2

`docs/calibration.json` holds the counts; a later run adds batches to it. What a cell was counted
with is known by its fingerprint (`fingerprint.py`): where mondrift says something else by now, the
cell begins anew. `docs/calibration.md` shows the counts with Clopper-Pearson intervals. A figure
that was not simulated is not printed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import mondrift
from tests.calibration import render
from tests.calibration.fingerprint import Readings, agree
from tests.calibration.plan import PLAN, Cell, Key

ROOT = Path(__file__).resolve().parent.parent.parent
JSON, PAGE = ROOT / "docs" / "calibration.json", ROOT / "docs" / "calibration.md"

Task = tuple[str, Cell, int]
Place = tuple[str, Cell]


def run(task: Task) -> tuple[Task, Counter[Key]]:
    """One task, wherever it is run."""
    part, cell, number = task
    return task, PLAN[part].run(cell, number)


class Table:
    """Counts on their way to and from the file, by the part and the cell of the plan."""

    def __init__(self) -> None:
        self.batches: Counter[Place] = Counter()
        self.fingerprints: dict[Place, Readings] = {}
        self.counts: dict[Place, Counter[Key]] = {}

    @classmethod
    def read(cls, file: Path) -> Table:
        """What the file holds; nothing when there is none."""
        table = cls()
        stored = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"cells": []}
        for each in stored["cells"]:
            place = (each["part"], tuple(each["cell"]))
            table.batches[place] = each["batches"]
            table.fingerprints[place] = each["fingerprint"]
            table.counts[place] = Counter({tuple(key): count for *key, count in each["counts"]})
        return table

    def outdated(self) -> list[Place]:
        """Cells of which mondrift does not say any more what it said when they were counted."""
        return [
            (part, cell)
            for (part, cell), known in self.fingerprints.items()
            if part not in PLAN or not agree(known, PLAN[part].readings(cell), PLAN[part].tolerance)
        ]

    def drop(self, place: Place) -> None:
        """A cell that begins anew."""
        del self.batches[place], self.fingerprints[place], self.counts[place]

    def add(self, task: Task, counts: Counter[Key]) -> None:
        """A finished batch; batches of a cell are added in order."""
        part, cell, number = task
        if (part, cell) not in self.fingerprints:
            self.fingerprints[part, cell] = PLAN[part].readings(cell)
            self.counts[part, cell] = Counter()
        self.batches[part, cell] = number + 1
        for key, count in counts.items():
            self.counts[part, cell][key] += count

    def open_tasks(self, only: Sequence[str]) -> list[Task]:
        """What the plan still wants; every cell gets about its share of the time."""
        tasks = [
            ((number + 1) * part.seconds(cell) / part.share, (name, cell, number))
            for name, part in PLAN.items()
            if name in only
            for cell, wanted in part.cells.items()
            for number in range(self.batches[name, cell], wanted)
        ]
        return [task for _, task in sorted(tasks, key=lambda each: (each[0], str(each[1])))]

    def write(self, file: Path, page: Path) -> None:
        """Sorted, so that the same counts are the same bytes."""
        versions = {"mondrift": mondrift.__version__, "numpy": np.__version__}
        cells = ",\n".join(self._written(place) for place in sorted(self.counts, key=str))
        head = f'"versions": {json.dumps(versions)}'
        file.write_text(f'{{{head},\n"cells": [\n{cells}\n]}}\n', encoding="utf-8")
        page.write_text(render.page(json.loads(file.read_text(encoding="utf-8"))), encoding="utf-8")

    def _written(self, place: Place) -> str:
        head = {
            "part": place[0],
            "cell": list(place[1]),
            "batches": self.batches[place],
            "fingerprint": dict(sorted(self.fingerprints[place].items())),
        }
        told = json.dumps(head, ensure_ascii=False)
        rows = sorted(([*key, count] for key, count in self.counts[place].items()), key=str)
        lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        return f'{told[:-1]}, "counts": [\n{lines}\n]}}'


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0, help="stop after so long")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", action="append", choices=list(PLAN), help="this part only")
    parser.add_argument("--json", type=Path, default=JSON)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    table = Table.read(options.json)
    for place in table.outdated():
        print(f"begins anew, for the statistics have changed: {place[0]} {place[1]}")
        table.drop(place)
    tasks = table.open_tasks(options.only or list(PLAN))
    until = time.monotonic() + 60 * options.minutes
    saved = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        for task, counts in pool.imap(run, tasks):
            table.add(task, counts)
            if time.monotonic() - saved > 60:
                table.write(options.json, options.page)
                saved = time.monotonic()
            if time.monotonic() > until:
                break
        pool.terminate()
    table.write(options.json, options.page)
    print(f"{len(tasks)} batches were open; {options.page} is written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
