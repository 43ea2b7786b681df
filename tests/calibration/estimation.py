"""The table of docs/estimation.md: does the realised value fall into its band, and who is warned?

    python -m tests.calibration.estimation --windows 1000 --only "two classes" …

Every window has a fresh reference, so that the band has to bear the calibration error as well.
Counts are added to docs/estimation.json, scenario by scenario; the table is rendered from them.
Windows go the whole way: rows, `estimates`, `expected`.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from mondrift.comparison import Comparison
from mondrift.estimates import ESTIMATED, estimates
from mondrift.expected import expected
from mondrift.metrics.intervals import clopper_pearson
from mondrift.performance import performance
from mondrift.policy import Policy
from mondrift.rows import read
from mondrift.schema import Schema
from tests.rings import ROOT

COUNTS = ROOT / "docs" / "estimation.json"
PAGE = ROOT / "docs" / "estimation.md"
MARKS = ("<!-- begin table -->\n", "<!-- end table -->\n")
Draw = Callable[[np.random.Generator, int], pd.DataFrame]

TWO = Schema(target="y", prediction="p", probability="s")
THREE = Schema(target="y", prediction="p", probability={"a": "a", "b": "b", "c": "c"})
NUMBER = Schema(target="y", prediction="p")


@dataclass(frozen=True)
class Scenario:
    """Two ways to draw rows and their numbers; `holds` says whether the assumption does."""

    schema: Schema
    before: tuple[Draw, int]
    after: tuple[Draw, int]
    holds: bool = True


def two(a: float = 2.0, b: float = 3.0, turned: float = 0.0) -> Draw:
    """Overconfident scores of chances Beta(a, b); a share of the labels turned around."""

    def draw(rng: np.random.Generator, n: int) -> pd.DataFrame:
        chance = rng.beta(a, b, n)
        label = (rng.random(n) < chance) ^ (rng.random(n) < turned)
        score = expit(2.5 * logit(chance) + 0.5)
        return pd.DataFrame({"y": label.astype(int), "p": (score > 0.5).astype(int), "s": score})

    return draw


def group(share: float) -> Draw:
    """Scores that are right on the whole at a share of .2, and too low in a group that grows."""

    def draw(rng: np.random.Generator, n: int) -> pd.DataFrame:
        inside = rng.random(n) < share
        score = rng.beta(2, 3, n)
        chance = expit(logit(score) + np.where(inside, 1.6, -0.35))
        label = (rng.random(n) < chance).astype(int)
        return pd.DataFrame({"y": label, "p": (score > 0.5).astype(int), "s": score})

    return draw


def three(shares: Sequence[float] = (0.5, 0.3, 0.2)) -> Draw:
    """Overconfident scores of three classes; other shares are other inputs."""

    def draw(rng: np.random.Generator, n: int) -> pd.DataFrame:
        centre = rng.choice(3, size=n, p=list(shares))
        odds = np.log([0.5, 0.3, 0.2]) + 1.3 * (rng.normal(size=(n, 3)) + 1.3 * np.eye(3)[centre])
        chance = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
        label = (rng.random(n)[:, None] > chance.cumsum(axis=1)).sum(axis=1).clip(0, 2)
        score = chance**2 / (chance**2).sum(axis=1, keepdims=True)
        names = np.array(["a", "b", "c"])
        frame = pd.DataFrame(score, columns=names)
        return frame.assign(y=names[label], p=names[score.argmax(axis=1)])

    return draw


def number(shift: float = 0.0, louder: float = 1.0) -> Draw:
    """Normal errors that grow with the prediction."""

    def draw(rng: np.random.Generator, n: int) -> pd.DataFrame:
        prediction = rng.normal(shift, 1, n)
        error = louder * np.exp(0.3 * prediction) * rng.normal(size=n)
        return pd.DataFrame({"y": prediction + error, "p": prediction})

    return draw


SCENARIOS = {
    "two classes": Scenario(TWO, (two(), 2000), (two(), 500)),
    "two classes, harder inputs": Scenario(TWO, (two(), 2000), (two(4, 4), 500)),
    "two classes, 9 % positives": Scenario(TWO, (two(1, 10), 5000), (two(1, 10), 1000)),
    "two classes, window of 10,000": Scenario(TWO, (two(), 5000), (two(), 10_000)),
    "three classes": Scenario(THREE, (three(), 2000), (three(), 500)),
    "three classes, other inputs": Scenario(THREE, (three(), 2000), (three((0.3, 0.3, 0.4)), 500)),
    "numbers": Scenario(NUMBER, (number(), 2000), (number(), 500)),
    "numbers, predictions half a σ higher": Scenario(NUMBER, (number(), 2000), (number(0.5), 500)),
    "two classes, a tenth of the labels turned": Scenario(
        TWO, (two(), 2000), (two(turned=0.1), 500), holds=False
    ),
    "two classes, a group grows whose scores are too low": Scenario(
        TWO, (group(0.2), 2000), (group(0.7), 500), holds=False
    ),
    "numbers, errors half as large again": Scenario(
        NUMBER, (number(), 2000), (number(louder=1.5), 500), holds=False
    ),
}


def simulate(name: str, numbers: Sequence[int]) -> Counter[str]:
    """What happened in some windows: banded, inside, warned and inconclusive, per metric."""
    scenario, counts = SCENARIOS[name], Counter[str]()
    for seed in numbers:
        rng = np.random.default_rng([list(SCENARIOS).index(name), seed])
        frames = [draw(rng, n) for draw, n in (scenario.before, scenario.after)]
        schema = scenario.schema.fit(frames[0])
        before, after = (read(frame, schema, label="") for frame in frames)
        realised = {m.measure: m for m in performance(before, after, "", seed)}
        found = estimates(before, after, seed)
        counts["windows"] += 1
        for each in found:
            metric = each.measure.removeprefix(ESTIMATED)
            if each.low is not None and each.high is not None:
                counts[f"{metric} banded"] += 1
                inside = each.low <= realised[metric].statistic <= each.high
                counts[f"{metric} inside"] += bool(inside)
        comparison = Comparison(before.window, after.window, schema, tuple(found), ())
        for finding in expected(comparison, Policy()):
            counts[finding.status] += 1
    return counts


def render(table: dict[str, dict[str, int]]) -> str:
    """The table, in Markdown; in brackets the 95 % Clopper-Pearson interval."""
    lines = [
        "| rows | metric | realised value inside its band | warned |",
        "|---|---|---|---|",
    ]
    for name, scenario in SCENARIOS.items():
        counts = table.get(name)
        if counts is None:
            continue
        windows = counts["windows"]
        sizes = f"{scenario.before[1]:,} and {scenario.after[1]:,} rows, {windows:,} windows"
        broken = "" if scenario.holds else "; **the assumption does not hold**"
        metrics = [key.split()[0] for key in counts if key.endswith(" banded")]
        for at, metric in enumerate(metrics):
            inside = _rate(counts.get(f"{metric} inside", 0), counts[f"{metric} banded"])
            first = f"{name} ({sizes}){broken}" if at == 0 else ""
            warned = _rate(counts.get("warning", 0), windows) if at == 0 else ""
            lines.append(f"| {first} | {metric} | {inside} | {warned} |")
    return "\n".join(lines) + "\n"


def _rate(count: int, n: int) -> str:
    low, high = (100 * end for end in clopper_pearson(count, n))
    return f"{100 * count / n:.1f} % [{low:.1f}, {high:.1f}]"


def written(page: str, table: str) -> str:
    """The page with the table between its marks."""
    start, end = (page.index(mark) for mark in MARKS)
    return page[: start + len(MARKS[0])] + table + page[end:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=0, help="so many more of each scenario")
    parser.add_argument("--only", nargs="*", choices=list(SCENARIOS), default=list(SCENARIOS))
    given = parser.parse_args()
    table = json.loads(COUNTS.read_text("utf-8")) if COUNTS.exists() else {}
    for name in given.only if given.windows else ():
        known = Counter(table.get(name, {}))
        done = known["windows"]
        table[name] = dict(known + simulate(name, range(done, done + given.windows)))
        COUNTS.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", "utf-8")
    PAGE.write_text(written(PAGE.read_text("utf-8"), render(table)), "utf-8")


if __name__ == "__main__":
    main()
