"""Which channels the settings give an address for."""

from __future__ import annotations

from mondrift.notify import Webhook, channels
from mondrift.settings import Settings


def test_without_an_address_there_is_no_channel(tmp_path):
    assert channels(Settings.load(tmp_path)) == {}


def test_an_address_and_a_secret_make_a_signed_webhook(tmp_path):
    settings = Settings.load(
        tmp_path,
        overrides={
            "alert_webhook_url": "https://hooks.example/x",
            "alert_webhook_secret": "s3cret-enough",
        },
    )
    assert channels(settings) == {
        "webhook": Webhook("https://hooks.example/x", secret="s3cret-enough")
    }


def test_the_secret_is_optional(tmp_path):
    settings = Settings.load(tmp_path, overrides={"alert_webhook_url": "https://hooks.example/x"})
    assert channels(settings) == {"webhook": Webhook("https://hooks.example/x")}
