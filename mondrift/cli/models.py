"""Models and their baselines: model, baseline."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from mondrift.cli.moments import moment
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
        found, standing = store.model(model_id), store.alert_counts(model_id)
        waiting = store.waiting_ids(model_id)
    schema = found.schema
    if as_json:
        show_json(
            {
                "model_id": found.model_id,
                "task": found.task,
                "clock": found.clock,
                "schema_version": found.schema_version,
                "schema": schema.to_dict(),
                "alerts": standing.to_dict("records"),
                "waiting_labels": waiting,
            }
        )
        return
    click.echo(
        f"{found.model_id}: {found.task}, clock {found.clock}, schema {found.schema_version}"
    )
    for name, kind in schema.kinds.items():
        facts = [schema.notes[name]] if name in schema.notes else []
        facts += [f"importance {schema.importances[name]:g}"] if name in schema.importances else []
        facts += ["private"] if name in schema.private else []
        note = f"  ({', '.join(facts)})" if facts else ""
        click.echo(f"  {name:<24} {schema.role(name):<12} {kind}{note}")
    for each in standing.itertuples():
        click.echo(f"{each.severity}: {each.open} incidents open, {each.alerts} alerts so far")
    if waiting:
        click.echo(
            f"ids with labels and without a prediction: {waiting:,} "
            f"(mondrift labels waiting {model_id})"
        )


@click.group()
def baseline() -> None:
    """Registered references, version by version."""


@baseline.command("register")
@click.argument("model_id")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--window", "windows", multiple=True, nargs=2, type=moment, metavar="START END",
              help="Rows of the store, in ISO 8601 with a time zone; repeatable.")  # fmt: skip
@click.option("--name", default="", help="What people call it.")
@click.option("--zone", default="", help="Time zone of timestamps in the file that name none.")
@as_json
def baseline_register(
    model_id: str,
    file: Path | None,
    windows: tuple[tuple[datetime, datetime], ...],
    name: str,
    zone: str,
    as_json: bool,
) -> None:
    """Register the next version of a model's baseline.

    From a file of rows (CSV, TSV, JSON Lines, Parquet), from stored rows (--window), or from
    statistics alone: a .json file {"income": {"n":, "mean":, "std":, "min":, "max":}, "plan":
    {"n":, "shares": {"basic": 0.6, "gold": 0.4}}}.

    \b
    Example:
      mondrift baseline register flights january.csv --zone UTC
      mondrift baseline register flights --window 2013-01-21T05:00Z 2013-01-28T05:00Z
    """
    if (file is None) == (not windows):
        raise click.UsageError("Give either a FILE or --window START END (once or more).")
    with opened_store() as store:
        if file is None:
            made = store.register_baseline(model_id, windows, name=name)
        else:
            timestamp = store.model(model_id).schema.timestamp
            made = store.register_baseline(model_id, _reference(file, timestamp, zone), name=name)
    if as_json:
        show_json({"model_id": model_id, "version": made.version, "n": made.n, "name": made.name})
    else:
        alone = "" if made.sampled else ", known by statistics alone"
        click.echo(f"baseline {made.version} of {model_id}: {made.n:,} rows{alone}")


def _reference(file: Path, timestamp: str | None, zone: str) -> Any:
    """The rows of a file, or the statistics of a .json file."""
    from mondrift.errors import InputError
    from mondrift.ingest import read_file

    if file.suffix.lower() != ".json":
        return read_file(file, timestamps=(timestamp,) if timestamp else (), zone=zone)
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read as JSON: {error}.") from None


@baseline.command("list")
@click.argument("model_id")
@as_json
def baseline_list(model_id: str, as_json: bool) -> None:
    """Every baseline of a model.

    \b
    Example:
      mondrift baseline list flights
    """

    with opened_store() as store:
        found = store.baselines(model_id)
    show_frame(found, as_json=as_json, empty=f"model {model_id!r} has no baseline yet")


@baseline.command("show")
@click.argument("model_id")
@click.argument("version", type=int, required=False)
@as_json
def baseline_show(model_id: str, version: int | None, as_json: bool) -> None:
    """One baseline, by default the newest: what it knows of each column.

    \b
    Example:
      mondrift baseline show flights 1
    """
    with opened_store() as store:
        found = store.baseline(model_id, version)
        features, private = found.features(), store.model(model_id).schema.private
    hidden = features["feature"].isin(private)
    features["statistics"] = [
        {} if gone else told for gone, told in zip(hidden, features["statistics"], strict=True)
    ]
    if as_json:
        show_frame(features, as_json=True, empty="")
        return
    kept = f"{found.sampled:,} of them kept" if found.sampled else "known by statistics alone"
    click.echo(f"baseline {found.version} of {model_id} {found.name!r}: {found.n:,} rows, {kept}")
    told = [_brief(each) for each in features["statistics"]]
    show_frame(features.assign(statistics=told), as_json=False, empty="it knows no column")


def _brief(statistics: Mapping[str, Any]) -> str:
    """The few numbers of a column, its five largest levels."""
    counts = statistics.get("counts") or statistics.get("shares") or {}
    largest = sorted(counts.items(), key=lambda each: -each[1])[:5]
    plain = {k: v for k, v in statistics.items() if isinstance(v, int | float)}
    return ", ".join(f"{name} {value:.6g}" for name, value in [*plain.items(), *largest])


@baseline.command("compare")
@click.argument("model_id")
@click.argument("version", type=int)
@click.argument("other", type=int)
@as_json
def baseline_compare(model_id: str, version: int, other: int, as_json: bool) -> None:
    """Compare two baselines of a model: has the reference itself moved?

    \b
    Example:
      mondrift baseline compare flights 1 2
    """
    from mondrift.cli.compare import show_verdict
    from mondrift.verdict import judge

    with opened_store() as store:
        verdict = judge(store.compare_baselines(model_id, version, other))
    if as_json:
        show_json(verdict.to_dict())
    else:
        show_verdict(verdict)
