"""Old reports are removed; what was found stays in the store, and the archive remembers the runs.

First the records say that reports are gone, then they go: whoever dies in between leaves folders
that the next `prune` clears. A small page stays where each report was, for links in old messages.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from mondrift.errors import RunError, nearest, shown
from mondrift.run.archive import RUN, Archive, Record, write_whole
from mondrift.run.keeping import Keeping

_PAGE = "report.html"
_OURS = ("metrics.json", "notebook.ipynb", RUN)  # what else lies in a folder is not ours to remove


@dataclass(frozen=True)
class Pruned:
    """A run whose report goes, and how many bytes that frees."""

    record: Record
    freed: int


def prune(
    archive: Archive,
    keeping: Mapping[str, Keeping],
    now: datetime,
    *,
    monitor: str | None = None,
    dry_run: bool = False,
) -> tuple[Pruned, ...]:
    """Remove old reports; what went, or with `dry_run` what would go, oldest first.

    Parameters
    ----------
    keeping : {monitor: how long its reports are kept}; a monitor that is not in it keeps them as
        built in.
    monitor : only this one's; RunError when the archive has no run of it.

    Only runs that ended before `now` less the time of their kind go. Kept in any case are the last
    finished run of each monitor, and the newest revision of a window as long as another of its
    revisions is kept.
    """
    records = archive.records()
    names = {each.monitor for each in records}
    if monitor is not None and monitor not in names:
        raise RunError(
            f"The archive {str(archive.folder)!r} has no run of {monitor!r}, only of "
            f"{shown(sorted(names))}.{nearest(monitor, names)}"
        )
    chosen = [each for each in records if monitor in (None, each.monitor)]
    old = [each for each in old_runs(chosen, keeping, now) if not _in_hand(archive, each)]
    going = [Pruned(each, _size(archive, each)) for each in old]
    if dry_run:
        return tuple(going)
    at = now.astimezone(UTC).isoformat(timespec="seconds")
    gone = [replace(each, pruned_at=at) for each in old]
    if gone:
        archive.note(*gone)
    clear(archive)
    return tuple(going)


def old_runs(
    records: Iterable[Record], keeping: Mapping[str, Keeping], now: datetime
) -> tuple[Record, ...]:
    """The runs whose reports go at `now`, oldest first; those that are gone already left out."""
    monitors: dict[str, list[Record]] = defaultdict(list)
    for each in records:
        if not each.pruned_at:
            monitors[each.monitor].append(each)
    going = [
        record
        for name, runs in monitors.items()
        for record in _old(runs, keeping.get(name, Keeping()), now)
    ]
    return tuple(sorted(going, key=lambda each: (_made(each, now), each.run_id)))


def _old(runs: list[Record], keep: Keeping, now: datetime) -> Iterator[Record]:
    """The old runs of one monitor."""
    finished = [each for each in runs if each.state == "finished"]
    last = max(finished, key=lambda each: (_made(each, now), each.run_id), default=None)
    windows: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for each in runs:
        windows[str(each.window.get("start")), str(each.window.get("end"))].append(each)
    for revisions in windows.values():
        old = [each for each in revisions if _is_old(each, keep, now) and each is not last]
        newest = max(revisions, key=lambda each: (each.revision, each.run_id))
        for each in old:
            if each is not newest or len(old) == len(revisions):
                yield each


def _is_old(record: Record, keep: Keeping, now: datetime) -> bool:
    long = record.state == "failed" or record.status == "alarm"
    return now - _made(record, now) > (keep.alarms if long else keep.reports)


def _made(record: Record, now: datetime) -> datetime:
    """When a report was made; `now` when nobody can tell, so that it stays."""
    try:
        made = datetime.fromisoformat(record.finished_at or record.started_at)
    except ValueError:
        return now
    return made if made.tzinfo else made.replace(tzinfo=UTC)


def clear(archive: Archive) -> None:
    """Remove the files of every run that the records call pruned, where some are left.

    `run.json` says from the first moment that the report is gone, and goes last: as long as it is
    there, something is left to do.
    """
    for record in archive.records():
        folder = _folder(archive, record)
        if not record.pruned_at or folder is None or _in_hand(archive, record):
            continue
        left = [folder / name for name in _OURS if (folder / name).is_file()]
        if not left and (folder / _PAGE).is_file():
            continue
        write_whole(folder / RUN, record.to_json())
        write_whole(folder / _PAGE, tombstone(record))
        try:
            for path in (*folder.glob(f".{_PAGE}.*"), *folder.glob(f".{RUN}.*"), *left):
                path.unlink()
            (folder / RUN).unlink(missing_ok=True)
        except OSError as error:
            raise RunError(f"{str(folder)!r} cannot be cleared: {error.strerror}.") from error


def _in_hand(archive: Archive, record: Record) -> bool:
    """Whether the report is being made again, or just was."""
    folder = archive.folder / record.monitor / record.run_id
    if (folder.parent / f".{record.run_id}").exists():
        return True
    try:
        text = (folder / RUN).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return json.dumps(record.finished_at) not in text


def tombstone(record: Record) -> str:
    """The small page that stays where the report of a run was."""
    from mondrift.report import Heading, Report, Text

    window = str(record.window.get("label") or record.window.get("start"))
    start = record.window.get("start")
    found = record.headline if record.state == "finished" else record.error
    words = (
        f"It was kept until {record.pruned_at[:10]}; reports are removed when they are old.",
        f"What it found: {found or 'nothing'} (status: {record.status or record.state}).",
        "What was measured is in the store as long as results are kept there.",
        f"To make the report again: mondrift run {record.monitor} --window {start}",
    )
    report = Report(f"{record.monitor}: {window}", subtitle=f"Run {record.run_id}")
    report = report.add(Heading("This report was removed."))
    return report.add(Text("\n\n".join(words))).to_html()


def _size(archive: Archive, record: Record) -> int:
    folder = _folder(archive, record)
    names = (*_OURS, _PAGE)
    return (
        sum((folder / n).stat().st_size for n in names if (folder / n).is_file()) if folder else 0
    )


def _folder(archive: Archive, record: Record) -> Path | None:
    """The folder of a run, none where it is not a folder of this archive."""
    folder = archive.folder / record.monitor / record.run_id
    plain = folder.is_dir() and not folder.is_symlink() and not folder.parent.is_symlink()
    return folder if plain else None
