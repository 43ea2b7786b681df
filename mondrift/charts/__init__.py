"""Floor 2: a tidy frame in, an Altair chart out; computes nothing, shows nothing, saves nothing.

Every chart encodes columns of its own fixed names, so the names and labels in the data, which come
from strangers, are only ever values. Charts fill the width they are given (`width: container`).
"""

from __future__ import annotations

from mondrift.charts.distribution import distribution
from mondrift.charts.overview import overview
from mondrift.charts.performance import performance
from mondrift.charts.renderer import enable
from mondrift.charts.timeline import timeline
from mondrift.charts.volume import volume

__all__ = ["distribution", "enable", "overview", "performance", "timeline", "volume"]
