"""How far long work is: a bar on a terminal, nothing in a pipe or a log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_WIDTH = 30


@contextmanager
def bar(label: str) -> Iterator[Callable[[int, int], None] | None]:
    """A function that is told (done, in all) and draws it on stderr; None where nobody looks.

    On stderr, so that the bar is there while a table or JSON goes into a file. It is wiped when the
    work is done or has failed: what stays on the screen is the answer.
    """
    if not sys.stderr.isatty():
        yield None
        return
    line = ""

    def told(done: int, total: int) -> None:
        nonlocal line
        if done * 100 // total == (done - 1) * 100 // total:
            return  # a terminal at the far end of a slow line gets a hundred lines, not thousands
        drawn = "#" * (_WIDTH * done // total)
        line = f"{label} [{drawn:-<{_WIDTH}}] {done:,} of {total:,}"
        sys.stderr.write(f"\r{line}")
        sys.stderr.flush()

    try:
        yield told
    finally:
        sys.stderr.write(f"\r{' ' * len(line)}\r")
        sys.stderr.flush()
