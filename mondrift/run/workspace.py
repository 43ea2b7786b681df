"""A folder that mondrift works in: notebooks, params, reports; and laying one out."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from mondrift.errors import RunError, nearest, shown

_PARTS = ("notebooks", "params")


@dataclass(frozen=True)
class Workspace:
    """Paths below a folder; `reports` may be somewhere else."""

    folder: Path
    archive: Path | None = None

    @property
    def monitors(self) -> Path:
        """One file per monitor."""
        return self.folder / "params" / "monitors"

    @property
    def reports(self) -> Path:
        """The archive."""
        return self.archive or self.folder / "reports"

    def notebook(self, name: str) -> Path:
        """The path of a notebook, by its name; RunError when there is none."""
        path = self.folder / "notebooks" / f"{name}.ipynb"
        if not path.is_file():
            found = [each.stem for each in sorted(path.parent.glob("*.ipynb"))]
            raise RunError(
                f"There is no notebook {name!r} in {str(path.parent)!r}, which has {shown(found)}."
                f"{nearest(name, found)} `mondrift init` lays out those that come with mondrift."
            )
        return path


def layout() -> Path:
    """The folder with the notebooks and params that come with mondrift.

    In an installed wheel they are inside the package, in a source tree beside it.
    """
    package = Path(str(resources.files("mondrift")))
    for folder in (package / "_layout", package.parent):
        if all((folder / part).is_dir() for part in _PARTS):
            return folder
    raise RunError(
        "This installation of mondrift lacks its notebooks and params; install it again."
    )


def lay_out(target: Path, source: Path | None = None) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Copy notebooks and params to `target`; (written, kept) paths relative to it.

    A file that is there already is kept as it is, whatever it holds. RunError when the folder
    refuses.
    """
    source = source or layout()
    written: list[Path] = []
    kept: list[Path] = []
    try:
        for part in _PARTS:
            for file in sorted((source / part).rglob("*")):
                if not file.is_file() or file.name.startswith(".") or _is_checkpoint(file):
                    continue
                path = file.relative_to(source)
                if (target / path).exists():
                    kept.append(path)
                    continue
                (target / path).parent.mkdir(parents=True, exist_ok=True)
                (target / path).write_bytes(file.read_bytes())
                written.append(path)
        (target / "params" / "monitors").mkdir(parents=True, exist_ok=True)
        (target / "reports").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"{str(target)!r} cannot be laid out: {error.strerror}. Name a folder that you may "
            "write to."
        ) from error
    return tuple(written), tuple(kept)


def _is_checkpoint(file: Path) -> bool:
    return ".ipynb_checkpoints" in file.parts
