"""README, CONTRIBUTING and docs name what exists, and what exists is named there."""

from __future__ import annotations

import re
from pathlib import Path

import click

import mondrift
from tests.architecture.test_floors import SPINE
from tests.rings import ROOT

LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#\s]+)")
MAKE = re.compile(r"`make ([a-z]+)")


def texts() -> dict[Path, str]:
    """Every Markdown file for people."""
    files = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "reports" / "README.md"]
    return {file: file.read_text(encoding="utf-8") for file in sorted(files)}


def targets() -> set[str]:
    """Targets that `make help` shows."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE))


def commands(group: click.Group, above: str) -> list[str]:
    """Every command under a group, by its full name: `mondrift db upgrade`."""
    found = []
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found += commands(command, f"{above} {name}")
        elif not command.hidden:
            found.append(f"{above} {name}")
    return found


def test_every_relative_link_leads_somewhere() -> None:
    dead = [
        f"{file.name}: {link}"
        for file, text in texts().items()
        for link in LINK.findall(text)
        if not (file.parent / link).exists()
    ]
    assert not dead, "\n".join(dead)


def test_every_make_target_is_told_and_every_told_one_exists() -> None:
    told = {name for text in texts().values() for name in MAKE.findall(text)}
    assert sorted(targets() - told) == []
    assert sorted(told - targets()) == []


def test_every_command_is_told() -> None:
    from mondrift.cli import main

    assert isinstance(main, click.Group)
    text = "\n".join(texts().values())
    names = commands(main, "mondrift")
    assert names
    assert [name for name in names if name not in text] == []


def test_every_setting_is_told() -> None:
    from mondrift.settings import Settings

    text = "\n".join(texts().values())
    names = [name.upper() for name in Settings.model_fields]
    assert names
    assert [name for name in names if not re.search(rf"\b{name}\b", text)] == []


def test_the_changelog_keeps_its_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert text.startswith("# Changelog\n")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", each) for each in headings[1:])
    kinds = set(re.findall(r"^### (.+)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_every_decision_has_a_date_and_says_context_choice_and_price() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    decisions = [each for each in text.partition("## Decisions\n")[2].split("\n\n") if each.strip()]
    dated = [each for each in decisions if re.match(r"\*\*20\d\d-\d\d-\d\d: ", each)]
    assert dated
    for word in ("Context:", "Choice:", "Price:"):
        assert [each.split("\n")[0] for each in dated if word not in each] == []


def test_the_spine_stands_in_both_maps_in_its_order() -> None:
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## The floors\n")[2]
    rows = re.findall(r"^\| `([a-z ]+)` \|", table.partition("\n## ")[0], re.MULTILINE)
    assert tuple(" ".join(rows).split()) == SPINE
    shown = (mondrift.__doc__ or "").partition("\n    3  ")[2].partition("\n    2  ")[0]
    assert tuple(re.findall(r"[a-z]+", shown.partition(" " * 20)[0])) == SPINE


def test_a_measure_is_added_in_seven_steps() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.partition("## How to add a measure\n")[2].partition("\n## ")[0]
    assert re.findall(r"^(\d+)\. ", section, re.MULTILINE) == list("1234567")
