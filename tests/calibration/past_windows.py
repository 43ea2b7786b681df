"""Rows that depend on each other or on the calendar: what learned thresholds are for.

Every scenario gives a reference and, after it, windows that follow each other without drift. The
measures, the heights and the null are mondrift's own; the reference is laid out once, for speed.
`python -m tests.calibration.past_windows 20` prints the table in docs, over 20 references.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from mondrift.drift import largest_effect
from mondrift.finding import effect
from mondrift.measurement import Measurement
from mondrift.measures import MEASURES, fit_layout, summarize
from mondrift.measures.column import numeric
from mondrift.null import Learned, Null
from mondrift.policy import Policy

Values = NDArray[np.float64]
#: (generator, columns, windows before, windows after) → rows × columns of both.
Draw = Callable[[np.random.Generator, int, int], Values]

ROWS = 200  # of a window
BEFORE = 14  # windows that make the reference: two weeks of days
POLICY = Policy()
LEVEL = 0.01


def independent(rng: np.random.Generator, columns: int, windows: int) -> Values:
    """Independent rows: the control; all windows share one estimated baseline."""
    return rng.normal(size=(windows, ROWS, columns))


def autocorrelated(rng: np.random.Generator, columns: int, windows: int) -> Values:
    """AR(1) with φ = .9 over all rows, variance 1."""
    noise = rng.normal(size=(windows * ROWS, columns)) * np.sqrt(1 - 0.9**2)
    noise[0] /= np.sqrt(1 - 0.9**2)
    for row in range(1, len(noise)):
        noise[row] += 0.9 * noise[row - 1]
    return noise.reshape(windows, ROWS, columns)


def clustered(rng: np.random.Generator, columns: int, windows: int) -> Values:
    """20 users of 10 rows in each window, intraclass correlation .5, variance 1."""
    users = rng.normal(size=(windows, ROWS // 10, 1, columns))
    rows = rng.normal(size=(windows, ROWS // 10, 10, columns))
    return ((users + rows) * np.sqrt(0.5)).reshape(windows, ROWS, columns)


def weekly(rng: np.random.Generator, columns: int, windows: int) -> Values:
    """Days; at the weekend every column lies half a σ higher, and days differ by .1 σ."""
    weekend = 0.5 * (np.arange(windows) % 7 >= 5)
    days = weekend[:, None, None] + 0.1 * rng.normal(size=(windows, 1, columns))
    return days + rng.normal(size=(windows, ROWS, columns))


SCENARIOS: Mapping[str, Draw] = {
    "independent": independent,
    "AR(1), φ = .9": autocorrelated,
    "users, ICC .5": clustered,
    "weekend + .5 σ": weekly,
}


class Column:
    """One column of a reference, against which windows are measured."""

    def __init__(self, reference: Values) -> None:
        self.layout = fit_layout(numeric(reference))
        self.summary = summarize(numeric(reference), self.layout)

    def height(self, window: Values) -> float:
        """The largest effect, in multiples of its warning threshold."""
        current = summarize(numeric(window), self.layout)
        by = {}
        for name in ("psi", "ks", "wasserstein"):
            result = MEASURES[name](self.summary, current)
            by[name] = Measurement(
                "drift", "x", "feature", "numeric", name, result.statistic, result.pvalue,
                self.summary.n, current.n, detail=result.detail,
            )  # fmt: skip
        worst = largest_effect(by, POLICY)
        return effect(worst) / POLICY.effects[worst.measure].warning


def heights(
    draw: Draw, rng: np.random.Generator, columns: int, windows: int, shifts: tuple[float, ...]
) -> Iterator[Values]:
    """Heights (columns × windows) without drift, then of the first column alone, per shift."""
    drawn = draw(rng, columns, BEFORE + windows)
    before, after = drawn[:BEFORE], drawn[BEFORE:]
    fitted = [Column(before[:, :, column].ravel()) for column in range(columns)]
    yield np.array([
        [one.height(window[:, column]) for window in after] for column, one in enumerate(fitted)
    ])  # fmt: skip
    for shift in shifts:
        yield np.array([[fitted[0].height(window[:, 0] + shift) for window in after]])


def flagged(past: Values, now: Values) -> NDArray[np.bool_]:
    """Which windows of `now` (columns × windows) thresholds learned on `past` flag."""
    names = [f"x{place}" for place in range(len(past))]
    null = Null.of({("", name): row for name, row in zip(names, past, strict=True)})
    learned = Learned(past.shape[1], 0, 0, "", "", {}, {"drift": null})
    return np.array([
        any(
            height >= 1 and learned.pvalue("drift", "", name, height) <= LEVEL + 1e-9
            for name, height in zip(names, window, strict=True)
        )
        for window in now.T
    ])  # fmt: skip


def main(references: int, tested: int = 50) -> None:
    """Print, per scenario, columns and k: false alarms with their standard error, and power."""
    print("scenario | columns | k | windows | flagged, % | se | .5 σ | 1 σ")
    for place, (name, draw) in enumerate(SCENARIOS.items()):
        hits: dict[tuple[int, int], list[list[float]]] = {}
        for seed in range(references):
            rng = np.random.default_rng([place, seed])
            null, half, one = heights(draw, rng, 20, 199 + tested, (0.5, 1.0))
            for columns in (1, 5, 20):
                for k in (99, 199):
                    past, now = null[:columns, 199 - k : 199], null[:columns, 199:]
                    rates = [flagged(past, now).mean()]
                    for moved in (half, one):
                        changed = np.vstack([moved[:, 199:], now[1:]])
                        rates.append(flagged(past, changed).mean())
                    hits.setdefault((columns, k), []).append(rates)
        for (columns, k), rates in hits.items():
            mean, spread = np.mean(rates, axis=0), np.std(rates, axis=0) / np.sqrt(len(rates))
            print(
                f"{name} | {columns} | {k} | {references * tested} | {100 * mean[0]:.2f} | "
                f"{100 * spread[0]:.2f} | {100 * mean[1]:.0f} | {100 * mean[2]:.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main(int(sys.argv[1]))
