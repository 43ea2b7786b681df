"""Delivery from a real outbox to a real receiver: at least once, later again, and then never."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from mondrift.notify import Webhook, deliver
from mondrift.notify.delivery import Delivered
from mondrift.run.check import check
from mondrift.store import Store
from mondrift.store.outbox import ATTEMPTS
from tests.notify.receiver import Receiver, receiving
from tests.run.test_check import DAYS, World, day

pytestmark = pytest.mark.servers


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outbox(new_database, servers, clock) -> Iterator[Store]:
    """A store whose outbox holds one message."""
    with Store.open(new_database(), redis_url=servers.redis_url, clock=clock) as store:
        world = World(store)
        world.log(day(1, shift=1.0))
        check(store, world.monitor, DAYS.window("2024-01-02"))
        yield store


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as listening:
        yield listening


def state(store: Store) -> tuple[str, int]:
    [row] = store.outbox.to_frame().to_dict("records")
    return row["state"], row["attempts"]


def test_a_message_is_sent_once(outbox, receiver, clock):
    channels = {"webhook": Webhook(receiver.url)}
    assert deliver(outbox.outbox, channels, clock=clock) == Delivered(sent=1)
    assert deliver(outbox.outbox, channels, clock=clock) == Delivered()
    assert len(receiver.messages) == 1
    assert receiver.messages[0]["text"].startswith("[low] ")
    assert state(outbox) == ("sent", 1)


def test_what_fails_is_tried_again_later_under_the_same_key(outbox, receiver, clock):
    channels = {"webhook": Webhook(receiver.url)}
    receiver.status = 500
    assert deliver(outbox.outbox, channels, clock=clock) == Delivered(failed=1)
    assert deliver(outbox.outbox, channels, clock=clock) == Delivered()  # not due yet
    clock.now += timedelta(minutes=1)
    receiver.status = 200
    assert deliver(outbox.outbox, channels, clock=clock) == Delivered(sent=1)
    first, second = receiver.seen
    assert first["Idempotency-Key"] == second["Idempotency-Key"]
    assert receiver.bodies[0] == receiver.bodies[1]


def test_a_message_that_never_goes_through_becomes_a_dead_letter(outbox, receiver, clock):
    receiver.status = 404
    for _ in range(ATTEMPTS + 2):
        deliver(outbox.outbox, {"webhook": Webhook(receiver.url)}, clock=clock)
        clock.now += timedelta(hours=2)
    assert len(receiver.bodies) == ATTEMPTS
    assert state(outbox) == ("dead", ATTEMPTS)
    assert outbox.outbox.to_frame()["last_error"].item() == "the receiver answered 404"


def test_a_sender_that_dies_leaves_the_message_to_the_next(outbox, receiver, clock):
    assert len(outbox.outbox.claim()) == 1  # and dies
    channels = {"webhook": Webhook(receiver.url)}
    assert deliver(outbox.outbox, channels, clock=clock) == Delivered()
    clock.now += timedelta(minutes=2)
    assert deliver(outbox.outbox, channels, clock=clock) == Delivered(sent=1)


def test_without_an_address_the_message_waits_and_says_which_setting_is_missing(outbox, clock):
    assert deliver(outbox.outbox, {}, clock=clock) == Delivered(failed=1)
    error = outbox.outbox.to_frame()["last_error"].item()
    assert error == "no address for channel 'webhook': set ALERT_WEBHOOK_URL"
    assert state(outbox) == ("pending", 1)
