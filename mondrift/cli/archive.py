"""The folder of reports: archive index."""

from __future__ import annotations

from pathlib import Path

import click

from mondrift.cli.output import reports_option


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
    from mondrift.run.archive import Archive
    from mondrift.run.workspace import Workspace

    click.echo(Archive(Workspace(Path(), reports).reports).index())
