"""Floor 2: a tidy frame in, an Altair chart out; computes nothing, shows nothing, saves nothing.

Every chart encodes columns of its own fixed names, so the names and labels in the data, which come
from strangers, are only ever values. Charts fill the width they are given (`width: container`).
"""

from __future__ import annotations

from mondrift.lean import lean_imports

with lean_imports():
    from mondrift.charts.calibration import calibration
    from mondrift.charts.confusion import confusion
    from mondrift.charts.distribution import distribution
    from mondrift.charts.estimated import estimated
    from mondrift.charts.maturity import maturity
    from mondrift.charts.outcomes import outcomes
    from mondrift.charts.overview import overview
    from mondrift.charts.parts import parts
    from mondrift.charts.performance import performance
    from mondrift.charts.renderer import enable
    from mondrift.charts.segments import segments
    from mondrift.charts.timeline import timeline
    from mondrift.charts.volume import volume

__all__ = [
    "calibration",
    "confusion",
    "distribution",
    "enable",
    "estimated",
    "maturity",
    "outcomes",
    "overview",
    "parts",
    "performance",
    "segments",
    "timeline",
    "volume",
]
