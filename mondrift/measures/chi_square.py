"""Pearson's chi-square: could both windows have been drawn from the same shares?

    X² = Σ (observed - expected)² / expected    over the 2 × k table of counts

Categorical columns: one column of the table per level, unseen levels included; numeric columns:
the layout's bins. No unit, 0 or more, grows with the number of rows: compare p-values, not
statistics, and read the size of a change from total variation or PSI. `detail` says df, how many
columns were pooled and which, and the method. No Yates correction.

Blind spot: order of the bins; movement inside a bin. Source: Pearson 1900; Cochran 1954 for
pooling; Fisher 1935 for the exact test.
"""

from __future__ import annotations

import numpy as np

from mondrift.measures.contingency import chi_square_statistic, homogeneity_test
from mondrift.measures.measure import Result
from mondrift.measures.summary import Counts, Summary

_NAMED = 20  # pooled columns that `detail` names


def chi_square(reference: Summary, current: Summary, *, seed: int = 0) -> Result:
    """Statistic of the whole table; p-value of the table pooled to expected counts of five.

    >>> from mondrift.measures.column import categorical
    >>> from mondrift.measures import fit_layout, summarize
    >>> reference = categorical(["late"] * 50 + ["on time"] * 50)
    >>> layout = fit_layout(reference)
    >>> current = summarize(categorical(["late"] * 80 + ["on time"] * 20), layout)
    >>> result = chi_square(summarize(reference, layout), current)
    >>> result.statistic, result.pvalue, result.detail["df"]
    (19.78, 8.7e-06, 1)
    """
    f, g, labels = table(reference, current)
    statistic, _ = chi_square_statistic(f, g)
    test = homogeneity_test(f, g, ordered=reference.layout.bins is not None, seed=seed)
    pooled = [[labels[place] for place in column] for column in test.columns if len(column) > 1]
    return Result(
        statistic,
        test.pvalue,
        detail={
            "df": test.df,
            "method": test.method,
            **({"draws": test.draws, "seed": seed} if test.draws else {}),
            "tested_statistic": test.statistic,
            "columns": len(test.columns),
            "pooled": sum(len(group) for group in pooled),
            "pooled_into": [group[:_NAMED] for group in pooled[:_NAMED]],
        },
    )


def table(reference: Summary, current: Summary) -> tuple[Counts, Counts, tuple[str, ...]]:
    """Both rows of the contingency table and the names of its columns."""
    layout = reference.layout
    if layout.levels is None:
        return reference.counts, current.counts, layout.labels
    unseen = sorted({*reference.unseen, *current.unseen})
    f, g = (
        np.append(each.cells, [*(each.unseen.get(name, 0) for name in unseen), each.unseen_more])
        for each in (reference, current)
    )
    return f, g, (*layout.levels.names, *unseen, "(more unseen levels)")
