"""Two runs are compared from their files alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mondrift.errors import RunError
from mondrift.run.archive import Archive
from mondrift.run.contrast import contrast, find
from tests.run.test_archive import FINISHED, publish


def measured(measure: str, statistic: float | None, status: str = "ok", **changes: Any) -> Any:
    plain = {"segment": "", "column": "x", "family": "drift", "measure": measure}
    return {**plain, "statistic": statistic, "status": status, **changes}


def add(archive: Archive, run_id: str, day: str, *measurements: Any, revision: int = 1) -> None:
    window = {"start": f"{day}T00:00:00+00:00", "end": "", "label": f"day {day}"}
    record = replace(FINISHED, run_id=run_id, window=window, revision=revision)
    page = publish(archive, record)
    metrics = {"status": "ok", "reason": "why", "measurements": measurements}
    (page.parent / "metrics.json").write_text(json.dumps(metrics))


ACCURACY: Any = {"column": "guess", "family": "performance"}


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    archive = Archive(tmp_path / "reports")
    add(
        archive, "a1", "2024-01-01",
        measured("ks", 0.05), measured("psi", 0.02), measured("accuracy", 0.9, **ACCURACY),
        measured("psi", 0.1, segment="region=north"), measured("psi", 0.3, column="gone"),
    )  # fmt: skip
    add(
        archive, "a2", "2024-01-02",
        measured("ks", 0.25, "alarm"), measured("psi", 0.4, "alarm"),
        measured("accuracy", 0.8, **ACCURACY), measured("psi", None, segment="region=north"),
    )  # fmt: skip
    return archive


def test_metrics_and_statuses_are_told_with_their_difference(archive: Archive) -> None:
    found = contrast(archive, "a1", "a2")
    (metric,) = found.metrics
    told = metric.to_dict()
    assert (told["was"], told["now"], told["difference"]) == (0.9, 0.8, pytest.approx(-0.1))
    assert [(e.column, e.measure, e.status) for e in found.statuses] == [
        ("x", "psi", ("ok", "alarm")),
        ("gone", "psi", ("ok", "")),
    ]
    north = next(each for each in found.changes if each.segment)
    assert north.to_dict()["difference"] is None
    json.dumps(found.to_dict(), allow_nan=False)


def test_the_same_run_twice_differs_in_nothing(archive: Archive) -> None:
    same = contrast(archive, "a1", "a1")
    assert same.statuses == ()
    assert {each.to_dict()["difference"] for each in same.changes} == {0.0}


def test_a_run_is_found_by_id_by_its_beginning_and_by_day(archive: Archive) -> None:
    add(archive, "b7", "2024-01-02", revision=2)
    assert find(archive, "b").run_id == "b7"
    assert find(archive, "weekly/2024-01-02").run_id == "b7"  # the newest revision
    assert find(archive, "weekly/a2").run_id == "a2"
    with pytest.raises(RunError, match=r"'a' begins 2 runs, \['a1', 'a2'\]"):
        find(archive, "a")
    with pytest.raises(RunError, match=r"no run 'weekly/2024-01-03'.*Did you mean"):
        find(archive, "weekly/2024-01-03")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"measurements": 3}'])
def test_a_run_without_measurements_is_told(archive: Archive, text: str) -> None:
    (archive.folder / "weekly" / "a2" / "metrics.json").write_text(text)
    with pytest.raises(RunError, match=r"Run a2 has no metrics\.json that can be read"):
        contrast(archive, "a1", "a2")
