"""A comparison is a function of two windows, and holds no rows."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest

from mondrift import Comparison, Schema, compare, judge
from mondrift.errors import ColumnError, InputError, SchemaError


def rows(n: int = 500, seed: int = 0, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "income": rng.normal(shift, 1, n),
            "plan": rng.choice(["free", "basic", "pro"], n),
            "active": rng.random(n) < 0.5,
            "region": rng.choice(["north", "south"], n),
        }
    )


def scored(n: int, seed: int, correct: float) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 2, n)
    prediction = np.where(rng.random(n) < correct, target, 1 - target)
    return rows(n, seed).assign(y=target, p=prediction, s=np.where(prediction == 1, 0.8, 0.2))


def measured(comparison, column, measure, segment=""):
    return next(
        each
        for each in comparison.measurements
        if (each.column, each.measure, each.segment) == (column, measure, segment)
    )


def test_two_frames_are_enough():
    comparison = compare(rows(), rows(seed=1))
    assert comparison.columns == ("income", "plan", "active", "region")
    assert (comparison.reference.n, comparison.current.n) == (500, 500)


def test_the_frame_is_tidy_with_one_row_per_column_and_measure():
    frame = compare(rows(), rows(seed=1)).to_frame()
    assert not frame.duplicated(["segment", "column", "measure"]).any()
    assert {"ks", "psi", "wasserstein", "jensen_shannon"} <= set(frame["measure"])
    assert frame["statistic"].dtype == "float64"


def test_a_comparison_survives_json():
    comparison = compare(scored(300, 0, 0.9), scored(300, 1, 0.8).assign(plan=None),
                         schema=Schema(target="y", prediction="p", probability="s"))  # fmt: skip
    text = json.dumps(comparison.to_dict(), allow_nan=False)
    again = Comparison.from_dict(json.loads(text))
    assert json.dumps(again.to_dict(), allow_nan=False) == text
    pd.testing.assert_frame_equal(again.to_frame(), comparison.to_frame())


def test_the_same_input_gives_the_same_comparison():
    assert compare(rows(), rows(seed=1)).to_dict() == compare(rows(), rows(seed=1)).to_dict()


def test_polars_and_pandas_give_the_same_numbers():
    one = compare(rows(), rows(seed=1)).to_frame()
    other = compare(pl.from_pandas(rows()), pl.from_pandas(rows(seed=1))).to_frame()
    pd.testing.assert_frame_equal(one, other)


def test_the_seed_reaches_the_measures_that_draw():
    levels = ["a"] * 400 + ["b"] * 400 + ["c"] * 200
    moved = ["a"] * 25 + ["b"] * 50 + ["c"] * 25
    one, other = pd.DataFrame({"x": levels}), pd.DataFrame({"x": moved})
    drawn = [measured(compare(one, other, seed=seed), "x", "chi_square") for seed in (1, 1, 2)]
    assert drawn[0].detail["method"] == "monte carlo"
    assert [each.detail["seed"] for each in drawn] == [1, 1, 2]
    assert drawn[0].pvalue == drawn[1].pvalue != drawn[2].pvalue


def test_threads_change_nothing():
    big = [pd.DataFrame(np.random.default_rng(s).normal(size=(200_000, 3))) for s in (0, 1)]
    threaded = compare(*big)
    single = [compare(*(b[[i]] for b in big)) for i in range(3)]
    assert [m.statistic for m in threaded.measurements if m.measure == "ks"] == [
        m.statistic for c in single for m in c.measurements if m.measure == "ks"
    ]


def test_histograms_count_every_row_on_the_reference_bins():
    picture = compare(rows(), rows(seed=1, n=200, shift=9)).histogram("income")
    assert (sum(picture.reference), sum(picture.current)) == (500, 200)
    assert picture.edges is not None
    assert picture.edges[0] is None
    assert picture.current[-1] == 200  # all of it beyond the reference's range


def test_a_histogram_shows_at_most_fifteen_levels_and_the_rest_as_one():
    levels = pd.DataFrame({"x": [f"level {i % 40}" for i in range(4000)]})
    picture = compare(levels, levels).histogram("x")
    assert len(picture.labels) == 16
    assert sum(picture.reference) == 4000


def test_a_column_is_selected_by_name():
    assert compare(rows(), rows())["plan"].columns == ("plan",)
    with pytest.raises(ColumnError, match="Did you mean 'plan'"):
        compare(rows(), rows())["plam"]


def test_metrics_come_with_the_reference_and_an_interval():
    schema = Schema(target="y", prediction="p", probability="s")
    comparison = compare(scored(2000, 0, 0.9), scored(1000, 1, 0.7), schema=schema)
    accuracy = measured(comparison, "p", "accuracy")
    assert accuracy.statistic == pytest.approx(0.7, abs=0.04)
    assert accuracy.detail["reference"] == pytest.approx(0.9, abs=0.03)
    assert accuracy.low < accuracy.statistic < accuracy.high
    assert measured(comparison, "p", "roc_auc").statistic == pytest.approx(0.7, abs=0.05)


def test_label_coverage_is_counted_and_missing_labels_are_no_missing_values():
    current = scored(1000, 1, 0.9).assign(y=lambda d: d["y"].astype("Int64").where(d.index < 250))
    schema = Schema(target="y", prediction="p")
    comparison = compare(scored(1000, 0, 0.9), current, schema=schema)
    assert measured(comparison, "y", "label_coverage").statistic == 0.25
    assert measured(comparison, "p", "accuracy").n_current == 250
    assert not any(m.column == "y" and m.measure == "missing" for m in comparison.measurements)


def test_a_window_without_labels_is_a_value_with_a_reason():
    schema = Schema(target="y", prediction="p")
    current = scored(300, 1, 0.9).assign(y=None)
    accuracy = measured(compare(scored(300, 0, 0.9), current, schema=schema), "p", "accuracy")
    assert np.isnan(accuracy.statistic)
    assert accuracy.reason


def test_two_classes_of_which_none_is_known_to_be_positive_still_have_an_accuracy():
    names = {0: "cat", 1: "dog"}
    one, other = (
        scored(500, seed, 0.9).assign(y=lambda d: d["y"].map(names), p=lambda d: d["p"].map(names))
        for seed in (0, 1)
    )
    comparison = compare(one, other, schema=Schema(target="y", prediction="p", probability="s"))
    assert measured(comparison, "p", "accuracy").statistic == pytest.approx(0.9, abs=0.05)
    named = Schema(target="y", prediction="p", probability="s", positive="dog")
    assert measured(compare(one, other, schema=named), "p", "roc_auc").statistic > 0.8


def test_a_third_class_of_a_binary_target_is_not_positive_and_told_as_unseen():
    current = scored(400, 1, 1.0).assign(y=lambda d: d["y"].where(d.index < 300, 7))
    comparison = compare(scored(400, 0, 1.0), current, schema=Schema(target="y", prediction="p"))
    assert measured(comparison, "p", "accuracy").n_current == 400
    assert measured(comparison, "y", "unseen").statistic == 0.25


def test_segments_are_measured_apart():
    comparison = compare(rows(), rows(seed=1), schema=Schema(segments=("region",)))
    north = measured(comparison, "income", "ks", "region=north")
    assert north.n_reference == int((rows()["region"] == "north").sum())


def test_a_segment_that_vanishes_is_measured_with_no_rows():
    current = rows(seed=1).assign(region="south")
    comparison = compare(rows(), current, schema=Schema(segments=("region",)))
    assert measured(comparison, "income", "ks", "region=north").n_current == 0


def test_columns_that_cannot_be_compared_are_skipped_with_their_reason():
    frame = rows().assign(
        when=pd.Timestamp("2013-01-01", tz="UTC"), key=[f"k{i}" for i in range(500)], one=1.0
    )
    skipped = compare(frame, frame).skipped
    assert "datetime" in skipped["when"]
    assert "500 distinct values" in skipped["key"]
    assert skipped["one"] == "the same single value in both windows: 1"


def test_a_column_that_stops_being_constant_is_compared():
    reference = rows().assign(one=1.0)
    assert "one" not in compare(reference, rows().assign(one=range(500))).skipped


@pytest.mark.parametrize(
    "current",
    [
        rows().assign(income=np.nan),
        rows().assign(income=np.inf),
        rows().assign(income="no number"),
        rows().assign(plan=1.5),
        rows().iloc[:1],
        rows().iloc[:0],
    ],
    ids=["all missing", "all infinite", "words", "numbers for levels", "one row", "no rows"],
)
def test_one_bad_column_never_kills_a_comparison(current):
    comparison = compare(rows(), current)
    json.dumps(comparison.to_dict(), allow_nan=False)
    assert len(comparison.columns) == 4


def test_an_empty_reference_is_compared_to_nothing_without_a_crash():
    comparison = compare(rows().iloc[:0], rows())
    assert all(np.isnan(m.statistic) for m in comparison.measurements if m.family == "drift")


def test_windows_without_a_common_column_are_refused():
    with pytest.raises(ColumnError, match="no column in common"):
        compare(pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]}))


def test_unknown_measures_and_columns_are_named_with_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'psi'"):
        compare(rows(), rows(), measures=["psy"])
    with pytest.raises(ColumnError, match="Did you mean 'income'"):
        compare(rows(), rows(), columns=["incom"])


def test_the_inputs_are_left_alone():
    one, other = rows(), rows(seed=1)
    compare(one, other)
    pd.testing.assert_frame_equal(one, rows())
    pd.testing.assert_frame_equal(other, rows(seed=1))


def test_it_shows_itself_in_one_line_and_as_a_table():
    comparison = compare(rows(), rows(seed=1, shift=2).rename(columns={"plan": "plan"}))
    assert "largest PSI" in repr(comparison)
    assert "income" in comparison._repr_html_()


def test_hostile_names_are_escaped_in_the_table():
    frame = pd.DataFrame({"</script><script>alert(1)</script>": range(100)})
    assert "<script>alert" not in compare(frame, frame)._repr_html_()


def test_nothing_of_a_private_column_is_shown_but_how_far_it_moved():
    secret = {"free": "Freiburg", "basic": "Basel", "pro": "Prague"}
    one, other = (
        rows(seed=seed, shift=shift).assign(
            plan=lambda d: d["plan"].map(secret), income=lambda d: d["income"] * 7919 + 31337
        )
        for seed, shift in ((0, 0.0), (1, 1.0))
    )
    other.loc[:50, "plan"] = "Stockholm"
    schema = Schema(private=("plan", "income"))
    verdict = judge(compare(one, other, schema=schema))
    text = json.dumps([verdict.comparison.to_dict(), verdict.to_dict()]) + verdict._repr_html_()
    assert not [city for city in (*secret.values(), "Stockholm") if city in text]
    assert verdict.comparison.histogram("income").edges is None
    assert not {"raw", "scale"} & set(measured(verdict.comparison, "income", "wasserstein").detail)
    assert verdict.columns()["income"].status == "alarm"


def test_a_private_column_cannot_name_segments():
    with pytest.raises(SchemaError, match="'plan' is private and a segment"):
        Schema(private="plan", segments="plan")
