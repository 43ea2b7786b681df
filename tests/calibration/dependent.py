"""Windows whose rows depend on each other and have not changed: users, and consecutive rows.

A window is first drawn as codes of clusters, then, column by column, as a latent normal per row
with a part that all rows of a cluster share, or with memory. A column is a function of the latent,
so that every kind of column has the same dependence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import signal, special

from mondrift.measures import MEASURES, Column, Result, fit_layout, summarize
from mondrift.measures.clusters import Clusters, clustered

Codes = NDArray[np.int64]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Users:
    """Users with Poisson numbers of rows; `icc` of the variance lies between users.

    users: in the reference and in the current window; shared: how many of them are in both; rows:
    of one user, on average, in each window.
    """

    users: tuple[int, int]
    rows: tuple[float, float] = (20.0, 20.0)
    shared: int = 0
    icc: float = 0.5

    def clusters(self, rng: np.random.Generator) -> Clusters:
        """Who made each row."""
        sizes = [
            np.maximum(rng.poisson(r, u), 1) for r, u in zip(self.rows, self.users, strict=True)
        ]
        starts = (0, self.users[0] - self.shared)
        codes = [
            np.repeat(np.arange(len(size)) + start, size)
            for size, start in zip(sizes, starts, strict=True)
        ]
        return Clusters(codes[0], codes[1])

    def latent(self, rng: np.random.Generator, clusters: Clusters) -> tuple[Values, Values]:
        """A standard normal per row, alike within a user."""
        users = rng.normal(size=sum(self.users)) * math.sqrt(self.icc)
        one, other = (
            users[codes] + math.sqrt(1 - self.icc) * rng.normal(size=len(codes))
            for codes in (clusters.reference, clusters.current)
        )
        return one, other


@dataclass(frozen=True)
class Memory:
    """An autoregressive series cut into blocks of consecutive rows, the clusters."""

    blocks: tuple[int, int]
    block: int = 150
    phi: float = 0.9

    def clusters(self, rng: np.random.Generator) -> Clusters:
        """The block of each row; `rng` is not used."""
        every = np.repeat(np.arange(sum(self.blocks)), self.block)
        cut = self.blocks[0] * self.block
        return Clusters(every[:cut], every[cut:])

    def latent(self, rng: np.random.Generator, clusters: Clusters) -> tuple[Values, Values]:
        """A standard normal per row, each a little like the one before; one series."""
        noise = rng.normal(size=len(clusters.reference) + len(clusters.current))
        noise[1:] *= math.sqrt(1 - self.phi**2)
        series = signal.lfilter([1.0], [1.0, -self.phi], noise)
        return series[: len(clusters.reference)], series[len(clusters.reference) :]


Dependence = Users | Memory


def _zeros(latent: Values) -> Values:
    return np.where(latent < special.ndtri(0.7), 0.0, np.exp(latent))


def _levels(shares: Values) -> Callable[[Values], NDArray[Any]]:
    """Codes of levels with these shares; latents of nearby users fall into far levels, too."""
    cuts = special.ndtri(np.cumsum(shares / shares.sum())[:-1])
    order = np.random.default_rng(7).permutation(len(shares)).astype(np.int32)
    return lambda latent: order[np.searchsorted(cuts, latent)]


def _missing(latent: Values) -> Values:
    return np.where(latent < special.ndtri(0.05), np.nan, latent)


#: {name: (kind, function of the latent, number of levels)}.
COLUMNS: Mapping[str, tuple[str, Callable[[Values], NDArray[Any]], int]] = {
    "normal": ("numeric", lambda latent: latent, 0),
    "70 % zeros": ("numeric", _zeros, 0),
    "5 levels": ("categorical", _levels(np.array([0.5, 0.25, 0.15, 0.08, 0.02])), 5),
    "200 levels": ("categorical", _levels(1 / np.arange(1.0, 201)), 200),
    "5 % missing": ("numeric", _missing, 0),
}


def columns(name: str, latents: tuple[Values, Values]) -> tuple[Column, Column]:
    """Reference and current column of a kind in `COLUMNS`."""
    kind, function, count = COLUMNS[name]
    levels = tuple(f"level {place:04d}" for place in range(count))
    one, other = (Column(name, kind, function(latent), levels) for latent in latents)
    return one, other


def results(
    one: Column, other: Column, clusters: Clusters, *, seed: int
) -> tuple[dict[str, Result], dict[str, Result]]:
    """All default measures of a column, as if rows were independent, and by cluster."""
    layout = fit_layout(one)
    reference, current = summarize(one, layout), summarize(other, layout)
    plain = {
        name: measure(reference, current, seed=seed)
        for name, measure in MEASURES.items()
        if one.kind in measure.kinds and measure.default
    }
    return plain, clustered(plain, layout, one, other, clusters, seed=seed)
