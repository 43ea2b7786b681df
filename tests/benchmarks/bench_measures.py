"""All default measures against scipy, in the same run: CPU ratios, their spread, memory.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_measures.py [--quick]

The floor is `ks_2samp` and `wasserstein_distance` for each numeric column and `chi2_contingency`
of counted codes for each categorical one. Ours is layout, both summaries and every default
measure. CPU time of one process, so that others on the machine disturb it little. Read the
ratios: seconds depend on the machine. Where scipy would take many minutes it is measured on a
share of the columns and scaled, and the line says so.

Up to 10 000 rows `ks_2samp` computes the exact p-value: a closed form when both windows have the
same number of rows, a count of paths at several times its cost when not. Real windows never have
the same number, so both are shown.
"""

from __future__ import annotations

import argparse
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import stats

from mondrift.measures import MEASURES, Column, summarize, summarize_reference
from mondrift.measures.column import numeric

BLOCK = 25  # columns in memory at once: 20 numeric, 5 categorical
LEVELS = tuple(f"level {place:02d}" for place in range(20))
SHAPES: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal": lambda random, n: random.normal(size=n),
    "lognormal": lambda random, n: random.lognormal(0.0, 1.5, n),
    "heavy tails": lambda random, n: random.standard_t(2, n),
    "far from zero": lambda random, n: random.normal(1e6, 1.0, n),
    "zeros": lambda random, n: np.where(random.random(n) < 0.4, 0.0, random.exponential(1.0, n)),
    "whole numbers": lambda random, n: np.round(random.normal(50.0, 20.0, n)),
}


Pair = tuple[Column, Column]


def ours(reference: Column, current: Column) -> list[Any]:
    """Layout, summaries and every default measure of one column."""
    one = summarize_reference(reference)
    other = summarize(current, one.layout)
    return [
        measure(one, other)
        for measure in MEASURES.values()
        if measure.default and reference.kind in measure.kinds
    ]


def floor(reference: Column, current: Column) -> None:
    """What plain scipy needs for one column."""
    if reference.kind == "numeric":
        stats.ks_2samp(reference.values, current.values)
        stats.wasserstein_distance(reference.values, current.values)
    else:
        counted = [np.unique(each.values, return_counts=True)[1] for each in (reference, current)]
        stats.chi2_contingency(np.array(counted), correction=False)


def cpu(work: Callable[[Column, Column], Any], columns: list[Pair]) -> float:
    """CPU seconds of `work` over all columns."""
    start = time.process_time()
    for pair in columns:
        work(*pair)
    return time.process_time() - start


def ratios(name: str, blocks: Iterator[list[Pair]], rounds: int, sampled: int = 1_000_000) -> None:
    """Print the CPU of both and their ratio: median, and lowest to highest of the rounds.

    Only the first `sampled` blocks are given to scipy, and its time is scaled to all.
    """
    mine, theirs, columns, seen = [0.0] * rounds, [0.0] * rounds, 0, 0
    for place, block in enumerate(blocks):
        cpu(ours, block[:1]), cpu(floor, block[:1])
        columns += len(block)
        seen += len(block) if place < sampled else 0
        for each in range(rounds):
            mine[each] += cpu(ours, block)
            theirs[each] += cpu(floor, block) if place < sampled else 0.0
    theirs = [each * columns / seen for each in theirs]
    quotients = [there / here for here, there in zip(mine, theirs, strict=True)]
    note = f"   scipy on {seen} columns, scaled" if seen < columns else ""
    print(
        f"{name:34s} ours {statistics.median(mine):8.3f} s   scipy {statistics.median(theirs):8.2f}"
        f" s   ratio {statistics.median(quotients):5.1f} ({min(quotients):.1f} to "
        f"{max(quotients):.1f})   ours {statistics.median(mine) / columns * 1e3:.2f} ms "
        f"a column{note}",
        flush=True,
    )


def tables(random: np.random.Generator, columns: int, n: int, m: int) -> Iterator[list[Pair]]:
    """Blocks of columns, four fifths numeric, of shapes in turn; n reference, m current rows."""
    shapes = list(SHAPES.values())[:4]
    for _ in range(columns // BLOCK):
        block: list[Pair] = []
        for place in range(BLOCK):
            if place % 5 < 4:
                shape = shapes[place % len(shapes)]
                block.append((numeric(shape(random, n)), numeric(shape(random, m))))
            else:
                one, other = (random.integers(0, 20, size).astype(np.int32) for size in (n, m))
                block.append((_levelled(one), _levelled(other)))
        yield block


def _levelled(codes: np.ndarray) -> Column:
    return Column("x", "categorical", codes, LEVELS)


def memory(blocks: Iterator[list[Pair]]) -> None:
    """Print the most that was allocated over the data, with all results kept."""
    kept, most, columns = [], 0, 0
    tracemalloc.start()
    for block in blocks:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        kept += [ours(*pair) for pair in block]
        most = max(most, tracemalloc.get_traced_memory()[1] - before)
        columns += len(block)
    print(f"{columns} columns: memory over the data {most / 1e6:.1f} MB at most in a block")
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
        alike = [(numeric(shape(random, n)), numeric(shape(random, m))) for _ in range(2)]
        ratios(f"2 columns, {name}", iter([alike]), 3)
    ratios(f"25 columns × ({n}, {m})", tables(random, 25, n, m), 3)
    memory(tables(random, 25, n, m))
    n, few = 100_000 // share, 10_000 // share
    for columns in (25, 100, 1000 // share):
        ratios(f"{columns} columns × {few}", tables(random, columns, few, few), 5, 8)
        memory(tables(random, columns, few, few))
    unequal = few - few // 100
    ratios(f"{columns} columns × ({few}, {unequal})", tables(random, columns, few, unequal), 5, 8)
    ratios(f"{columns} columns × {n}", tables(random, columns, n, n), 3, 2)


if __name__ == "__main__":
    main()
