"""Old reports go, what matters stays, and a kill in the middle leaves nothing undecided."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mondrift.errors import RunError
from mondrift.run.archive import INDEX, Archive, Record
from mondrift.run.keeping import Keeping
from mondrift.run.pruning import clear, old_runs, prune
from tests.run.test_archive import FINISHED, publish
from tests.run.test_archive import names as names_in

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


def made(run_id: str, days: int, *, window: int = 1, **changes: object) -> Record:
    """A finished run, made so many days ago; runs of the same `window` are revisions."""
    at = (NOW - timedelta(days=days)).isoformat(timespec="seconds")
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=window)
    facts = {"start": start.isoformat(), "end": (start + timedelta(days=1)).isoformat()}
    plain = {"status": "ok", "started_at": at, "finished_at": at, "window": facts, **changes}
    return replace(FINISHED, run_id=run_id, **plain)  # type: ignore[arg-type]


def going(*records: Record, **keeping: Keeping) -> list[str]:
    return [each.run_id for each in old_runs(records, keeping, NOW)]


LAST = made("last", 1, window=99)


def test_a_report_goes_after_ninety_days_and_an_alarm_or_failure_after_a_year() -> None:
    runs = [
        made("new", 90, window=1),
        made("old", 91, window=2),
        made("alarm", 365, window=3, status="alarm"),
        made("old-alarm", 366, window=4, status="alarm"),
        made("failed", 365, window=5, state="failed"),
        made("old-failed", 367, window=6, state="failed"),
        LAST,
    ]
    assert going(*runs) == ["old-failed", "old-alarm", "old"]


def test_a_monitor_keeps_its_reports_as_long_as_its_file_says() -> None:
    runs = [made("a", 20), replace(made("b", 20), monitor="other"), LAST]
    short = Keeping(timedelta(days=10), timedelta(days=30))
    assert going(*runs, weekly=short) == ["a"]


def test_the_last_finished_run_of_each_monitor_stays_whatever_its_age() -> None:
    runs = [made("a", 900, window=1), made("b", 800, window=2), made("c", 700, state="failed")]
    assert going(*runs, replace(made("d", 999), monitor="other")) == ["a", "c"]


def test_the_newest_revision_stays_as_long_as_an_older_one_is_kept() -> None:
    first = made("first", 200, status="alarm", revision=1)
    second = made("second", 150, revision=2)
    assert going(first, second, LAST) == []
    assert going(replace(first, status="ok"), second, LAST) == ["first", "second"]
    assert going(replace(first, status="ok"), replace(second, status="alarm"), LAST) == ["first"]


def test_what_is_gone_is_not_asked_again_and_an_unreadable_time_keeps_a_report() -> None:
    gone = replace(made("gone", 900), pruned_at="2026-01-01")
    lost = replace(made("lost", 900), finished_at="soon")
    assert going(gone, lost, LAST) == []


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    archive = Archive(tmp_path / "reports")
    for record in (made("old", 100), LAST):
        publish(archive, record, page="<p>" + "page " * 20_000)
    return archive


def test_a_pruned_run_leaves_a_small_page_a_tombstone_and_a_line_that_can_be_asked_for(
    archive: Archive,
) -> None:
    folder = archive.folder / "weekly" / "old"
    (folder / "metrics.json").write_text("{}")
    (folder / "my notes.txt").write_text("mine")
    before = (archive.folder / "runs.jsonl").read_text()
    (would,) = prune(archive, {}, NOW, dry_run=True)
    assert (would.record.run_id, would.freed > 100_000) == ("old", True)
    assert (archive.folder / "runs.jsonl").read_text() == before
    (gone,) = prune(archive, {}, NOW)
    assert gone == would
    assert names_in(folder) == ["my notes.txt", "report.html"]
    page = (folder / "report.html").read_text()
    assert "This report was removed." in page
    assert "mondrift run weekly --window 2026-01-02T00:00:00+00:00" in page
    assert len(page.encode()) < 30_000
    assert (archive.folder / "runs.jsonl").read_text().startswith(before)  # only appended
    assert archive.records()[1].pruned_at == "2026-06-01T00:00:00+00:00"
    index = (archive.folder / INDEX).read_text()
    assert "weekly/old/report.html" not in index[: index.index('id="rows"')]
    assert "the reports of 1 older one were removed" in index
    assert not archive.holds("old", "weekly")  # so that `mondrift run` makes it again
    assert prune(archive, {}, NOW) == ()


def test_a_report_that_is_made_again_is_no_longer_pruned(archive: Archive) -> None:
    prune(archive, {}, NOW)
    publish(archive, made("old", 0), page="<p>again</p>")
    assert prune(archive, {}, NOW) == ()
    assert archive.holds("old", "weekly")
    assert not any(each.pruned_at for each in archive.records())


def test_a_report_that_is_being_made_again_is_left_alone(archive: Archive) -> None:
    draft = archive.begin(replace(made("old", 0), state="started"), {})
    assert prune(archive, {}, NOW) == ()
    draft.publish(made("old", 0))


def test_an_unknown_monitor_is_told_which_there_are(archive: Archive) -> None:
    with pytest.raises(RunError, match=r"only of \['weekly'\]\. Did you mean 'weekly'\?"):
        prune(archive, {}, NOW, monitor="weakly")


def test_nothing_outside_of_the_archive_is_touched(archive: Archive, tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere"
    (archive.folder / "weekly" / "old").rename(outside)
    (archive.folder / "weekly" / "old").symlink_to(outside)
    with (archive.folder / "runs.jsonl").open("a") as file:
        file.write(made("x", 900).to_json().replace("\n", "").replace('"x"', '"../../x"') + "\n")
    prune(archive, {}, NOW)
    assert names_in(outside) == ["report.html", "run.json"]
    assert [each.run_id for each in archive.records()] == ["last", "old"]


MANY = 40
PRUNING = """
import sys
from tests.run.test_pruning import NOW
from mondrift.run.archive import Archive
from mondrift.run.pruning import prune
print("ready", flush=True)
prune(Archive(sys.argv[1]), {}, NOW)
"""


def test_a_kill_in_the_middle_is_put_right_by_the_next_one(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "reports")
    records = [made(f"r{i:03}", 100, window=i) for i in range(MANY)]
    for record in records:
        folder = archive.folder / "weekly" / record.run_id
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(record.to_json())
        (folder / "report.html").write_text("<p>page</p>")
    archive.note(*records)
    process = subprocess.Popen(
        [sys.executable, "-c", PRUNING, str(archive.folder)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()

    while process.poll() is None and _whole(archive) > MANY // 2:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    prune(archive, {}, NOW)
    agreed = {each.run_id: bool(each.pruned_at) for each in archive.records()}
    assert sum(agreed.values()) == MANY - 1  # the last finished run stays
    for run_id, pruned in agreed.items():
        names = names_in(archive.folder / "weekly" / run_id)
        assert names == (["report.html"] if pruned else ["report.html", "run.json"])
    clear(archive)
    assert archive.reconcile("weekly") == ()
    assert {each.run_id: bool(each.pruned_at) for each in archive.records()} == agreed


def _whole(archive: Archive) -> int:
    return sum(1 for _ in (archive.folder / "weekly").glob("*/run.json"))
