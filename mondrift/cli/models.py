"""Models and their baselines: model, baseline."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from mondrift.cli.output import as_json, opened_store, show_frame, show_json


@click.group()
def model() -> None:
    """Registered models."""


@model.command("list")
@as_json
def model_list(as_json: bool) -> None:
    """Every registered model.

    \b
    Example:
      mondrift model list --json
    """
    with opened_store() as store:
        show_frame(store.models(), as_json=as_json, empty="no model is registered yet")


@model.command("show")
@click.argument("model_id")
@as_json
def model_show(model_id: str, as_json: bool) -> None:
    """One model: its task, its columns with their roles and kinds.

    \b
    Example:
      mondrift model show flights
    """
    with opened_store() as store:
        found = store.model(model_id)
    schema = found.schema
    if as_json:
        show_json(
            {
                "model_id": found.model_id,
                "task": found.task,
                "clock": found.clock,
                "schema_version": found.schema_version,
                "schema": schema.to_dict(),
            }
        )
        return
    click.echo(
        f"{found.model_id}: {found.task}, clock {found.clock}, schema {found.schema_version}"
    )
    for name, kind in schema.kinds.items():
        note = f"  ({schema.notes[name]})" if name in schema.notes else ""
        click.echo(f"  {name:<24} {schema.role(name):<12} {kind}{note}")


@click.group()
def baseline() -> None:
    """Registered references, version by version."""


@baseline.command("register")
@click.argument("model_id")
@click.option("--file", type=click.Path(path_type=Path), help="A file of rows.")
@click.option("--window", "windows", multiple=True, nargs=2, metavar="START END",
              help="Rows of the store, in ISO 8601 with a time zone; repeatable.")  # fmt: skip
@click.option("--name", default="", help="What people call it.")
@click.option("--zone", default="", help="Time zone of timestamps in the file that name none.")
@as_json
def baseline_register(
    model_id: str,
    file: Path | None,
    windows: tuple[tuple[str, str], ...],
    name: str,
    zone: str,
    as_json: bool,
) -> None:
    """Register the next version of a model's baseline, from a file or from stored rows.

    \b
    Example:
      mondrift baseline register flights --window 2013-01-21T05:00Z 2013-01-28T05:00Z
    """
    from mondrift.ingest import read_file

    if (file is None) == (not windows):
        raise click.UsageError("Give either --file or --window START END (once or more).")
    with opened_store() as store:
        if file is not None:
            timestamp = store.model(model_id).schema.timestamp
            rows = read_file(file, timestamps=(timestamp,) if timestamp else (), zone=zone)
            made = store.register_baseline(model_id, rows, name=name)
        else:
            spans = [(_moment(start), _moment(end)) for start, end in windows]
            made = store.register_baseline(model_id, spans, name=name)
    if as_json:
        show_json({"model_id": model_id, "version": made.version, "n": made.n, "name": made.name})
    else:
        click.echo(f"baseline {made.version} of {model_id}: {made.n:,} rows")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no time; write it like 2013-01-21T05:00Z", param_hint="--window"
        ) from None
    if moment.tzinfo is None:
        raise click.BadParameter(
            f"{text!r} names no time zone; add Z for UTC", param_hint="--window"
        )
    return moment


@baseline.command("list")
@click.argument("model_id")
@as_json
def baseline_list(model_id: str, as_json: bool) -> None:
    """Every baseline of a model.

    \b
    Example:
      mondrift baseline list flights
    """
    import pandas as pd

    with opened_store() as store:
        newest = store.baseline(model_id)
        older = [store.baseline(model_id, version) for version in range(1, newest.version)]
    lines = [
        {"version": each.version, "name": each.name, "n": each.n, "sampled": each.sampled,
         "created_at": each.created_at}
        for each in (*older, newest)
    ]  # fmt: skip
    show_frame(pd.DataFrame(lines), as_json=as_json, empty="")
