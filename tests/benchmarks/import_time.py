"""Seconds that a first use of mondrift adds to `import numpy, pandas` (SPEC: at most 0.3).

    python tests/benchmarks/import_time.py

CPU seconds of fresh interpreters, taken in turns, the median of each: a busy machine disturbs them
less than the clock on the wall, and disturbs both alike.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

ROUNDS = 9
FLOOR = "import numpy, pandas"
OURS = f"{FLOOR}; from mondrift import compare, judge"


def seconds(program: str) -> float:
    """CPU seconds of one fresh interpreter."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    seconds(OURS)  # compiles the bytecode
    pairs = [(seconds(FLOOR), seconds(OURS)) for _ in range(ROUNDS)]
    floor, ours = (statistics.median(each) for each in zip(*pairs, strict=True))
    print(f"{FLOOR:<30}  {floor:.3f} s")
    print(
        f"{OURS:<30}  {ours:.3f} s  (+{ours - floor:.3f} s, {ours / floor:.2f} x; SPEC: +0.300 s)"
    )
