"""A webhook: one alert as JSON, posted to a URL, signed when there is a secret.

Headers of each request:

- ``Idempotency-Key``: the same for every attempt to send the same message. Delivery is at least
  once, so a receiver that must not act twice remembers the keys it has seen.
- ``X-Mondrift-Timestamp``: seconds since 1970, when this attempt was made.
- ``X-Mondrift-Signature``: ``v1=`` and the hex HMAC-SHA256, keyed with ALERT_WEBHOOK_SECRET, of the
  timestamp, a full stop and the raw body; only with a secret. A receiver computes the same and
  refuses what differs or is older than a few minutes.

The body has a field ``text``, which is all that Slack-compatible receivers read.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

import httpx

from mondrift.alert import Alert
from mondrift.errors import SettingsError
from mondrift.incident import Event
from mondrift.playbook import entry


def payload(
    alert: Alert, event: Event, *, also: Sequence[tuple[Event, Alert]] = ()
) -> dict[str, Any]:
    """The JSON body about an alert: `text` for people and chat, the rest for programs.

    `also` is what else the same check has to say, in a line each: one check, one message. An
    alert without an event was told before and holds on.
    """
    advice = entry(alert.playbook)
    retraining = alert.evidence.get("retraining", {}).get("text", advice.retraining)
    to_do = ("What to do:", *(f"{n}. {step}" for n, step in enumerate(advice.steps, 1)), retraining)
    lines = [
        _headline(alert, event),
        str(alert.window),
        alert.text,
        *(to_do if event != "recovered" else ()),
        *(f"Also: {_headline(other, what)}" for what, other in also),
        f"Report: {alert.report_url}" if alert.report_url else "",
    ]
    return {
        "text": "\n".join(line for line in lines if line),
        "event": event or "held",
        "alert": alert.to_dict(),
        "also": [{"event": what or "held", "alert": other.to_dict()} for what, other in also],
        "playbook": advice.to_dict(),
    }


def _headline(alert: Alert, event: Event) -> str:
    told = {"recovered": "recovered", "": f"{alert.severity}, still"}.get(event, alert.severity)
    return f"[{told}] {alert.title}"


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The value of ``X-Mondrift-Signature``.

    >>> signature("secret", "1366632000", b"{}")[:16]
    'v1=b1c9547c6da64'
    """
    signed = timestamp.encode() + b"." + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class Webhook:
    """A channel that posts to `url`; neither URL nor secret shows in repr, logs or errors.

    `timeout` is in seconds, for each of connecting, sending and waiting for the answer. Redirects
    are not followed: what was meant for one address goes to no other.
    """

    url: str = field(repr=False)
    secret: str = field(default="", repr=False)
    timeout: float = 10.0

    def __post_init__(self) -> None:
        try:
            url = httpx.URL(self.url)
            usable = url.scheme in ("http", "https") and bool(url.host)
        except httpx.InvalidURL:
            usable = False
        if not usable:
            raise SettingsError(
                "ALERT_WEBHOOK_URL is no http:// or https:// address (its value is not shown, for "
                "such addresses are secrets)."
            )

    def send(self, message: Mapping[str, Any], *, key: str, at: datetime) -> str:
        """Post `message`; "" when the receiver took it, else what went wrong. Never raises."""
        body = json.dumps(message, sort_keys=True, allow_nan=False).encode()
        timestamp = str(int(at.timestamp()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "mondrift",
            "Idempotency-Key": key,
            "X-Mondrift-Timestamp": timestamp,
        }
        if self.secret:
            headers["X-Mondrift-Signature"] = signature(self.secret, timestamp, body)
        try:
            with (
                httpx.Client(
                    verify=_certificates(), timeout=self.timeout, follow_redirects=False
                ) as client,
                client.stream("POST", self.url, content=body, headers=headers) as answer,
            ):
                return _complaint(answer.status_code)
        except httpx.TimeoutException:
            return f"no answer within {self.timeout:g} s"
        except httpx.HTTPError as error:
            return f"{type(error).__name__}: {str(error).replace(self.url, '***')}"


@cache
def _certificates() -> ssl.SSLContext:
    """Whom to trust, read from disk once in a process."""
    return httpx.create_ssl_context()


def _complaint(status: int) -> str:
    """What is wrong with an answer, "" when nothing is.

    >>> _complaint(204), _complaint(302)
    ('', 'the receiver answered 302, a redirect, which is not followed')
    """
    if 200 <= status < 300:
        return ""
    redirect = ", a redirect, which is not followed" if 300 <= status < 400 else ""
    return f"the receiver answered {status}{redirect}"


class _HideAddresses(logging.Filter):
    """httpx logs the URL of each request; the path of a webhook's is a secret."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                f"{each.scheme}://{each.host}/***" if isinstance(each, httpx.URL) else each
                for each in record.args
            )
        return True


logging.getLogger("httpx").addFilter(_HideAddresses())
