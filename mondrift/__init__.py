"""Tells you whether a machine-learning model in production still works.

    import mondrift as md

    comparison = md.compare(reference, current)   # two DataFrames in, measurements out
    verdict = md.judge(comparison)                # a status per column, and one for the whole
    verdict.raise_for_status()                    # for CI

The path of the data is the package: rows → window → comparison → verdict → alert → report.
Imports only go down:

    7  notebooks/        pages that call mondrift
    6  cli               doors
    5  ingest logger/ run/ demo/    hands: files, the client of a model, papermill, archive
    4  settings logs embedded/ store/ cache notify/ memory
    3  whole phrases window kinds matching schema rows summaries measurement histogram privacy
       unlabelled evidence dependence performance estimates slices pair inputs split since why
       comparison comparing null policy finding drift quality degradation expected labelling
       learned verdict diagnosis wording playbook severity alert incident exhibits explaining
       briefing particulars answer appraisal report
                                                    the spine, in the order of the path
    2  charts/ page/     pictures: tidy frame in, chart or markup out
    1  measures/ metrics/ detectors/                numbers
    0  errors lean theme words
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mondrift import charts
    from mondrift.appraisal import appraise
    from mondrift.briefing import brief
    from mondrift.comparing import compare
    from mondrift.comparison import Comparison
    from mondrift.errors import MondriftError, VerdictError
    from mondrift.explaining import explain
    from mondrift.finding import Finding
    from mondrift.histogram import Histogram
    from mondrift.learned import learn_thresholds
    from mondrift.logger import Logger
    from mondrift.matching import calendar_matched
    from mondrift.measurement import Measurement
    from mondrift.policy import Policy, Threshold
    from mondrift.report import Report
    from mondrift.schema import Schema
    from mondrift.store import Store
    from mondrift.verdict import Verdict, judge
    from mondrift.window import Window, chunk

__version__ = "0.1.0"

__all__ = [
    "Comparison",
    "Finding",
    "Histogram",
    "Logger",
    "Measurement",
    "MondriftError",
    "Policy",
    "Report",
    "Schema",
    "Store",
    "Threshold",
    "Verdict",
    "VerdictError",
    "Window",
    "appraise",
    "brief",
    "calendar_matched",
    "charts",
    "chunk",
    "compare",
    "explain",
    "judge",
    "learn_thresholds",
]

#: Where each public name lives. A name is loaded when it is first asked for, so that importing
#: mondrift costs nothing, and a first look at two frames loads neither SQLAlchemy nor Altair.
_HOMES = {
    "Comparison": "comparison",
    "Finding": "finding",
    "Histogram": "histogram",
    "Logger": "logger",
    "Measurement": "measurement",
    "MondriftError": "errors",
    "Policy": "policy",
    "Report": "report",
    "Schema": "schema",
    "Store": "store",
    "Threshold": "policy",
    "Verdict": "verdict",
    "VerdictError": "errors",
    "Window": "window",
    "appraise": "appraisal",
    "brief": "briefing",
    "calendar_matched": "matching",
    "chunk": "window",
    "compare": "comparing",
    "explain": "explaining",
    "judge": "verdict",
    "learn_thresholds": "learned",
}


def __getattr__(name: str) -> Any:
    if name == "charts":
        return import_module("mondrift.charts")
    if name in _HOMES:
        value = getattr(import_module(f"mondrift.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'mondrift' has no attribute {name!r}; it has {__all__}")


def __dir__() -> list[str]:
    return __all__
