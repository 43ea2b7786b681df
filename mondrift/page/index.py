"""The archive's first page: every run, newest first, with search, filters, a strip of statuses.

Static: built from records, no request. The rows are JSON in the page and drawn by `index.js`; the
newest stand in the markup as well, for readers without JavaScript. A filtered view is a permalink
(`index.html#monitor=…&status=…&q=…`). Runs whose reports were removed are shown when asked for
(`&pruned=1`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from markupsafe import Markup

from mondrift.errors import ReportError
from mondrift.page.page import asset, digest, environment, inert_json, policy
from mondrift.page.sections import STATUS_WORDS, checked_status

SHOWN = 100
"""Rows in the markup; the others are drawn on demand."""
STRIP = 26
"""Newest runs that a monitor's strip shows."""


@dataclass(frozen=True)
class IndexRun:
    """One line of the index.

    Lines are sorted by `start`, then `run_id`; `href` is relative to the index; `label` says which
    window it was, without one `start` and `end` are shown as they are; `value` is what the
    monitor's sparkline follows (None: gap).
    `pruned`: the report was removed, what `href` leads to says so.
    """

    run_id: str
    monitor: str
    href: str
    start: str
    end: str
    status: str
    headline: str
    value: float | None = None
    pruned: bool = False
    label: str = ""

    @property
    def window(self) -> str:
        """The window in words."""
        return self.label or (f"{self.start} to {self.end}" if self.end else self.start)

    def __post_init__(self) -> None:
        checked_status(self.status)
        if ":" in self.href.split("/")[0] or self.href.startswith(("/", "\\")):
            raise ReportError(
                f"Run {self.run_id!r} links to {self.href!r}; a link of the index is relative to "
                "it, for instance 'flights_weekly/<run-id>/report.html'."
            )


def index_page(title: str, runs: Iterable[IndexRun]) -> str:
    """The index as one HTML page; the same runs in any order give the same bytes.

    >>> "No runs yet" in index_page("Reports", [])
    True
    """
    every = sorted(runs, key=attrgetter("start", "run_id"), reverse=True)
    newest = [run for run in every if not run.pruned]
    script = asset("index.js").strip()
    return (
        environment()
        .get_template("index.html.j2")
        .render(
            title=title,
            runs=newest[:SHOWN],
            total=len(newest),
            pruned=len(every) - len(newest),
            monitors=_monitors(newest),
            statuses={word: STATUS_WORDS[word] for word in STATUS_WORDS if word != "skipped"},
            data=inert_json([_line(run) for run in every]),
            words=inert_json(STATUS_WORDS),
            script=Markup(script),  # noqa: S704  ours
            policy=policy([digest(script)]),
            styles=Markup(asset("palette.css") + asset("report.css") + asset("index.css")),  # noqa: S704
        )
    )


def _line(run: IndexRun) -> list[str]:
    line = [run.monitor, run.window, run.status, run.headline, run.href]
    return [*line, "pruned"] if run.pruned else line


def _monitors(newest: Sequence[IndexRun]) -> list[dict[str, object]]:
    """Per monitor: its name, how many runs, the last ones oldest first, and their values."""
    # Sorting is stable: within a monitor the order stays newest first.
    grouped = groupby(sorted(newest, key=attrgetter("monitor")), key=attrgetter("monitor"))
    made = []
    for name, group in grouped:
        all_runs = list(group)
        strip = all_runs[:STRIP][::-1]
        values = [run.value for run in strip]
        known = any(value is not None for value in values)
        made.append(
            {
                "name": name,
                "count": len(all_runs),
                "latest": all_runs[0],
                "strip": strip,
                "values": values if known else [],
            }
        )
    return made
