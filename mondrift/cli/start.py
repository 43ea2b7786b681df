"""First steps: demo and init."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import click

from mondrift.cli.output import opened_store


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
def init(folder: Path) -> None:
    """Lay out notebooks, params and reports in FOLDER; files that are there are kept.

    \b
    Example:
      mondrift init my-monitoring
    """
    from mondrift.run.workspace import lay_out

    written, kept = lay_out(folder)
    for path in written:
        click.echo(f"  wrote {folder / path}")
    for path in kept:
        click.echo(f"  kept  {folder / path}")
    where = "" if folder == Path() else f"cd {folder} && "
    click.echo(f"next: {where}mondrift demo, or a monitor of your own in params/monitors")


@click.command()
@click.option(
    "--browser/--no-browser", default=None, help="Open the index; default: if there is a display."
)
def demo(browser: bool | None) -> None:
    """Monitor a year of real flights: log, label, check every week, report what matters.

    \b
    Example:
      mondrift demo
    """
    from mondrift.demo.play import play
    from mondrift.run.workspace import Workspace, lay_out, layout

    began = time.monotonic()
    folder = Path()
    if layout().resolve() != folder.resolve():
        lay_out(folder)
    with opened_store() as store:
        index = play(store, Workspace(folder), _clocked(began))
    if browser if browser is not None else _has_display():
        import webbrowser

        webbrowser.open(index.resolve().as_uri())
    click.echo(f"\nDone in {time.monotonic() - began:.0f} s. Open it: {index}")
    click.echo(
        "Look around yourself: make lab  (or: mondrift lab), then notebooks/drift_report.ipynb"
    )


def _clocked(began: float):  # type: ignore[no-untyped-def]
    def say(words: str, *, step: bool = False) -> None:
        click.echo(f"[{time.monotonic() - began:5.1f} s] {words}" if step else words)

    return say


def _has_display() -> bool:
    if os.environ.get("CI") or not sys.stdout.isatty():
        return False
    return sys.platform == "darwin" or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
