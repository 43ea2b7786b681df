"""No secret leaves in an archived file: every finished file is searched for each one known."""

from __future__ import annotations

import html
import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

_NAMES = re.compile(
    r"(?i)(_URL|_URI|_DSN|SECRET|(^|_)TOKEN|(API|ACCESS|SECRET|PRIVATE)_?KEY|_PASS|PASSWORD|PASSWD"
    r"|PASSPHRASE)$"
)
# Folders of people, whoever they are: what follows them tells less than the name.
_HOMES = re.compile(r"(?<![\w.:/-])(?:/home/|/Users/|[A-Za-z]:\\{1,2}Users\\{1,2})[\w.@+-]+")
_TOLD = ("/usr", "/usr/local", "/opt")  # paths that are everywhere the same
_SHORTEST = 4  # shorter ones stand in every text by chance


def known_secrets(
    settings: Mapping[str, Any], environ: Mapping[str, str], urls: Iterable[str] = ()
) -> dict[str, str]:
    """{secret: the setting or variable it came from}.

    Parameters
    ----------
    settings : {name: value}; pydantic's SecretStr count.
    environ : variables whose names end like *_URL, *_SECRET, *_TOKEN, *_KEY (an API's, an access,
        a secret, a private one) or *PASSWORD count.
    urls : further addresses, of which the password counts.

    Of an address the password is the secret; of one without a password, what follows the host when
    it is long (a webhook's path is one), else nothing.
    """
    named = [
        (name.upper(), value.get_secret_value())
        for name, value in settings.items()
        if hasattr(value, "get_secret_value")
    ]
    named += [(name, value) for name, value in environ.items() if _NAMES.search(name)]
    named += [("the store's address", url) for url in urls]
    found: dict[str, str] = {}
    for name, value in named:
        for secret in _secrets_in(value):
            if len(secret) >= _SHORTEST:
                found.setdefault(secret, name)
    return found


def _secrets_in(value: str) -> tuple[str, ...]:
    """The secret parts of a value.

    >>> _secrets_in("postgresql://ann:s%40cret@db/x"), _secrets_in("http://chat/services/T0/B1/abcdef")
    (('s%40cret', 's@cret'), ('services/T0/B1/abcdef',))
    """
    if "://" not in value:
        return (value,) if value else ()
    try:
        parts = urlsplit(value)
    except ValueError:
        return (value,)
    if parts.password:
        return tuple(dict.fromkeys((parts.password, unquote(parts.password))))
    rest = value.split(parts.netloc, 1)[1].strip("/")
    return (rest,) if parts.scheme in ("http", "https") and len(rest) >= 16 else ()


def places(*folders: Path) -> tuple[str, ...]:
    """Paths that tell of this machine and its user: `folders`, the home, where Python lives.

    Longest first, so that none is cut short by one that it lies in.
    """
    homes = (Path.home(), Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[2])
    found = {str(each) for folder in (*folders, *homes) for each in (folder, folder.resolve())}
    telling = (each for each in found if len(Path(each).parts) > 1 and each not in _TOLD)
    return tuple(sorted(telling, key=len, reverse=True))


def without_places(value: Any, hidden: Iterable[str]) -> Any:
    """A JSON-valid value with "…" for each of the paths, and for the home of any user.

    >>> without_places({"x": ["/srv/shop/rows.csv", "/home/ann/a", "a/home/b"]}, ["/srv/shop"])
    {'x': ['…/rows.csv', '…/a', 'a/home/b']}
    """
    hidden = tuple(hidden)
    if isinstance(value, str):
        for each in hidden:
            if each in value:
                value = re.sub(rf"(?<![\w.-]){re.escape(each)}(?![\w-])", "…", value)
        return _HOMES.sub("…", value)
    if isinstance(value, Mapping):
        return {key: without_places(each, hidden) for key, each in value.items()}
    if isinstance(value, list):
        return [without_places(each, hidden) for each in value]
    return value


def leaked(text: str, secrets: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the secrets that stand in `text`, as they are or escaped for JSON, HTML or a URL.

    >>> leaked("connect to ann:hunter22@db", {"hunter22": "DATABASE_URL"})
    ('DATABASE_URL',)
    >>> leaked("postgresql", {"postgres": "DATABASE_URL"})
    ()
    """
    names = []
    for secret, name in secrets.items():
        forms = {secret, json.dumps(secret)[1:-1], html.escape(secret), quote(secret, safe="")}
        pattern = "|".join(re.escape(form) for form in sorted(forms))
        if re.search(rf"(?<![A-Za-z0-9])(?:{pattern})(?![A-Za-z0-9])", text):
            names.append(name)
    return tuple(dict.fromkeys(names))
