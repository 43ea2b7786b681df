"""The commands of the archive, as people call them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mondrift.cli import main
from mondrift.run.archive import Archive
from tests.run.test_archive import FINISHED, publish


def call(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """Reports of 40 and of 100 days ago, an alarm of 100 days ago, and one of today."""
    monkeypatch.chdir(tmp_path)
    archive = Archive("reports")
    ages = {"a": (100, "ok"), "b": (100, "alarm"), "c": (40, "ok"), "d": (0, "ok")}
    for run_id, (days, status) in ages.items():
        at = (datetime.now(UTC) - timedelta(days=days)).isoformat()
        window = {**FINISHED.window, "start": f"2013-04-{10 + days // 5}", "label": run_id}
        record = replace(FINISHED, run_id=run_id, finished_at=at, status=status, window=window)
        publish(archive, record)
    return archive


def gone(*options: str) -> list[str]:
    return [each["run_id"] for each in json.loads(call("archive", "prune", *options).output)]


def test_prune_says_what_would_go_and_then_does_it(archive: Archive) -> None:
    told = call("archive", "prune", "--dry-run").output
    assert "weekly  a  ok  a" in told
    assert "reports that would go: 1," in told
    assert gone("--json", "--dry-run") == ["a"]
    assert "reports gone: 1," in call("archive", "prune").output
    assert "reports gone: 0," in call("archive", "prune", "weekly").output
    assert call("archive", "index").output.strip() == "reports/index.html"


def test_the_command_line_goes_before_the_file_and_the_file_before_what_is_built_in(
    archive: Archive,
) -> None:
    assert gone("--json", "--dry-run", "--keep", "30d") == ["a", "c"]
    assert gone("--json", "--dry-run", "--keep", "30d", "--keep-alarms", "60d") == ["a", "b", "c"]
    folder = Path("params/monitors")
    folder.mkdir(parents=True)
    file = "model: x\nwindow: {length: 1D, start: 2024-01-01}\nretention: {reports: 200d}\n"
    (folder / "weekly.yaml").write_text(file)
    assert gone("--json", "--dry-run") == []
    assert gone("--json", "--dry-run", "--keep", "30d") == ["a", "c"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--keep", "soon"), "'soon' is no length of time; write 90d"),
        (("--keep", "0d"), "'0d' is no length of time"),
        (("--keep", "90d", "--keep-alarms", "30d"), "alarms are kept at least as long"),
        (("weakly",), "Did you mean 'weekly'?"),
    ],
)
def test_what_cannot_be_meant_removes_nothing(
    archive: Archive, options: tuple[str, ...], complaint: str
) -> None:
    result = call("archive", "prune", *options)
    assert (result.exit_code, complaint in result.output) == (1, True)
    assert not any(each.pruned_at for each in archive.records())
