"""Redis or Valkey as a harmless cache: it may be slow, full, gone or wiped at any moment.

Four families of keys, under `mondrift:<store>:`:

    statistics:<model>:...   history and other recent statistics
    baseline:<model>:...     baseline summaries
    alerts:<model>:...       alert states and counts
    volume:<model>:<hour>    rows counted per hour, live

Nothing is ever decided by what stands here, everything can be computed again from PostgreSQL, and
no error leaves this module: an operation that fails is a miss, and is told once in the log.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

import redis

from mondrift.settings import Settings

Family = Literal["statistics", "baseline", "alerts", "volume"]
Age = Literal["realtime", "hourly", "daily"]
_Value = TypeVar("_Value")

_log = logging.getLogger("mondrift.cache")

_TIMEOUT_SECONDS = 0.25
_REST_SECONDS = 5.0

_LOOK_UPS = "mondrift:look-ups"

# Counts only where a count already is: a counter begun in the middle of an hour would be wrong.
_ADD = "if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('INCRBY', KEYS[1], ARGV[1]) end"


@dataclass
class Counts:
    """How the cache did: `Cache.counts` since the process began, `look_ups` since Redis did."""

    hits: int = 0
    misses: int = 0
    errors: int = 0

    @property
    def hit_rate(self) -> float:
        """Share of look-ups that were answered, in [0, 1]; NaN before the first."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else float("nan")


class Cache:
    """Values by family and name, kept for a time that depends on what they are.

    `url` None: every look-up is a miss. After an error nothing is asked of Redis for a few
    seconds, so that a dead one costs one time-out and not one per look-up.

    >>> cache = Cache(None, "test", Settings.load())
    >>> cache.remember("statistics", "flights", "history", lambda: 42, age="hourly")
    42
    >>> cache.counts.misses
    1
    """

    def __init__(self, url: str | None, namespace: str, settings: Settings) -> None:
        self.counts = Counts()
        self._namespace = namespace
        self._ttl: Mapping[Age, int] = {
            "realtime": settings.cache_ttl_realtime,
            "hourly": settings.cache_ttl_hourly,
            "daily": settings.cache_ttl_daily,
        }
        self._resting_until = 0.0
        self._client = None if url is None else _client(url)

    @property
    def available(self) -> bool:
        """Whether Redis answers just now."""
        return self._try(lambda client: bool(client.ping())) is True

    def remember(
        self, family: Family, model_id: str, name: str, compute: Callable[[], _Value], *, age: Age
    ) -> _Value:
        """The value kept under this name, or else `compute()`, which is then kept.

        Values are JSON-valid; a value that cannot be read back is computed again. Nothing (None,
        an empty list) is not kept: it may be there in a moment.
        """
        key = self._key(family, model_id, name)
        kept = self._try(lambda client: client.get(key))
        if kept is not None:
            try:
                value = cast(_Value, json.loads(kept))
            except ValueError:
                _log.warning("the cache held something unreadable; it is computed again")
            else:
                self.counts.hits += 1
                self._count("hits")
                return value
        self.counts.misses += 1
        self._count("misses")
        value = compute()
        if value is not None and value != []:
            text = json.dumps(value)
            self._try(lambda client: client.set(key, text, ex=self._ttl[age]))
        return value

    def _count(self, what: Literal["hits", "misses"]) -> None:
        """For `look_ups`: of all processes together."""
        self._try(lambda client: client.hincrby(_LOOK_UPS, what, 1))

    def add_volumes(self, model_id: str, counts: Mapping[int, int]) -> None:
        """Add rows to the live counters that are there, per hour since 1970."""
        if not counts:
            return

        def send(client: redis.Redis) -> None:
            pipe = client.pipeline(transaction=False)
            for hour, n in counts.items():
                pipe.eval(_ADD, 1, self._key("volume", model_id, str(hour)), n)
            pipe.execute()

        self._try(send)

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()

    def _key(self, family: Family, model_id: str, name: str) -> str:
        return f"mondrift:{self._namespace}:{family}:{model_id}:{name}"

    def _try(self, operation: Callable[[redis.Redis], Any]) -> Any:
        """What `operation` gives, or None, whatever is the matter with Redis."""
        if self._client is None or time.monotonic() < self._resting_until:
            return None
        try:
            return operation(self._client)
        except (redis.RedisError, OSError) as error:
            self.counts.errors += 1
            self._resting_until = time.monotonic() + _REST_SECONDS
            _log.warning(
                "Redis does not answer (%s); PostgreSQL answers in its place, nothing is lost",
                type(error).__name__,
            )
            return None


def look_ups(url: str) -> Counts | None:
    """Hits and misses of all processes and stores that ever used this Redis; None: it is away."""
    client = _client(url)
    try:
        found = cast(Mapping[str, str], client.hgetall(_LOOK_UPS))
    except (redis.RedisError, OSError):
        return None
    finally:
        client.close()
    return Counts(hits=int(found.get("hits", 0)), misses=int(found.get("misses", 0)))


def _client(url: str) -> redis.Redis:
    client: redis.Redis = redis.Redis.from_url(
        url,
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
        retry_on_timeout=False,
        decode_responses=True,
    )
    return client
