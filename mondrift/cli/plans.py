"""Monitors as files: monitors check, list, show."""

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
    """Every monitor: its model, its windows, its notebook.

    \b
    Example:
      mondrift monitors list
    """
    import pandas as pd

    lines = [_line(each) for each in _all().values()]
    show_frame(pd.DataFrame(lines), as_json=as_json, empty="no monitor in params/monitors yet")


@monitors.command("check")
def monitors_check() -> None:
    """Read every file, and tell all that is wrong, with its line.

    \b
    Example:
      mondrift monitors check
    """
    found = _all()
    click.echo(f"{len(found)} monitors are in order: {', '.join(found)}")


@monitors.command("show")
@click.argument("monitor")
@as_json
def monitors_show(monitor: str, as_json: bool) -> None:
    """One monitor as it is understood, defaults included.

    \b
    Example:
      mondrift monitors show flights_weekly
    """
    from mondrift.settings import Settings

    plan = loaded(monitor, Settings.load())
    told: dict[str, Any] = {
        **_line(plan),
        **plan.config(),
        "catch_up": dataclasses.asdict(plan.catch_up),
        "limits": dataclasses.asdict(plan.limits),
        "alerts": dataclasses.asdict(plan.alerts),
    }
    if as_json:
        show_json(told)
        return
    import yaml

    click.echo(yaml.safe_dump(_listed(told), sort_keys=False, allow_unicode=True).rstrip())


def _all() -> dict[str, Monitor]:
    from mondrift.policy import Policy
    from mondrift.run.plan import load_monitors
    from mondrift.run.workspace import Workspace
    from mondrift.settings import Settings

    base = Policy.from_mapping(Settings.load().policy_values())
    return load_monitors(Workspace(Path()).monitors, policy=base)


def _line(plan: Monitor) -> dict[str, Any]:
    return {
        "monitor": plan.name,
        "model": plan.model,
        "window": str(plan.calendar.length),
        "zone": plan.calendar.zone,
        "notebook": plan.notebook,
        "schedule": plan.schedule or "-",
    }


def _listed(value: Any) -> Any:
    """YAML's own types: tuples become lists."""
    if isinstance(value, dict):
        return {str(key): _listed(each) for key, each in value.items()}
    return [_listed(each) for each in value] if isinstance(value, (list, tuple)) else value
