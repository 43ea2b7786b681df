"""The command line: what it says, and with which code it ends."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from mondrift import embedded
from mondrift.cli import main
from mondrift.run.workspace import lay_out
from tests.run.notebooks import made, save

UNSET = ("DATABASE_URL", "REDIS_URL", "ALERT_WEBHOOK_URL", "MONDRIFT_HOME", "MONDRIFT_DEBUG")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path


def call(*arguments: str, env: Mapping[str, str] | None = None) -> Result:
    clean: dict[str, str | None] = dict.fromkeys(UNSET)
    return CliRunner().invoke(main, list(arguments), env={**clean, **(env or {})})


def rows(shift: float, seed: int, n: int = 1000) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=n)
    return pd.DataFrame({"x": x + shift, "plan": generator.choice(list("abc"), n)})


def commands(group: click.Group, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*above, name))
        else:
            yield (*above, name)


@pytest.mark.parametrize("command", list(commands(main)), ids=" ".join)
def test_every_command_shows_an_example(command: tuple[str, ...]) -> None:
    result = call(*command, "--help")
    assert result.exit_code == 0
    assert f"Example:\n    mondrift {' '.join(command)}" in result.output


def test_an_unknown_command_and_a_missing_argument_are_wrong_usage() -> None:
    assert call("compaer").exit_code == 2
    assert call("compare", "only-one.csv").exit_code == 2


# compare


@pytest.fixture
def files(folder: Path) -> tuple[str, str, str]:
    rows(0, 1).to_csv("reference.csv", index=False)
    rows(0, 2).to_csv("same.csv", index=False)
    rows(1, 3).to_csv("moved.csv", index=False)
    return "reference.csv", "same.csv", "moved.csv"


def test_two_files_are_compared_in_words_and_as_json(files: tuple[str, str, str]) -> None:
    reference, same, moved = files
    quiet = call("compare", reference, same, "--fail-on-alarm")
    assert (quiet.exit_code, quiet.output.split(":")[0]) == (0, "ok")
    loud = call("compare", reference, moved)
    assert loud.exit_code == 0
    assert "  alarm    x: PSI" in loud.output
    told = json.loads(call("compare", reference, moved, "--json").output)
    assert told["status"] == "alarm"


def test_an_alarm_is_exit_code_10_when_asked_for(files: tuple[str, str, str]) -> None:
    assert call("compare", files[0], files[2], "--fail-on-alarm").exit_code == 10


def test_the_page_of_a_comparison_stands_alone(files: tuple[str, str, str]) -> None:
    result = call("compare", files[0], files[2], "--html", "page.html", "--segment", "plan")
    assert result.exit_code == 0
    page = Path("page.html").read_text()
    assert "X moved; whether it does harm is not known." in page
    assert "http-equiv" in page


def test_what_fails_is_one_line_on_stderr_without_a_traceback(files: tuple[str, str, str]) -> None:
    for arguments, words in (
        (["absent.csv", files[1]], "'absent.csv' cannot be read: No such file or directory."),
        ([files[0], files[1], "--target", "boughd"], "Column 'boughd' is not in the reference"),
        ([files[0], files[1], "--html", "no/where.html"], "The report cannot be written"),
        ([files[0], files[1], "--kind", "x=number"], "column 'x' has kind 'number'"),
    ):
        result = call("compare", *arguments)
        assert result.exit_code == 1
        assert result.output.startswith(f"mondrift: {words}") or words in result.output
        assert "Traceback" not in result.output
    assert call("compare", files[0], files[1], "--kind", "x").exit_code == 2


def test_a_traceback_is_shown_to_those_who_debug(files: tuple[str, str, str]) -> None:
    result = call("compare", "absent.csv", files[1], env={"MONDRIFT_DEBUG": "1"})
    assert type(result.exception).__name__ == "InputError"


# init, monitors, config: without a server


def test_init_lays_out_a_folder_and_keeps_what_is_there(folder: Path) -> None:
    assert "wrote new/notebooks/drift_report.ipynb" in call("init", "new").output
    assert "kept  new/notebooks/drift_report.ipynb" in call("init", "new").output


def test_monitors_are_listed_shown_and_checked(folder: Path) -> None:
    lay_out(folder)
    listed = json.loads(call("monitors", "list", "--json").output)
    assert "flights_weekly" in [each["monitor"] for each in listed]
    assert "in order: " in call("monitors", "check").output
    assert "zone: America/New_York" in call("monitors", "show", "flights_weekly").output


def test_a_notebook_and_parameters_that_do_not_fit_are_told_with_their_lines(folder: Path) -> None:
    lay_out(folder)
    window = "window: {length: 1D, start: 2024-01-01}\n"
    monitors = folder / "params" / "monitors"
    (monitors / "a.yaml").write_text(f"model: x\nnotebook: drift_repot\n{window}")
    values = "parameters:\n  top: many\n  topp: 3\n"
    (monitors / "b.yaml").write_text(f"model: x\n{window}{values}")
    result = call("monitors", "check")
    assert result.exit_code == 1
    assert "a.yaml:2: There is no notebook 'drift_repot'" in result.output
    assert "b.yaml:4: The parameters do not fit notebooks/drift_report.ipynb: top" in result.output
    assert "b.yaml:5:" in result.output
    assert "Did you mean 'top'?" in result.output


def test_the_parameters_of_a_monitor_are_what_papermill_takes(folder: Path) -> None:
    from mondrift.lean import lean_imports

    with lean_imports():
        from papermill.cli import papermill
    lay_out(folder)
    flat = call("monitors", "show", "flights_weekly", "--parameters").output
    assert flat == "top: 8\n"
    Path("flat.yaml").write_text(flat)
    words = ["notebooks/drift_report.ipynb", "out.ipynb", "-f", "flat.yaml", "--prepare-only"]
    result = CliRunner().invoke(papermill, [*words, "-k", "python3", "-l", "python"])
    assert (result.exit_code, "unknown" in result.output) == (0, False)
    cells = json.loads(Path("out.ipynb").read_text())["cells"]
    injected = [c for c in cells if "injected-parameters" in c["metadata"].get("tags", ())]
    assert [line for each in injected for line in each["source"]][-1].strip() == "top = 8"


def test_a_monitor_is_shown_in_words_too(folder: Path) -> None:
    lay_out(folder)
    shown = call("monitors", "show", "flights_weekly").output
    assert "# reference: the newest baseline" in shown
    assert "# next: none; the windows have ended on 2013-12-30" in shown
    told = json.loads(call("monitors", "show", "flights_weekly", "--json").output)
    assert told["in_words"][0] == "reference: the newest baseline"
    assert (told["check_every"], told["retention"]["reports"]) == ("never", "90d")


def test_a_monitor_that_is_not_there_and_a_folder_without_any_are_told(folder: Path) -> None:
    empty = call("run", "flights_weekly")
    assert (empty.exit_code, "mondrift init" in empty.output) == (1, True)
    lay_out(folder)
    misspelt = call("run", "flights_weakly")
    assert misspelt.exit_code == 1
    assert "Did you mean 'flights_weekly'?" in misspelt.output


def test_settings_are_shown_with_their_source_and_secrets_masked(folder: Path) -> None:
    env = {"PSI_THRESHOLD": "0.3", "DATABASE_URL": "postgresql://ann:hunter22@db/x"}
    shown = call("config", "show", env=env).output
    assert "0.3  (environment)" in shown
    assert "hunter22" not in shown
    assert json.loads(call("config", "show", "--json", env=env).output)


def test_a_setting_out_of_range_is_told(folder: Path) -> None:
    result = call("config", "show", env={"PSI_THRESHOLD": "-1"})
    assert result.exit_code == 1
    assert "psi_threshold" in result.output.lower()


def test_a_database_that_does_not_answer_is_told(folder: Path) -> None:
    lay_out(folder)
    env = {"DATABASE_URL": "postgresql://ann:hunter22@127.0.0.1:1/x"}
    for command in (["run", "flights_weekly"], ["model", "list"], ["db", "upgrade"]):
        result = call(*command, env=env)
        assert result.exit_code == 1
        assert "127.0.0.1" in result.output
        assert "hunter22" not in result.output
        assert "Traceback" not in result.output


def test_the_index_of_an_empty_archive_is_built(folder: Path) -> None:
    assert call("archive", "index").output.strip() == "reports/index.html"
    assert "No runs yet" in Path("reports/index.html").read_text()


# with a store


MONITOR = """
model: shop
notebook: small
window: {length: 1D, zone: UTC, start: 2024-01-01}
"""


@pytest.fixture
def shop(folder: Path, new_database: Any, servers: embedded.Servers) -> dict[str, str]:
    """A folder with a monitor, and the environment of a store with a model and two days of rows."""
    from mondrift.schema import Schema
    from mondrift.store import Store

    url = new_database()
    times = pd.date_range("2024-01-01", periods=800, freq="215s", tz="UTC")
    frame = rows(0, 4, 800).assign(at=times, id=[f"r{i}" for i in range(800)])
    with Store.open(url) as store:
        schema = Schema(timestamp="at", id="id", prediction="plan", target="bought")
        fitted = schema.fit(frame.assign(bought="a"))
        store.register_model("shop", fitted, task="multiclass", clock="data")
    frame.to_csv("rows.csv", index=False)
    (folder / "params" / "monitors").mkdir(parents=True)
    (folder / "params" / "monitors" / "daily.yaml").write_text(MONITOR)
    save(made("run_id"), folder / "notebooks" / "small.ipynb")
    env = {"DATABASE_URL": url}
    if servers.redis_url:
        env["REDIS_URL"] = servers.redis_url
    return env


@pytest.mark.servers
@pytest.mark.notebooks
def test_from_rows_in_a_file_to_a_report(shop: dict[str, str], folder: Path) -> None:
    assert "no baseline" in call("baseline", "list", "shop", env=shop).output.lower()
    assert "No window of 'daily' is over yet" in call("run", "daily", env=shop).output
    logged = json.loads(call("log", "shop", "rows.csv", "--json", env=shop).output)
    assert (logged["stored"], logged["quarantined"]) == (800, 0)
    labels = pd.DataFrame({"id": ["r1", "r2"], "value": "a", "received_at": "2024-01-03T00:00Z"})
    labels.to_csv("labels.csv", index=False)
    assert "2 stored" in call("label", "shop", "labels.csv", env=shop).output
    span = ("2024-01-01T00:00Z", "2024-01-01T20:00Z")
    made_ = call("baseline", "register", "shop", "--window", *span, "--name", "first", env=shop)
    assert "baseline 1 of shop" in made_.output
    assert "first" in call("baseline", "list", "shop", env=shop).output
    checked = json.loads(call("check", "daily", "--json", env=shop).output)
    done = call("run", "daily", "--json", env=shop)
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert (told["run_id"], told["fresh"], told["error"]) == (checked["run_id"], True, "")
    assert (folder / told["page"]).exists()
    again = call("run", "daily", env=shop)
    assert "nothing new since" in again.output
    wrong = call("run", "daily", "-p", "runid", "1", env=shop)
    assert wrong.exit_code == 1
    assert "Did you mean 'run_id'?" in wrong.output


@pytest.mark.servers
@pytest.mark.notebooks
def test_a_report_that_fails_ends_with_1_and_says_where_it_is_told(
    shop: dict[str, str], folder: Path
) -> None:
    call("log", "shop", "rows.csv", env=shop)
    call(
        "baseline",
        "register",
        "shop",
        "--window",
        "2024-01-01T00:00Z",
        "2024-01-01T20:00Z",
        env=shop,
    )
    save(made("1 / 0"), folder / "notebooks" / "small.ipynb")
    result = call("run", "daily", env=shop)
    assert result.exit_code == 1
    assert (
        "The report failed: ZeroDivisionError: division by zero (told in reports/daily/"
        in result.output
    )
    assert "Traceback" not in result.output


@pytest.mark.servers
def test_models_and_alerts_are_listed(shop: dict[str, str]) -> None:
    assert json.loads(call("model", "list", "--json", env=shop).output)[0]["model_id"] == "shop"
    assert "multiclass, clock data" in call("model", "show", "shop", env=shop).output
    assert "no alert has been raised" in call("alerts", "list", env=shop).output
    unknown = call("model", "show", "shopp", env=shop)
    assert (unknown.exit_code, "Did you mean 'shop'?" in unknown.output) == (1, True)
    assert "version" in call("db", "current", env=shop).output


@pytest.mark.servers
def test_servers_go_up_are_seen_and_go_down(folder: Path) -> None:
    place = Path(tempfile.mkdtemp(prefix="mondrift-"))  # pytest's folders are closed to others
    place.chmod(0o755)
    home = {"MONDRIFT_HOME": str(place / "home")}
    before = json.loads(call("status", "--json", env=home).output)
    assert before["running"] is False
    assert "runs, version" in call("up", env=home).output
    assert json.loads(call("status", "--json", env=home).output)["pinned"] is True
    assert "stopped" in call("down", env=home).output
    shutil.rmtree(place, ignore_errors=True)


def test_help_comes_without_the_heavy_libraries() -> None:
    code = (
        "import sys; from mondrift.cli import main\n"
        "print([n for n in ('scipy.stats', 'altair', 'sqlalchemy', 'papermill', 'pydantic') "
        "if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.servers
@pytest.mark.notebooks
def test_a_new_monitor_is_written_from_the_schema_and_runs_as_it_stands(
    shop: dict[str, str], folder: Path
) -> None:
    lay_out(folder)
    (folder / "params" / "monitors" / "daily.yaml").unlink()
    times = pd.date_range("2024-01-03", periods=6000, freq="432s", tz="UTC")
    frame = rows(0, 4, 6000).assign(at=times, id=[f"r{i}" for i in range(6000)])
    frame.to_csv("rows.csv", index=False)
    call("log", "shop", "rows.csv", env=shop)
    span = ("2024-01-03T00:00Z", "2024-01-10T00:00Z")
    call("baseline", "register", "shop", "--window", *span, env=shop)
    unknown = call("monitors", "new", "shopp", env=shop)
    assert (unknown.exit_code, "Did you mean 'shop'?" in unknown.output) == (1, True)
    shown = call("monitors", "new", "shop", "--stdout", env=shop).output
    path = folder / "params" / "monitors" / "shop_weekly.yaml"
    assert ("about 200 rows a day" in shown, path.exists()) == (True, False)
    assert (
        "wrote params/monitors/shop_weekly.yaml" in call("monitors", "new", "shop", env=shop).output
    )
    assert path.read_text() == shown
    refused = call("monitors", "new", "shop", env=shop)
    assert (refused.exit_code, "--force to write over it" in refused.output) == (1, True)
    assert call("monitors", "new", "shop", "--force", env=shop).exit_code == 0
    assert call("monitors", "new", "shop", "No Name", env=shop).exit_code == 1
    assert "shop_weekly" in call("monitors", "check", env=shop).output
    done = call("run", "shop_weekly", "--json", env=shop)
    assert done.exit_code == 0, done.output
    assert_nothing_of_this_machine(folder / "reports")


def assert_nothing_of_this_machine(reports: Path) -> None:
    """No path and no user name in any archived file."""
    import getpass
    import socket

    words = [str(Path.cwd()), str(Path.home()), socket.gethostname(), sys.prefix]
    words += [name for name in [getpass.getuser()] if name not in ("root", "user")]
    files = [path for path in reports.rglob("*") if path.is_file() and path.suffix]
    assert {path.name for path in files} > {"run.json", "metrics.json", "notebook.ipynb"}
    for path in files:
        text = path.read_text()
        assert [word for word in words if len(word) > 2 and word in text] == [], path
