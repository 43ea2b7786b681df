"""What stays out of the tree: addresses, machine paths, banned words, files without an idea."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rings import ROOT

PACKAGE = ROOT / "mondrift"
# A mark between the halves of each name, or this file would find itself.
HOSTS = re.compile(
    "|".join(
        each.replace("!", "")
        for each in (
            r"python!hosted\.",
            r"py!pi\.org",
            r"npm!js\.org",
            r"deb!ian\.org",
            r"ana!conda\.(org|com)",
        )
    )
)
INDEX = re.compile("--(extra-)?index" + "-url|--find" + "-links|--trusted" + "-host")
CODE = {".py", ".toml", ".yml", ".yaml", ".md", ".txt", ".ipynb", ".j2", ".css", ".ini", ".sh", ""}
KILOBYTES = 2048
LINES, FUNCTION_LINES = 400, 60
# Term of DESIGN's vocabulary → what it must not be called in Python.
BANNED = {
    "pvalue": {"p_value", "p_val"},
    "statistic": {"drift_score"},
    "status": {"is_drift", "is_drifted", "has_drift"},
    "measure": {"stattest", "drift_metric"},
    "reference": {"expected_df", "reference_data", "baseline_df"},
    "threshold": {"cutoff"},
    "segment": {"cohort"},
}


def tracked() -> list[Path]:
    """Files that are in git, or would be with `git add .`."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("only in a git checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def matches(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    """`file:line` of each match in the text files."""
    return [
        f"{file.relative_to(ROOT)}:{number}"
        for file in files
        if file.suffix in CODE
        for number, line in enumerate(file.read_text("utf-8", "replace").splitlines(), start=1)
        if pattern.search(line)
    ]


def functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Name and lines of each function, its docstring left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            documented = ast.get_docstring(node) is not None and first.end_lineno is not None
            docstring = first.end_lineno - first.lineno + 1 if documented else 0
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1 - docstring


def identifiers(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Names that a module gives: functions, classes, parameters, variables, attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno


def modules(folder: Path) -> Iterator[tuple[str, str, ast.Module]]:
    """Path, text and tree of each Python file; migrations stay as they were on their day."""
    for file in sorted(set(folder.rglob("*.py")) - set(folder.rglob("migrations/versions/*.py"))):
        text = file.read_text(encoding="utf-8")
        yield str(file.relative_to(ROOT)), text, ast.parse(text)


def test_no_file_names_where_packages_come_from() -> None:
    files = tracked()
    assert matches(HOSTS, files) == []
    assert matches(INDEX, files) == []


def test_no_file_names_a_folder_of_this_machine() -> None:
    everywhere = {Path("/"), Path("/root")}
    folders = {ROOT, Path.home()} - everywhere
    found = {str(each): matches(re.compile(re.escape(f"{each}/")), tracked()) for each in folders}
    assert {folder: files for folder, files in found.items() if files} == {}


def test_an_address_would_be_seen() -> None:
    assert HOSTS.search("https://files.python" + "hosted.org/x.whl")
    assert INDEX.search("pip install --index" + "-url=x")


def test_no_tracked_file_is_large() -> None:
    large = [str(f.relative_to(ROOT)) for f in tracked() if f.stat().st_size > 1024 * KILOBYTES]
    assert not large, "\n".join(large)


def test_a_file_holds_one_idea_and_a_function_fits_a_screen() -> None:
    found = []
    for path, text, tree in modules(PACKAGE):
        lines = len(text.splitlines())
        found += [f"{path}: {lines} lines"] if lines > LINES else []
        found += [f"{path}: {f}() has {n} lines" for f, n in functions(tree) if n > FUNCTION_LINES]
    assert not found, "\n".join(found)


def test_a_helper_gets_a_noun() -> None:
    names = {file.stem for file in PACKAGE.rglob("*.py")} | {f.name for f in PACKAGE.iterdir()}
    assert names & {"utils", "util", "common", "core", "helpers", "misc"} == set()


def test_names_keep_to_the_vocabulary() -> None:
    banned = {word: term for term, words in BANNED.items() for word in words}
    found = [
        f"{path}:{line}: {name}; say {banned[name]}"
        for path, _, tree in modules(PACKAGE)
        if "store" not in path  # SQL keeps the field's names
        for name, line in identifiers(tree)
        if name in banned
    ]
    assert not found, "\n".join(found)


def test_tests_use_the_real_thing() -> None:
    forbidden = ("unittest.mock", "monkeypatch.setattr", "mocker.", "fakeredis", "sqlite://")
    found = [
        f"{path}: {word}"
        for path, text, _ in modules(ROOT / "tests")
        if path != str(Path(__file__).relative_to(ROOT))
        for word in forbidden
        if word in text
    ]
    assert not found, "\n".join(found)


def test_reports_are_not_in_git() -> None:
    kept = [file.name for file in tracked() if file.parent == ROOT / "reports"]
    assert kept == ["README.md"]
