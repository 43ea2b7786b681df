"""The weekly report's notebook on a small store: every chart's spec, and nothing written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mondrift import demo, embedded
from mondrift.run.notebook import Execution, execute, read_notebook
from mondrift.store import Store
from tests.notebooks.charts import charts, marks, rows_of, sections
from tests.notebooks.small_store import CHECKED, fill, fingerprint
from tests.rings import ROOT

pytestmark = [pytest.mark.servers, pytest.mark.notebooks]


@pytest.fixture(scope="module")
def shown(
    store: Store,
    database_url: str,
    servers: embedded.Servers,
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    """The notebook of the week of 22 April, executed; the store was left alone."""
    run_id = fill(store)
    before = fingerprint(database_url)
    notebook = read_notebook(ROOT / "notebooks" / "drift_report.ipynb")
    addresses = {"DATABASE_URL": database_url, "REDIS_URL": servers.redis_url or ""}
    folder = tmp_path_factory.mktemp("run")
    done = execute(notebook, {"run_id": run_id, "top": 3}, folder=folder, environment=addresses)
    assert done.error == ""
    assert fingerprint(database_url) == before
    return done.notebook
