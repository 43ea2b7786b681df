"""All default measures against scipy, in the same run: CPU ratios, their spread, memory.

    python tests/benchmarks/bench_measures.py [--quick]

The floor is `ks_2samp` and `wasserstein_distance` for each numeric column and `chi2_contingency`
of counted codes for each categorical one. Ours is layout, both summaries and every default
measure. Read the ratios: seconds depend on the machine.
"""

from __future__ import annotations

import argparse
import statistics
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
from scipy import stats

from mondrift.measures import MEASURES, Column, fit_layout, summarize
from mondrift.measures.column import numeric

LEVELS = tuple(f"level {place:02d}" for place in range(20))
SHAPES: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal": lambda random, n: random.normal(size=n),
    "lognormal": lambda random, n: random.lognormal(0.0, 1.5, n),
    "heavy tails": lambda random, n: random.standard_t(2, n),
    "far from zero": lambda random, n: random.normal(1e6, 1.0, n),
    "zeros": lambda random, n: np.where(random.random(n) < 0.4, 0.0, random.exponential(1.0, n)),
    "whole numbers": lambda random, n: np.round(random.normal(50.0, 20.0, n)),
}


def ours(reference: Column, current: Column) -> None:
    """Layout, summaries and every default measure of one column."""
    layout = fit_layout(reference)
    one, other = summarize(reference, layout), summarize(current, layout)
    for measure in MEASURES.values():
        if measure.default and reference.kind in measure.kinds:
            measure(one, other)


def floor(reference: Column, current: Column) -> None:
    """What plain scipy needs for one column."""
    if reference.kind == "numeric":
        stats.ks_2samp(reference.values, current.values)
        stats.wasserstein_distance(reference.values, current.values)
    else:
        counted = [np.unique(each.values, return_counts=True)[1] for each in (reference, current)]
        stats.chi2_contingency(np.array(counted), correction=False)


def cpu(work: Callable[[Column, Column], None], columns: list[tuple[Column, Column]]) -> float:
    """CPU seconds of `work` over all columns."""
    start = time.process_time()
    for pair in columns:
        work(*pair)
    return time.process_time() - start


def ratios(name: str, columns: list[tuple[Column, Column]], rounds: int) -> None:
    """Print the CPU of both and their ratio: median, and lowest to highest of the rounds."""
    ours(*columns[0])
    floor(*columns[0])
    pairs = [(cpu(ours, columns), cpu(floor, columns)) for _ in range(rounds)]
    quotients = [theirs / mine for mine, theirs in pairs]
    mine, theirs = (statistics.median(each) for each in zip(*pairs, strict=True))
    print(
        f"{name:34s} ours {mine:8.3f} s   scipy {theirs:8.2f} s   ratio "
        f"{statistics.median(quotients):5.1f} ({min(quotients):.1f} to {max(quotients):.1f})"
    )


def table(
    random: np.random.Generator, numerics: int, categoricals: int, n: int, m: int
) -> list[tuple[Column, Column]]:
    """Columns of shapes in turn, reference and current."""
    shapes = list(SHAPES.values())[:4]
    columns = [
        tuple(numeric(shapes[place % len(shapes)](random, size)) for size in (n, m))
        for place in range(numerics)
    ]
    for _ in range(categoricals):
        codes = [random.integers(0, len(LEVELS), size).astype(np.int32) for size in (n, m)]
        columns.append(tuple(Column("x", "categorical", each, LEVELS) for each in codes))
    return [(reference, current) for reference, current in columns]


def memory(columns: list[tuple[Column, Column]]) -> None:
    """Print the most that was allocated over the data, column by column."""
    tracemalloc.start()
    for pair in columns:
        ours(*pair)
    print(f"memory over the data: {tracemalloc.get_traced_memory()[1] / 1e6:.0f} MB at most")
    tracemalloc.stop()


def main() -> None:
    """Each shape alone, then the tables of the specification."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows and columns")
    share = 10 if parser.parse_args().quick else 1
    random = np.random.default_rng(0)
    n, m = 100_000 // share, 1_000_000 // share
    print(f"reference {n}, current {m}")
    for name, shape in SHAPES.items():
        alike = [(numeric(shape(random, n)), numeric(shape(random, m))) for _ in range(4)]
        ratios(f"4 columns, {name}", alike, 3)
    columns = table(random, 20, 5, n, m)
    ratios("20 numeric and 5 categorical", columns, 3)
    memory(columns)
    for width in (25, 100, 1000 // share):
        columns = table(random, width * 4 // 5, width // 5, n // 10, n // 10)
        ratios(f"{width} columns × {n // 10} rows", columns, 1)


if __name__ == "__main__":
    main()
