"""A million labelled rows in ten segments against the bare scikit-learn calls, as a ratio.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_performance.py [--rows N]

The floor is accuracy, precision, recall and F1, ROC AUC, Brier score and log loss of scikit-learn,
per segment and over all rows: values, without limits. Ours is `performance` of both windows: the
same values and PR AUC with limits, confusion, calibration error and curve. The floor is called for
both windows, too. CPU time of one process.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn import metrics as theirs

from mondrift.pair import segments
from mondrift.performance import performance
from mondrift.rows import Rows, read
from mondrift.schema import Schema
from mondrift.slices import slices

SCHEMA = Schema(target="came", prediction="said", probability="score", segments=("town",))
TOWNS = 10


def rows(n: int, seed: int) -> pd.DataFrame:
    """A calibrated score, predictions at one half, ten towns, twenty features of no use."""
    random = np.random.default_rng(seed)
    score = random.beta(0.7, 1.5, n)
    frame = {f"x{i}": random.normal(size=n) for i in range(20)}
    town = pd.Categorical.from_codes(random.integers(0, TOWNS, n), [f"t{i}" for i in range(TOWNS)])
    came = (random.random(n) < score).astype(int)
    return pd.DataFrame(
        {"town": town, "came": came, "said": (score > 0.5).astype(int), "score": score, **frame}
    )


def floor(frame: pd.DataFrame) -> None:
    """The bare calls, over all rows and in each segment."""
    town = frame["town"].cat.codes.to_numpy()
    came, said, score = (frame[name].to_numpy() for name in ("came", "said", "score"))
    for inside in (np.ones(len(frame), bool), *(town == code for code in range(TOWNS))):
        target, guess, chance = came[inside], said[inside], score[inside]
        theirs.accuracy_score(target, guess)
        theirs.precision_recall_fscore_support(target, guess, average="binary")
        theirs.roc_auc_score(target, chance)
        theirs.brier_score_loss(target, chance)
        theirs.log_loss(target, chance)


def ours(before: Rows, after: Rows) -> None:
    """Every metric of both windows, over all rows and in each segment."""
    performance(before, after, "", 0)
    for pair in segments(before, after):
        assert isinstance(pair.before, Rows) and isinstance(pair.after, Rows)
        performance(pair.before, pair.after, pair.segment, 0)


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of `work`."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    """Print the ratio, its median and range over five turns, and what the search costs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    n = parser.parse_args().rows
    one, other = rows(n, 0), rows(n, 1)
    schema = SCHEMA.fit(one)
    before, after = read(one, schema, label="reference"), read(other, schema)
    ratios, times = [], []
    for _ in range(5):
        bare = seconds(lambda: floor(one)) + seconds(lambda: floor(other))
        own = seconds(lambda: ours(before, after))
        ratios.append(own / bare)
        times.append((own, bare))
    own, bare = (statistics.median(each) for each in zip(*times, strict=True))
    print(f"{n:,} rows a window, {TOWNS} segments: {own:.2f} s, scikit-learn {bare:.2f} s; ratio ")
    print(f"  {statistics.median(ratios):.2f}  [{min(ratios):.2f} to {max(ratios):.2f}]")
    search = [seconds(lambda: slices(before, after)) for _ in range(3)]
    print(f"search over 21 features: {statistics.median(search):.2f} s")


if __name__ == "__main__":
    main()
