"""The command line for models and baselines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mondrift import Schema, embedded
from mondrift.store import Store
from tests.test_cli import call

pytestmark = pytest.mark.servers

N = 1000


def _rows(shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(8)
    return pd.DataFrame(
        {
            "at": pd.date_range("2024-01-01", periods=N, freq="min", tz="UTC"),
            "x": rng.normal(shift, size=N),
            "plan": rng.choice(["basic", "gold"], N),
            "name": rng.choice(["Ann", "Bob"], N),
            "y": rng.normal(size=N),
        }
    )


@pytest.fixture
def env(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    new_database: Callable[[], str],
    servers: embedded.Servers,
) -> dict[str, str]:
    """The environment of a store with a model, and a folder with files of rows and statistics."""
    monkeypatch.chdir(tmp_path)
    url = new_database()
    with Store.open(url) as store:
        schema = Schema(
            timestamp="at", prediction="y", private=("name",), importances={"x": 0.8, "plan": 0.2}
        )
        store.register_model("shop", schema.fit(_rows()), task="regression", clock="data")
    _rows().to_csv("rows.csv", index=False)
    _rows(2.0).to_csv("moved.csv", index=False)
    statistics = {
        "x": {"n": N, "mean": 0.0, "std": 1.0, "min": -4.0, "max": 4.0},
        "plan": {"n": N, "shares": {"basic": 0.5, "gold": 0.5}},
    }
    Path("known.json").write_text(json.dumps(statistics))
    return {"DATABASE_URL": url, "REDIS_URL": str(servers.redis_url)}


def test_baselines_are_registered_shown_listed_and_compared(env: dict[str, str]) -> None:
    assert "has no baseline yet" in call("baseline", "list", "shop", env=env).output
    for file, told in (
        ("rows.csv", "baseline 1 of shop: 1,000 rows\n"),
        ("moved.csv", "baseline 2 of shop: 1,000 rows\n"),
        ("known.json", "baseline 3 of shop: 1,000 rows, known by statistics alone\n"),
    ):
        assert call("baseline", "register", "shop", file, "--name", file, env=env).output == told
    listed = json.loads(call("baseline", "list", "shop", "--json", env=env).output)
    assert [(each["version"], each["sampled"]) for each in listed] == [(1, N), (2, N), (3, 0)]
    one = call("baseline", "show", "shop", "1", env=env).output
    assert "1,000 of them kept" in one
    assert "basic" in one
    assert "Ann" not in one, "private values are shown nowhere"
    assert "Ann" not in call("baseline", "show", "shop", "1", "--json", env=env).output
    newest = call("baseline", "show", "shop", env=env).output
    assert "known by statistics alone" in newest
    assert "mean 0, std 1" in newest
    compared = call("baseline", "compare", "shop", "1", "2", env=env)
    assert compared.exit_code == 0
    assert "alarm: 1 of" in compared.output
    assert "x: " in compared.output
    told = json.loads(call("baseline", "compare", "shop", "3", "1", "--json", env=env).output)
    assert {f["column"] for f in told["findings"] if f["status"] == "skipped"} >= {"x"}
    wrong = call("baseline", "compare", "shop", "1", "3", env=env)
    assert (wrong.exit_code, "known by its statistics alone" in wrong.output) == (1, True)


def test_wrong_statistics_are_told_in_words(env: dict[str, str]) -> None:
    Path("bad.json").write_text('{"plan": {"n": 10, "shares": {"basic": 0.2}}}')
    bad = call("baseline", "register", "shop", "bad.json", env=env)
    assert (bad.exit_code, "add up to 0.2, not to 1" in bad.output) == (1, True)
    Path("bad.json").write_text("{")
    assert (
        "cannot be read as JSON" in call("baseline", "register", "shop", "bad.json", env=env).output
    )
    assert call("baseline", "register", "shop", env=env).exit_code == 2


def test_a_model_shows_importances_and_what_is_open(env: dict[str, str]) -> None:
    shown = call("model", "show", "shop", env=env).output
    assert "importance 0.8" in shown
    assert "private" in shown
    assert "high: 0 incidents open, 0 alerts so far" in shown
    told = json.loads(call("model", "show", "shop", "--json", env=env).output)
    assert told["schema"]["importances"] == {"x": 0.8, "plan": 0.2}
    assert told["alerts"][0] == {"severity": "critical", "open": 0, "alerts": 0}


def test_status_says_how_the_cache_did(env: dict[str, str]) -> None:
    call("model", "show", "shop", env=env)
    call("model", "show", "shop", env=env)
    told = json.loads(call("status", "--json", env=env).output)["cache"]
    assert told["misses"] >= 1
    assert "look-ups" in call("status", env=env).output


def test_waiting_labels_and_ages_are_listed(env: dict[str, str]) -> None:
    with Store.open(env["DATABASE_URL"]) as store:
        schema = Schema(timestamp="at", prediction="x", target="y", kinds={"y": "numeric"})
        store.register_model("prices", schema, task="regression")
        rows = _rows().drop(columns="y").assign(id=[f"r{i}" for i in range(N)])
        store.log("prices", rows)
    labels = pd.DataFrame({"id": ["r0", "r1", "gone"], "value": [1.5, 2.5, 3.5]})
    labels.assign(received_at="2024-01-03T00:00Z").to_csv("labels.csv", index=False)
    told = call("label", "prices", "labels.csv", env=env).output
    assert "2 stored" in told
    assert "labels of unknown ids wait for their prediction: mondrift labels waiting prices" in told
    assert (
        "ids with labels and without a prediction: 1 (mondrift labels waiting prices)"
        in call("model", "show", "prices", env=env).output
    )
    waiting = json.loads(call("labels", "waiting", "prices", "--json", env=env).output)
    assert [(each["id"], each["value"]) for each in waiting] == [("gone", 3.5)]
    window = ["labels", "ages", "prices", "2024-01-01T00:00Z", "2024-01-02T00:00Z"]
    ages = json.loads(call(*window, "--json", env=env).output)
    assert [(a["days"], a["rows"], a["labelled"]) for a in ages] == [
        (1, N, 0),
        (7, N, 2),
        (30, N, 2),
    ]
    before = json.loads(call(*window, "--as-of", "2024-01-02T12:00Z", "--json", env=env).output)
    assert [(each["rows"], each["labelled"]) for each in before] == [(721, 0), (0, 0), (0, 0)]
    assert "no label of 'shop' waits" in call("labels", "waiting", "shop", env=env).output
    wrong = call("labels", "ages", "prices", "2024-01-01", "2024-01-02", env=env)
    assert wrong.exit_code == 2
    assert "'2024-01-01' names no time zone; add Z for UTC" in wrong.output
