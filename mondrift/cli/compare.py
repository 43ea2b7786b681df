"""compare: two files in, a verdict out; no server, no account."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mondrift.cli.output import ALARM, as_json, fail_on_alarm, show_json
from mondrift.cli.progress import bar

if TYPE_CHECKING:
    import pandas as pd

    from mondrift.verdict import Verdict

_SHOWN = 20


@click.command()
@click.argument("reference")
@click.argument("current")
@click.option(
    "--database", metavar="VARIABLE",
    help="Both are SQL queries, for the database whose address this environment variable holds.",
)  # fmt: skip
@click.option("--html", type=click.Path(path_type=Path), help="Write the page to this file.")
@click.option("--target", help="Column with what really happened.")
@click.option("--prediction", help="Column with the model's answer.")
@click.option("--probability", help="Column with the probability of the positive class.")
@click.option("--timestamp", help="Column with the time of each row.")
@click.option("--zone", default="", help="Time zone of timestamps that name none, e.g. UTC.")
@click.option("--cluster", help="Rows with the same value depend on each other, e.g. of a user.")
@click.option("--id", "id_", help="Column that names the rows; it is not compared.")
@click.option(
    "--segment", "segments", multiple=True, help="Also measure by its values; repeatable."
)
@click.option("--private", multiple=True, help="Column whose values are not shown; repeatable.")
@click.option(
    "--kind", "kinds", multiple=True, metavar="COLUMN=KIND",
    help="numeric, categorical, boolean, datetime or text; repeatable.",
)  # fmt: skip
@click.option("--policy", type=click.Choice(["default", "classic"]), default="default",
              show_default=True, help="The rules of the verdict.")  # fmt: skip
@as_json
@fail_on_alarm
def compare(
    reference: str, current: str, database: str | None, html: Path | None,
    target: str | None, prediction: str | None, probability: str | None,
    timestamp: str | None, zone: str, cluster: str | None, id_: str | None,
    segments: tuple[str, ...], private: tuple[str, ...], kinds: tuple[str, ...], policy: str,
    as_json: bool, fail_on_alarm: bool,
) -> None:  # fmt: skip
    """Compare two files of rows: CSV, TSV, JSON Lines or Parquet; or the rows of two queries.

    \b
    Example:
      mondrift compare january.csv june.csv --target bought --html june.html
      mondrift compare --database WAREHOUSE_URL \\
        "SELECT * FROM sales WHERE month = 1" "SELECT * FROM sales WHERE month = 6"
    """
    from mondrift.comparing import compare_windows, windows
    from mondrift.policy import Policy
    from mondrift.schema import Schema
    from mondrift.verdict import judge

    times = (timestamp,) if timestamp else ()
    frames = [_rows(each, database, times, zone) for each in (reference, current)]
    schema = Schema(
        target=target, prediction=prediction, probability=probability, timestamp=timestamp,
        cluster=cluster, id=id_, segments=segments, private=private, kinds=_pairs(kinds),  # type: ignore[arg-type]
    )  # fmt: skip
    rules = Policy.from_mapping({"name": policy})
    before, after = windows(*frames, schema=schema)
    with bar("comparing columns") as progress:
        comparison = compare_windows(before, after, progress=progress)
    verdict = judge(comparison, rules)
    if html is not None:
        names = [_named(each, database) for each in (current, reference)]
        write_page(verdict, html, " against ".join(names))
    if as_json:
        show_json(verdict.to_dict())
    else:
        show_verdict(verdict, html)
    if fail_on_alarm and verdict.status == "alarm":
        raise click.exceptions.Exit(ALARM)


def _rows(source: str, database: str | None, times: tuple[str, ...], zone: str) -> pd.DataFrame:
    from mondrift.ingest import read_file, read_query

    if database is None:
        return read_file(source, timestamps=times, zone=zone)
    url = os.environ.get(database, "")
    if not url:
        raise click.BadParameter(
            f"the environment variable {database} is not set; it is to hold the address of the "
            "database, which so stays out of the list of processes",
            param_hint="--database",
        )
    return read_query(source, url, timestamps=times, zone=zone)


def _named(source: str, database: str | None) -> str:
    return Path(source).name if database is None else " ".join(source.split())


def _pairs(given: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for each in given:
        name, sign, kind = each.rpartition("=")
        if not sign:
            raise click.BadParameter(
                f"{each!r} is not of the form COLUMN=KIND", param_hint="--kind"
            )
        pairs[name] = kind
    return pairs


def write_page(verdict: Verdict, path: Path, title: str) -> None:
    """The self-contained page of a verdict that is in no store."""
    from mondrift.briefing import brief
    from mondrift.report import Report

    briefing = brief(verdict)
    report = Report(title, subtitle=str(verdict.comparison.current)).add(briefing)
    report.heading("Columns").add(briefing.columns())
    report.heading("Distributions")
    for chart in briefing.distributions():
        report.add(chart)
    if briefing.performance is not None:
        report.heading("Performance").add(briefing.metrics())
    report.add(briefing.method())
    report.save(path)


def show_verdict(verdict: Verdict, html: Path | None = None) -> None:
    """Status and reason of the window, then its flagged columns, worst first."""
    click.secho(f"{verdict.status}: {verdict.reason}", bold=True)
    flagged = [each for each in verdict.flagged() if not each.segment]
    for each in flagged[:_SHOWN]:
        click.echo(f"  {each.status:<8} {each.column}: {each.reason}")
    if len(flagged) > _SHOWN:
        click.echo(f"  … and {len(flagged) - _SHOWN} more")
    apart = sorted({each.segment for each in verdict.flagged() if each.segment})
    if apart:
        click.echo(f"  also within {', '.join(apart[:_SHOWN])}: --html or --json shows them")
    if html is not None:
        click.echo(f"page: {html}")
