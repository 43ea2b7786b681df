"""A run: check, notebook, archive. The same inputs again are a no-op.

The results, incidents and messages are in the store before the notebook starts, so a page that
fails takes nothing with it: the run is marked as failed, a readable page says why, and the same
command makes the next revision. What a kill leaves behind is put right by the next run of the
monitor (`reconcile`).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from mondrift.briefing import brief
from mondrift.embedded.place import Place, home
from mondrift.errors import BusyError, MondriftError, RunError
from mondrift.lean import lean_imports
from mondrift.performance import DECISIVE
from mondrift.run.archive import Archive, Draft, Record, State, failure_page
from mondrift.run.check import TELLING, CheckOptions, CheckResult, begin, conclude, leave
from mondrift.run.exporter import export, shareable
from mondrift.run.limits import Limits
from mondrift.run.notebook import (
    Execution,
    Progress,
    execute,
    read_notebook,
    silent,
)
from mondrift.run.parameters import Scalar, bind, parameters_of
from mondrift.run.plan import Monitor
from mondrift.run.reconcile import reconcile
from mondrift.run.secrecy import known_secrets, leaked
from mondrift.run.stops import is_stop, words_of
from mondrift.run.summary import NEEDED, metrics_summary
from mondrift.run.workspace import Workspace
from mondrift.store import Run, Store
from mondrift.verdict import Verdict
from mondrift.window import Window

if TYPE_CHECKING:
    from nbformat import NotebookNode

RUN_ID = "run_id"
"""The parameter by which a notebook is told which check it shows."""


@dataclass(frozen=True)
class Options:
    """How a window is run.

    `texts` are parameters as a command line gives them; `limits` go before the monitor's own;
    `environment` is what the kernel has beside this process's variables; `environ` is searched for
    secrets.
    """

    force: bool = False
    texts: Mapping[str, str] = field(default_factory=dict)
    limits: Limits | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    progress: Progress = silent


@dataclass(frozen=True)
class Outcome:
    """What became of one window: the check, the page, and why it failed ("" when it did not)."""

    checked: CheckResult
    page: Path
    fresh: bool
    error: str = ""

    @property
    def verdict(self) -> Verdict:
        """The verdict on the window."""
        return self.checked.verdict


def run_window(
    store: Store,
    monitor: Monitor,
    window: Window,
    workspace: Workspace,
    options: Options | None = None,
) -> Outcome:
    """Check one window of a monitor, execute its notebook, archive the page.

    Raises MondriftError for what is wrong before anything has begun: an unknown notebook, a
    parameter that does not fit or holds a secret, an unknown model; BusyError when another process
    is at it. A check that fails, or a signal, is raised, too, and leaves a page that says so. A
    notebook that fails raises nothing: see `Outcome.error`.
    """
    options = options or Options()
    path = workspace.notebook(monitor.notebook)
    notebook = read_notebook(path)
    where = f"notebooks/{path.name}"
    values = bind(
        parameters_of(notebook, where), monitor.parameters, texts=options.texts, where=where
    )
    secrets = _secrets(store, options)
    _without_secrets(values, secrets)
    work = _Work(store, monitor, window, options, Archive(workspace.reports), notebook)
    base = store.settings.report_base_url or workspace.reports.resolve().as_uri()
    asked = CheckOptions(force=options.force, reports=base)
    with store.running(monitor.name):
        reconcile(store, work.archive, monitor.name)
        run = begin(store, monitor, window, asked)
        if run.state == "finished" and work.archive.holds(run.run_id, monitor.name):
            page = workspace.reports / monitor.name / run.run_id / "report.html"
            return Outcome(CheckResult(run, store.verdict(run)), page, fresh=False)
        known = values | ({RUN_ID: run.run_id} if _takes_run(notebook, where) else {})
        draft = _draft(work, run, known, secrets)
        try:
            options.progress("check")
            checked = conclude(store, monitor, window, run, asked)
            return _carried_out(work, draft, checked, workspace.folder.resolve())
        except BaseException as broken:
            _give_up(store, draft, run, broken)
            raise
        finally:
            draft.close()


@dataclass(frozen=True)
class _Work:
    """What one call of `run_window` is about."""

    store: Store
    monitor: Monitor
    window: Window
    options: Options
    archive: Archive
    notebook: NotebookNode


def _without_secrets(values: Mapping[str, Scalar], secrets: Mapping[str, str]) -> None:
    """RunError for a parameter that holds a secret: parameters stand in the page and the store."""
    for name, value in values.items():
        if found := leaked(str(value), secrets):
            raise RunError(
                f"The parameter {name!r} holds the secret of {', '.join(found)}, and parameters "
                "are archived. Let the notebook read it from the environment."
            )


def _draft(
    work: _Work, run: Run, values: Mapping[str, Scalar], secrets: Mapping[str, str]
) -> Draft:
    """The page in the making, from before the check on: whatever dies from here on leaves one."""
    record = Record(
        run_id=run.run_id,
        monitor=work.monitor.name,
        model_id=run.model_id,
        window={**work.window.to_dict(), "label": work.window.label},
        revision=run.revision,
        config_hash=run.config_hash,
        state="started",
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        rows=run.rows,
        labels=run.labels,
        notebook=work.monitor.notebook,
        parameters=dict(values),
    )
    try:
        return work.archive.begin(record, secrets)
    except BusyError:
        raise
    except MondriftError as error:
        if run.fresh:
            work.store.fail_run(run, str(error))
        raise


def _carried_out(work: _Work, draft: Draft, checked: CheckResult, folder: Path) -> Outcome:
    """The notebook and its page, of a window that has been checked."""
    store, monitor, run, options = work.store, work.monitor, checked.run, work.options
    history = store.history(run.model_id, measures=TELLING, whole=True, monitor=run.monitor)
    draft.note(_with_findings(draft.record, checked, work.window, history))
    execution = execute(
        work.notebook, draft.record.parameters, folder=folder,
        limits=options.limits or monitor.limits, environment=options.environment,
        progress=options.progress,
    )  # fmt: skip
    options.progress("page")
    return _archive(store, draft, checked, execution, _subtitle(monitor, checked))


def _give_up(store: Store, draft: Draft, run: Run, broken: BaseException) -> None:
    """Tell on a page, and in the store, why a run ended; neither may hide the reason itself."""
    if draft.published:  # the page is whole; the store hears of it by `reconcile`
        return
    error = shareable(words_of(broken))
    with contextlib.suppress(Exception):
        leave(store, run, broken, error)
    for words in (error, "The reason held a secret, so it is not shown."):
        record = replace(_ended(draft, "failed", words), stopped=is_stop(broken))
        with contextlib.suppress(Exception):
            draft.write("report.html", failure_page(record))
            draft.publish(record)
            return


def _takes_run(notebook: Any, where: str) -> bool:
    return any(each.name == RUN_ID for each in parameters_of(notebook, where))


def _archive(
    store: Store, draft: Draft, checked: CheckResult, execution: Execution, subtitle: str
) -> Outcome:
    """Write the files, publish the folder, tell the store."""
    run, error = checked.run, execution.error
    try:
        draft.write("notebook.ipynb", _notebook_text(execution))
        draft.write("metrics.json", _metrics_text(store, checked))
        if not error or _has_output(execution):
            report = export(execution.notebook, subtitle=subtitle)
            draft.write("report.html", report.to_html())
        else:
            draft.write("report.html", failure_page(_ended(draft, "failed", error)))
    except MondriftError as broken:  # a secret, a chart without limits: told on a page of its own
        error = str(broken)
        draft.write("report.html", failure_page(_ended(draft, "failed", shareable(error))))
    record = _ended(draft, "failed" if error else "finished", shareable(error))
    page = draft.publish(record)
    if error:
        if run.state != "finished":
            store.fail_run(run, shareable(error))
    elif run.state != "finished":
        store.finish_run(run, report=record.report)
    return Outcome(checked, page, fresh=True, error=error)


def _with_findings(
    record: Record, checked: CheckResult, window: Window, history: pd.DataFrame
) -> Record:
    """The record with what the check has found."""
    verdict = checked.verdict
    metric = [
        m.statistic
        for m in verdict.comparison.measurements
        if m.measure in DECISIVE and not m.segment and m.statistic == m.statistic
    ]
    return replace(
        record,
        window={**verdict.comparison.current.to_dict(), "label": window.label},
        status=verdict.status,
        headline=brief(verdict, history=history).headline,
        value=metric[0] if metric else None,
        versions=dict(verdict.comparison.versions),
    )


def _ended(draft: Draft, state: State, error: str) -> Record:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return replace(draft.record, state=state, error=error, finished_at=now)


def _subtitle(monitor: Monitor, checked: CheckResult) -> str:
    revision = f", revision {checked.run.revision}" if checked.run.revision > 1 else ""
    window = checked.verdict.comparison.current
    return f"{monitor.title}: {window.label}, {window.n:,} rows{revision}"


def _notebook_text(execution: Execution) -> str:
    with lean_imports():
        import nbformat
    text = nbformat.writes(execution.notebook)  # type: ignore[no-untyped-call]
    return f"{text}\n"


def _has_output(execution: Execution) -> bool:
    return any(cell.get("outputs") for cell in execution.notebook.cells)


def _metrics_text(store: Store, checked: CheckResult) -> str:
    import json

    run: Run = checked.run
    history = store.history(run.model_id, measures=NEEDED, whole=True, monitor=run.monitor)
    alerts = store.alerts(run.model_id)
    begun = alerts[alerts["window_start"].isna() | (alerts["window_start"] <= run.window_start)]
    summary = metrics_summary(checked.verdict, history=history, alerts=begun)
    return json.dumps(summary, indent=2, sort_keys=True, allow_nan=False) + "\n"


def _secrets(store: Store, options: Options) -> dict[str, str]:
    """What must not stand in a file: the settings' secrets, the environment's, our servers'."""
    settings = store.settings
    values = {name: getattr(settings, name) for name in type(settings).model_fields}
    secrets = known_secrets(values, {**options.environ, **options.environment})
    place = Place(settings.mondrift_home or home())
    if settings.database_url is None and (place.home / "password").exists():
        secrets.setdefault(place.password, "the embedded servers")
    return secrets
