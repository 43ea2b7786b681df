"""A run is check, notebook, archive; the same again is a no-op, a failure leaves a page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mondrift.errors import ModelError, RunError, WindowError
from mondrift.run.archive import Archive, Record
from mondrift.run.check import CheckOptions, begin
from mondrift.run.plan import Monitor, Reference
from mondrift.run.reconcile import reconcile
from mondrift.run.runner import Options, Outcome, run_window
from mondrift.run.secrecy import leaked
from mondrift.run.stops import STOPPED, TimeIsUp
from mondrift.run.windows import Calendar, Length
from mondrift.run.workspace import Workspace
from mondrift.schema import Schema
from mondrift.store import Store
from tests.run.notebooks import made, save

pytestmark = [pytest.mark.servers, pytest.mark.notebooks]

DAYS = Calendar(Length.parse("1D"), "UTC", date(2024, 1, 1))
SHOWS = "run_id"
NUMBERS = count()


def day(number: int, n: int = 300) -> pd.DataFrame:
    generator = np.random.default_rng(number)
    bought = generator.integers(0, 2, n)
    return pd.DataFrame(
        {
            "id": [f"{number}-{i}" for i in range(n)],
            "at": pd.date_range(
                datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=number), periods=n, freq="4min"
            ),
            "x": generator.normal(size=n),
            "guess": np.where(generator.random(n) < 0.2, 1 - bought, bought),
            "bought": bought,
        }
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    save(made(SHOWS), tmp_path / "notebooks" / "small.ipynb")
    return Workspace(tmp_path)


@pytest.fixture
def monitor(store: Store) -> Iterator[Monitor]:
    """A monitor of a model of its own, with a baseline and two days of rows."""
    number = next(NUMBERS)
    model = f"shop_{number}"
    schema = Schema(timestamp="at", target="bought", prediction="guess", id="id")
    store.register_model(model, schema.fit(day(0)), task="binary", clock="data")
    store.register_baseline(model, day(0))
    for each in (1, 2):
        store.log(model, day(each).drop(columns="bought"))
    yield Monitor(f"daily_{number}", model, DAYS, notebook="small", parameters={})


def labelled(store: Store, model: str, number: int) -> None:
    rows = day(number)
    labels = pd.DataFrame({"id": rows["id"], "value": rows["bought"]})
    store.label(model, labels.assign(received_at=datetime(2024, 1, 9, tzinfo=UTC)))


def done(store: Store, monitor: Monitor, workspace: Workspace, **options: object) -> Outcome:
    chosen = Options(environ={}, **options)  # type: ignore[arg-type]
    return run_window(store, monitor, monitor.window("2024-01-02"), workspace, chosen)


def test_a_run_leaves_four_files_and_a_finished_record(
    store: Store, monitor: Monitor, workspace: Workspace
) -> None:
    outcome = done(store, monitor, workspace)
    run = store.run(outcome.checked.run.run_id)
    assert (outcome.error, outcome.fresh, run.state) == ("", True, "finished")
    (accuracy,) = (each for each in outcome.verdict.findings if each.check == "accuracy")
    assert accuracy.status == "inconclusive"  # there are no labels yet
    assert run.report == f"{monitor.name}/{run.run_id}/report.html"
    folder = outcome.page.parent
    assert sorted(path.name for path in folder.iterdir()) == [
        "metrics.json", "notebook.ipynb", "report.html", "run.json"
    ]  # fmt: skip
    assert run.run_id in outcome.page.read_text()  # the notebook was told which check it shows
    record = json.loads((folder / "run.json").read_text())
    assert (record["state"], record["rows"], record["notebook"]) == ("finished", 300, "small")
    assert json.loads((folder / "metrics.json").read_text())["monitoring_period"]["n_batches"] == 1
    assert (
        f"{monitor.name}/{run.run_id}/report.html" in (workspace.reports / "index.html").read_text()
    )


def test_the_same_again_is_a_no_op_a_lost_page_made_again_and_late_labels_the_next_revision(
    store: Store, monitor: Monitor, workspace: Workspace
) -> None:
    first = done(store, monitor, workspace)
    again = done(store, monitor, workspace)
    assert (again.fresh, again.page) == (False, first.page)
    first.page.unlink()
    mended = done(store, monitor, workspace)
    assert (mended.fresh, mended.page) == (True, first.page)
    labelled(store, monitor.model, 1)
    later = done(store, monitor, workspace)
    assert later.checked.run.revision == 2
    assert first.page.exists()
    assert later.page.exists()


def test_a_window_without_rows_is_reported(
    store: Store, monitor: Monitor, workspace: Workspace
) -> None:
    options = Options(environ={})
    outcome = run_window(store, monitor, monitor.window("2024-01-05"), workspace, options)
    assert outcome.error == ""
    assert outcome.verdict.status == "inconclusive"


def test_a_failing_notebook_leaves_a_page_and_a_failed_run_and_then_a_revision(
    store: Store, monitor: Monitor, workspace: Workspace
) -> None:
    path = workspace.notebook("small")
    save(made(SHOWS, "1 / 0"), path)
    failed = done(store, monitor, workspace)
    run = store.run(failed.checked.run.run_id)
    assert failed.error == "ZeroDivisionError: division by zero"
    assert (run.state, run.error) == ("failed", failed.error)
    page = failed.page.read_text()
    assert "This report could not be finished." in page
    assert "division by zero" in page
    assert json.loads((failed.page.parent / "run.json").read_text())["state"] == "failed"
    assert "division by zero" in (workspace.reports / "index.html").read_text()
    save(made(SHOWS), path)
    repaired = done(store, monitor, workspace)
    assert (repaired.error, repaired.checked.run.revision) == ("", 2)
    assert failed.page.exists()


def test_a_secret_in_a_cell_is_withheld(
    store: Store, monitor: Monitor, workspace: Workspace
) -> None:
    save(made("'hunt' + 'er22'"), workspace.notebook("small"))
    options = Options(environ={"SHOP_PASSWORD": "hunter22"})
    outcome = run_window(store, monitor, monitor.window("2024-01-02"), workspace, options)
    assert "holds the secret of SHOP_PASSWORD" in outcome.error
    for path in outcome.page.parent.iterdir():
        assert "hunter22" not in path.read_text()
    assert "SHOP_PASSWORD" in outcome.page.read_text()


# Where a secret stands, and how it comes there; none of these has it in its source.
LEAKS = {
    "an exception": "import os; raise RuntimeError('no login with ' + os.environ['SHOP_TOKEN'])",
    "a nested value": "import os; {'kept': [os.environ['SHOP_TOKEN'] + '!']}",
    "the error stream": "import os, sys; print(os.environ['SHOP_TOKEN'], file=sys.stderr)",
    "the environment": "import os; print([k for k in os.environ.items() if 'SHOP' in k[0]])",
    "a chart": (
        "import os; from IPython.display import display\n"
        "spec = {'title': os.environ['SHOP_TOKEN'], 'mark': 'bar'}\n"
        "display({'application/vnd.vegalite.v6+json': spec}, raw=True)"
    ),
}


@pytest.mark.parametrize("place", LEAKS)
def test_no_file_of_the_archive_and_no_row_of_the_store_holds_a_secret(
    store: Store, monitor: Monitor, workspace: Workspace, place: str
) -> None:
    secret = 'hunt<er"22&x'
    save(made(LEAKS[place]), workspace.notebook("small"))
    planted = {"SHOP_TOKEN": secret}
    outcome = done(store, monitor, workspace, environment=planted)
    for path in workspace.reports.rglob("*"):
        assert path.is_dir() or not leaked(path.read_text(), {secret: "SHOP_TOKEN"}), path
    told = store.runs(monitor=monitor.name).to_csv() + outcome.error
    assert not leaked(told, {secret: "SHOP_TOKEN"})
    assert "holds the secret of SHOP_TOKEN" in outcome.error
    assert "holds the secret of SHOP_TOKEN" in outcome.page.read_text()


def test_a_parameter_that_holds_a_secret_is_refused_before_anything_is_stored(
    store: Store, monitor: Monitor, workspace: Workspace
) -> None:
    save(made(SHOWS, parameters='login: str = ""  # as whom'), workspace.notebook("small"))
    asked = replace(monitor, parameters={"login": "ann:hunter22"})
    with pytest.raises(RunError, match="'login' holds the secret of SHOP_PASSWORD") as told:
        done(store, asked, workspace, environment={"SHOP_PASSWORD": "hunter22"})
    assert "hunter22" not in str(told.value)
    assert store.runs(monitor=monitor.name).empty


def test_a_check_that_fails_leaves_a_page_too(
    store: Store, monitor: Monitor, workspace: Workspace
) -> None:
    with pytest.raises(ModelError, match="no baseline version 7"):
        done(store, replace(monitor, reference=Reference(version=7)), workspace)
    (page,) = workspace.reports.glob(f"{monitor.name}/*/report.html")
    assert "no baseline version 7" in page.read_text()
    assert "The check was not done, so nobody was told anything." in page.read_text()
    assert list(store.runs(monitor=monitor.name)["state"]) == ["failed"]
    assert done(store, monitor, workspace).error == ""
    assert page.exists()


@pytest.mark.parametrize(
    ("end", "state", "words"),
    [
        (KeyboardInterrupt(), "stopped", "by Ctrl-C, the end of a service or a shutdown"),
        (SystemExit(143), "stopped", "by Ctrl-C, the end of a service or a shutdown"),
        (TimeIsUp(142), "failed", "It took longer than the scheduler lets a run take"),
    ],
)
def test_a_run_that_somebody_stopped_is_no_failure_and_one_that_took_too_long_is(
    store: Store, monitor: Monitor, workspace: Workspace, end: BaseException, state: str, words: str
) -> None:
    def stop(_: str) -> None:
        raise end

    with pytest.raises(type(end)):
        done(store, monitor, workspace, progress=stop)
    assert list(store.runs(monitor=monitor.name)["state"]) == [state]
    (record,) = Archive(workspace.reports).records()
    assert (record.state, record.stopped) == ("failed", state == "stopped")
    assert words in (workspace.reports / record.report).read_text()


def test_a_stop_that_the_store_did_not_hear_of_is_told_by_the_next_run(
    store: Store, monitor: Monitor, workspace: Workspace
) -> None:
    """As when PostgreSQL is stopped at the same moment."""
    run = begin(store, monitor, monitor.window("2024-01-02"), CheckOptions())
    archive, name = Archive(workspace.reports), monitor.name
    window = {"start": None, "label": "2 January 2024"}
    record = Record(run.run_id, name, monitor.model, window, 1, "", "started", "2024-01-03")
    draft = archive.begin(record, {})
    draft.write("report.html", "stopped")
    draft.publish(replace(record, state="failed", error=STOPPED, stopped=True))
    assert store.run(run.run_id).state == "started"
    reconcile(store, archive, name)
    assert (store.run(run.run_id).state, store.run(run.run_id).error) == ("stopped", STOPPED)


def test_what_is_wrong_before_anything_begins_writes_nothing(
    store: Store, monitor: Monitor, workspace: Workspace
) -> None:
    with pytest.raises(RunError, match=r"There is no notebook 'smal'.*Did you mean 'small'"):
        done(store, replace(monitor, notebook="smal"), workspace)
    with pytest.raises(RunError, match=r"there is no parameter 'runid'.*Did you mean 'run_id'"):
        done(store, monitor, workspace, texts={"runid": "1"})
    with pytest.raises(ModelError):
        done(store, replace(monitor, model="shoe"), workspace)
    with pytest.raises(WindowError, match="No window holds 2023"):
        monitor.window("2023-12-31")
    assert not workspace.reports.exists()
    assert store.runs(monitor=monitor.name).empty
