"""Detectors: consume a stream of values, or a series of counts, and say when it changed.

A detector of a stream is a pure step: state and value in, state and answer out; whoever watches
keeps the state.
"""

from __future__ import annotations

from mondrift.detectors.changepoint import Change, Series, change_point
from mondrift.detectors.cusum import Cusum, step

__all__ = ["Change", "Cusum", "Series", "change_point", "step"]
