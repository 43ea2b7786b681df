"""How far long work is: a line on a terminal, nothing in a pipe or a log."""

from __future__ import annotations

import shutil
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
    with line() as show:
        if show is None:
            yield None
            return

        def told(done: int, total: int) -> None:
            if done * 100 // total == (done - 1) * 100 // total:
                return  # a terminal at the end of a slow line gets a hundred lines, not thousands
            show(f"{label} {drawn(done, total)}")

        yield told


def drawn(done: int, total: int) -> str:
    """A bar.

    >>> drawn(500, 1000)
    '[###############---------------] 500 of 1,000'
    """
    return f"[{'#' * (_WIDTH * done // total):-<{_WIDTH}}] {done:,} of {total:,}"


@contextmanager
def line() -> Iterator[Callable[[str], None] | None]:
    """A function that shows its text on stderr in place of the last one; None where nobody looks.

    An empty text wipes it: before something else is printed, and at the end.
    """
    if not sys.stderr.isatty():
        yield None
        return
    shown = 0

    def show(text: str) -> None:
        nonlocal shown
        text = text[: shutil.get_terminal_size().columns - 1]
        sys.stderr.write(f"\r{text:<{shown}}" if text else f"\r{' ' * shown}\r")
        sys.stderr.flush()
        shown = len(text)

    try:
        yield show
    finally:
        show("")
