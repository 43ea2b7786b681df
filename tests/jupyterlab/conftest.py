"""A real JupyterLab on loopback, with a home of its own, and a browser that sees nothing else."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mondrift import embedded
from mondrift.store import Store
from tests.browser.conftest import ARGS
from tests.notebooks.small_store import fill
from tests.rings import ROOT

PATIENCE = 60_000  # milliseconds for one step, on a machine that is busy
_OPTIONS = (
    "--no-browser",
    "--allow-root",
    "--ServerApp.ip=127.0.0.1",
    "--ServerApp.port=0",
    "--ServerApp.jpserver_extensions={'jupyter_lsp': False, 'jupyter_server_terminals': False}",
    "--LabApp.expose_app_in_browser=True",
    "--LabApp.extension_manager=readonly",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
)


# The notebook is open, its kernel is there and idle.
_READY = """name => {
    const widget = window.jupyterapp?.shell.currentWidget;
    const session = widget?.sessionContext;
    return widget?.context?.path === name && widget.context.isReady && session?.isReady
        && session.session?.kernel?.status === "idle";
}"""
_OPEN = """name => { jupyterapp.commands.execute("docmanager:open", {path: name}); }"""


@dataclass
class Lab:
    """A JupyterLab in a browser's page.

    `asked` are requests to anywhere but its server, `errors` what went wrong in the page.
    """

    url: str
    page: Any
    asked: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", lambda request: self._note(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def start(self, token: str) -> None:
        """Load the application."""
        self.page.goto(f"{self.url}lab?reset&token={token}")
        self.page.wait_for_function("() => window.jupyterapp?.restored", timeout=PATIENCE)
        self.page.evaluate("async () => { await jupyterapp.restored; }")

    def open(self, name: str) -> None:
        """Open a notebook, and wait for its kernel."""
        self.page.evaluate(_OPEN, name)
        self.page.wait_for_function(_READY, arg=name, timeout=PATIENCE)

    def _note(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.netloc != urlsplit(self.url).netloc:
            self.asked.append(url)


@pytest.fixture(scope="module")
def lab(
    store: Store,
    database_url: str,
    servers: embedded.Servers,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Lab]:
    """JupyterLab on a copy of our notebooks; its kernels read three checked weeks of flights."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    sync_api = pytest.importorskip("playwright.sync_api")
    pytest.importorskip("jupyterlab")
    if program is None:
        pytest.skip("no chromium on PATH")
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "notebooks", folder, dirs_exist_ok=True)
    home = tmp_path_factory.mktemp("home")
    stores = {"DATABASE_URL": database_url, "REDIS_URL": servers.redis_url or ""}
    token = secrets.token_hex(16)
    environment = _environment(home) | stores | {"JUPYTER_TOKEN": token}
    command = [sys.executable, "-m", "jupyterlab", *_OPTIONS, f"--ServerApp.root_dir={folder}"]
    with (
        (home / "log").open("wb") as log,
        subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        ) as process,
    ):  # fmt: skip
        try:
            fill(store)  # while the server starts
            url = _address(process, home)
            with sync_api.sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=program, args=ARGS)
                lab = Lab(url, browser.new_page(viewport={"width": 1400, "height": 1000}))
                lab.start(token)
                yield lab
                browser.close()
        finally:
            process.terminate()  # it ends its kernels
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def _environment(home: Path) -> dict[str, str]:
    """This process's, but nothing of the user's Jupyter is read or written."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    folders = {
        f"JUPYTER{name}_DIR": str(home / name.strip("_").lower())
        for name in ("_CONFIG", "_DATA", "_RUNTIME", "LAB_SETTINGS", "LAB_WORKSPACES")
    }
    return ours | folders | {"HOME": str(home), "IPYTHONDIR": str(home / "ipython")}


def _address(process: subprocess.Popen[bytes], home: Path) -> str:
    """Where the server listens: it picks a free port and writes it down."""
    until = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < until and process.poll() is None:
        for path in (home / "runtime").glob("jpserver-*.json"):
            text = path.read_text("utf-8")
            if text.endswith("}"):
                return str(json.loads(text)["url"])
        time.sleep(0.1)
    pytest.fail(f"JupyterLab did not start:\n{(home / 'log').read_text('utf-8')}")
