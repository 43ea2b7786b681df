"""The folder of reports: archive index, prune, compare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mondrift.cli.output import as_json, reports_option, show_json

if TYPE_CHECKING:
    from mondrift.run.archive import Archive
    from mondrift.run.contrast import Change
    from mondrift.run.keeping import Keeping
    from mondrift.run.pruning import Pruned


@click.group()
def archive() -> None:
    """The folder of reports."""


@archive.command("index")
@reports_option
def archive_index(reports: Path | None) -> None:
    """Build reports/index.html anew from the records of the runs.

    \b
    Example:
      mondrift archive index
    """
    from mondrift.run.pruning import clear

    found = _archive(reports)
    clear(found)
    click.echo(found.index())


@archive.command("prune")
@click.argument("monitor", required=False)
@click.option("--keep", metavar="90d",
              help="How long, whatever the monitors' files say: 90d, 12w, 6m, 1y.")  # fmt: skip
@click.option("--keep-alarms", metavar="1y", help="The same for runs that alarmed or failed.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@reports_option
@as_json
def archive_prune(
    monitor: str | None, keep: str | None, keep_alarms: str | None, dry_run: bool,
    reports: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Remove old reports: after 90 days, of runs that alarmed or failed after a year.

    A monitor's file says otherwise under `retention:`. What was measured stays in the store. Kept
    in any case: the last finished run of each monitor, and the newest revision of a window as long
    as an older one is kept. A small page stays where a report was.

    \b
    Example:
      mondrift archive prune --dry-run
      mondrift archive prune flights_weekly --keep 30d
    """
    from datetime import UTC, datetime

    from mondrift.run.pruning import prune

    found = _archive(reports)
    keeping = _keeping(found, keep, keep_alarms)
    gone = prune(found, keeping, datetime.now(UTC), monitor=monitor, dry_run=dry_run)
    if as_json:
        show_json([_line(each) for each in gone])
        return
    for each in gone:
        line = _line(each)
        click.echo(f"{line['monitor']}  {line['window']}  {line['status']}  {line['run_id']}")
    word = "reports that would go" if dry_run else "reports gone"
    freed = sum(each.freed for each in gone) / 1e6
    click.echo(f"{word}: {len(gone)}, {freed:.1f} MB")


@archive.command("compare")
@click.argument("first")
@click.argument("second")
@reports_option
@as_json
def archive_compare(first: str, second: str, reports: Path | None, as_json: bool) -> None:
    """Two runs side by side: metrics, and columns that are judged otherwise.

    A run is named by its id, the beginning of it, or as monitor/day. Reads the archive only.

    \b
    Example:
      mondrift archive compare flights_weekly/2013-02-25 flights_weekly/2013-04-22
    """
    from mondrift.run.contrast import contrast

    found = contrast(_archive(reports), first, second)
    if as_json:
        show_json(found.to_dict())
        return
    for each in (found.first, found.second):
        click.echo(f"{each['monitor']}, {each['window']} (revision {each['revision']}, "
                   f"{each['rows']:,} rows): {each['status']}: {each['reason']}")  # fmt: skip
    click.echo("\nPerformance, whole window:")
    for change in found.metrics:
        click.echo(f"  {change.measure:<24} {_pair(change)}")
    click.echo("\nJudged otherwise:" if found.statuses else "\nNo column is judged otherwise.")
    for change in (each for each in found.statuses if not each.segment):
        was, now = (each or "-" for each in change.status)
        click.echo(
            f"  {change.column:<24} {f'{was} -> {now}':<24} {change.measure} {_pair(change)}"
        )
    if apart := sum(1 for each in found.statuses if each.segment):
        click.echo(f"  and {apart} in segments (--json tells them)")


def _pair(change: Change) -> str:
    """Before and after, and the difference, where they are known."""
    sides = ["-" if each is None else f"{each:.4g}" for each in (change.was, change.now)]
    if change.was is None or change.now is None:
        return " -> ".join(sides)
    return f"{' -> '.join(sides)} ({change.now - change.was:+.4g})"


def _archive(reports: Path | None) -> Archive:
    from mondrift.run.archive import Archive
    from mondrift.run.workspace import Workspace

    return Archive(Workspace(Path(), reports).reports)


def _keeping(archive: Archive, keep: str | None, alarms: str | None) -> dict[str, Keeping]:
    """{monitor: how long}: what the command line says, then the files, then what is built in."""
    from mondrift.run.keeping import Keeping
    from mondrift.run.plan import load_monitors
    from mondrift.run.workspace import Workspace

    said = {name: text for name, text in (("reports", keep), ("alarms", alarms)) if text}
    folder = Workspace(Path()).monitors
    plans = load_monitors(folder) if folder.is_dir() else {}
    kept = {each.monitor: Keeping() for each in archive.records()}
    kept |= {name: plan.retention for name, plan in plans.items()}
    return {name: each.changed(said) for name, each in kept.items()} if said else kept


def _line(each: Pruned) -> dict[str, str | int]:
    record = each.record
    return {
        "monitor": record.monitor,
        "run_id": record.run_id,
        "window": str(record.window.get("label") or record.window.get("start")),
        "revision": record.revision,
        "status": "failed" if record.state == "failed" else record.status,
        "made": record.finished_at or record.started_at,
        "bytes": each.freed,
    }
