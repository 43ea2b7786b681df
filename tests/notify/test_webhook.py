"""A webhook against a real receiver: signed, keyed, impatient, and silent about its address."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from mondrift.alert import Alert
from mondrift.errors import SettingsError
from mondrift.notify.webhook import Webhook, payload
from mondrift.playbook import entry
from mondrift.window import Window
from tests.notify.receiver import Receiver, receiving

NOW = datetime(2013, 4, 29, 12, tzinfo=UTC)
WINDOW = Window(datetime(2013, 4, 22, tzinfo=UTC), datetime(2013, 4, 29, tzinfo=UTC), n=1378)
ALERT = Alert(
    "performance_degradation",
    "critical",
    "flights: accuracy fell by 15.9 points",
    "Accuracy fell by 15.9 points.",
    "flights",
    "flights_weekly",
    WINDOW,
    playbook="concept drift",
    report_url="https://reports.example/flights_weekly/1/report.html",
)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as listening:
        yield listening


def test_a_message_arrives_as_json(receiver):
    assert Webhook(receiver.url).send({"text": "Ü"}, key="k1", at=NOW) == ""
    assert receiver.messages == [{"text": "Ü"}]
    assert receiver.seen[0]["Content-Type"] == "application/json"


def test_every_attempt_has_the_same_key(receiver):
    for _ in range(2):
        Webhook(receiver.url).send({}, key="k1", at=NOW)
    assert [each["Idempotency-Key"] for each in receiver.seen] == ["k1", "k1"]


def test_a_receiver_can_check_the_signature(receiver):
    Webhook(receiver.url, secret="s3cret").send({"text": "x"}, key="k1", at=NOW)
    headers, body = receiver.seen[0], receiver.bodies[0]
    assert headers["X-Mondrift-Timestamp"] == str(int(NOW.timestamp()))
    signed = headers["X-Mondrift-Timestamp"].encode() + b"." + body
    expected = hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
    assert headers["X-Mondrift-Signature"] == f"v1={expected}"


def test_without_a_secret_nothing_is_signed(receiver):
    Webhook(receiver.url).send({}, key="k1", at=NOW)
    assert "X-Mondrift-Signature" not in receiver.seen[0]


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
def test_an_error_of_the_receiver_is_told(receiver, status):
    receiver.status = status
    assert Webhook(receiver.url).send({}, key="k", at=NOW) == f"the receiver answered {status}"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(receiver, status):
    with receiving() as elsewhere:
        receiver.status, receiver.headers = status, {"Location": elsewhere.url}
        error = Webhook(receiver.url, secret="s").send({"text": "x"}, key="k", at=NOW)
        assert error == f"the receiver answered {status}, a redirect, which is not followed"
        assert elsewhere.bodies == []


def test_a_slow_receiver_is_not_waited_for(receiver):
    receiver.delay = 1.5
    began = time.monotonic()
    error = Webhook(receiver.url, timeout=0.2).send({}, key="k", at=NOW)
    assert error == "no answer within 0.2 s"
    assert time.monotonic() - began < 1.2


def test_a_receiver_that_is_down_is_told():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    error = Webhook(f"http://127.0.0.1:{port}/SECRET").send({}, key="k", at=NOW)
    assert error.startswith("ConnectError: ")
    assert "SECRET" not in error


def test_the_address_is_in_no_log_error_or_repr(receiver, caplog):
    caplog.set_level(logging.DEBUG)
    webhook = Webhook(receiver.url, secret="s3cret")
    for receiver.status in (200, 302, 500):
        webhook.send({"text": "x"}, key="k", at=NOW)
    told = caplog.text + repr(webhook)
    assert "127.0.0.1" in caplog.text  # httpx has logged something
    for hidden in ("SECRET", "HIDDEN", "s3cret"):
        assert hidden not in told


@pytest.mark.parametrize("url", ["", "hooks.example/x", "ftp://x/y", "http:///", "file:///etc/x"])
def test_what_is_no_web_address_is_refused_without_showing_it(url):
    with pytest.raises(SettingsError, match="ALERT_WEBHOOK_URL") as raised:
        Webhook(url + "SECRET" if url else url)
    assert "SECRET" not in str(raised.value)


# The payload


def test_the_text_says_what_changed_what_to_do_and_where_the_report_is():
    lines = payload(ALERT, "opened")["text"].splitlines()
    assert lines[0] == "[critical] flights: accuracy fell by 15.9 points"
    assert lines[1] == "2013-04-22 00:00 to 2013-04-29 00:00 UTC, 1,378 rows"
    assert lines[3:5] == ["What to do:", "1. " + entry("concept drift").steps[0]]
    assert lines[-1] == "Report: https://reports.example/flights_weekly/1/report.html"


def test_programs_get_the_facts():
    body = payload(ALERT, "opened", also=[("recovered", ALERT)])
    assert Alert.from_dict(body["alert"]) == ALERT
    assert (body["event"], body["playbook"]["name"]) == ("opened", "concept drift")
    assert body["also"][0]["event"] == "recovered"
    json.dumps(body, allow_nan=False)


def test_the_rest_of_a_check_is_told_in_a_line_each():
    text = payload(ALERT, "opened", also=[("recovered", ALERT), ("", ALERT)])["text"]
    assert "Also: [recovered] flights: accuracy fell by 15.9 points" in text
    assert "Also: [critical, still] flights: accuracy fell by 15.9 points" in text


def test_a_recovery_says_so_and_asks_for_nothing():
    text = payload(ALERT, "recovered")["text"]
    assert text.startswith("[recovered] ")
    assert "•" not in text
