"""papermill executes a notebook, under limits, in a kernel that nothing else can reach.

The kernel is the running Python itself, so no kernel needs to be installed; it speaks over sockets
in a folder of its own (parallel runs cannot meet, no TCP port is raced for) and inherits the
environment, where connections are named. It never gets an address as a parameter.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import fcntl
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from mondrift.errors import RunError
from mondrift.lean import lean_imports
from mondrift.run.exporter import shareable
from mondrift.run.guard import Guard, guarded
from mondrift.run.limits import Limits, amount
from mondrift.run.parameters import Scalar
from mondrift.run.secrecy import places, without_places

if TYPE_CHECKING:
    from nbformat import NotebookNode

Progress = Callable[[str], None]
_HELD = "held"  # in a kernel's folder: locked by the process that runs it
_RAISE = "The limit stands under `limits:` in the monitor's file."


def silent(_: str) -> None:
    """Progress that nobody follows."""


@dataclass(frozen=True)
class Execution:
    """An executed notebook; `error` says why it did not come to its end, "" when it did."""

    notebook: NotebookNode
    error: str = ""


def read_notebook(path: Path) -> NotebookNode:
    """A notebook's file; RunError when it is not there or is none."""
    with lean_imports():
        import nbformat
    try:
        return cast("NotebookNode", nbformat.read(path, as_version=4))  # type: ignore[no-untyped-call]
    except OSError as error:
        raise RunError(
            f"There is no notebook {str(path)!r} ({error.strerror}). `mondrift init` lays out the "
            "notebooks that come with mondrift."
        ) from None
    except (ValueError, nbformat.ValidationError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise RunError(f"{str(path)!r} is no notebook that can be read: {reason}.") from None


def execute(
    notebook: NotebookNode,
    values: Mapping[str, Scalar],
    *,
    folder: Path,
    limits: Limits | None = None,
    environment: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> Execution:
    """Run all cells with `values` as parameters; a failure is told in the result, not raised.

    Parameters
    ----------
    notebook : nbformat 4; it is left alone.
    values : checked parameters (see `mondrift.run.parameters`).
    folder : the kernel's working folder.
    environment : variables that the kernel has beside those of this process.
    progress : called with a few words before each code cell.
    """
    limits = limits or Limits()
    with lean_imports():
        from papermill.engines import papermill_engines
        from papermill.execute import execute_notebook
    node = execute_notebook(
        copy.deepcopy(notebook), None, dict(values), prepare_only=True, kernel_name="python3",
        language="python",
    )  # fmt: skip
    logging.getLogger("papermill").addHandler(logging.NullHandler())  # failures are told below
    steps = _Steps(node, progress)
    with _private_folder() as private:
        kernel = _kernel_class(private, environment or {})
        with _own_event_loop(), guarded(limits, lambda: _pid(kernel)) as guard:
            error = ""

            def start(cell: NotebookNode, cell_index: int) -> None:
                guard.begin()
                steps.start(cell, cell_index)

            try:
                papermill_engines.execute_notebook_with_engine(
                    None,
                    node,
                    kernel_name="python3",
                    progress_bar=False,
                    start_timeout=limits.start,
                    execution_timeout=limits.cell,
                    kernel_manager_class=kernel,
                    resources={"metadata": {"path": str(folder)}},
                    on_cell_start=start,
                    extra_arguments=[
                        "--HistoryManager.enabled=False",
                        "--Application.log_level=50",
                    ],
                )
            except (RuntimeError, TimeoutError, OSError) as broken:
                error = _reason(broken, limits, guard)
    error = steps.failed(error)
    scrub(node, folder)
    return Execution(node, error)


def scrub(notebook: NotebookNode, folder: Path) -> None:
    """Take out what papermill and the kernel note down: paths, times, users, machines.

    The parameters stay, in their cell; tracebacks stay, without paths and credentials. What cells
    have left stays, without the paths of `folder`, of this Python and of people's homes.
    """
    hidden = places(folder)
    language = {"name": "python", "pygments_lexer": "ipython3", "file_extension": ".py"}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata = type(notebook.metadata)(kernelspec=kernel, language_info=language)
    for cell in notebook.cells:
        tags = cell.metadata.get("tags")
        cell.metadata = type(cell.metadata)({"tags": tags} if tags else {})
        for output in cell.get("outputs", ()):
            if output.output_type == "error":
                output.evalue = shareable(output.evalue)
                lines = "\n".join(output.traceback).split("\n")
                output.traceback = [shareable(line) for line in lines]
            elif output.output_type == "stream":
                lines = "".join(output.text).split("\n")
                output.text = "\n".join(shareable(line) for line in lines)
            else:
                for kind in output.data:
                    if not kind.startswith("image/"):
                        output.data[kind] = without_places(output.data[kind], hidden)


class _Steps:
    """Which cell is running, so that a failure can be marked where it happened."""

    def __init__(self, notebook: NotebookNode, progress: Progress) -> None:
        self.notebook = notebook
        self.progress = progress
        self.running = 0
        self.codes = [i for i, c in enumerate(notebook.cells) if c.cell_type == "code"]

    def start(self, cell: NotebookNode, cell_index: int) -> None:
        self.running = cell_index
        if cell.cell_type == "code":
            self.progress(f"step {self.codes.index(cell_index) + 1} of {len(self.codes)}")

    def failed(self, error: str) -> str:
        """The reason of the failure; what left no trace is written into its cell."""
        import nbformat

        if error and self.codes:
            at = self.running if self.running in self.codes else self.codes[0]
            cell = self.notebook.cells[at]
            mark = nbformat.v4.new_output(  # type: ignore[no-untyped-call]
                "error", ename="RunError", evalue=error, traceback=[]
            )
            cell.outputs = [each for each in cell.outputs if each.output_type != "error"] + [mark]
            return error
        for cell in self.notebook.cells:
            for output in cell.get("outputs", ()):
                if output.output_type == "error":
                    return f"{output.ename}: {output.evalue}".strip().removesuffix(":")
        return ""


def _reason(broken: BaseException, limits: Limits, guard: Guard) -> str:
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    if guard.ended == "time":
        return f"The run took longer than {limits.run:g} s and was ended. {_RAISE}"
    if guard.ended == "memory":
        return (
            f"The notebook took more than {amount(limits.memory or 0)} of memory and was ended. "
            f"Read fewer rows or columns in it, or a shorter window. {_RAISE}"
        )
    if isinstance(broken, CellTimeoutError):
        return f"The step took longer than {limits.cell:g} s and was ended. {_RAISE}"
    if isinstance(broken, DeadKernelError) or "Kernel died" in str(broken):
        return (
            "The kernel was killed or crashed; most often the machine ran out of memory. With "
            "`limits: {memory: 2G}` in the monitor's file a notebook is ended before it comes to "
            "that, and the other runs are left alone."
        )
    if isinstance(broken, RuntimeError) and "Kernel didn't respond" in str(broken):
        return f"The kernel did not start within {limits.start:g} s."
    return f"The notebook could not be run: {broken}"


@contextlib.contextmanager
def _private_folder() -> Iterator[Path]:
    """A folder with a path short enough for sockets (107 bytes), for one run."""
    short = Path("/tmp")  # noqa: S108  (mkdtemp makes a name of its own, mode 0700)
    where = short if short.is_dir() and os.access(short, os.W_OK | os.X_OK) else None
    try:
        folder = Path(tempfile.mkdtemp(prefix="md-", dir=where))
    except OSError as error:
        raise RunError(
            f"No temporary folder can be made for the kernel: {error.strerror}. Free some space, "
            "or set TMPDIR."
        ) from None
    held = os.open(folder / _HELD, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        _sweep(folder.parent)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _sweep(where: Path) -> None:
    """Take away the folders of our runs that were killed, sockets and keys included."""
    for left in where.glob(f"md-*/{_HELD}"):
        with contextlib.suppress(OSError):  # another user's, or one that is held
            lock = os.open(left, os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left.parent, ignore_errors=True)
            finally:
                os.close(lock)


def _kernel_class(private: Path, environment: Mapping[str, str]) -> type[Any]:
    """A kernel manager for this Python, whose sockets and files are all in `private`."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    own = {"IPYTHONDIR": str(private), "JUPYTER_RUNTIME_DIR": str(private)}
    spec = KernelSpec(
        argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        display_name="Python 3",
        language="python",
        env={**environment, **own},
    )

    class OwnKernel(AsyncKernelManager):
        started: Any = None

        def __init__(self, **traits: Any) -> None:
            super().__init__(**traits)
            type(self).started = self
            self.connection_file = str(private / "kernel.json")
            if os.name == "posix":
                self.transport, self.ip = "ipc", str(private / "k")

        @property
        def kernel_spec(self) -> KernelSpec:
            return spec

    return OwnKernel


def _pid(kernel: type[Any]) -> int | None:
    """The process of the kernel that a class of `_kernel_class` has started, if any."""
    pid: int | None = getattr(getattr(kernel.started, "provisioner", None), "pid", None)
    return pid


async def _cancelled() -> None:
    """End what a run that was stopped by a signal has left in the loop."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


@contextlib.contextmanager
def _own_event_loop() -> Iterator[None]:
    """Close the event loop that Jupyter's libraries make in this thread and leave open."""
    outer = asyncio.new_event_loop()
    asyncio.set_event_loop(outer)
    try:
        yield
    finally:
        for loop in {outer, asyncio.get_event_loop()}:
            if not loop.is_running() and not loop.is_closed():
                loop.run_until_complete(_cancelled())
                loop.run_until_complete(loop.shutdown_asyncgens())
                loop.set_exception_handler(lambda _loop, _left: None)  # nobody waits for it now
                loop.close()
        asyncio.set_event_loop(None)
