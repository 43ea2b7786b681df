"""Monitors as files: monitors list, check, new, show."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mondrift.cli.output import as_json, show_frame, show_json

if TYPE_CHECKING:
    from mondrift.run.plan import Monitor
    from mondrift.settings import Settings


def loaded(name: str, settings: Settings) -> Monitor:
    """The monitor of this folder; what its policy leaves open comes from the settings."""
    from mondrift.policy import Policy
    from mondrift.run.plan import load_monitor
    from mondrift.run.workspace import Workspace

    base = Policy.from_mapping(settings.policy_values())
    return load_monitor(name, Workspace(Path()).monitors, policy=base)


@click.group()
def monitors() -> None:
    """The monitors of this folder: params/monitors/*.yaml."""


@monitors.command("list")
@as_json
def monitors_list(as_json: bool) -> None:
    """Every monitor: its model, its windows, its notebook, when it runs and is checked.

    \b
    Example:
      mondrift monitors list
    """
    import pandas as pd

    from mondrift.settings import Settings

    usual = Settings.load().drift_check_interval
    lines = [_line(each, usual) for each in _all().values()]
    show_frame(pd.DataFrame(lines), as_json=as_json, empty="no monitor in params/monitors yet")


@monitors.command("check")
def monitors_check() -> None:
    """Read every file, and tell all that is wrong, with its line; notebooks and parameters too.

    \b
    Example:
      mondrift monitors check
    """
    from mondrift.notify import channels
    from mondrift.settings import Settings

    found = _all(thorough=True)
    known = channels(Settings.load())
    for name, plan in found.items():
        for channel in plan.alerts.channels:
            if channel not in known:
                click.echo(f"note: {name} tells {channel!r}, for which no address is set", err=True)
    click.echo(f"in order: {', '.join(found)}")


@monitors.command("new")
@click.argument("model_id")
@click.argument("name", required=False)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option("--stdout", is_flag=True, help="Show it, and write nothing.")
def monitors_new(model_id: str, name: str | None, force: bool, stdout: bool) -> None:
    """Write a monitor's file for a registered model, with comments, ready to run.

    Windows get as long as it takes for a thousand rows; the first begins with the model's first
    row.

    \b
    Example:
      mondrift monitors new flights flights_daily
    """
    from datetime import UTC, datetime

    from mondrift.cli.output import opened_store
    from mondrift.errors import MonitorError
    from mondrift.run.document import parse_document
    from mondrift.run.plan import monitor_of
    from mondrift.run.sketch import default_name, facts_of, sketch
    from mondrift.run.workspace import Workspace
    from mondrift.whole import write_whole

    here = Workspace(Path())
    with opened_store() as store:
        facts = facts_of(store, model_id)
    path = here.monitors / f"{name or default_name(facts)}.yaml"
    if path.exists() and not (force or stdout):
        raise MonitorError(
            f"{path} is there already. Give another name, --force to write over it, or --stdout to "
            "look."
        )
    text = sketch(facts, here.folder / "notebooks", datetime.now(UTC).date())
    monitor_of(parse_document(text, path))  # a name that cannot be a file's is told here
    if stdout:
        click.echo(text, nl=False)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text)
    click.echo(f"wrote {path}")
    click.echo(f"next: mondrift check {path.stem}", err=True)


@monitors.command("show")
@click.argument("monitor")
@click.option("--parameters", is_flag=True, help="Only those of its notebook, for papermill -f.")
@as_json
def monitors_show(monitor: str, parameters: bool, as_json: bool) -> None:
    """One monitor as it is understood, defaults included, and its next windows.

    \b
    Example:
      mondrift monitors show flights_weekly
      mondrift monitors show flights_weekly --parameters > flat.yaml
    """
    from datetime import UTC, datetime

    from mondrift.run.outlook import told_of
    from mondrift.settings import Settings

    settings = Settings.load()
    plan, usual = loaded(monitor, settings), settings.drift_check_interval
    if parameters:
        _flat(plan, as_json=as_json)
        return
    told: dict[str, Any] = {
        **_line(plan, usual),
        **plan.config(),
        "segments": "all of the model" if plan.segments is None else list(plan.segments),
        "catch_up": dataclasses.asdict(plan.catch_up),
        "limits": dataclasses.asdict(plan.limits),
        "alerts": dataclasses.asdict(plan.alerts),
        "retention": plan.retention.to_dict(),
    }
    words = told_of(plan, datetime.now(UTC), usual)
    if as_json:
        show_json({**told, "in_words": words})
        return
    import yaml

    for line in words:
        click.echo(f"# {line}")
    click.echo(yaml.safe_dump(_listed(told), sort_keys=False, allow_unicode=True).rstrip())


def _flat(plan: Monitor, *, as_json: bool) -> None:
    """The notebook's parameters and nothing else: a flat mapping."""
    if as_json:
        show_json(dict(plan.parameters))
        return
    import yaml

    click.echo(yaml.safe_dump(dict(plan.parameters), sort_keys=False, allow_unicode=True).rstrip())


def _all(*, thorough: bool = False) -> dict[str, Monitor]:
    from mondrift.policy import Policy
    from mondrift.run.plan import load_monitors
    from mondrift.run.workspace import Workspace
    from mondrift.settings import Settings

    base = Policy.from_mapping(Settings.load().policy_values())
    here = Workspace(Path())
    if not thorough:
        return load_monitors(here.monitors, policy=base)
    from mondrift.run.fitting import check_notebook

    return load_monitors(here.monitors, policy=base, also=lambda d: check_notebook(d, here))


def _line(plan: Monitor, usual: float) -> dict[str, Any]:
    from mondrift.run.ticks import in_words

    return {
        "monitor": plan.name,
        "model": plan.model,
        "window": str(plan.calendar.length),
        "zone": plan.calendar.zone,
        "notebook": plan.notebook,
        "schedule": plan.schedule or "-",
        "check_every": in_words(plan.interval(usual)),
    }


def _listed(value: Any) -> Any:
    """YAML's own types: tuples become lists."""
    if isinstance(value, dict):
        return {str(key): _listed(each) for key, each in value.items()}
    return [_listed(each) for each in value] if isinstance(value, (list, tuple)) else value
