"""Files of rows and of labels into the store: log, label."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mondrift.cli.output import as_json, opened_store, show_json
from mondrift.cli.progress import bar

if TYPE_CHECKING:
    from mondrift.ingest import Ingested

_INTERRUPTED = 130

_file = click.argument("file", type=click.Path(path_type=Path))


@click.command()
@click.argument("model_id")
@_file
@click.option("--zone", default=None, help="Time zone of timestamps that name none, e.g. UTC.")
@as_json
def log(model_id: str, file: Path, zone: str | None, as_json: bool) -> None:
    """Store the predictions in a file (CSV, TSV, JSON Lines, Parquet; also larger than memory).

    Rows that do not fit go to quarantine, with the reason; the others are stored. Stopped or
    killed, the same command goes on where it was, and every row is stored once.

    \b
    Example:
      mondrift log flights april.csv --zone UTC
    """
    from mondrift.ingest import log_file

    with opened_store() as store, _shown("log", model_id, file, zone) as told:
        done = log_file(store, model_id, file, zone=zone, told=told, waiting=_waiting)
    _answer(done, model_id, as_json=as_json)


@click.command()
@click.argument("model_id")
@_file
@click.option("--zone", default=None, help="Time zone of `received_at` where it names none.")
@as_json
def label(model_id: str, file: Path, zone: str | None, as_json: bool) -> None:
    """Store what really happened: a file with the columns id and value, perhaps received_at.

    Stopped or killed, the same command goes on where it was.

    \b
    Example:
      mondrift label flights landed.csv
    """
    from mondrift.ingest import label_file

    with opened_store() as store, _shown("label", model_id, file, zone) as told:
        done = label_file(store, model_id, file, zone=zone, told=told, waiting=_waiting)
    _answer(done, model_id, as_json=as_json)
    if done.counts.get("unknown") and not as_json:
        look = shlex.join(["mondrift", "labels", "waiting", model_id])
        click.echo(f"labels of unknown ids wait for their prediction: {look}")


@contextmanager
def _shown(
    command: str, model_id: str, file: Path, zone: str | None
) -> Iterator[Callable[[int, int], None]]:
    """A bar meanwhile; after Ctrl-C, how far it was and how to go on."""
    done = total = 0
    with bar(file.name) as draw:

        def told(now: int, of: int) -> None:
            nonlocal done, total
            done, total = now, of
            if draw is not None and of:
                # The bar is drawn at the row that begins a percent: the last one passed.
                draw(-(-(100 * now // of) * of // 100), of)

        try:
            yield told
        except (KeyboardInterrupt, Exception) as error:
            if not _interrupted(error):
                raise
            words = ["mondrift", command, model_id, str(file)]
            again = shlex.join(words + ([] if zone is None else ["--zone", zone]))
            stopped = f"{done:,} of {total:,} rows are done" if total else "no row is done"
        else:
            return
    click.echo(f"\nmondrift: stopped; {stopped}. To go on: {again}", err=True)
    raise click.exceptions.Exit(_INTERRUPTED)


def _interrupted(error: BaseException | None) -> bool:
    """Whether it was Ctrl-C: what is interrupted may fail once more while it is put in order."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


def _waiting() -> None:
    click.echo("another process is storing this file; waiting for it", err=True)


def _answer(done: Ingested, model_id: str, *, as_json: bool) -> None:
    if as_json:
        show_json(done.counts)
        return
    before = f" (of them {done.resumed:,} rows by a run before)" if done.resumed else ""
    other = " (by another process)" if done.elsewhere else ""
    counts = ", ".join(f"{count:,} {name}" for name, count in done.counts.items())
    click.echo(f"{counts or 'the file has no rows'}{before}{other}")
    if done.counts.get("quarantined") or done.counts.get("conflicts"):
        look = shlex.join(["mondrift", "quarantine", "list", model_id])
        click.echo(f"look at what did not fit: {look}")
