"""`python -m mondrift.cli`: by this the scheduler starts its runs, whatever is on the PATH."""

from __future__ import annotations

from mondrift.cli import main

main(prog_name="mondrift")
