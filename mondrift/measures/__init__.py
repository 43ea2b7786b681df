"""Numbers about one column in two windows: summaries that add, and measures that read them.

    layout = fit_layout(reference_column)          # once, on the reference
    reference = summarize(reference_column, layout)
    current = summarize(current_column, layout)
    result = MEASURES["ks"](reference, current)    # a Result: statistic, pvalue, detail

To add a measure: one file like `ks.py`, one entry here; the conformance suite reads the entry.
"""

from __future__ import annotations

from math import inf

from mondrift.measures.anderson_darling import anderson_darling
from mondrift.measures.chi_square import chi_square
from mondrift.measures.column import Column
from mondrift.measures.correction import benjamini_hochberg, bonferroni
from mondrift.measures.counting import summarize
from mondrift.measures.cramer_von_mises import cramer_von_mises
from mondrift.measures.energy import energy
from mondrift.measures.fitting import fit_layout, summarize_reference
from mondrift.measures.hellinger import hellinger
from mondrift.measures.jensen_shannon import jensen_shannon
from mondrift.measures.ks import ks
from mondrift.measures.layout import Layout
from mondrift.measures.measure import ANY_KIND, TESTABLE, Measure, Result
from mondrift.measures.missing import infinite, missing
from mondrift.measures.out_of_range import out_of_range
from mondrift.measures.psi import psi
from mondrift.measures.summary import Summary
from mondrift.measures.total_variation import total_variation
from mondrift.measures.unseen import unseen, vanished
from mondrift.measures.wasserstein import wasserstein

__all__ = [
    "MEASURES",
    "Column",
    "Layout",
    "Measure",
    "Result",
    "Summary",
    "benjamini_hochberg",
    "bonferroni",
    "fit_layout",
    "summarize",
    "summarize_reference",
]

NUMERIC = frozenset({"numeric"})
CATEGORICAL = frozenset({"categorical"})

_IN_ORDER = (
    Measure(
        "ks",
        "Kolmogorov-Smirnov",
        ks,
        NUMERIC,
        (0, 1),
        symmetric=True,
        grows=True,
        inside=True,
    ),
    Measure(
        "psi", "Population stability index", psi, TESTABLE, (0, inf), symmetric=True, smoothed=True
    ),
    Measure(
        "chi_square",
        "Chi-square",
        chi_square,
        TESTABLE,
        (0, inf),
        symmetric=True,
        size_free=False,
        draws=True,
    ),
    Measure(
        "wasserstein",
        "Wasserstein",
        wasserstein,
        NUMERIC,
        (0, inf),
        symmetric=True,
        grows=True,
        inside=True,
    ),
    Measure("jensen_shannon", "Jensen-Shannon", jensen_shannon, TESTABLE, (0, 1), symmetric=True),
    Measure(
        "total_variation",
        "Total variation",
        total_variation,
        TESTABLE,
        (0, 1),
        symmetric=True,
    ),
    Measure(
        "missing", "Missing values", missing, ANY_KIND, (0, 1), symmetric=True, counts_missing=True
    ),
    Measure(
        "infinite",
        "Infinite values",
        infinite,
        NUMERIC,
        (0, 1),
        symmetric=True,
        counts_missing=True,
    ),
    Measure("unseen", "Unseen levels", unseen, CATEGORICAL, (0, 1), symmetric=False),
    Measure("vanished", "Vanished levels", vanished, CATEGORICAL, (0, 1), symmetric=False),
    Measure("out_of_range", "Out of range", out_of_range, NUMERIC, (0, 1), symmetric=False),
    Measure("hellinger", "Hellinger", hellinger, TESTABLE, (0, 1), symmetric=True, default=False),
    Measure(
        "cramer_von_mises",
        "Cramér-von Mises",
        cramer_von_mises,
        NUMERIC,
        (0, inf),
        symmetric=True,
        size_free=False,
        default=False,
        coarse=True,
        inside=True,
    ),
    Measure(
        "anderson_darling",
        "Anderson-Darling",
        anderson_darling,
        NUMERIC,
        (0, inf),
        symmetric=True,
        size_free=False,
        default=False,
        draws=True,
        coarse=True,
        inside=True,
    ),
    Measure(
        "energy",
        "Energy distance",
        energy,
        NUMERIC,
        (0, inf),
        symmetric=True,
        unit_free=False,
        default=False,
        grows=True,
        coarse=True,
        inside=True,
    ),
)

MEASURES: dict[str, Measure] = {measure.name: measure for measure in _IN_ORDER}
