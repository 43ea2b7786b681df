"""The archive: aside then renamed, records only appended, a crash put right at the next start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mondrift.errors import RunError
from mondrift.run.archive import CRASHED, INDEX, RUNS, Archive, Record

RECORD = Record(
    run_id="0001",
    monitor="weekly",
    model_id="flights",
    window={"start": "2013-04-22T04:00:00+00:00", "end": "2013-04-29T04:00:00+00:00", "label": "w"},
    revision=1,
    config_hash="ab",
    state="started",
    started_at="2013-05-01T00:00:00+00:00",
    status="alarm",
    headline="Accuracy fell",
    value=0.63,
)
FINISHED = replace(RECORD, state="finished", finished_at="2013-05-01T00:01:00+00:00")


def publish(archive: Archive, record: Record = FINISHED, page: str = "<p>page</p>") -> Path:
    draft = archive.begin(replace(record, state="started"), {})
    draft.write("report.html", page)
    return draft.publish(record)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "reports")


def test_a_run_appears_whole_under_its_id(archive: Archive) -> None:
    draft = archive.begin(RECORD, {})
    draft.write("report.html", "<p>page</p>")
    assert names(archive.folder / "weekly") == [".0001"]
    assert archive.records() == ()
    page = draft.publish(FINISHED)
    assert page == archive.folder / "weekly" / "0001" / "report.html"
    assert names(page.parent) == ["report.html", "run.json"]
    assert json.loads((page.parent / "run.json").read_text())["state"] == "finished"
    assert archive.records() == (FINISHED,)
    assert archive.holds("0001", "weekly")


def test_the_index_is_built_from_the_records_alone(archive: Archive) -> None:
    publish(archive)
    index = (archive.folder / INDEX).read_text()
    assert "Accuracy fell" in index
    assert "weekly/0001/report.html" in index
    (archive.folder / "weekly" / "0001" / "run.json").write_text("{}")
    assert archive.index().read_text() == index


def test_records_are_only_appended_and_the_last_one_holds(archive: Archive) -> None:
    publish(archive, replace(FINISHED, state="failed", error="disk full"))
    publish(archive)
    lines = (archive.folder / RUNS).read_text().splitlines()
    assert [json.loads(line)["state"] for line in lines] == ["failed", "finished"]
    assert archive.records() == (FINISHED,)
    assert "disk full" not in (archive.folder / INDEX).read_text()


def test_a_line_cut_short_does_not_hide_the_others(archive: Archive) -> None:
    publish(archive)
    with (archive.folder / RUNS).open("a") as file:
        file.write('{"run_id": "0002", "moni\n')
    assert archive.records() == (FINISHED,)


def test_a_secret_is_withheld_and_named_by_its_setting(archive: Archive) -> None:
    draft = archive.begin(RECORD, {"hunter22": "DATABASE_URL"})
    with pytest.raises(
        RunError, match="report.html was withheld: it holds the secret of DATABASE_"
    ):
        draft.write("report.html", "as ann:hunter22@db")
    assert "report.html" not in names(archive.folder / "weekly" / ".0001")


def test_a_draft_of_a_living_process_is_left_alone(archive: Archive) -> None:
    draft = archive.begin(RECORD, {})
    assert archive.reconcile("weekly") == ()
    assert names(archive.folder / "weekly") == [".0001"]
    draft.publish(FINISHED)


KILLED = """
import os, signal, sys
from tests.run.test_archive import RECORD
from mondrift.run.archive import Archive
Archive(sys.argv[1]).begin(RECORD, {})
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_becomes_a_readable_page(archive: Archive) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(archive.folder)], cwd=root, check=False
    )
    assert done.returncode == -9
    crashed = archive.reconcile("weekly")
    assert [(each.run_id, each.state, each.error) for each in crashed] == [
        ("0001", "failed", CRASHED)
    ]
    page = (archive.folder / "weekly" / "0001" / "report.html").read_text()
    assert CRASHED in page
    assert "mondrift run weekly" in page
    assert not archive.holds("0001", "weekly")
    assert archive.reconcile("weekly") == ()


def test_a_finished_folder_without_its_last_rename_is_only_renamed(archive: Archive) -> None:
    page = publish(archive)
    page.parent.rename(page.parent.parent / ".0001")
    (archive.folder / RUNS).unlink()
    assert archive.reconcile("weekly") == ()
    assert page.read_text() == "<p>page</p>"
    assert archive.records() == (FINISHED,)


def test_a_folder_without_a_record_gets_one(archive: Archive) -> None:
    publish(archive)
    (archive.folder / RUNS).unlink()
    archive.reconcile("weekly")
    assert archive.records() == (FINISHED,)


@pytest.mark.skipif(os.geteuid() == 0, reason="only where permissions bind (not as root)")
def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RunError, match="The archive cannot be written"):
        Archive(tmp_path / "reports").begin(RECORD, {})


def test_a_full_disk_is_told_and_leaves_no_half_file(archive: Archive) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("only on Linux")
    archive.folder.mkdir()
    (archive.folder / RUNS).symlink_to(full)
    with pytest.raises(RunError, match="No space left on device.*--reports"):
        archive.note(FINISHED)


def test_a_file_in_the_place_of_the_archive_is_told(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("")
    with pytest.raises(RunError, match="Name another|name another folder"):
        Archive(tmp_path / "reports").begin(RECORD, {})


def test_a_record_of_a_later_version_can_be_read() -> None:
    plain = json.loads(FINISHED.to_json())
    assert Record.from_dict({**plain, "colour": "blue"}) == FINISHED


@pytest.mark.parametrize(
    "line",
    [
        "null", "[]", "7", '"x"', "{}", "\x00\x01", '{"run_id": 3}', "[" * 5000,
        FINISHED.to_json().replace("\n", "").replace('"weekly"', '"../../etc"'),
        FINISHED.to_json().replace("\n", "").replace('"0001"', '"/tmp/x"'),
        FINISHED.to_json().replace("\n", "").replace('"Accuracy fell"', "[1]"),
        FINISHED.to_json().replace("\n", "").replace("0.63", '"much"'),
    ],
    ids=range(12),
)  # fmt: skip
def test_a_line_that_is_no_record_is_passed_over(archive: Archive, line: str) -> None:
    publish(archive)
    with (archive.folder / RUNS).open("ab") as file:
        file.write(line.encode() + b"\n\xff\xfe half a let\n")
    assert archive.records() == (FINISHED,)
    assert archive.index().is_file()


def test_hostile_words_of_a_record_are_text_in_the_index(archive: Archive) -> None:
    evil = '</script><script>alert("1")</script>\u2028'
    window = {**FINISHED.window, "label": evil}
    publish(archive, replace(FINISHED, headline=evil, status="evil", window=window))
    page = (archive.folder / INDEX).read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert page.count("</script>") == 3
