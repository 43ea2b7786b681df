"""What a group of processes holds in memory, beside what psutil says of each."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from mondrift.run.guard import _held_by_ps, held

HOLDS = (
    "x = bytearray(b'x' * {size})\n{then}\nprint('held', flush=True)\nimport time; time.sleep(60)"
)
SIZE = 64 * 2**20
# A child that shares its parent's memory and writes nothing into it.
FORKS = "import os\nif not os.fork(): import time; time.sleep(60)"


@contextmanager
def holding(size: int, then: str = "") -> Iterator[int]:
    code = HOLDS.format(size=size, then=then)
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == b"held\n"
        children = psutil.Process(process.pid).children()
        yield process.pid
        for each in (*children, psutil.Process(process.pid)):
            each.kill()
        process.wait()


def test_one_process_holds_what_psutil_says() -> None:
    with holding(SIZE) as pid:
        assert held(pid) == pytest.approx(psutil.Process(pid).memory_info().rss, rel=0.05)
        assert _held_by_ps(pid) == pytest.approx(held(pid), rel=0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is shared")
def test_what_parent_and_child_share_counts_once() -> None:
    with holding(SIZE, FORKS) as pid:
        assert SIZE < held(pid) < 1.5 * SIZE
        assert _held_by_ps(pid) > 1.5 * SIZE


def test_a_group_that_is_gone_holds_nothing() -> None:
    with holding(SIZE) as pid:
        pass
    assert held(pid) == _held_by_ps(pid) == 0
