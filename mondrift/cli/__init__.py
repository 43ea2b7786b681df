"""The command line: thin doors over the same functions that Python has.

What an exit code says is told in docs/commands.md. What fails on purpose says so in words on
stderr; MONDRIFT_DEBUG=1 shows the traceback instead. Everything heavy is imported inside the
commands, so that `mondrift --help` answers at once.
"""

from __future__ import annotations

import os
from typing import Any

import click

from mondrift.cli.alerts import alerts
from mondrift.cli.archive import archive
from mondrift.cli.compare import compare
from mondrift.cli.ingest import label, log
from mondrift.cli.labels import labels
from mondrift.cli.models import baseline, model
from mondrift.cli.monitors import check, run
from mondrift.cli.plans import monitors
from mondrift.cli.quarantine import quarantine
from mondrift.cli.schedule import schedule
from mondrift.cli.servers import config, db, down, lab, status, up
from mondrift.cli.start import demo, init
from mondrift.cli.upkeep import backup, restore, retention
from mondrift.errors import MondriftError

#: Matrices here are small: BLAS's threads would only wait for each other, and for other workers.
#: Read by numpy when it is imported; kernels inherit it.
UNTHREADED = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Doors(click.Group):
    """A group that turns mondrift's deliberate errors into words and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except MondriftError as error:
            if os.environ.get("MONDRIFT_DEBUG"):
                raise
            click.echo(f"mondrift: {error}", err=True)
            ctx.exit(error.exit_code)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """In the order of use, not of the alphabet."""
        return list(self.commands)


@click.group(cls=Doors, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mondrift")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Tells you whether a machine-learning model in production still works.

    \b
    First steps:
      mondrift demo                                  a year of real flights, monitored
      mondrift compare reference.csv current.csv     two files, no server
      mondrift init my-monitoring                    a folder of your own
    """
    if ctx.invoked_subcommand != "lab":  # there people compute what they like
        for name in UNTHREADED:
            os.environ.setdefault(name, "1")


for _command in (
    *(demo, init, compare, check, run, schedule, monitors, alerts, archive),
    *(model, log, label, labels, quarantine, baseline, up, down, status),
    *(db, retention, backup, restore, config, lab),
):
    main.add_command(_command)
