"""The archive: one folder per run, written aside and renamed, and an index built from records.

    reports/runs.jsonl                         one line per run, appended; the index reads only this
    reports/index.html                         every run
    reports/<monitor>/<run-id>/run.json        what was run, for which window, how it ended
                               report.html metrics.json notebook.ipynb

Of a run that was pruned a small `report.html` is left, for links in old messages.

A run whose folder begins with a full stop has not ended: its process holds `lock` in it, or died.
Success is read from `run.json` (`state: finished`) and from nothing else.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Literal, get_args

from mondrift import whole
from mondrift.errors import BusyError, RunError
from mondrift.policy import Status
from mondrift.report import IndexRun, index_page
from mondrift.run.secrecy import leaked

State = Literal["started", "finished", "failed"]
RUNS, INDEX, RUN = "runs.jsonl", "index.html", "run.json"
_LOCK = "lock"
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,200}")  # a folder's, nowhere but in the archive
CRASHED = (
    "The process that made this report ended in the middle of it: it was killed, most often "
    "because the machine ran out of memory, or the machine went down."
)


@dataclass(frozen=True)
class Record:
    """What is known of one run: `run.json`, and a line of `runs.jsonl`. Times are ISO, in UTC.

    `stopped`: it has no report because a person or the system stopped it; its state is "failed".
    """

    run_id: str
    monitor: str
    model_id: str
    window: Mapping[str, Any]
    revision: int
    config_hash: str
    state: State
    started_at: str
    finished_at: str = ""
    status: str = ""
    headline: str = ""
    error: str = ""
    value: float | None = None
    rows: int = 0
    labels: int = 0
    notebook: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    pruned_at: str = ""
    stopped: bool = False

    def __post_init__(self) -> None:
        names = (self.monitor, self.run_id)
        if not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names):
            raise RunError(f"{names!r} are no names of a monitor and a run.")
        texts = (self.status, self.headline, self.error, self.finished_at, self.pruned_at)
        value = 0.0 if self.value is None else self.value
        if (
            not all(isinstance(each, str) for each in texts)
            or not isinstance(self.window, Mapping)
            or not isinstance(value, int | float)
        ):
            raise RunError(f"The record of run {self.run_id!r} cannot be read.")

    @property
    def report(self) -> str:
        """Path of the page, relative to the archive."""
        return f"{self.monitor}/{self.run_id}/report.html"

    def to_json(self) -> str:
        """Sorted keys, one line each."""
        return json.dumps(asdict(self), indent=2, sort_keys=True, allow_nan=False) + "\n"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Record:
        """The record that was written; keys of a later version are left out."""
        return cls(**{key: value for key, value in data.items() if key in cls.__match_args__})


class Draft:
    """A run's folder in the making; nobody else sees it until `publish`.

    Its lock says that somebody is at it, also when the database has forgotten: BusyError.
    """

    def __init__(self, archive: Archive, record: Record, secrets: Mapping[str, str]) -> None:
        self.record = record
        self._archive = archive
        self._secrets = secrets
        self._folder = archive.folder / record.monitor / f".{record.run_id}"
        with _told(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock: int | None = os.open(self._folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        assert self._lock is not None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(
                f"The report of run {self.record.run_id} is being written by another process; try "
                "again when it is done."
            ) from None
        with _told(self._folder):
            for left in self._folder.iterdir():
                if left.name != _LOCK:
                    left.unlink()
        self.write(RUN, self.record.to_json())

    @property
    def published(self) -> bool:
        """Whether the folder has its name."""
        return self._lock is None

    def note(self, record: Record) -> None:
        """What is known of the run now."""
        self.record = record
        self.write(RUN, record.to_json())

    def close(self) -> None:
        """Let go of it; what is not published is put right by the next `Archive.reconcile`."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def write(self, name: str, text: str) -> None:
        """Write one file, whole or not at all; RunError, and no file, when a secret is in it."""
        names = leaked(text, self._secrets)
        if names:
            raise RunError(
                f"{name} was withheld: it holds the secret of {', '.join(names)}. Take it out of "
                "the notebook's output, then run again."
            )
        write_whole(self._folder / name, text)

    def publish(self, record: Record) -> Path:
        """Give the folder its name, note the record, and build the index; the page's path."""
        self.note(record)
        target = _named(self._folder)
        self.close()
        self._archive.note(record)
        return target / "report.html"


class Archive:
    """A folder of reports."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    def begin(self, record: Record, secrets: Mapping[str, str]) -> Draft:
        """A draft for a run that starts now; `secrets` as `known_secrets` gives them."""
        return Draft(self, record, secrets)

    def holds(self, run_id: str, monitor: str) -> bool:
        """Whether the finished report of a run is here."""
        record = self.record(run_id, monitor)
        return record is not None and record.state == "finished"

    def record(self, run_id: str, monitor: str) -> Record | None:
        """What the folder of a run says; None when there is none, or its page is gone."""
        folder = self.folder / monitor / run_id
        return _read(folder / RUN) if (folder / "report.html").exists() else None

    def records(self) -> tuple[Record, ...]:
        """The last record of every run, pruned ones too, in the order of their ids."""
        try:
            text = (self.folder / RUNS).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ()
        last: dict[tuple[str, str], Record] = {}
        for line in text.split("\n"):
            record = _record(line)
            if record is None:  # cut short by a full disk, or not ours
                continue
            last[record.monitor, record.run_id] = record
        return tuple(last[key] for key in sorted(last))

    def note(self, *records: Record) -> None:
        """Append records and build the index anew, alone."""
        with self._alone():
            lines = "".join(
                json.dumps(asdict(each), sort_keys=True, allow_nan=False) + "\n" for each in records
            )
            with _told(self.folder), (self.folder / RUNS).open("ab+") as file:
                if file.tell() and not _ends_in_newline(file):
                    lines = f"\n{lines}"  # after a line that a full disk or a kill cut short
                file.write(lines.encode())
            self._write_index()

    def index(self) -> Path:
        """Build `index.html` from the records; its path."""
        with self._alone():
            return self._write_index()

    def reconcile(self, monitor: str) -> tuple[Record, ...]:
        """Put right what a killed process left of a monitor; the runs that crashed.

        A draft whose process is gone becomes the page of a failed run; a folder without a line in
        the records gets one.
        """
        crashed = [
            record
            for folder in sorted((self.folder / monitor).glob(".*"))
            if folder.is_dir() and (record := self._rescue(folder)) is not None
        ]
        known = {(each.monitor, each.run_id): each for each in self.records()}
        found = [_read(path) for path in sorted((self.folder / monitor).glob(f"[!.]*/{RUN}"))]
        missing = [e for e in found if e is not None and known.get((e.monitor, e.run_id)) != e]
        if missing:
            self.note(*missing)
        return tuple(crashed)

    def _rescue(self, folder: Path) -> Record | None:
        """Publish a draft whose process is gone; None when it lives, or nothing is left to tell."""
        with _told(folder):
            lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        finally:
            os.close(lock)
        record = _read(folder / RUN)
        if record is None:
            shutil.rmtree(folder, ignore_errors=True)
            return None
        if record.state != "started":  # all was written, only the last rename is missing
            _named(folder)
            return None
        record = replace(record, state="failed", error=CRASHED)
        draft = self.begin(record, {})
        draft.write("report.html", failure_page(record))
        draft.publish(record)
        return record

    def _write_index(self) -> Path:
        path = self.folder / INDEX
        for left in self.folder.glob(f".{INDEX}.*"):  # of a process that was killed in the middle
            left.unlink()
        runs = [index_run(each) for each in self.records()]
        write_whole(path, index_page("Reports", runs))
        return path

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        with _told(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.folder / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def index_run(record: Record) -> IndexRun:
    """A record as a line of the index."""
    start, end, label = (str(record.window.get(name) or "") for name in ("start", "end", "label"))
    status = "failed" if record.state == "failed" else record.status
    return IndexRun(
        run_id=record.run_id,
        monitor=record.monitor,
        href=record.report,
        start=start,
        end=end,
        status=status if status in ("failed", *get_args(Status)) else "inconclusive",
        headline=record.headline if record.state == "finished" else record.error,
        value=record.value,
        pruned=bool(record.pruned_at),
        label=label,
    )


def failure_page(record: Record) -> str:
    """A readable page for a run without one: what failed, and what to do."""
    from mondrift.report import Banner, Report

    start = record.window.get("start")
    which = f" --window {start}" if start else ""
    title = f"{record.monitor}: {record.window.get('label') or record.window.get('start')}"
    banner = Banner(
        "failed",
        "This report could not be finished.",
        record.error,
        (
            "The data are safe: results, labels and alerts are in the store, not in this page."
            if record.status
            else "The check was not done, so nobody was told anything. Rows and labels are safe.",
            f"Once the cause is gone, run it again: mondrift run {record.monitor}{which}",
        ),
    )
    return Report(title, subtitle=f"Run {record.run_id}").add(banner).to_html()


def write_whole(path: Path, text: str) -> None:
    """Write a file of the archive, so that readers see all of it or none."""
    with _told(path):
        whole.write_whole(path, text)


def _read(path: Path) -> Record | None:
    """The record in a `run.json`; None when there is none that can be read."""
    try:
        return _record(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _record(text: str) -> Record | None:
    try:
        found = json.loads(text)
        return Record.from_dict(found) if isinstance(found, dict) else None
    except (ValueError, TypeError, RecursionError, RunError):
        return None


def _named(draft: Path) -> Path:
    """Give a draft its name, in place of an older page of the same run; its new path."""
    target = draft.parent / draft.name.removeprefix(".")
    with _told(target):
        (draft / _LOCK).unlink(missing_ok=True)
        _sync(draft)
        if target.exists():
            shutil.rmtree(target)
        draft.replace(target)
        _sync(target.parent)
    return target


def _ends_in_newline(file: IO[bytes]) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn a full, read-only or forbidden disk into words."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"The archive cannot be written at {str(path)!r}: {error.strerror}. Nothing of the "
            "store is lost; free the disk, or name another folder with --reports, and run again."
        ) from error
