"""How commands speak: tables for people, JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pandas as pd

    from mondrift.store import Store

ALARM = 10
"""Exit code of a verdict `alarm`, with --fail-on-alarm."""

as_json = click.option("--json", "as_json", is_flag=True, help="JSON, for scripts.")
reports_option = click.option(
    "--reports", type=click.Path(path_type=Path), help="The archive; default: ./reports."
)
fail_on_alarm = click.option(
    "--fail-on-alarm", is_flag=True, help=f"Exit code {ALARM} when the verdict is alarm."
)


@contextmanager
def opened_store() -> Iterator[Store]:
    """The store of this folder's settings, closed at the end, also on SIGTERM."""
    from mondrift.embedded import exit_on_sigterm
    from mondrift.logs import configure_logging
    from mondrift.settings import Settings
    from mondrift.store import Store

    settings = Settings.load()
    configure_logging(settings)
    exit_on_sigterm()
    with Store.open(settings=settings) as store:
        yield store


def show_json(value: Any) -> None:
    """Print a JSON-valid value; times as ISO."""
    click.echo(json.dumps(value, indent=2, default=str))


def show_frame(frame: pd.DataFrame, *, as_json: bool, empty: str) -> None:
    """Print a frame: as a table, as JSON records, or the words `empty` when it has no rows."""
    if as_json:
        click.echo(frame.to_json(orient="records", date_format="iso", indent=2))
    elif frame.empty:
        click.echo(empty)
    else:
        click.echo(frame.to_string(index=False, na_rep="-"))
