"""The conformance suite: every measure × every law, each where the measure declares it."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mondrift.measures import MEASURES, Column, Layout, Summary, fit_layout, summarize
from mondrift.measures.column import numeric

pytestmark = pytest.mark.conformance

EXAMPLES = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
MEASURE_KINDS = [
    pytest.param(measure, kind, id=f"{name}-{kind}")
    for name, measure in MEASURES.items()
    for kind in sorted(measure.kinds)
]
NUMERIC = [
    pytest.param(measure, id=name)
    for name, measure in MEASURES.items()
    if "numeric" in measure.kinds
]

EXTREME = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1e308, -1e308, 5e-324, 1e-30, 2.0**53]


def numbers(wild: bool = False):
    """Arrays of float64: smooth, tied or (wild) with everything a float can be."""
    smooth = st.floats(-1e6, 1e6, allow_nan=False, width=32)
    tied = st.integers(-3, 3).map(float)
    kinds = [smooth, tied]
    if wild:
        kinds += [st.sampled_from(EXTREME), st.one_of(smooth, st.sampled_from(EXTREME))]
    lists = st.one_of([st.lists(each, min_size=0 if wild else 1, max_size=60) for each in kinds])
    return lists.map(lambda values: np.array(values, dtype=np.float64))


@st.composite
def columns(draw, kind, wild=False, levels=8):
    """A column of one kind; with `wild`, missing values and empty columns, too."""
    if kind == "numeric":
        return numeric(draw(numbers(wild)))
    if kind == "categorical":
        names = tuple(f"level {place}" for place in range(levels))
        code = st.integers(-1 if wild else 0, levels - 1)
        codes = draw(st.lists(code, min_size=0 if wild else 1, max_size=60))
        return Column("x", kind, np.array(codes, dtype=np.int32), names)
    entries = st.sampled_from([0.0, 1.0, math.nan] if wild and kind == "boolean" else [0.0, 1.0])
    values = draw(st.lists(entries, min_size=0 if wild else 1, max_size=60))
    dtype = np.float64 if kind == "boolean" else np.bool_
    return Column("x", kind, np.array(values, dtype=dtype))


def measured(measure, reference, current, layout=None):
    layout = layout or fit_layout(reference)
    return measure(summarize(reference, layout), summarize(current, layout))


def changed(column, values):
    return Column(column.name, column.kind, values, column.levels)


def same(one, other, rel=1e-9):
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return one == pytest.approx(other, rel=rel, abs=1e-12)


def both(kind, **options):
    return st.tuples(columns(kind, **options), columns(kind, **options))


@pytest.mark.parametrize(("measure", "kind"), MEASURE_KINDS)
def test_a_copy_gives_the_smallest_value(measure, kind):
    @EXAMPLES
    @given(columns(kind))
    def law(column):
        result = measured(measure, column, column)
        assert result.statistic == pytest.approx(measure.bounds[0], abs=1e-12)
        assert result.pvalue is None or result.pvalue == pytest.approx(1.0)

    law()


@pytest.mark.parametrize(("measure", "kind"), MEASURE_KINDS)
def test_results_are_within_bounds_finite_json_and_leave_the_input_alone(measure, kind):
    @EXAMPLES
    @given(both(kind, wild=True))
    def law(pair):
        before = [column.values.copy() for column in pair]
        result = measured(measure, *pair)
        for column, values in zip(pair, before, strict=True):
            assert column.values.tobytes() == values.tobytes()
        json.dumps(dict(result.detail), allow_nan=False)
        if math.isnan(result.statistic):
            assert result.reason and result.pvalue is None
            return
        assert not result.reason
        low, high = measure.bounds
        assert low <= result.statistic <= high and math.isfinite(result.statistic)
        assert type(result.statistic) is float
        assert result.pvalue is None or (
            type(result.pvalue) is float and 0.0 <= result.pvalue <= 1.0
        )

    law()


@pytest.mark.parametrize(("measure", "kind"), MEASURE_KINDS)
def test_the_order_of_rows_is_irrelevant(measure, kind):
    @EXAMPLES
    @given(both(kind, wild=True), st.randoms(use_true_random=False))
    def law(pair, random):
        shuffled = [
            changed(column, column.values[random.sample(range(column.n), column.n)])
            for column in pair
        ]
        assert fit_layout(pair[0]) == fit_layout(shuffled[0])
        one, other = measured(measure, *pair), measured(measure, *shuffled)
        assert same(one.statistic, other.statistic)
        assert one.pvalue == (other.pvalue if other.pvalue is None else pytest.approx(other.pvalue))

    law()


@pytest.mark.parametrize(
    ("measure", "kind"), [each for each in MEASURE_KINDS if each.values[0].symmetric]
)
def test_swapping_the_windows_changes_nothing(measure, kind):
    @EXAMPLES
    @given(both(kind))
    def law(pair):
        layout = fit_layout(pair[0])
        here, there = (summarize(column, layout) for column in pair)
        assert same(measure(here, there).statistic, measure(there, here).statistic)

    law()


@pytest.mark.parametrize(
    ("measure", "kind"), [each for each in MEASURE_KINDS if each.values[0].size_free]
)
def test_ten_times_the_rows_leave_the_effect_unchanged(measure, kind):
    @EXAMPLES
    @given(both(kind))
    def law(pair):
        layout = fit_layout(pair[0])
        more = [changed(column, np.tile(column.values, 10)) for column in pair]
        one, other = measured(measure, *pair, layout), measured(measure, *more, layout)
        if measure.smoothed:  # half a count per bin weighs less: n is small here, so only roughly
            bins, n = len(layout.labels), min(column.n for column in pair)
            assert abs(one.statistic - other.statistic) <= 10 * bins / n
        else:
            assert same(one.statistic, other.statistic)

    law()


@pytest.mark.parametrize("measure", [each for each in NUMERIC if each.values[0].unit_free])
def test_another_unit_changes_nothing(measure):
    # Powers of two, exactly. Another factor moves the grid's borders, so that an edge may fall on
    # the other side of a value; Kolmogorov-Smirnov does not depend on them.
    @EXAMPLES
    @given(both("numeric"), st.sampled_from([2.0**-20, 0.5, 1024.0]))
    def law(pair, factor):
        scaled = [changed(column, column.values * factor) for column in pair]
        assert same(measured(measure, *pair).statistic, measured(measure, *scaled).statistic)

    law()


@pytest.mark.parametrize("name", ["ks", "missing", "infinite", "out_of_range"])
def test_turning_the_axis_or_any_factor_changes_nothing(name):
    @EXAMPLES
    @given(both("numeric"), st.sampled_from([-1.0, -0.3, 7.7]))
    def law(pair, factor):
        scaled = [changed(column, column.values * factor) for column in pair]
        one, other = measured(MEASURES[name], *pair), measured(MEASURES[name], *scaled)
        assert same(one.statistic, other.statistic)

    law()


@pytest.mark.parametrize("measure", [each for each in NUMERIC if each.values[0].grows])
def test_a_copy_shifted_further_scores_higher(measure):
    @EXAMPLES
    @given(numbers(), st.floats(0, 10), st.floats(0, 10))
    def law(values, one, more):
        layout = fit_layout(numeric(values))
        near, far = (
            measured(measure, numeric(values), numeric(values + shift), layout)
            for shift in (one, one + more)
        )
        slack = 1e-9 + sum(each.detail.get("raw_error", 0.0) for each in (near, far))
        slack /= near.detail.get("scale", 1.0) or 1.0
        assert math.isnan(far.statistic) or far.statistic >= near.statistic - slack

    law()


@pytest.mark.parametrize(
    "measure", [each for each in MEASURES.values() if "categorical" in each.kinds]
)
def test_renaming_levels_changes_nothing(measure):
    # The new names sort as the old ones did: levels of equal frequency are packed in that order.
    @EXAMPLES
    @given(both("categorical", wild=True))
    def law(pair):
        renamed = [
            Column("x", "categorical", each.values, tuple(f"<b>{name}" for name in each.levels))
            for each in pair
        ]
        one, other = measured(measure, *pair), measured(measure, *renamed)
        assert same(one.statistic, other.statistic)
        assert one.pvalue == other.pvalue

    law()


@pytest.mark.parametrize(
    ("measure", "kind"),
    [
        each
        for each in MEASURE_KINDS
        if not each.values[0].counts_missing and each.values[1] != "datetime"
    ],
)
def test_missing_values_are_counted_not_tested(measure, kind):
    @EXAMPLES
    @given(both(kind), st.integers(1, 30))
    def law(pair, holes):
        hole = -1 if kind == "categorical" else math.nan
        holed = [
            changed(each, np.append(each.values, np.full(holes, hole, dtype=each.values.dtype)))
            for each in pair
        ]
        one, other = measured(measure, *pair), measured(measure, *holed)
        assert same(one.statistic, other.statistic)
        layout = fit_layout(holed[0])
        assert summarize(holed[1], layout).missing == holes

    law()


@pytest.mark.parametrize(("measure", "kind"), MEASURE_KINDS)
def test_summary_and_samples_agree_within_the_stated_error(measure, kind):
    @EXAMPLES
    @given(both(kind, wild=True))
    def law(pair):
        layout = fit_layout(pair[0])
        exact = measured(measure, *pair, layout)
        stored = json.dumps(layout.to_dict(), allow_nan=False)
        again = Layout.from_dict(json.loads(stored))
        assert again == layout
        counted = measure(
            *(
                Summary.from_dict(
                    json.loads(json.dumps(summarize(each, layout).to_dict(), allow_nan=False)),
                    again,
                )
                for each in pair
            )
        )
        if measure.name == "ks" and not math.isnan(exact.statistic):
            at_most = counted.detail.get("at_most", counted.statistic)
            assert counted.statistic - 1e-12 <= exact.statistic <= at_most + 1e-12
        elif measure.name == "wasserstein" and not math.isnan(exact.detail.get("raw", math.nan)):
            error = counted.detail["raw_error"] + exact.detail["raw_error"]
            slack = 1e-9 * (1 + exact.detail["raw"])
            assert abs(counted.detail["raw"] - exact.detail["raw"]) <= error + slack
            if not math.isnan(exact.statistic):
                least, most = (
                    counted.detail.get(end, counted.statistic) for end in ("at_least", "at_most")
                )
                slack = 1e-9 * (1 + exact.statistic)
                assert least - slack <= exact.statistic <= most + slack
        elif measure.coarse:
            method = counted.detail.get("method", "exact")  # none when out of reach
            assert "grid" in method or method == "exact"
        else:
            assert same(exact.statistic, counted.statistic)

    law()


@pytest.mark.parametrize("kind", ["numeric", "categorical", "boolean", "datetime", "text"])
def test_summaries_add(kind):
    @settings(max_examples=150, deadline=None)
    @given(columns(kind, wild=True, levels=6), both(kind, wild=True))
    def law(reference, pair):
        layout = fit_layout(reference)
        together = changed(pair[0], np.concatenate([each.values for each in pair]))
        one = summarize(pair[0], layout) + summarize(pair[1], layout)
        whole = summarize(together, layout)
        ones, wholes = one.to_dict(), whole.to_dict()
        for name in ("mean", "m2"):
            left, right = ones.pop(name), wholes.pop(name)
            scale = max(abs(whole.maximum), abs(whole.minimum))
            if name == "m2":
                scale = scale * scale
            if right is not None and left is not None and math.isfinite(scale):
                assert left == pytest.approx(right, rel=1e-12, abs=1e-12 * scale * whole.n + 1e-300)
        assert ones == wholes

    law()
