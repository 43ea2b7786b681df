"""Secrets are known by the settings and variables they stand in, and seen in any escape."""

from __future__ import annotations

import html
import json
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from mondrift.run.secrecy import known_secrets, leaked, without_places

PASSWORD = 'p<ss"w&rd/22'


def test_passwords_paths_of_webhooks_and_plain_secrets_are_known() -> None:
    settings = {
        "database_url": SecretStr("postgresql://ann:hunter22@db/x"),
        "alert_webhook_url": SecretStr("https://chat.example/services/T00/B00/abcdef"),
        "log_level": "INFO",
    }
    environ = {"SMTP_PASSWORD": "letmein99", "HOME": "/root", "REDIS_URL": "redis://cache/0"}
    assert known_secrets(settings, environ, ["postgresql://own:embedded1@/postgres"]) == {
        "hunter22": "DATABASE_URL",
        "services/T00/B00/abcdef": "ALERT_WEBHOOK_URL",
        "letmein99": "SMTP_PASSWORD",
        "embedded1": "the store's address",
    }


@pytest.mark.parametrize(
    "text",
    [
        PASSWORD,
        json.dumps({"x": PASSWORD}),
        html.escape(PASSWORD),
        f"postgresql://ann:{quote(PASSWORD, safe='')}@db",
    ],
)
def test_a_secret_is_seen_in_every_escape(text: str) -> None:
    assert leaked(text, {PASSWORD: "DATABASE_URL"}) == ("DATABASE_URL",)


CUSTOMARY = (
    *("AWS_SECRET_ACCESS_KEY", "DJANGO_SECRET_KEY", "API_KEY", "TOKEN", "GH_TOKEN", "MONGO_URI"),
    *("SSL_PASSPHRASE", "SENTRY_DSN", "PGPASSWORD", "client_secret", "DB_PASS"),
)


@pytest.mark.parametrize("name", CUSTOMARY)
def test_customary_names_of_secrets_are_known(name: str) -> None:
    assert known_secrets({}, {name: "letmein99"}) == {"letmein99": name}


@pytest.mark.parametrize(
    "name", ["TOKENIZERS_PARALLELISM", "SSH_ASKPASS", "SECRETS_FOLDER", "HOME"]
)
def test_names_that_only_look_like_secrets_are_none(name: str) -> None:
    assert known_secrets({}, {name: "letmein99"}) == {}


def test_homes_and_folders_are_hidden_wherever_they_stand_and_addresses_stay() -> None:
    told = {"a": ["see /srv/shop/x.csv", "/srv/shopping/y"], "b": "C:\\Users\\ann\\z", "n": 3}
    assert without_places(told, ["/srv/shop"]) == {
        "a": ["see …/x.csv", "/srv/shopping/y"], "b": "…\\z", "n": 3
    }  # fmt: skip
    address = "https://docs.example/home/ann/page"
    assert without_places(address, []) == address


def test_a_word_that_contains_a_secret_is_none() -> None:
    assert leaked("postgresql", {"postgres": "DATABASE_URL"}) == ()


def test_a_secret_of_three_letters_stands_everywhere_by_chance() -> None:
    assert known_secrets({}, {"X_PASSWORD": "abc"}) == {}
