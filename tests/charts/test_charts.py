"""Charts as specs: what is encoded, in which order, from which fixed columns; never pixels."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pytest

from mondrift import charts, theme
from mondrift.charts import renderer
from mondrift.errors import ColumnError, InputError
from mondrift.page.spec import clean, still
from tests.charts import frames

HOSTILE = ["</script>", "a:b", "c.d", "e[0]", 'it\'s "q"', "שלום", "🚀", "x" * 300, "datum.x", ""]


def histogram(*, numeric: bool, name: str = "temp") -> pd.DataFrame:
    edges = [-np.inf, 10.0, 55.5, np.inf]
    labels = ["below", "middle", "above"] if numeric else ["</script>", "b", "(other)"]
    rows = [
        (name, i, labels[i], edges[i] if numeric else None, edges[i + 1] if numeric else None,
         window, 10 * (i + 1), (i + 1) / 6)
        for window in ("current", "reference")
        for i in range(3)
    ]  # fmt: skip
    columns = ["column", "position", "label", "start", "end", "window", "count", "share"]
    return pd.DataFrame(rows, columns=columns)


def history(columns: list[str] | None = None) -> pd.DataFrame:
    starts = pd.date_range("2013-01-07", periods=4, freq="7D", tz="UTC")
    return pd.DataFrame(
        [
            (start, start + pd.Timedelta("7D"), name, "psi", 0.1 * i, status)
            for name in columns or ["temp"]
            for i, (start, status) in enumerate(
                zip(starts, ["ok", "inconclusive", "warning", "alarm"], strict=True)
            )
        ],
        columns=["window_start", "window_end", "column", "measure", "statistic", "status"],
    )


def volumes() -> pd.DataFrame:
    return history().assign(n_current=[10, 20, 30, 40], low=12, high=33)


DRAWN: dict[str, tuple[Callable[..., Any], pd.DataFrame]] = {
    "distribution": (charts.distribution, histogram(numeric=True)),
    "timeline": (charts.timeline, history(HOSTILE)),
    "overview": (charts.overview, history(HOSTILE).drop_duplicates("column")),
    "performance": (charts.performance, history().assign(low=0.0, high=0.5, n_current=9)),
    "volume": (charts.volume, volumes()),
    "calibration": (charts.calibration, frames.curve()),
    "confusion": (charts.confusion, frames.cells()),
    "segments": (charts.segments, frames.by_segment(HOSTILE)),
    "maturity": (charts.maturity, frames.ages()),
    "estimated": (charts.estimated, frames.both()),
    "parts": (charts.parts, frames.effects()),
    "outcomes": (charts.outcomes, frames.rates(HOSTILE[0])),
}
NEEDED = {"distribution": "share", "volume": "n_current"} | dict.fromkeys(
    ("calibration", "confusion", "maturity", "outcomes"), "share"
)


def data_of(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for rows in spec["datasets"].values() for row in rows]


@pytest.mark.parametrize("name", DRAWN)
def test_a_chart_is_plain_json_that_fills_its_container(name: str) -> None:
    draw, frame = DRAWN[name]
    before = frame.copy()
    spec = draw(frame).to_dict()
    assert spec["width"] == "container"
    json.dumps(spec, allow_nan=False)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("name", DRAWN)
def test_the_same_frame_gives_the_same_spec(name: str) -> None:
    draw, frame = DRAWN[name]
    # Altair 5 counts the names of views on and on; a page numbers them anew.
    assert clean(draw(frame).to_dict()) == clean(draw(frame.copy()).to_dict())


def test_every_chart_has_a_frame_here() -> None:
    assert set(DRAWN) == set(charts.__all__) - {"enable"}


@pytest.mark.parametrize("name", DRAWN)
def test_a_missing_column_is_named_with_the_choice(name: str) -> None:
    draw, frame = DRAWN[name]
    needed = NEEDED.get(name, "statistic")
    with pytest.raises(ColumnError, match=f"'{needed}' is not in the frame given to {name}"):
        draw(frame.drop(columns=needed))


@pytest.mark.parametrize("name", DRAWN)
def test_a_frame_without_rows_is_refused(name: str) -> None:
    draw, frame = DRAWN[name]
    with pytest.raises(InputError, match="no rows"):
        draw(frame.head(0))


def test_bins_of_uneven_width_stand_in_even_slots_with_their_borders_written() -> None:
    encoding = charts.distribution(histogram(numeric=True)).to_dict()["encoding"]
    assert encoding["x"]["axis"]["labelExpr"].startswith(json.dumps(["−∞", "10", "55.5", "∞"]))
    assert encoding["y"]["field"] == "share"
    assert encoding["y2"] == {"datum": 0}


def test_borders_are_written_as_short_as_their_bins_allow_and_never_touch() -> None:
    edges = [None, 0, 0.009979, 0.01999, 0.02002, 0.1095, 0.142, 0.1744, None]
    rows = [("rain", i, str(i), edges[i], edges[i + 1], "reference", 1, 0.1) for i in range(8)]
    columns = ["column", "position", "label", "start", "end", "window", "count", "share"]
    spec = charts.distribution(pd.DataFrame(rows, columns=columns)).to_dict()
    axis = spec["encoding"]["x"]["axis"]
    written = ["", "0", "0.01", "0.02", "0.02", "0.11", "0.142", "0.174", ""]
    assert axis["labelExpr"].startswith(json.dumps(written))
    assert (axis["labelOverlap"], axis["labelSeparation"]) == ("parity", 8)


UNJUDGED: dict[str, tuple[Callable[..., Any], pd.DataFrame]] = {
    "timeline": (charts.timeline, history()),
    "overview": (lambda frame: charts.overview(frame, across="window_start"), history()),
    "performance": (charts.performance, history().assign(low=0.0, high=0.5)),
    "volume": (charts.volume, volumes()),
}


@pytest.mark.parametrize("name", UNJUDGED)
@pytest.mark.parametrize("missing", ["", None, np.nan])
def test_without_a_status_there_is_neither_mark_nor_legend(name: str, missing: Any) -> None:
    draw, frame = UNJUDGED[name]
    spec = draw(frame.assign(status=missing)).to_dict()
    assert {row["status"] for row in data_of(spec)} == {None}
    text = json.dumps({key: value for key, value in spec.items() if key != "datasets"})
    assert "legend" not in text
    assert not {colour.light for colour in theme.STATUS.values()} & set(text.split('"'))
    still(clean(spec), {}, "")


@pytest.mark.parametrize("name", UNJUDGED)
def test_a_legend_lists_only_what_was_judged(name: str) -> None:
    draw, frame = UNJUDGED[name]
    spec = draw(frame.assign(status=["alarm", "", "ok", None])).to_dict()
    assert [row["status"] for row in data_of(spec)] == ["Alarm", None, "OK", None]
    colour = next(
        layer["encoding"]["color"] for layer in spec["layer"] if "color" in layer["encoding"]
    )
    assert colour["condition"]["legend"]["values"] == ["OK", "Alarm"]
    assert colour["value"] in (theme.CURRENT.light, theme.MUTED.light)
    still(clean(spec), {}, "")


def test_levels_lie_on_their_side_in_the_order_given() -> None:
    spec = charts.distribution(histogram(numeric=False)).to_dict()
    assert spec["encoding"]["x"]["field"] == "share"
    assert '["</script>", "b", "(other)"]' in spec["encoding"]["y"]["axis"]["labelExpr"]


def test_the_reference_is_drawn_behind_the_current_window() -> None:
    spec = charts.distribution(histogram(numeric=True)).to_dict()
    assert [row["window"] for row in data_of(spec)] == ["reference"] * 3 + ["current"] * 3


def test_several_columns_in_one_distribution_are_refused() -> None:
    both = pd.concat([histogram(numeric=True), histogram(numeric=True, name="wind")])
    with pytest.raises(InputError, match="draws one column, but the frame has 2"):
        charts.distribution(both)


def test_hostile_names_are_only_ever_values() -> None:
    for draw, frame in ((charts.timeline, history(HOSTILE)), DRAWN["overview"]):
        spec = draw(frame).to_dict()
        assert {row["column"] for row in data_of(spec)} == set(HOSTILE)
        without = json.dumps({key: value for key, value in spec.items() if key != "datasets"})
        assert "</script>" not in without


def test_thresholds_are_rules_in_the_colour_of_their_status() -> None:
    rules = pd.DataFrame({"status": ["warning", "alarm"], "statistic": [0.1, 0.25]})
    spec = charts.timeline(history(), rules).to_dict()
    marks = [layer["mark"]["type"] for layer in spec["layer"]]
    assert marks == ["rule", "rule", "line", "point", *["text"] * 4]
    assert {"threshold": "Alarm", "at": 0.25} in data_of(spec)


def test_the_highest_lines_are_named_unless_their_names_would_touch() -> None:
    frame = history(["a", "b", "c"]).drop(columns="status")
    frame["statistic"] *= frame["column"].map({"a": 10.0, "b": 9.99, "c": 1.0})
    named = [row["column"] for row in data_of(charts.timeline(frame).to_dict()) if len(row) == 2]
    assert named == ["a", "c"]


def test_a_statistic_that_is_not_known_is_a_gap_not_a_zero() -> None:
    frame = history().assign(statistic=[0.1, np.nan, np.inf, 0.2])
    values = [row["statistic"] for row in data_of(charts.timeline(frame).to_dict())]
    assert values == [0.1, None, None, 0.2]


def test_two_measures_do_not_share_an_axis() -> None:
    with pytest.raises(InputError, match="draws one measure"):
        charts.timeline(history().assign(measure=["psi", "ks", "psi", "ks"]))


def test_time_is_utc_whatever_the_zone_of_the_rows() -> None:
    frame = history()
    local = frame.assign(window_start=frame["window_start"].dt.tz_convert("America/New_York"))
    spec = charts.timeline(local).to_dict()
    assert data_of(spec)[0]["window_start"] == "2013-01-07T00:00:00Z"
    assert spec["layer"][0]["encoding"]["x"]["scale"]["type"] == "utc"


def test_windows_of_the_overview_stand_in_the_order_of_time() -> None:
    frame = history().iloc[::-1]
    spec = charts.overview(frame, across="window_start").to_dict()
    assert spec["layer"][0]["encoding"]["x"]["sort"][0] == "2013-01-07"


def test_two_lines_for_one_cell_of_the_overview_are_refused() -> None:
    with pytest.raises(InputError, match="one cell per column and measure"):
        charts.overview(history())
    with pytest.raises(InputError, match="'measure' or 'window_start', not 'week'"):
        charts.overview(history(), across="week")


def test_the_expected_range_is_drawn_only_where_it_is_known() -> None:
    assert len(charts.volume(volumes()).to_dict()["layer"]) == 2
    assert len(charts.volume(volumes().drop(columns=["low", "high"])).to_dict()["layer"]) == 1


def test_the_baseline_is_a_rule_across() -> None:
    _, frame = DRAWN["performance"]
    spec = charts.performance(frame, pd.DataFrame({"statistic": [0.79]})).to_dict()
    assert "rule" in [layer["mark"]["type"] for layer in spec["layer"][1:]]
    assert any(row.get("what") == "reference" for row in data_of(spec))


def test_an_enabled_chart_leaves_its_cell_as_data() -> None:
    before = alt.renderers.active
    try:
        charts.enable()
        bundle: Any = charts.volume(volumes())._repr_mimebundle_()
        assert set(bundle) == {renderer.MIME, "text/plain"}
        shown = bundle[renderer.MIME]
        assert "v5" in shown["$schema"]
        # JupyterLab 4.6 hangs on "container"; the page makes it fill its width again.
        assert shown["width"] == renderer.WIDTH
        assert clean(shown)["width"] == "container"
    finally:
        alt.renderers.enable(before)
