"""Servers, settings and the store's tables: up, down, status, config, db, lab."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sys
from typing import TYPE_CHECKING

import click

from mondrift.cli.output import as_json, opened_store, show_json
from mondrift.cli.schedule import fail_if_silent, scheduler_status, seconds, show_scheduler

if TYPE_CHECKING:
    from mondrift.cache import Counts
    from mondrift.embedded import ServersStatus
    from mondrift.settings import Settings


@click.command()
def up() -> None:
    """Start the embedded PostgreSQL and Valkey, and keep them until `mondrift down`.

    \b
    Example:
      mondrift up
    """
    from mondrift import embedded

    _show_servers(embedded.up())


@click.command()
def down() -> None:
    """Stop the embedded servers; those still in use stop when their last user has gone.

    \b
    Example:
      mondrift down
    """
    from mondrift import embedded

    embedded.down()
    left = embedded.status()
    click.echo("still in use; the last process stops them" if left.running else "stopped")


@click.command()
@as_json
@click.option("--fail-if-silent", "most", callback=seconds, metavar="TIME",
              help="Exit with 1 when a scheduler's last heartbeat is older: 15m, 2h.")  # fmt: skip
def status(as_json: bool, most: float | None) -> None:
    """Which servers are used, whether they and the scheduler run, what is missed; starts nothing.

    \b
    Example:
      mondrift status --json
      mondrift status --fail-if-silent 15m
    """
    from mondrift import embedded
    from mondrift.settings import Settings

    settings = Settings.load()
    found = embedded.status()
    scheduler = scheduler_status(settings)
    counts = _cache_counts(settings, found)
    if as_json:
        plain = dataclasses.asdict(found)
        plain["cache"] = counts and dataclasses.asdict(counts)
        plain["scheduler"] = scheduler
        plain["own"] = {
            "DATABASE_URL": settings.database_url is not None,
            "REDIS_URL": settings.redis_url is not None,
        }
        show_json(plain)
        fail_if_silent(scheduler, most)
        return
    if settings.database_url is not None:
        click.echo("DATABASE_URL is set: the store is your own PostgreSQL")
    if settings.redis_url is not None:
        click.echo("REDIS_URL is set: the cache is your own")
    _show_servers(found)
    if counts is not None:
        asked = counts.hits + counts.misses
        rate = f"{counts.hit_rate:.0%} of " if asked else ""
        click.echo(f"cache: answered {rate}{asked:,} look-ups")
    show_scheduler(scheduler)
    fail_if_silent(scheduler, most)


def _cache_counts(settings: Settings, found: ServersStatus) -> Counts | None:
    """How the cache did, when it runs."""
    from mondrift.cache import look_ups
    from mondrift.embedded.place import Place
    from mondrift.embedded.valkey import Valkey
    from mondrift.settings import secret

    own = secret(settings.redis_url)
    if own is not None:
        return look_ups(own)
    return look_ups(Valkey(Place(found.home)).url) if found.redis.running else None


def _show_servers(found: ServersStatus) -> None:
    for server in (found.postgres, found.redis):
        words = f"runs, version {server.version}" if server.running else "does not run"
        reason = f" ({server.reason})" if server.reason else ""
        click.echo(f"{server.label}: {words}{reason}")
    pinned = "until `mondrift down`" if found.pinned else "while somebody uses them"
    click.echo(f"home: {found.home} ({pinned})" if found.running else f"home: {found.home}")


@click.group()
def config() -> None:
    """Settings, and where each one came from."""


@config.command("show")
@as_json
def config_show(as_json: bool) -> None:
    """Every setting, its value and its source; secrets are masked.

    \b
    Example:
      mondrift config show
    """
    from mondrift.settings import Settings

    lines = Settings.load().explain()
    if as_json:
        show_json([dataclasses.asdict(each) for each in lines])
        return
    width = max(len(each.key) for each in lines)
    for each in lines:
        value = "-" if each.value is None else each.value
        click.echo(f"{each.key:<{width}}  {value}  ({each.source})")


@click.group()
def db() -> None:
    """The store's tables."""


@db.command("upgrade")
def db_upgrade() -> None:
    """Bring the tables to this version of mondrift; rows stay.

    \b
    Example:
      mondrift db upgrade
    """
    from mondrift.settings import Settings, secret
    from mondrift.store import Store

    url = secret(Settings.load().database_url)
    if url is not None:
        click.echo(f"the tables are at version {Store.migrate(url)}")
        return
    with opened_store() as store:  # the embedded store is upgraded on opening
        click.echo(f"the tables are at version {store.schema_version}")


@db.command("current")
def db_current() -> None:
    """Whether the tables fit this version of mondrift.

    \b
    Example:
      mondrift db current
    """
    with opened_store() as store:
        click.echo(f"version {store.schema_version} at {store.url}, as this mondrift needs it")


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def lab(arguments: tuple[str, ...]) -> None:
    """Open JupyterLab on the notebooks, with the servers running meanwhile.

    \b
    Example:
      mondrift lab --no-browser
    """
    import subprocess

    from mondrift.errors import ExtraError

    if shutil.which("jupyter-lab", path=os.pathsep.join(_paths())) is None:
        raise ExtraError.needed("`mondrift lab`", "JupyterLab", "lab")
    command = [sys.executable, "-m", "jupyterlab", *arguments]
    if os.geteuid() == 0:  # a container: there is nobody else to be
        command.append("--allow-root")
    with opened_store():
        done = subprocess.run(command, check=False)
    raise click.exceptions.Exit(done.returncode)


def _paths() -> list[str]:
    return [os.path.dirname(sys.executable), *os.environ.get("PATH", "").split(os.pathsep)]  # noqa: PTH120
