"""Chart specs on their way into a page: cleaned, renumbered, weighed, drawn once as an image.

A spec may come from a stranger's notebook: what it could load, embed or override is refused or
removed here, and the page's loader and policy deny it again.
"""

from __future__ import annotations

import base64
import copy
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from mondrift.errors import ReportError
from mondrift.page.sections import Cell, Table

MAX_BYTES = 200_000
"""Budget of one chart's JSON: a histogram takes about 5 kB, 1,000 points of a history 120 kB."""
MAX_TABLE_ROWS = 200
STILL_WIDTH = 640
FILLS = {"mondrift": {"width": "container"}}
"""The mark of a chart that fills its page (`mondrift.charts.renderer` sets it in notebooks)."""
ALTAIR_DEFAULT = {"view": {"continuousWidth": 300, "continuousHeight": 300}}
_COUNTED = re.compile(r"^(view|param|concat|layer)_\d+$")
_TAG = re.compile(r'<[a-zA-Z](?:[^>"]|"[^"]*")*>')
_ATTRIBUTE = re.compile(r'\s([\w:-]+)="([^"]*)"')
_NUMBER = re.compile(r"-?(?:\d+\.\d*|\.\d+|\d+(?=e))(?:e[-+]?\d+)?")
_RULE = re.compile(r'\[((?:fill|stroke)="#[0-9a-f]{6}")\] \{[^}]*\}')
_LIVE = {"class", "role", "pointer-events"}
_MEASURED = {
    *("d", "transform", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "rx", "ry", "dx", "dy"),
    *("width", "height", "opacity", "fill-opacity", "stroke-opacity", "stroke-width"),
}
_NOTHING = '<path d="M0,0h0v0h0Z"/>'
_WORDS = {"title", "subtitle", "text", "description", "datasets", "values", "domain", "sort"}


def compact(value: Any) -> str:
    """JSON with sorted keys, no spaces, and no NaN (a ValueError, as JSON has none)."""
    return json.dumps(
        value, allow_nan=False, ensure_ascii=False, separators=(",", ":"), sort_keys=True
    )


def clean(spec: Mapping[str, Any], name: str = "") -> dict[str, Any]:
    """The spec as the page uses it: same drawing, same bytes whenever it is made.

    Removes `$schema`, `usermeta` (it can override the page's embedding) and the default config,
    turns NaN in data into a gap, and numbers Altair's counted names from 1. Raises ReportError
    for data behind a URL, other values that JSON does not have, and more than 200 kB.

    >>> clean({"mark": "bar", "usermeta": {"embedOptions": {"ast": False}}})
    {'mark': 'bar', 'width': 'container'}
    """
    called = f"Chart {name!r}" if name else "A chart"
    plain: dict[str, Any] = copy.deepcopy(dict(spec))
    if plain.get("usermeta") == FILLS:
        plain["width"] = "container"
    for key in ("$schema", "usermeta"):
        plain.pop(key, None)
    _drop_nan(plain)
    if plain.get("config") == ALTAIR_DEFAULT:
        del plain["config"]
    if {"mark", "layer"} & set(plain):
        plain.setdefault("width", "container")
    for key, value in _walk(plain):
        if key in ("url", "href") and value is not None:
            raise ReportError(
                f"{called} asks for {key} {value!r:.80}; a report holds its data itself. Use "
                "inline data (alt.data_transformers.enable('default')) and no links or images."
            )
    try:
        size = len(compact(plain).encode())
    except (ValueError, TypeError) as error:
        raise ReportError(f"{called} holds a value that JSON does not have: {error}") from None
    if size > MAX_BYTES:
        raise ReportError(
            f"{called} takes {size:,} bytes; the budget is {MAX_BYTES:,}. Aggregate before "
            "charting (bins, windows, quantiles), or draw fewer columns or windows."
        )
    return _renumbered(plain)


def still(spec: Mapping[str, Any], config: Mapping[str, Any], style: str) -> str:
    """The chart as a data URI of an SVG image; `style` holds CSS that follows a dark screen."""
    import vl_convert

    drawn = dict(spec)
    if drawn.get("width") == "container":
        drawn["width"] = STILL_WIDTH
    if drawn.get("height") == "container":
        drawn["height"] = 240
    merged = dict(config)
    for part, own in spec.get("config", {}).items():
        base = merged.get(part)
        if isinstance(base, Mapping) and isinstance(own, Mapping):
            own = {**base, **own}
        merged[part] = own
    # A reader's fonts may be wider than those that are measured here.
    drawn["padding"] = {"left": 34, "right": 16, "top": 5, "bottom": 5}
    # The image has one alternative text; words on each mark would double its size.
    drawn["config"] = {**merged, "aria": False}
    try:
        svg = vl_convert.vegalite_to_svg(drawn, allowed_base_urls=[])
    except ValueError as error:
        reason = str(error).strip().splitlines()[0][:200]
        raise ReportError(f"A chart cannot be drawn: {reason}") from None
    svg = lean(_with_own_ids(svg))
    if style:
        svg = svg.replace(">", f"><style>{_needed(style, svg)}</style>", 1)
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def _with_own_ids(svg: str) -> str:
    """The drawer counts its clips and gradients per process; the image counts them from 1."""
    ids = list(dict.fromkeys(re.findall(r'\bid="((?:clip|gradient_)\d+)"', svg)))
    numbers = {old: f"{old.rstrip('0123456789')}{i + 1}" for i, old in enumerate(ids)}
    if not numbers:
        return svg
    pattern = r'(\bid="|url\(#|href="#)(' + "|".join(ids) + r')(?=["\)])'
    return re.sub(pattern, lambda match: match[1] + numbers[match[2]], svg)


def lean(svg: str) -> str:
    """The same drawing in a third of the bytes: numbers to a hundredth of a pixel, names left out.

    What only a live drawing uses (classes, roles, pointer events) means nothing in an image.

    >>> lean('<g class="a"><path aria-hidden="true" d="M0.4999999,-1e-14L12.345678,3"/></g>')
    '<g><path d="M.5,0L12.35,3"/></g>'
    >>> lean('<text x="1.000001">1.000001 &gt; class="a"</text>')
    '<text x="1">1.000001 &gt; class="a"</text>'
    """
    svg = _TAG.sub(lambda tag: _ATTRIBUTE.sub(_leaner, tag[0]), svg)
    svg = svg.replace(_NOTHING, "")
    fonts = set(re.findall(r' font-family="[^"]*"', svg))
    if len(fonts) == 1:  # said once, it holds for all
        font = fonts.pop()
        svg = svg.replace(font, "").replace("<svg", f"<svg{font}", 1)
    return svg


def _leaner(attribute: re.Match[str]) -> str:
    name, value = attribute[1], attribute[2]
    if name in _LIVE or name.startswith("aria-") or (name, value) == ("opacity", "1"):
        return ""
    if name in _MEASURED:
        value = _NUMBER.sub(_hundredth, value)
    return f' {name}="{value}"'


def _hundredth(number: re.Match[str]) -> str:
    short = f"{float(number[0]):.2f}".rstrip("0").rstrip(".")
    return "0" if short in ("0", "-0") else re.sub(r"^(-?)0\.", r"\1.", short)


def _needed(style: str, svg: str) -> str:
    """The style sheet without the rules for colours that the image does not have."""
    return _RULE.sub(lambda rule: rule[0] if f" {rule[1]}" in svg else "", style)


def data_table(spec: Mapping[str, Any]) -> Table | None:
    """The spec's largest inline data set as a table of at most 200 rows; None without data."""
    sets = [rows for _, rows in sorted(spec.get("datasets", {}).items())]
    sets += [
        value["values"]
        for key, value in _walk(spec)
        if key == "data" and isinstance(value, Mapping) and isinstance(value.get("values"), list)
    ]
    largest: list[Any] = max(sets, key=len, default=[])
    rows = [row for row in largest if isinstance(row, Mapping)]
    names = list(dict.fromkeys(str(name) for row in rows for name in row))
    names = [name for name in names if any(row.get(name) is not None for row in rows)]
    if not names:
        return None
    kept = tuple(tuple(_cell(row.get(name)) for name in names) for row in rows[:MAX_TABLE_ROWS])
    more = len(rows) - len(kept)
    return Table(tuple(names), kept, note=f"And {more:,} more rows." if more else "")


def words_of(spec: Mapping[str, Any]) -> str:
    """The spec's own description or title, for people who do not see the chart."""
    for key in ("description", "title"):
        value = spec.get(key)
        if isinstance(value, Mapping):
            value = value.get("text")
        if isinstance(value, str) and value:
            return value
    return ""


def _cell(value: Any) -> Cell:
    return value if value is None or isinstance(value, (bool, int, float, str)) else compact(value)


def _walk(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every (key, value) of the spec outside its data rows."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield name, each
            if name not in ("datasets", "values"):
                yield from _walk(each, name)
    elif isinstance(value, list):
        for each in value:
            yield from _walk(each, key)


def _drop_nan(spec: dict[str, Any]) -> None:
    """NaN and infinities in data rows become null, a gap in the drawing; in place."""
    sets = list(spec.get("datasets", {}).values())
    sets += [
        value["values"]
        for key, value in _walk(spec)
        if key == "data" and isinstance(value, Mapping) and "values" in value
    ]
    for rows in sets:
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, dict):
                gaps = [k for k, v in row.items() if isinstance(v, float) and not math.isfinite(v)]
                row.update(dict.fromkeys(gaps))


def _renumbered(spec: dict[str, Any]) -> dict[str, Any]:
    counted = dict.fromkeys(
        value
        for key, value in _walk(spec)
        if key == "name" and isinstance(value, str) and _COUNTED.match(value)
    )
    names: dict[str, str] = {}
    for old in counted:
        kind = old.rsplit("_", 1)[0]
        number = sum(new.startswith(f"{kind}_") for new in names.values()) + 1
        names[old] = f"{kind}_{number}"
    if not names:
        return spec
    pattern = re.compile(r"\b(" + "|".join(map(re.escape, names)) + r")\b")

    def renamed(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {
                name: each if _is_words(name, each) else renamed(each)
                for name, each in value.items()
            }
        if isinstance(value, list):
            return [renamed(each) for each in value]
        if isinstance(value, str):
            return pattern.sub(lambda match: names[match[1]], value)
        return value

    result: dict[str, Any] = renamed(spec)
    return result


def _is_words(name: str, value: Any) -> bool:
    """Whether an entry holds words of people or rows of data, in which no name is replaced."""
    return name == "datasets" or (name in _WORDS and not isinstance(value, Mapping))
