"""What became of labels: labels ages, labels waiting."""

from __future__ import annotations

from datetime import datetime

import click

from mondrift.cli.moments import moment
from mondrift.cli.output import as_json, opened_store, show_frame


@click.group()
def labels() -> None:
    """When labels came, and which have no prediction."""


@labels.command("ages")
@click.argument("model_id")
@click.argument("start", type=moment)
@click.argument("end", type=moment)
@click.option("--as-of", type=moment, default=None, metavar="MOMENT",
              help="As it was known then; default: now, by the model's clock.")  # fmt: skip
@as_json
def labels_ages(
    model_id: str, start: datetime, end: datetime, as_of: datetime | None, as_json: bool
) -> None:
    """What share of the rows from START to END had a label after 1, 7 and 30 days.

    Among rows that are so old; the first label counts, corrections do not.

    \b
    Example:
      mondrift labels ages flights 2013-04-01T04:00Z 2013-04-08T04:00Z
    """
    with opened_store() as store:
        ages = store.label_ages(model_id, start, end, as_of=as_of)
    if not as_json and ages.as_of is not None:
        click.echo(f"{model_id}, labels as of {ages.as_of.isoformat(timespec='seconds')}")
    show_frame(ages.maturity, as_json=as_json, empty="")


@labels.command("waiting")
@click.argument("model_id")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=1),
              help="So many at most.")  # fmt: skip
@as_json
def labels_waiting(model_id: str, limit: int, as_json: bool) -> None:
    """Labels whose prediction is not there, oldest first.

    They are matched when a row with their id comes, also out of quarantine; retention takes what
    waits too long.

    \b
    Example:
      mondrift labels waiting flights
    """
    with opened_store() as store:
        found, schema = store.waiting_labels(model_id, limit=limit), store.model(model_id).schema
        ids = store.waiting_ids(model_id)
    if schema.target in schema.private:
        found = found.drop(columns="value")
    show_frame(found, as_json=as_json, empty=f"no label of {model_id!r} waits for its prediction")
    if not as_json and ids > len(found):
        click.echo(f"ids with labels that wait: {ids:,}; --limit shows more")
