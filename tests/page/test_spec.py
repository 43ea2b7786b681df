"""Specs on their way into a page: cleaned, weighed, numbered."""

from __future__ import annotations

import base64
import re
from typing import Any
from xml.etree import ElementTree

import altair as alt
import pandas as pd
import pytest

from mondrift.errors import ReportError
from mondrift.page import spec

FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", "view_1"]})


def layered() -> dict[str, Any]:
    base = alt.Chart(FRAME).encode(x="a:Q", y="b:N")
    picked = alt.selection_point()
    points = base.mark_point().encode(opacity=alt.condition(picked, alt.value(1), alt.value(0)))
    made: dict[str, Any] = (base.mark_line() + points.add_params(picked)).to_dict()
    return made


def test_counted_names_are_the_same_whenever_a_chart_is_made() -> None:
    def counted(number: int) -> dict[str, Any]:
        # As Altair 5 names them, counting on for as long as the process lives.
        view, param = f"view_{number}", f"param_{number + 3}"
        return {
            "layer": [{"mark": "line", "name": view}, {"mark": "point"}],
            "params": [{"name": param, "select": "point", "views": [view]}],
            "title": {"text": "a", "fontSize": {"expr": f"{param}.a ? 1 : 2"}},
        }

    assert counted(1) != counted(14)
    assert spec.clean(counted(1)) == spec.clean(counted(14))
    assert spec.clean(layered()) == spec.clean(layered())


def test_data_and_words_are_not_renamed() -> None:
    plain = layered()
    plain["title"] = "param_1 of view_1"
    clean = spec.clean(plain)
    assert clean["title"] == "param_1 of view_1"
    assert clean["datasets"] == plain["datasets"]


def test_what_could_override_the_embedding_is_removed() -> None:
    plain = {"$schema": "x", "usermeta": {"embedOptions": {"ast": False}}, "mark": "bar"}
    assert spec.clean(plain) == {"mark": "bar", "width": "container"}
    assert "usermeta" in plain  # the caller's spec is left alone


@pytest.mark.parametrize(
    "part",
    [
        {"data": {"url": "https://a.b/c.csv"}},
        {"layer": [{"mark": "point", "data": {"url": "rows.json"}}]},
        {"encoding": {"url": {"value": "https://a.b/c.png"}}},
        {"encoding": {"href": {"field": "a"}}},
        {"transform": [{"lookup": "a", "from": {"data": {"url": "x"}}}]},
    ],
)
def test_a_chart_that_asks_for_something_is_refused(part: dict[str, Any]) -> None:
    with pytest.raises(ReportError, match=r"Chart 'PSI' asks for (url|href)"):
        spec.clean({"mark": "point", **part}, "PSI")


def test_a_column_called_url_is_only_a_column() -> None:
    assert spec.clean({"mark": "bar", "data": {"values": [{"url": "https://a.b"}]}})


def test_a_chart_over_its_budget_says_what_to_do() -> None:
    rows = [{"a": i, "b": "x" * 100} for i in range(2000)]
    with pytest.raises(ReportError, match=r"Chart 'wide' takes 2\d\d,\d{3} bytes.*Aggregate"):
        spec.clean({"mark": "bar", "data": {"values": rows}}, "wide")


def test_a_value_that_json_does_not_have_is_refused() -> None:
    with pytest.raises(ReportError, match="JSON does not have"):
        spec.clean({"mark": {"type": "bar", "size": float("nan")}})


def test_nan_in_data_is_a_gap() -> None:
    rows = [{"a": float("nan"), "b": float("inf"), "c": 1.0}]
    clean = spec.clean({"mark": "bar", "data": {"values": rows}})
    assert clean["data"]["values"] == [{"a": None, "b": None, "c": 1.0}]


def test_the_table_beside_a_chart_holds_its_data() -> None:
    table = spec.data_table(spec.clean(layered()))
    assert table is not None
    assert (table.columns, table.rows) == (("a", "b"), ((1, "x"), (2, "view_1")))
    many = {"mark": "bar", "data": {"values": [{"a": i} for i in range(201)]}}
    cut = spec.data_table(many)
    assert cut is not None
    assert cut.note == "And 1 more rows."
    assert spec.data_table({"mark": "bar"}) is None


def test_a_spec_that_cannot_be_drawn_is_refused_in_plain_words() -> None:
    with pytest.raises(ReportError, match="cannot be drawn"):
        spec.still({"mark": {"type": "nonsense"}, "encoding": {"x": {"field": 1}}}, {}, "")


def test_an_image_measures_to_a_hundredth_and_says_nothing_twice() -> None:
    rows = [{"a": i / 7, "b": f'{i / 7!r} class="x" > 0.123456'} for i in range(30)]
    chart = {
        "data": {"values": rows},
        "mark": {"type": "bar", "cornerRadius": 3},
        "encoding": {"x": {"field": "a", "type": "quantitative"},
                     "y": {"field": "b", "type": "nominal"}},
    }  # fmt: skip
    style = '[fill="#4c78a8"] { fill: #fff }[fill="#123456"] { fill: #000 }'
    uri = spec.still(chart, {"axis": {"labelLimit": 0}}, style)
    svg = base64.b64decode(uri.partition(",")[2]).decode()
    tree = ElementTree.fromstring(svg)
    drawn = " ".join(each.get("d", "") + each.get("transform", "") for each in tree.iter())
    assert max(len(digits) for digits in re.findall(r"\.(\d+)", drawn)) == 2
    assert not {"class", "role"} & {name for each in tree.iter() for name in each.attrib}
    words = [each.text for each in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert {row["b"] for row in rows} <= set(words)
    assert '#4c78a8"] {' in svg
    assert "#123456" not in svg


def test_an_image_is_the_same_however_many_were_drawn_before() -> None:
    clipped = spec.clean(layered())
    clipped["layer"][0]["mark"] = {"type": "line", "clip": True}
    assert spec.still(clipped, {}, "") == spec.still(clipped, {}, "")
