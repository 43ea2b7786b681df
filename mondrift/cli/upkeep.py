"""Upkeep of the store: retention, backup, restore, db check."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from mondrift.cli.output import as_json, opened_store, show_frame, show_json
from mondrift.cli.progress import bar
from mondrift.cli.servers import db

_DAYS = {"d": 1, "w": 7, "y": 365}


class _Span(click.ParamType):  # type: ignore[type-arg]  # generic only in newer versions
    """Days, weeks or years: 90d, 13w, 1y."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = re.fullmatch(r"([1-9]\d{0,4})([dwy])", value)
        if not found:
            self.fail(f"{value!r} is no span of time; write it like 90d, 13w or 1y", param, ctx)
        return timedelta(days=int(found[1]) * _DAYS[found[2]])


@click.command()
@click.argument("model_id", required=False)
@click.option("--raw", type=_Span(), metavar="90d",
              help="Keep rows and labels for so long, from now on.")  # fmt: skip
@click.option("--aggregates", type=_Span(), metavar="1y",
              help="Keep counts and results for so long, from now on.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@as_json
def retention(
    model_id: str | None,
    raw: timedelta | None,
    aggregates: timedelta | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take away what is old, sum up counts, make the partitions of the next days: run it daily.

    Rows go after 90 days, counts and results after a year, unless a model keeps them for another
    time. By the model's clock: a model of history counts from its newest row.

    \b
    Example:
      mondrift retention --dry-run
    """
    with opened_store() as store:
        done = store.retention(model_id, raw=raw, aggregates=aggregates, dry_run=dry_run)
    frame = done.models.assign(
        raw=_in_days(done.models["raw"]), aggregates=_in_days(done.models["aggregates"])
    )
    if as_json:
        show_json(
            {
                "models": frame.astype(object).where(frame.notna(), None).to_dict("records"),
                "dropped": done.dropped,
                "busy": done.busy,
                "dry_run": done.dry_run,
            }
        )
        return
    show_frame(frame, as_json=False, empty="no model is registered yet")
    would = "would be " if dry_run else ""
    click.echo(f"{len(done.dropped)} partitions {would}dropped")
    if done.busy:
        click.echo(
            f"{len(done.busy)} are in use by others and stay until the next retention: "
            + ", ".join(done.busy)
        )


def _in_days(spans: Any) -> Any:
    return [f"{each.days}d" for each in spans]


@click.command()
@click.argument("target", type=click.Path(path_type=Path), metavar="FILE|FOLDER")
@as_json
def backup(target: Path, as_json: bool) -> None:
    """Write the whole store into one file, of one moment, while others go on working.

    In a folder the file is named by the time. A file that is there is never written over.

    \b
    Example:
      mondrift backup backups/
    """
    with opened_store() as store, bar("copying tables") as progress:
        made = store.backup(target, progress=progress)
    total = sum(made.rows.values())
    if as_json:
        show_json({"path": str(made.path), "rows": made.rows, "bytes": made.size})
    else:
        click.echo(f"{made.path}: {total:,} rows, {made.size / 2**20:.1f} MB")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@as_json
def restore(file: Path, as_json: bool) -> None:
    """Fill an empty store from a backup: all of it, or nothing.

    A store that has rows is never touched: set DATABASE_URL to a new database, or MONDRIFT_HOME to
    a new folder.

    \b
    Example:
      mondrift restore backups/mondrift-20260301T120000Z.zip
    """
    from mondrift.store import Store

    with _address() as url, bar("restoring tables") as progress:
        rows = Store.restore(file, url, progress=progress)
    if as_json:
        show_json({"rows": rows})
    else:
        click.echo(f"restored {sum(rows.values()):,} rows of {len(rows)} tables")


@contextmanager
def _address() -> Iterator[str]:
    """Where the store is, or will be: it is not opened, which would fill or refuse it."""
    from mondrift import embedded
    from mondrift.embedded import exit_on_sigterm
    from mondrift.settings import Settings, secret

    settings = Settings.load()
    exit_on_sigterm()
    url = secret(settings.database_url)
    if url is not None:
        yield url
        return
    with embedded.attach(settings.mondrift_home, redis=False) as servers:
        yield servers.database_url


@db.command("check")
@as_json
def db_check(as_json: bool) -> None:
    """Whether tables, partitions and counts are in order, and what to do where they are not.

    Exit code 1 when something is not.

    \b
    Example:
      mondrift db check
    """
    with opened_store() as store:
        found = store.check()
    if as_json:
        show_json([{"good": each.good, "what": each.what, "fix": each.fix} for each in found])
    else:
        for each in found:
            click.echo(f"{'ok ' if each.good else 'BAD'} {each.what}")
            if each.fix:
                click.echo(f"    {each.fix}")
    if not all(each.good for each in found):
        raise click.exceptions.Exit(1)


@db.command("stats")
@click.option("--hours", type=click.FloatRange(min=0, min_open=True), default=24.0,
              show_default=True, help="Of the last hours.")  # fmt: skip
@as_json
def db_stats(hours: float, as_json: bool) -> None:
    """How the store did: rows taken in, windows read, checks, and how fast.

    \b
    Example:
      mondrift db stats --hours 1
    """
    with opened_store() as store:
        frame = store.self_metrics(hours=hours)
    if as_json:
        show_json(frame.astype(object).where(frame.notna(), None).to_dict("records"))
        return
    for line in frame.to_dict("records"):
        n, seconds, worst = line["n"], line["seconds"], line["worst"]
        pace = f", {n / seconds:,.4g} a second of work" if seconds else ""
        slowest = f", the slowest call {worst:.3f} s" if worst > 0 else ""
        click.echo(f"{n:>12,} {line['counts']}{pace}{slowest}")
