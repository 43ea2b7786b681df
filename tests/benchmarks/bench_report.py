"""What a report costs: papermill and export for ten charts, a page from a DataFrame, pages' sizes.

    python tests/benchmarks/bench_report.py [--quick]

Overhead is the CPU of this process and the kernel for executing a notebook with ten charts and
writing its page, less the CPU of a plain Python process that makes the same charts: what one pays
for having a report instead of a script. CPU seconds, since others on the machine disturb those
less than the clock; a DataFrame to a page is told by both. Medians of three, with the spread.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import mondrift as md
from mondrift.cli.compare import write_page
from mondrift.lean import lean_imports
from mondrift.run.exporter import export
from mondrift.run.notebook import execute, read_notebook

WORK = """\
import mondrift as md, mondrift.charts, numpy as np, pandas as pd
mondrift.charts.enable()
def rows(seed):
    random = np.random.default_rng(seed)
    return pd.DataFrame({f"x{i}": random.normal(size=5000) for i in range(10)})
comparison = md.compare(rows(0), rows(1))
"""
CHARTS = [f"comparison.plot('x{i}')" for i in range(10)]


def cpu() -> float:
    """CPU seconds of this process and of its children that have ended."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in spent)


def measured(action: Callable[[], object], times: int) -> str:
    """Median and spread of CPU and of the clock, in seconds."""
    spent, took = [], []
    for _ in range(times):
        begun, clock = cpu(), time.perf_counter()
        action()
        spent.append(cpu() - begun)
        took.append(time.perf_counter() - clock)
    return f"{told(spent)} CPU, {told(took)} by the clock"


def told(values: list[float]) -> str:
    """A median with its spread."""
    return f"{statistics.median(values):.2f} s ({min(values):.2f} to {max(values):.2f})"


def overhead(times: int) -> None:
    """Ten charts as a report, and as a script."""
    with lean_imports():
        import nbformat
    cells = [nbformat.v4.new_markdown_cell("# Ten charts")]
    cells += [nbformat.v4.new_code_cell(text) for text in (WORK, *CHARTS)]
    script = "\n".join([WORK, *(f"{chart}.to_dict()" for chart in CHARTS)])
    report, plain = {0: [], 8: []}, []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ten.ipynb")
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
        execute(read_notebook(path), {}, folder=Path(folder))  # papermill's imports, paid once
        for _ in range(times):
            begun = cpu()
            subprocess.run([sys.executable, "-c", script], check=True)
            plain.append(cpu() - begun)
            for stills in report:
                begun = cpu()
                done = execute(read_notebook(path), {}, folder=Path(folder))
                page = export(done.notebook).to_html(stills=stills)
                report[stills].append(cpu() - begun)
                assert not done.error
    print(f"script with the same charts: {told(plain)} CPU")
    for stills, spent in report.items():
        over = [one - other for one, other in zip(spent, plain, strict=True)]
        print(f"report, {stills} static images: {told(spent)}, overhead {told(over)} CPU")
    print(f"its page: {len(page) / 1e6:.2f} MB")


def rows(columns: int, n: int, seed: int) -> pd.DataFrame:
    """Four numeric columns in five, the rest categorical."""
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            f"c{i}": random.normal(size=n)
            if i % 5
            else pd.Categorical.from_codes(random.integers(0, 20, n), [f"l{k}" for k in range(20)])
            for i in range(columns)
        }
    )


def write(reference: pd.DataFrame, current: pd.DataFrame, path: Path) -> None:
    """What `mondrift compare --html` does with two DataFrames."""
    write_page(md.judge(md.compare(reference, current)), path, "Two windows")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rows and columns")
    quick = parser.parse_args().quick
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    overhead(1 if quick else 3)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "page.html")
        n = 100_000 if quick else 1_000_000
        reference, current = rows(25, n // 10, 0), rows(25, n, 1)
        spent = measured(lambda: write(reference, current, path), 1 if quick else 3)
        print(f"DataFrame to page, 25 × {n:,}: {spent}; {path.stat().st_size / 1e6:.2f} MB")
        for columns in (20, 100) if quick else (20, 100, 1000):
            write(rows(columns, 5000, 0), rows(columns, 5000, 1), path)
            print(f"page of {columns} columns: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
