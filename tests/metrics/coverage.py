"""What the intervals of metrics cover, simulated: `python -m tests.metrics.coverage` (minutes).

Writes coverage.json beside this file and the table in docs/performance.md. With `--table` only the
table is written again, from the file.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtr

from mondrift.metrics import Value, evaluate, evaluate_latency

FILE = Path(__file__).with_suffix(".json")
PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
BEGIN, END = "<!-- coverage: begin -->\n", "<!-- coverage: end -->\n"
SIZES = (30, 100, 300, 1000)
REPLICATES = 1000

Values = dict[str, Value]
Draw = Callable[[np.random.Generator, int], Values]


def binary(rng: np.random.Generator, n: int) -> Values:
    """Three of ten rows are positive; calibrated scores one standard deviation apart."""
    target = (rng.uniform(size=n) < 0.3).astype(int)
    score = rng.normal(size=n) + target
    probability = 1 / (1 + np.exp(-(math.log(0.3 / 0.7) - 0.5 + score)))
    return evaluate(target, (probability > 0.35).astype(int), probability, task="binary")


def classes(rng: np.random.Generator, n: int) -> Values:
    """Three classes of .6, .3 and .1 of the rows."""
    joint = np.array([0.56, 0.03, 0.01, 0.06, 0.22, 0.02, 0.03, 0.02, 0.05])
    cells = rng.choice(9, size=n, p=joint)
    return evaluate(cells // 3, cells % 3, task="multiclass")


def normal(rng: np.random.Generator, n: int) -> Values:
    """Normal errors with a bias of .3, targets with a standard deviation of 2."""
    target = rng.normal(10, 2, size=n)
    return evaluate(target, target + rng.normal(0.3, 1, size=n), task="regression")


def skewed(rng: np.random.Generator, n: int) -> Values:
    """Exponential errors, always too high."""
    target = rng.normal(10, 2, size=n)
    return evaluate(target, target + rng.exponential(size=n), task="regression")


def latency(rng: np.random.Generator, n: int) -> Values:
    """Exponential durations."""
    return evaluate_latency(rng.exponential(size=n))


_BINARY = ("accuracy", "precision", "recall", "f1", "roc_auc", "pr_auc", "brier", "log_loss")
_MACRO = ("precision_macro", "recall_macro", "f1_macro", "f1_weighted")
_ABSOLUTE = math.sqrt(2 / math.pi) * math.exp(-(0.3**2) / 2) + 0.3 * (1 - 2 * float(ndtr(-0.3)))
_LATENCY = {"latency_p50": math.log(2), "latency_p95": math.log(20), "latency_p99": math.log(100)}
CASES: dict[str, tuple[Draw, tuple[str, ...], dict[str, float]]] = {
    "binary, 30 % positive": (binary, _BINARY, {"roc_auc": float(ndtr(math.sqrt(0.5)))}),
    "three classes": (classes, _MACRO, {}),
    "normal errors": (
        normal,
        ("mae", "rmse", "r2", "bias"),
        {"mae": _ABSOLUTE, "rmse": math.sqrt(1.09), "r2": 1 - 1.09 / 4, "bias": 0.3},
    ),
    "exponential errors": (
        skewed,
        ("mae", "rmse", "r2", "bias"),
        {"mae": 1.0, "rmse": math.sqrt(2), "r2": 0.5, "bias": 1.0},
    ),
    "latency, exponential": (latency, tuple(_LATENCY), _LATENCY),
}


def measure() -> dict[str, Any]:
    """{case: {metric: {size: [covered, with an interval, replicates]}}}."""
    found: dict[str, Any] = {}
    for number, (case, (draw, names, exact)) in enumerate(CASES.items()):
        rng = np.random.default_rng(number)
        large = draw(rng, 4_000_000) if set(exact) != set(names) else {}
        truth = {name: exact.get(name, large[name].value if large else 0.0) for name in names}
        found[case] = {name: {} for name in names}
        for n in SIZES:
            counts = {name: [0, 0, REPLICATES] for name in names}
            for _ in range(REPLICATES):
                values = draw(rng, n)
                for name in names:
                    low, high = values[name].low, values[name].high
                    if low is not None and high is not None:
                        counts[name][1] += 1
                        counts[name][0] += low <= truth[name] <= high
            for name in names:
                found[case][name][str(n)] = counts[name]
    return found


def table(found: dict[str, Any]) -> str:
    """Markdown: per metric, coverage at each size; in brackets the share with an interval."""
    lines = [
        f"| what | metric | {' | '.join(f'n = {n}' for n in SIZES)} |",
        f"|---|---|{'---|' * len(SIZES)}",
    ]
    for case, metrics in found.items():
        for name, by_size in metrics.items():
            cells = [_cell(*by_size[str(n)]) for n in SIZES]
            lines.append(f"| {case} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(covered: int, shown: int, of: int) -> str:
    if shown < of / 10:
        return "none" if not shown else f"– ({100 * shown / of:.0f} %)"
    text = f"{100 * covered / shown:.1f}"
    return text if shown == of else f"{text} ({100 * shown / of:.0f} %)"


def main() -> None:
    """Simulate (unless told not to), and write the table into the page."""
    if "--table" not in sys.argv:
        FILE.write_text(json.dumps(measure(), indent=1) + "\n", encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    found = json.loads(FILE.read_text(encoding="utf-8"))
    PAGE.write_text(before + BEGIN + table(found) + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
