"""Labels that are missing at random are no news; labels that are missing for a reason are told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mondrift import Finding, Measurement, Policy, Schema, Verdict, compare, judge
from mondrift.alert import alerts_for, judged_kinds
from mondrift.comparison import Comparison
from mondrift.rows import read
from mondrift.unlabelled import label_bias

SCHEMA = Schema(
    target="fraud",
    prediction="flagged",
    probability="score",
    segments=("country",),
    kinds={
        "score": "numeric",
        "flagged": "categorical",
        "fraud": "categorical",
        "country": "categorical",
    },
)


def window(n: int, seed: int, *, share: float = 1.0, slope: float = 0.0) -> pd.DataFrame:
    """n rows, `share` of them labelled: with `slope` the likelier, the higher the score.

    The model is useless, so that neither its accuracy nor the share of frauds hangs on who is
    labelled.
    """
    generator = np.random.default_rng(seed)
    score = generator.uniform(size=n)
    fraud = (generator.uniform(size=n) < 0.5).astype(object)
    chance = np.clip(share + slope * (score - 0.5), 0, 1)
    fraud[generator.uniform(size=n) >= chance] = None
    return pd.DataFrame(
        {
            "score": score,
            "flagged": (score > 0.5).astype(int),
            "fraud": fraud,
            "country": generator.choice(["DE", "FR", "US"], n),
        }
    )


def verdict(current: pd.DataFrame, reference: pd.DataFrame | None = None, **policy: int) -> Verdict:
    known = window(3000, 0) if reference is None else reference
    return judge(compare(known, current, schema=SCHEMA), Policy(**policy))


def finding(found: Verdict, segment: str = "") -> Finding:
    return next(f for f in found.findings if f.check == "label_bias" and f.segment == segment)


def measured(comparison: Comparison, segment: str = "") -> Measurement:
    return next(
        m for m in comparison.measurements if m.measure == "label_bias" and m.segment == segment
    )


def test_labels_missing_for_a_reason_are_told_with_the_metric() -> None:
    found = verdict(window(3000, 1, share=0.5, slope=0.8))
    assert found.status == "warning"
    assert finding(found).status == "warning"
    assert finding(found).reason.startswith("labelled rows differ from unlabelled ones (score: KS ")
    assert (
        "higher in labelled rows): what is measured speaks for the labelled rows only"
        in found.reason
    )
    accuracy = next(f for f in found.findings if f.check == "accuracy" and not f.segment)
    assert accuracy.reason.endswith("; of labelled rows, which differ from the others")


def test_it_is_the_distance_of_scipy() -> None:
    current = window(2000, 2, share=0.6, slope=0.4)
    told = measured(compare(window(500, 0), current, schema=SCHEMA))
    known = current["fraud"].notna()
    other = stats.ks_2samp(current["score"][known], current["score"][~known], method="asymp")
    assert told.statistic == pytest.approx(other.statistic)
    assert told.pvalue == pytest.approx(other.pvalue, rel=0.05)
    assert (told.detail["by"], told.detail["labelled"]) == ("score", int(known.sum()))


def test_classes_are_compared_where_there_is_no_score() -> None:
    current = window(2000, 3, share=0.5, slope=0.8).drop(columns="score")
    told = measured(compare(window(500, 0).drop(columns="score"), current, schema=_plain()))
    known = current["fraud"].notna()
    table = pd.crosstab(known, current["flagged"])
    shares = table.div(table.sum(axis=1), axis=0)
    assert told.statistic == pytest.approx(abs(shares.loc[True, 1] - shares.loc[False, 1]))
    expected = stats.chi2_contingency(table, correction=False).pvalue
    assert told.pvalue == pytest.approx(expected, rel=1e-6)
    assert told.detail["method"] == "total variation"


def test_numbers_that_are_predicted_are_compared_too() -> None:
    generator = np.random.default_rng(4)
    guess = generator.normal(size=2000)
    price = np.where(guess > 0, guess + 1, np.nan)
    rows = pd.DataFrame({"guess": guess, "price": price})
    schema = Schema(target="price", prediction="guess")
    found = judge(compare(rows.assign(price=guess), rows, schema=schema))
    assert finding(found).status == "warning"
    assert finding(found).statistic == 1.0


def test_labels_missing_at_random_are_no_news() -> None:
    before = read(window(3000, 0), SCHEMA, label="reference")
    small = 0
    for seed in range(150):
        after = read(window(500, 300 + seed, share=0.6), SCHEMA, label="current")
        (found,) = label_bias(before, after, "", 0)
        assert found.pvalue is not None
        small += found.pvalue < 0.01
    # of 150, 1.5 are expected: more than 5 come in 0.5 % of such runs, in 76 % at a rate of 5 %
    assert small <= 5


def test_what_is_nearly_complete_never_warns() -> None:
    current = window(5000, 5)
    current.loc[current["score"] < 0.008, "fraud"] = None
    found = verdict(current)
    assert measured(found.comparison).statistic == pytest.approx(1.0, abs=0.01)
    assert (finding(found).status, found.status) == ("ok", "ok")
    told = "0.8 % of the rows have no label: they move accuracy by 0.8 points at most"
    assert finding(found).reason == told


@pytest.mark.parametrize(("missing", "expected"), [(0.04, "ok"), (0.07, "warning")])
def test_what_cannot_move_accuracy_beyond_its_tolerance_is_no_news(
    missing: float, expected: str
) -> None:
    """The worst case: all rows of the lowest scores lack their label."""
    current = window(3000, 17)
    current.loc[current["score"] < missing, "fraud"] = None
    found = verdict(current)
    assert finding(found).status == expected
    stricter = judge(found.comparison, Policy(accuracy_drop=0.01))
    assert finding(stricter).status == "warning"


def test_a_difference_that_the_reference_has_too_is_no_news() -> None:
    biased = window(3000, 6, share=0.5, slope=0.8)
    found = verdict(window(3000, 7, share=0.5, slope=0.8), biased)
    assert finding(found).status == "ok"
    assert "as in the reference" in finding(found).reason
    other_way = verdict(window(3000, 7, share=0.5, slope=-0.8), biased)
    assert finding(other_way).status == "warning"


def test_too_few_to_tell_is_skipped_and_leaves_the_status() -> None:
    current = window(100, 8)
    current.loc[current.index[:15], "fraud"] = None
    assert finding(verdict(current)).status == "skipped"
    assert "15 unlabelled rows are too few; 20 are needed" in finding(verdict(current)).reason
    none = verdict(window(400, 9).assign(fraud=None))
    assert (finding(none).status, finding(none).reason) == ("skipped", "no labelled rows")
    assert none.status == "inconclusive", "accuracy is not known"


def test_rows_in_clusters_are_not_tested() -> None:
    clustered = replace(SCHEMA, cluster="user")
    rows, now = (
        window(2000, seed, share=share, slope=slope).assign(user=np.arange(2000) // 20)
        for seed, share, slope in ((10, 1.0, 0.0), (11, 0.5, 0.8))
    )
    found = judge(compare(rows, now, schema=clustered))
    assert finding(found).status == "skipped"
    assert "within 'user'" in finding(found).reason
    assert measured(found.comparison).pvalue is None


def test_one_segment_with_a_bias_is_found() -> None:
    current = window(6000, 12, share=0.7)
    biased = window(6000, 13, share=0.5, slope=0.9)
    german = (current["country"] == "DE") & (biased["country"] == "DE")
    current.loc[german] = biased.loc[german]
    found = verdict(current)
    assert finding(found, "country=DE").status == "warning"
    assert finding(found, "country=US").status == "ok"


def test_early_labels_unlike_later_ones_are_told() -> None:
    comparison = compare(window(2000, 0), window(2000, 14, share=0.6), schema=SCHEMA)

    def judged(early: float, late: float, pvalue: float) -> Finding:
        ages = {"early": early, "late": late, "early_pvalue": pvalue}
        told = tuple(
            replace(m, detail={**m.detail, **ages})
            if m.measure == "label_bias" and not m.segment
            else m
            for m in comparison.measurements
        )
        return finding(judge(replace(comparison, measurements=told)))

    told = judged(0.62, 0.31, 1e-9)
    assert told.status == "warning"
    assert "62 % of the labels of the first day are positive, 31 % of the later ones" in told.reason
    assert judged(0.62, 0.58, 1e-9).status == "ok", "too little to matter"
    assert judged(0.62, 0.31, 0.02).status == "ok", "chance may explain it"


def test_a_target_that_seems_to_drift_gets_the_caveat_too() -> None:
    current = window(3000, 16)
    current["fraud"] = (current["score"] > 0.5).astype(object)
    current.loc[(current["score"] < 0.5) & (current.index % 4 > 0), "fraud"] = None
    found = verdict(current)
    drift = next(f for f in found.flagged("drift") if f.column == "fraud" and not f.segment)
    assert drift.reason.endswith("; of labelled rows, which differ from the others")


def test_it_raises_no_alert_about_accuracy() -> None:
    found = verdict(window(3000, 1, share=0.5, slope=0.8))
    assert finding(found) in found.flagged("performance")
    assert [a.kind for a in alerts_for(found) if a.kind == "performance_degradation"] == []
    assert "performance_degradation" in judged_kinds(found), "accuracy itself was judged"


def test_a_verdict_with_it_is_stored_and_read_again() -> None:
    found = verdict(window(2000, 15, share=0.5, slope=0.8))
    assert Verdict.from_dict(found.to_dict(), found.comparison).to_dict() == found.to_dict()
    again = Comparison.from_dict(found.comparison.to_dict())
    assert measured(again).detail == measured(found.comparison).detail


def _plain() -> Schema:
    kinds = {name: kind for name, kind in SCHEMA.kinds.items() if name != "score"}
    return replace(SCHEMA, probability=None, kinds=kinds)
