"""The table at the end of `make test` says what ran; nothing that did not run counts as a pass."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

from tests import rings
from tests.rings import Outcome, Ring, complaints, outcome, run

XML = """<testsuites><testsuite>
<testcase name="a"/>
<testcase name="b"><failure message="no"/></testcase>
<testcase name="c"><error message="no"/></testcase>
<testcase name="d"><skipped type="pytest.skip" message="only as root"/></testcase>
<testcase name="e"><skipped type="pytest.skip" message="collection skipped"
  >('tests/x.py', 3, "Skipped: could not import 'dask'")</skipped></testcase>
<testcase name="f"><skipped type="pytest.xfail" message="false for KS"/></testcase>
</testsuite></testsuites>"""


def test_counts_are_read_from_the_junit_file() -> None:
    found = outcome("unit", 1, XML, 1.0)
    assert (found.passed, found.failed) == (1, 2)
    assert found.skips == (
        "only as root",
        "could not import 'dask'",
        "only expected to fail: false for KS",
    )


def test_a_test_skipped_for_something_missing_fails_strictly_only() -> None:
    found = [Outcome("unit", passed=3, skips=("only as root", "could not import 'dask'"))]
    assert complaints(found, strict=False) == []
    assert complaints(found, strict=True) == ["unit: skipped, could not import 'dask'"]


def test_a_ring_without_tests_did_not_run() -> None:
    found = outcome("unit", 5, "<testsuites><testsuite/></testsuites>", 0.1)
    assert not found.ran
    assert complaints([found, Outcome("known", passed=1)], strict=False) == []
    assert complaints([found], strict=True) == [
        "nothing ran",
        "unit: not run, no test in this ring",
    ]


def test_a_ring_of_skipped_tests_did_not_run() -> None:
    skipped = '<testcase><skipped type="pytest.skip" message="no chromium"/></testcase>'
    found = outcome("browser", 0, f"<testsuite>{skipped}</testsuite>", 0.1)
    assert (found.ran, found.reason) == (False, "all 1 skipped: no chromium")


@pytest.mark.parametrize("code", [1, 2, 3, 4])
def test_an_exit_code_that_the_file_does_not_explain_is_a_failure(code: int) -> None:
    assert outcome("unit", code, "<testsuite><testcase/></testsuite>", 0.1).failed == 1
    assert outcome("unit", code, "", 0.1).failed == 1


def test_a_ring_whose_program_is_missing_did_not_run() -> None:
    found = run(Ring("browser", programs=("no-such-browser",), modules=("no_such_module",)), 1)
    assert (found.ran, found.reason) == (False, "not installed: no_such_module, no-such-browser")


def test_a_command_that_fails_is_counted() -> None:
    ring = Ring("lint", commands=(("json.tool", "--help"), ("json.tool", "/no/such/file")))
    found = run(ring, 1)
    assert (found.passed, found.failed) == (1, 1)


def test_a_ring_far_over_its_budget_is_stopped() -> None:
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    assert rings.call(sleeper, 0.2) < 0


def test_a_marker_stands_in_the_file_of_its_tests_where_its_ring_looks_for_it() -> None:
    marker = re.compile(rf"(\S*)mark\.({'|'.join(rings.MARKERS)})\b")
    otherwise = re.compile(r"add_marker\(|from pytest import|import pytest as")
    for file in {*(rings.ROOT / "tests").rglob("*.py")} - {Path(__file__)}:
        text = file.read_text("utf-8")
        assert not otherwise.search(text), file
        for before, name in marker.findall(text):
            assert before.endswith("pytest."), file
            assert str(file) in rings.RINGS[name].files(), file


def test_no_decorator_of_a_test_comes_from_another_file_for_it_may_hold_a_marker() -> None:
    for file in (rings.ROOT / "tests").rglob("*.py"):
        nodes = [*ast.walk(ast.parse(file.read_text("utf-8")))]
        ours = [e for e in nodes if isinstance(e, ast.ImportFrom) and "tests" in (e.module or "")]
        imported = {alias.asname or alias.name for each in ours for alias in each.names}
        functions = [each for each in nodes if isinstance(each, ast.FunctionDef)]
        used = {d.id for each in functions for d in each.decorator_list if isinstance(d, ast.Name)}
        assert not imported & {*used, "pytestmark"}, file


def test_each_test_belongs_to_exactly_one_ring() -> None:
    marked = [ring for ring in rings.RINGS.values() if ring.name in rings.MARKERS]
    for carried in ({"servers"}, {"servers", "browser"}, {"known", "calibration"}, set()):
        names = {name: name in carried for name in rings.MARKERS}
        chosen = [ring.name for ring in [*marked, Ring("unit")] if eval(ring.marker(), {}, names)]
        assert len(chosen) == 1
