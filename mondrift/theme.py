"""One palette for charts and pages, light and dark, told apart by readers of every colour vision.

Charts use the light colours; on a dark screen the page's style sheet replaces each of them by its
dark twin (`css`), in live charts and static images alike, so a page follows the reader at once and
prints light. The style sheet `page/assets/palette.css` is `css()`; a test keeps it so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Colour:
    """One meaning, two colours: `#rrggbb` on a light and on a dark ground."""

    light: str
    dark: str


INK = Colour("#1c2430", "#e8ecf2")
MUTED = Colour("#566173", "#a5b0c0")
LINE = Colour("#dde2ea", "#323b49")
GROUND = Colour("#f6f7f9", "#12161d")
CARD = Colour("#fefefe", "#1a202a")
LINK = Colour("#1d5a96", "#86b8ea")

REFERENCE = Colour("#c3cad6", "#4d596b")
CURRENT = Colour("#20639f", "#6db1f2")
BAND = Colour("#b9d0e7", "#2b4d70")

STATUS: dict[str, Colour] = {
    "ok": Colour("#187a6b", "#4cc2ab"),
    "inconclusive": Colour("#67618f", "#b0a8e0"),
    "warning": Colour("#9e5e00", "#f0b040"),
    "alarm": Colour("#b3202c", "#ff7a73"),
    "skipped": Colour("#7b8594", "#8c97a8"),
    "failed": Colour("#8a1538", "#ff86a5"),
}
"""Colour of each status; text of these colours reaches a contrast of 4.5 on card and ground
(`skipped`: 3, it is drawn only as a mark)."""

TINT: dict[str, Colour] = {
    "ok": Colour("#e6f3f0", "#16302d"),
    "inconclusive": Colour("#eeedf6", "#272540"),
    "warning": Colour("#fbf0dd", "#36290f"),
    "alarm": Colour("#fbe8e8", "#3d1b1f"),
    "skipped": Colour("#eef0f3", "#242b36"),
    "failed": Colour("#f9e6ec", "#3d1726"),
}

WORDS: dict[str, str] = {
    "ok": "OK",
    "inconclusive": "Inconclusive",
    "warning": "Warning",
    "alarm": "Alarm",
    "skipped": "Skipped",
}
"""The statuses in their order, and how people read them."""

SYMBOLS: dict[str, str] = {
    "ok": "circle",
    "inconclusive": "diamond",
    "warning": "triangle-up",
    "alarm": "square",
    "skipped": "cross",
}
"""A shape for each status: no meaning rests on colour alone."""

SERIES: tuple[Colour, ...] = (
    CURRENT,
    Colour("#b8650a", "#f2a65a"),
    Colour("#1b7f5c", "#5fc79d"),
    Colour("#7d4a9c", "#c79be6"),
    Colour("#9c3f63", "#ea94b6"),
    Colour("#5e6b1f", "#b9c763"),
)
"""Colours of lines that mean no status, in the order of use."""

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif"

_AXIS_X = {"grid": False, "labelOverlap": "greedy", "labelFlush": False, "labelSeparation": 6}
_TITLE = {
    "color": INK.light,
    "anchor": "start",
    "fontSize": 14,
    "fontWeight": 600,
    "subtitleColor": MUTED.light,
    "subtitleFontSize": 12,
    "subtitlePadding": 5,
}


def config() -> dict[str, Any]:
    """The Vega-Lite config that a page gives to every chart which does not bring its own.

    >>> config()["axisX"]["grid"]
    False
    """
    words = {"labelColor": MUTED.light, "titleColor": MUTED.light}
    return {
        "background": None,
        "font": FONT,
        "view": {"stroke": None},
        "axis": {
            **words,
            "domainColor": LINE.light,
            "tickColor": LINE.light,
            "gridColor": LINE.light,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": 500,
            "titlePadding": 10,
            "labelLimit": 180,
        },
        "axisX": _AXIS_X,
        "axisY": {"domain": False, "ticks": False, "labelPadding": 8},
        "legend": {
            **words,
            "orient": "top",
            "title": None,
            "labelFontSize": 12,
            "labelLimit": 220,
            "symbolSize": 110,
            "offset": 4,
        },
        "title": _TITLE,
        "text": {"color": INK.light},
        "rule": {"color": MUTED.light},
        "mark": {"color": CURRENT.light},
        "range": {"category": [colour.light for colour in SERIES]},
    }


def css() -> str:
    """The palette as a style sheet: variables, and the dark twin of every colour in a chart.

    >>> css().splitlines()[1]
    '.mondrift {'
    """
    pages = {"ink": INK, "muted": MUTED, "line": LINE, "ground": GROUND, "card": CARD}
    names = {**pages, "link": LINK, "reference": REFERENCE, "current": CURRENT, "band": BAND}
    names |= STATUS | {f"{status}-tint": tint for status, tint in TINT.items()}
    light = "".join(f"  --{name}: {colour.light};\n" for name, colour in names.items())
    dark = "".join(f"  --{name}: {colour.dark};\n" for name, colour in names.items())
    return (
        "/* Written by mondrift.theme.css(); a test compares. */\n"
        f".mondrift {{\n{light}}}\n"
        "@media screen and (prefers-color-scheme: dark) {\n"
        f".mondrift {{\n{dark}}}\n"
        f"{dark_rules('.mondrift svg ')}}}\n"
    )


def dark_rules(scope: str) -> str:
    """Rules that turn each light colour of a chart's SVG into its dark twin, below `scope`."""
    twins = {each.light: each.dark for each in _in_charts()}
    return "".join(
        f'{scope}[{part}="{light}"] {{ {part}: {dark} }}\n'
        for light, dark in twins.items()
        for part in ("fill", "stroke")
    )


def _in_charts() -> tuple[Colour, ...]:
    marks = (INK, MUTED, LINE, CARD, REFERENCE, CURRENT, BAND)
    return (*marks, *STATUS.values(), *TINT.values(), *SERIES)
