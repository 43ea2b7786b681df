"""The palette: readable, told apart by every colour vision, and the same on page and chart."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import mondrift.page
from mondrift import theme
from mondrift.page.sections import STATUS_WORDS

# Machado, Oliveira, Fernandes (2009), severity 1.0, on linear RGB.
VISIONS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]]
    ),
}  # fmt: skip
JUDGED = ("ok", "inconclusive", "warning", "alarm")


def linear(colour: str) -> np.ndarray:
    srgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    light, dark = sorted(
        (float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (one, other)), reverse=True
    )
    return (light + 0.05) / (dark + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = to_xyz @ np.clip(rgb, 0, 1) / [0.9505, 1, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("shade", ["light", "dark"])
def test_text_reaches_the_contrast_of_wcag_aa(shade: str) -> None:
    for ground in (theme.GROUND, theme.CARD):
        texts = [theme.INK, theme.MUTED, theme.LINK, *(theme.STATUS[s] for s in JUDGED)]
        for text in [*texts, theme.STATUS["failed"]]:
            assert contrast(getattr(text, shade), getattr(ground, shade)) >= 4.5
    for status in (*JUDGED, "failed"):
        tint = getattr(theme.TINT[status], shade)
        assert contrast(getattr(theme.STATUS[status], shade), tint) >= 4.5
    assert contrast(getattr(theme.MUTED, shade), getattr(theme.TINT["skipped"], shade)) >= 4.5


@pytest.mark.parametrize("shade", ["light", "dark"])
@pytest.mark.parametrize("vision", VISIONS)
def test_statuses_stay_apart_for_every_colour_vision(vision: str, shade: str) -> None:
    seen = {s: lab(VISIONS[vision] @ linear(getattr(theme.STATUS[s], shade))) for s in JUDGED}
    for one, other in combinations(JUDGED, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 12, (one, other)


@pytest.mark.parametrize("vision", VISIONS)
def test_reference_and_current_stay_apart(vision: str) -> None:
    for shade in ("light", "dark"):
        pair = [getattr(each, shade) for each in (theme.REFERENCE, theme.CURRENT)]
        one, other = (lab(VISIONS[vision] @ linear(each)) for each in pair)
        assert np.linalg.norm(one - other) > 25


def test_every_status_has_a_shape_of_its_own() -> None:
    assert len(set(theme.SYMBOLS.values())) == len(theme.WORDS)


def test_the_style_sheet_of_the_page_is_this_palette() -> None:
    sheet = Path(mondrift.page.__path__[0]) / "assets" / "palette.css"
    assert sheet.read_text() == theme.css(), "write it anew: theme.css() into palette.css"


def test_chart_and_page_use_the_same_words() -> None:
    assert {**STATUS_WORDS} == {**theme.WORDS, "failed": "Failed"}


def test_no_two_light_colours_of_a_chart_share_a_dark_twin_by_accident() -> None:
    twins: dict[str, str] = {}
    for colour in theme._in_charts():
        assert twins.setdefault(colour.light, colour.dark) == colour.dark
