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

_PATIENCE = 60.0
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


@dataclass
class Lab:
    """A JupyterLab that runs on `folder`; `asked` are requests to anywhere but itself."""

    folder: Path
    url: str
    token: str
    browser: Any
    asked: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def open(self, name: str) -> Any:
        """The page of a notebook whose kernel is ready."""
        context = self.browser.new_context(viewport={"width": 1400, "height": 1000})
        page = context.new_page()
        page.on("request", lambda request: self._note(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(f"{self.url}lab/tree/{name}?reset&token={self.token}")
        page.wait_for_function(READY, arg=name, timeout=_PATIENCE * 1000)
        return page

    def _note(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.netloc != urlsplit(self.url).netloc:
            self.asked.append(url)


READY = """name => {
    const widget = window.jupyterapp?.shell.currentWidget;
    const session = widget?.sessionContext;
    return widget?.context?.path === name && widget.context.isReady && session?.isReady
        && session.session?.kernel?.status === "idle";
}"""


@pytest.fixture(scope="module")
def filled(store: Store) -> Store:
    """This module's store, with three weeks of flights checked."""
    fill(store)
    return store


@pytest.fixture(scope="module")
def lab(
    filled: Store,
    database_url: str,
    servers: embedded.Servers,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Lab]:
    """JupyterLab on a copy of our notebooks, its kernels on this module's store."""
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
            url = _address(process, home)
            with sync_api.sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=program, args=ARGS)
                yield Lab(folder, url, token, browser)
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
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and process.poll() is None:
        for path in (home / "runtime").glob("jpserver-*.json"):
            text = path.read_text("utf-8")
            if text.endswith("}"):
                return str(json.loads(text)["url"])
        time.sleep(0.1)
    pytest.fail(f"JupyterLab did not start:\n{(home / 'log').read_text('utf-8')}")
