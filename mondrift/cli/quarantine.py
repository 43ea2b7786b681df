"""Rows that did not fit: quarantine list, show, replay, discard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mondrift.cli.output import as_json, opened_store, show_frame, show_json
from mondrift.cli.progress import bar

if TYPE_CHECKING:
    from mondrift.store import Store

_PRIVATE = "(private)"

_entries = click.option(
    "--entries", default=None, metavar="N,N,…", help="Numbers of entries, with commas between."
)
_conflicts = click.option(
    "--conflicts", is_flag=True, help="Only rows whose id is taken by a row with other content."
)


@click.group()
def quarantine() -> None:
    """Rows and labels that did not fit, and why."""


@quarantine.command("list")
@click.argument("model_id")
@_conflicts
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True,
              help="So many at most.")  # fmt: skip
@click.option("--after", type=int, default=0, metavar="ENTRY", help="The next page: after this.")
@as_json
def quarantine_list(model_id: str, conflicts: bool, limit: int, after: int, as_json: bool) -> None:
    """Entries of a model, oldest first; with --json also the rows.

    \b
    Example:
      mondrift quarantine list flights
    """
    import pandas as pd

    with opened_store() as store:
        page = store.quarantine(model_id, after=after, limit=limit + 1, conflicts=conflicts)
        found = _hidden(store, model_id, page.to_dict("records"))
    shown = found[:limit]
    if as_json:
        show_json(shown)
        return
    table = pd.DataFrame(shown).drop(columns="row", errors="ignore")
    show_frame(table, as_json=False, empty="nothing is in quarantine")
    if len(found) > limit:
        click.echo(f"more: mondrift quarantine list {model_id} --after {shown[-1]['entry']}")


@quarantine.command("show")
@click.argument("entry", type=int)
@as_json
def quarantine_show(entry: int, as_json: bool) -> None:
    """One entry: the row as it came, and everything that is said against it.

    \b
    Example:
      mondrift quarantine show 17
    """
    with opened_store() as store:
        model_id, found = store.quarantine_entry(entry)
        (found,) = _hidden(store, model_id, [found])
    if as_json:
        show_json({"model_id": model_id, **found})
        return
    click.echo(f"entry {entry} of {model_id}: a {found['part']}, received {found['received_at']}")
    click.echo(f"  {found['reason']}" + (f" (tried {found['tries']} times)" * bool(found["tries"])))
    for name, value in found["row"].items():
        click.echo(f"  {name:<24} {value!r}")


@quarantine.command("replay")
@click.argument("model_id")
@_entries
@click.option("--fixed", type=click.Path(path_type=Path), metavar="FILE",
              help="Mended rows, with the number of the entry in a column 'entry'.")  # fmt: skip
@click.option("--zone", default=None, help="Time zone of timestamps that name none, e.g. UTC.")
@as_json
def quarantine_replay(
    model_id: str, entries: str | None, fixed: Path | None, zone: str | None, as_json: bool
) -> None:
    """Try entries again, after the schema has changed or with mended rows.

    What is stored leaves quarantine; what fails again stays, with its new reason.

    \b
    Example:
      mondrift quarantine replay flights --fixed mended.csv
    """
    from mondrift.ingest import read_file

    with opened_store() as store, bar("replaying") as progress:
        rows = None if fixed is None else read_file(fixed)
        done = store.replay(model_id, _numbers(entries), fixed=rows, zone=zone, progress=progress)
    if as_json:
        show_json({"stored": done.stored, "duplicates": done.duplicates, "failed": done.failed})
        return
    click.echo(f"{done.stored:,} stored, {done.duplicates:,} duplicates, {done.failed:,} failed")
    if done.failed:
        click.echo(f"see why: mondrift quarantine list {model_id}")


@quarantine.command("discard")
@click.argument("model_id")
@_entries
@_conflicts
@as_json
def quarantine_discard(model_id: str, entries: str | None, conflicts: bool, as_json: bool) -> None:
    """Throw entries away for good; the audit log keeps which.

    \b
    Example:
      mondrift quarantine discard flights --entries 17,18
    """
    with opened_store() as store:
        gone = store.discard(model_id, _numbers(entries), conflicts=conflicts)
    if as_json:
        show_json({"discarded": gone})
    else:
        click.echo(f"{gone:,} discarded")


def _numbers(entries: str | None) -> list[int] | None:
    if entries is None:
        return None
    try:
        return [int(each) for each in entries.split(",")]
    except ValueError:
        raise click.BadParameter(
            f"{entries!r} is not a list of numbers, such as 17,18", param_hint="--entries"
        ) from None


def _hidden(
    store: Store, model_id: str, entries: Iterable[Mapping[Any, Any]]
) -> list[dict[str, Any]]:
    """The entries without values of private columns: those never leave the store.

    A reason may quote what came, so it ends where it comes to such a column.
    """
    private = store.model(model_id).schema.private
    found = []
    for entry in entries:
        row = {k: _PRIVATE if k in private else v for k, v in entry["row"].items()}
        reason = entry["reason"]
        for name in private:
            head, named, _ = reason.partition(f"column {name!r}: ")
            reason = f"{head}{named}{_PRIVATE}" if named else reason
        found.append({**entry, "reason": reason, "row": row})
    return found
