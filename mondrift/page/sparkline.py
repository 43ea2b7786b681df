"""A picture of a line's height: inline SVG of about 300 bytes, no script, no request."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

WIDTH, HEIGHT = 96, 22


def sparkline(current: Sequence[float | None], reference: Sequence[float | None] = ()) -> Markup:
    """`current` as a line over the area of `reference`, both on one scale from 0 (or below).

    None is a gap. Hidden from screen readers: the numbers stand beside it.

    >>> "path" in sparkline([0.1, 0.5, 0.4], [0.3, 0.3, 0.4])
    True
    """
    known = [value for value in (*current, *reference) if value is not None]
    if not known:
        return Markup("")
    low, high = min(0.0, *known), max(known)
    span = (high - low) or 1.0
    area = _path(reference, low, span, closed=True)
    line = _path(current, low, span, closed=False)
    return Markup(
        '<svg class="spark" viewBox="0 0 {} {}" width="{}" height="{}" aria-hidden="true">'
        '<path class="r" d="{}"/><path class="c" d="{}"/></svg>'
    ).format(WIDTH, HEIGHT, WIDTH, HEIGHT, area, line)


def _path(values: Sequence[float | None], low: float, span: float, *, closed: bool) -> str:
    if not values:
        return ""
    step = (WIDTH - 4) / max(len(values) - 1, 1)
    parts, pen = [], "M"
    for position, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        x = 2 + position * step
        y = 2 + (HEIGHT - 4) * (1 - (value - low) / span)
        parts.append(f"{pen}{x:.0f} {y:.1f}")
        if len(values) == 1:
            parts.append(f"H{WIDTH - 2}")
        pen = "L"
    if closed and parts and None not in values:
        parts.append(f"V{HEIGHT - 2}H2Z")
    return "".join(parts)
