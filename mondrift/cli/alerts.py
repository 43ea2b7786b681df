"""What checks have told: alerts list."""

from __future__ import annotations

import click

from mondrift.cli.output import as_json, opened_store, show_frame


@click.group(invoke_without_command=True)
@click.pass_context
def alerts(ctx: click.Context) -> None:
    """Alerts that checks have raised."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(alerts_list)


@alerts.command("list")
@click.argument("model_id", required=False)
@click.option("--last", type=click.IntRange(min=1), default=20, show_default=True)
@as_json
def alerts_list(model_id: str | None = None, last: int = 20, as_json: bool = False) -> None:
    """The last alerts, newest first, and whether they were delivered.

    \b
    Example:
      mondrift alerts list flights --last 5
    """
    with opened_store() as store:
        frame = store.alerts(model_id, last=last)
    if not as_json:
        names = ["window_start", "severity", "kind", "title", "delivered"]
        frame = frame[names].assign(window_start=[f"{at:%Y-%m-%d}" for at in frame["window_start"]])
    show_frame(frame, as_json=as_json, empty="no alert has been raised")
