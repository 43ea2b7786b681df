"""Processes for tests: forked from one that has read the package, so that they begin at once.

A process that is spawned reads pandas, SQLAlchemy and the package first, two seconds of work each.
What it holds of the test's process is the same in both ways: nothing but its arguments.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import ForkServerContext

_READ = ["pytest", "sqlalchemy.dialects.postgresql.psycopg2", "tests.store.loading"]


def forked() -> ForkServerContext:
    """Where processes, pools, events and queues come from."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_READ)
    return context
