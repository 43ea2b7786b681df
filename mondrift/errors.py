"""Every deliberate error of mondrift; anything else that escapes is a bug.

MondriftError
├── ColumnError (KeyError)         a column is missing, doubled or of no use
├── SchemaError (ValueError)       a declaration contradicts itself or the rows
├── InputError (ValueError)        rows, a file or an argument that cannot be read
├── WindowError (ValueError)       a window that is empty, turned round or not there
├── SettingsError (ValueError)     a setting outside its legal range
├── MonitorError (ValueError)      a monitor's file; all complaints at once
├── ModelError (LookupError)       a model, baseline or run that the store does not know
├── ServerError (ConnectionError)  PostgreSQL or Redis does not start or answer
├── StoreError (RuntimeError)      the store refuses: wrong schema version, read-only, full
│   └── BusyError                  another process is at it just now: try again later
├── RunError (RuntimeError)        a notebook failed, timed out or was killed
├── ReportError (ValueError)       something that must not go into a report
├── VerdictError (RuntimeError)    raised by `Verdict.raise_for_status` on alarm
└── ExtraError (ImportError)       an optional dependency is not installed

An error names the thing, shows the choice and offers the fix::

    >>> raise ColumnError.unknown("incom", ["age", "income"], "the reference window")
    Traceback (most recent call last):
    mondrift.errors.ColumnError: Column 'incom' is not in the reference window, which has
    ['age', 'income']. Did you mean 'income'?
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar


class MondriftError(Exception):
    """Base of every error that mondrift raises on purpose.

    `exit_code` is what a command that ends by it leaves: 1, unless a script has to tell it apart.
    """

    exit_code: ClassVar[int] = 1

    def __str__(self) -> str:  # KeyError would show the repr of its argument
        return str(self.args[0]) if self.args else type(self).__name__


class ColumnError(MondriftError, KeyError):
    """A column is missing, doubled or of no use."""

    @classmethod
    def unknown(cls, name: object, columns: Iterable[object], where: str) -> ColumnError:
        """A name that is not among the columns of `where`, with the nearest one that is."""
        names = list(columns)
        return cls(
            f"Column {name!r} is not in {where}, which has {shown(names)}.{nearest(name, names)}"
        )


class SchemaError(MondriftError, ValueError):
    """A declaration contradicts itself or the rows."""


class InputError(MondriftError, ValueError):
    """Rows, a file or an argument that cannot be read."""


class WindowError(MondriftError, ValueError):
    """A window that is empty, turned round or not there."""


class SettingsError(MondriftError, ValueError):
    """A setting outside its legal range."""


class MonitorError(MondriftError, ValueError):
    """A monitor's file; all complaints at once."""


class ModelError(MondriftError, LookupError):
    """A model, baseline or run that the store does not know."""


class ServerError(MondriftError, ConnectionError):
    """PostgreSQL or Redis does not start or answer."""


class StoreError(MondriftError, RuntimeError):
    """The store refuses: wrong schema version, read-only, full."""


class BusyError(StoreError):
    """Another process is at it just now: no failure, try again later.

    Its exit code is that of a temporary failure in sysexits.h.
    """

    exit_code = 75


class RunError(MondriftError, RuntimeError):
    """A notebook failed, timed out or was killed."""


class ReportError(MondriftError, ValueError):
    """Something that must not go into a report."""


class VerdictError(MondriftError, RuntimeError):
    """Raised by `Verdict.raise_for_status` when the verdict is `alarm`."""


class ExtraError(MondriftError, ImportError):
    """An optional dependency is not installed."""

    @classmethod
    def needed(cls, purpose: str, package: str, extra: str) -> ExtraError:
        """`purpose` needs `package`, which comes with the extra `extra`."""
        return cls(f"{purpose} needs {package}. Install it with: pip install 'mondrift[{extra}]'")


def shown(names: Iterable[object], limit: int = 10) -> str:
    """A list for people: at most `limit` entries, then how many more.

    >>> shown(["a", "b"]), shown(range(12), limit=2)
    ("['a', 'b']", '[0, 1, +10 more]')
    """
    entries = [repr(name) for name in names]
    more = [f"+{len(entries) - limit} more"] if len(entries) > limit else []
    return f"[{', '.join(entries[:limit] + more)}]"


def nearest(name: object, names: Iterable[object]) -> str:
    """` Did you mean 'x'?` when one of `names` is close to `name`, else an empty string.

    >>> nearest("incom", ["age", "income"])
    " Did you mean 'income'?"
    """
    close = difflib.get_close_matches(str(name), [str(each) for each in names], n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
