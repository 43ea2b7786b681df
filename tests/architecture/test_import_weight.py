"""`import mondrift` adds little to `import numpy, pandas` (in seconds: `make bench`)."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = (
    *("scipy.stats", "scipy.optimize", "sklearn", "polars", "pyspark", "dask"),
    *("altair", "vl_convert", "jinja2", "ipywidgets", "IPython", "matplotlib"),
    *("sqlalchemy", "alembic", "psycopg2", "redis", "pydantic", "pydantic_settings"),
    *("papermill", "nbformat", "fastapi", "httpx", "click", "mlflow"),
)
FIRST_USE = "from mondrift import Schema, chunk, compare, judge"


def loaded(program: str) -> set[str]:
    """Names of the modules in memory after a program, run by a fresh interpreter."""
    program += "; import json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout))


def test_import_mondrift_loads_nothing_but_its_own_front_door() -> None:
    added = loaded("import mondrift") - loaded("pass")
    assert [name for name in added if name.startswith("mondrift")] == ["mondrift"]
    assert sorted(added & {"numpy", "pandas", *HEAVY}) == []


def test_a_first_comparison_loads_nothing_heavy() -> None:
    added = loaded(f"import numpy, pandas; {FIRST_USE}") - loaded("import numpy, pandas")
    assert "mondrift.comparing" in added
    assert sorted(added & set(HEAVY)) == []


def test_opening_a_store_that_is_up_to_date_needs_no_migrations() -> None:
    added = loaded("import mondrift.store") - loaded("pass")
    assert "mondrift.store.schema" in added
    assert sorted(added & {"alembic", "mako", "pygments", "rich"}) == []


def test_import_mondrift_says_nothing_and_asks_nobody() -> None:
    program = (
        "import sys\n"
        "import numpy, pandas\n"
        "def watch(event, arguments):\n"
        "    if event.startswith(('socket.', 'subprocess.', 'os.system', 'os.fork')):\n"
        "        raise SystemExit(f'{event} {arguments}')\n"
        "sys.addaudithook(watch)\n"
        "import mondrift\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_page_needs_no_altair_and_altair_not_the_grammar_of_addresses() -> None:
    """JupyterLab's extra brings `rfc3987_syntax`, and loading it takes longer than all the rest."""
    program = (
        "import sys, mondrift\n"
        "mondrift.Report('a page').to_html()\n"
        "assert 'altair' not in sys.modules\n"
        "import mondrift.charts"
    )
    assert sorted(loaded(program) & {"altair", "rfc3987_syntax.syntax_helpers"}) == ["altair"]


def test_a_heavy_import_would_be_seen() -> None:
    assert "scipy.stats" in loaded("import scipy.stats") - loaded("import numpy, pandas")
