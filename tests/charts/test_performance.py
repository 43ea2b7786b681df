"""Charts of performance as specs: what is drawn of the frame, and what is not."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from mondrift import charts, theme
from mondrift.charts.frame import side
from mondrift.errors import InputError
from mondrift.page.spec import clean, still
from tests.charts import frames
from tests.charts.test_charts import HOSTILE, data_of


def marks(spec: dict[str, Any]) -> list[str]:
    return [layer["mark"]["type"] for layer in spec["layer"]]


def words(spec: dict[str, Any]) -> str:
    return json.dumps({key: value for key, value in spec.items() if key != "datasets"})


def test_the_reference_is_a_band_where_its_interval_is_known_else_a_rule() -> None:
    known = pd.DataFrame({"statistic": [0.79], "low": [0.78], "high": [0.80]})
    spec = charts.performance(frames.accuracy(), known).to_dict()
    assert marks(spec)[:2] == ["rect", "rule"]
    assert marks(spec)[-2:] == ["text", "text"]  # the word, on its ground, above the marks
    assert {"statistic": 0.79, "low": 0.78, "high": 0.8, "what": "reference"} in data_of(spec)
    spec = charts.performance(frames.accuracy(), known[["statistic"]]).to_dict()
    assert marks(spec)[:2] == ["rule", "point"]


def test_a_word_stands_where_fewer_marks_are_in_its_way() -> None:
    falling = frames.accuracy().assign(statistic=[0.9, 0.85, 0.8, 0.75][: len(frames.accuracy())])
    assert side(falling[["window_start", "statistic"]], 0.76) == "left"
    assert side(falling[["window_start", "statistic"]], 0.88) == "right"


def test_thresholds_and_the_moment_of_change_are_marked_on_the_trend() -> None:
    limits = pd.DataFrame({"status": ["alarm"], "statistic": [0.74]})
    moment = pd.DataFrame({"at": [pd.Timestamp("2013-03-01T10:00", tz="UTC")]})
    spec = charts.performance(frames.accuracy(), thresholds=limits, since=moment).to_dict()
    assert {"threshold": "Alarm from here", "at": 0.74} in data_of(spec)
    marked = {"at": "2013-03-01T10:00:00Z", "from": None, "to": None, "what": "since 1 Mar 2013"}
    assert marked in data_of(spec)
    assert "rect" not in marks(spec)
    ranged = moment.assign(**{"from": "2013-02-20T00:00:00Z", "to": "2013-03-04T00:00:00Z"})
    assert "rect" in marks(charts.performance(frames.accuracy(), since=ranged).to_dict())


@pytest.mark.parametrize(
    ("measure", "shape", "title"),
    [("accuracy", "%", "accuracy"), ("roc_auc", None, "ROC AUC"),
     ("mae", None, "mean absolute error")],
)  # fmt: skip
def test_a_share_is_written_in_percent_and_a_metric_by_its_name(
    measure: str, shape: str | None, title: str
) -> None:
    spec = charts.performance(frames.accuracy().assign(measure=measure)).to_dict()
    axis = spec["layer"][-1]["encoding"]["y"]["axis"]
    assert (axis.get("format"), axis["title"]) == (shape, title)


def test_calibration_has_its_diagonal_and_sizes_points_by_their_rows() -> None:
    spec = charts.calibration(frames.curve()).to_dict()
    assert marks(spec) == ["line", "rule", "line", "point"]
    diagonal = {row["share"] for row in data_of(spec) if set(row) == {"score", "share"}}
    assert diagonal == {0.0, 1.0}
    assert spec["layer"][-1]["encoding"]["size"]["field"] == "n"
    bare = frames.curve().drop(columns=["low", "high"])
    assert marks(charts.calibration(bare).to_dict()) == ["line", "line", "point"]


def test_a_confusion_cell_that_is_too_small_is_named_few_and_tells_no_number() -> None:
    spec = charts.confusion(frames.cells()).to_dict()
    small = [row for row in data_of(spec) if row["told"] == "few"]
    assert [(row["count"], row["share"]) for row in small] == [(None, None)]
    right = {(row["target"], row["prediction"]) for row in data_of(spec) if row["right"]}
    assert right == {("no", "no"), ("yes", "yes")}
    assert spec["layer"][0]["encoding"]["yOffset"]["sort"] == ["reference", "current"]


def test_segments_keep_their_order_and_one_legend_names_reference_and_statuses() -> None:
    spec = charts.segments(frames.by_segment()).to_dict()
    encodings = [layer["encoding"] for layer in spec["layer"] if "color" in layer["encoding"]]
    assert encodings[0]["y"]["sort"] == ["origin=LGA", "origin=JFK", "origin=EWR"]
    legends = [each[channel]["legend"] for each in encodings for channel in ("color", "shape")]
    assert all(each["values"] == legends[0]["values"] for each in legends)
    assert legends[0]["values"] == ["Reference", "OK", "Alarm", "Not judged"]


def test_hostile_names_of_classes_and_segments_are_only_ever_values() -> None:
    drawn = (
        charts.segments(frames.by_segment([*HOSTILE])),
        charts.confusion(frames.cells("</script>", "datum.x")),
    )
    for chart in drawn:
        text = words(chart.to_dict())
        assert "<script" not in text
        still(clean(chart.to_dict()), {}, "")


def test_an_age_that_no_row_has_yet_is_a_gap() -> None:
    spec = charts.maturity(frames.ages()).to_dict()
    young = [row["share"] for row in data_of(spec) if row["series"] == "within 7 days"]
    assert young == [0.9, 0.9, 0.9, None]
    scale = spec["layer"][0]["encoding"]["y"]["scale"]
    assert scale == {"domain": [0, 1.04], "nice": False}
    domain = spec["layer"][0]["encoding"]["color"]["scale"]["domain"]
    assert domain == ["within 1 day", "within 7 days"]


def test_a_window_without_labels_has_only_its_estimate() -> None:
    spec = charts.estimated(frames.both()).to_dict()
    realised = [row["window"] for row in data_of(spec) if row["series"] == "realised"]
    assert len(realised) == 2
    assert len([row for row in data_of(spec) if row["series"] == "estimated"]) == 4
    with pytest.raises(InputError, match="draws the series"):
        charts.estimated(frames.both().replace("realised", "guessed"))


def test_parts_of_a_change_stand_on_zero_with_their_limits() -> None:
    spec = charts.parts(frames.effects()).to_dict()
    assert marks(spec) == ["bar", "rule", "rule"]
    assert spec["layer"][0]["encoding"]["x"]["scale"]["zero"] is True
    assert {"zero": 0} in data_of(spec)
    points = spec["layer"][0]["encoding"]["x"]["axis"]
    assert points["title"] == "change of accuracy, points"
    numbers = charts.parts(frames.effects().assign(metric="mae")).to_dict()
    assert "points" not in words(numbers)


@pytest.mark.parametrize(
    "chart",
    [
        lambda: charts.performance(frames.accuracy(), pd.DataFrame({"statistic": [0.8]})),
        lambda: charts.calibration(frames.curve()),
        lambda: charts.confusion(frames.cells()),
        lambda: charts.segments(frames.by_segment()),
        lambda: charts.maturity(frames.ages()),
        lambda: charts.estimated(frames.both()),
        lambda: charts.parts(frames.effects()),
        lambda: charts.outcomes(frames.rates()),
    ],
)
def test_every_colour_has_a_dark_twin(chart: Any) -> None:
    text = json.dumps(chart().to_dict())
    used = {each for each in text.split('"') if each.startswith("#") and len(each) == 7}
    assert used
    assert used <= {each.light for each in theme._in_charts()}
