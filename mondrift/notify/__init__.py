"""Messages to people: channels that send one, and the delivery that drains the store's outbox.

`channels(settings)` names the channels that have an address.
"""

from __future__ import annotations

from mondrift.notify.delivery import Channel, Delivered, deliver
from mondrift.notify.webhook import Webhook, payload
from mondrift.settings import Settings

__all__ = ["Channel", "Delivered", "Webhook", "channels", "deliver", "payload"]


def channels(settings: Settings) -> dict[str, Channel]:
    """{name: channel} of every channel that the settings give an address for."""
    if settings.alert_webhook_url is None:
        return {}
    url, key = settings.alert_webhook_url, settings.alert_webhook_secret
    secret = key.get_secret_value() if key else ""
    return {"webhook": Webhook(url.get_secret_value(), secret=secret)}
