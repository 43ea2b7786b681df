"""Settings, strongest first: code, environment, `params/thresholds.yaml`, built-in.

A monitor's own file stands between the environment and `params/thresholds.yaml`; it is applied
where monitors are read. `Settings.load` reads everything once; `Settings.explain` says what is in
force and where it came from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from mondrift.errors import SettingsError, nearest

Source = Literal["code", "environment", "params/thresholds.yaml", "built-in"]

THRESHOLDS = Path("params") / "thresholds.yaml"

#: Keys that steer the classic policy, and keys that hold under every policy.
CLASSIC_KEYS = ("ks_test_threshold", "psi_threshold", "chi_square_threshold")
POLICY_KEYS = (
    *CLASSIC_KEYS,
    "min_samples_for_eval",
    "accuracy_drop_threshold",
    "error_rise_threshold",
)


@dataclass(frozen=True)
class Explained:
    """One line of `mondrift config show`."""

    key: str
    value: str
    source: Source


def _matching(pattern: str) -> AfterValidator:
    def check(value: SecretStr | str) -> SecretStr | str:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not re.match(pattern, text):
            raise ValueError("not of the form that is asked for")
        return value

    return AfterValidator(check)


_Upper = BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value)
_Lower = BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)

_PostgresUrl = Annotated[SecretStr, _matching(r"^postgres(ql)?(\+psycopg2)?://")]
_RedisUrl = Annotated[SecretStr, _matching(r"^(rediss?|unix|valkeys?)://")]
_HttpUrl = Annotated[SecretStr, _matching(r"^https?://[^\s/]+")]
_BaseUrl = Annotated[str, _matching(r"^(https?|file)://\S*$")]
_Email = Annotated[str, _matching(r"^[^@\s]+@[^@\s]+$")]
_Share = Annotated[float, Field(gt=0, lt=1)]
_Seconds = Annotated[int, Field(ge=1, le=31_622_400)]

_POSTGRES = "of the form postgresql://user:password@host:5432/database"
_SHARE = "a number above 0 and below 1"
_SECONDS = "a whole number of seconds from 1 to 31622400 (a year)"


class Settings(BaseSettings):
    """Everything that can be set from outside; made by `load`, never changed afterwards.

    The description of each field is its legal range, as errors tell it.

    >>> Settings.load(overrides={"psi_threshold": 11})
    Traceback (most recent call last):
    mondrift.errors.SettingsError: The settings cannot be used: PSI_THRESHOLD is 11 (code); it
    must be a number above 0, at most 10.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid")

    database_url: _PostgresUrl | None = Field(None, description=_POSTGRES)
    database_replica_url: _PostgresUrl | None = Field(None, description=_POSTGRES)
    redis_url: _RedisUrl | None = Field(
        None, description="of the form redis://, rediss:// or unix://"
    )
    mondrift_home: Path | None = Field(None, description="a folder")

    ks_test_threshold: _Share | None = Field(None, description=_SHARE)
    psi_threshold: Annotated[float, Field(gt=0, le=10)] | None = Field(
        None, description="a number above 0, at most 10"
    )
    chi_square_threshold: _Share | None = Field(None, description=_SHARE)
    min_samples_for_eval: int = Field(100, ge=1, description="a whole number, at least 1")
    accuracy_drop_threshold: _Share = Field(0.05, description=_SHARE)
    error_rise_threshold: Annotated[float, Field(gt=0, le=10)] = Field(
        0.1, description="a share above 0, at most 10"
    )
    prediction_volume_std: float = Field(
        3.0, gt=0, le=100, description="a number of standard deviations above 0, at most 100"
    )
    drift_check_interval: _Seconds = Field(3600, description=_SECONDS)

    alert_webhook_url: _HttpUrl | None = Field(
        None, description="of the form https://host/path or http://host/path"
    )
    alert_webhook_secret: SecretStr | None = Field(
        default=None, min_length=8, description="a text of at least 8 characters"
    )
    alert_email: _Email | None = Field(None, description="of the form name@host")
    report_base_url: _BaseUrl | None = Field(
        None, description="of the form https://host/path, http://host/path or file:///path"
    )

    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], _Upper] = Field(
        "INFO", description="one of DEBUG, INFO, WARNING, ERROR, CRITICAL"
    )
    log_format: Annotated[Literal["text", "json"], _Lower] = Field(
        "text", description="one of text, json"
    )

    cache_ttl_realtime: _Seconds = Field(300, description=_SECONDS)
    cache_ttl_hourly: _Seconds = Field(3600, description=_SECONDS)
    cache_ttl_daily: _Seconds = Field(86_400, description=_SECONDS)

    _sources: dict[str, Source] = PrivateAttr(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` has gathered: it must know where each value came from."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @classmethod
    def load(
        cls, folder: Path | str = ".", *, overrides: Mapping[str, object] | None = None
    ) -> Settings:
        """Settings from `overrides`, the environment and `folder`/params/thresholds.yaml.

        An empty environment variable counts as unset. Raises SettingsError with every complaint
        at once; secrets are never shown.
        """
        given: list[tuple[Source, Mapping[str, Any]]] = [
            ("params/thresholds.yaml", _from_file(Path(folder) / THRESHOLDS)),
            ("environment", EnvSettingsSource(cls, env_ignore_empty=True)()),
            ("code", {key.lower(): value for key, value in (overrides or {}).items()}),
        ]
        values: dict[str, Any] = {}
        sources: dict[str, Source] = {}
        for source, found in given:
            values.update(found)
            sources.update(dict.fromkeys(found, source))
        try:
            settings = cls(**values)
        except ValidationError as error:
            raise SettingsError(_complaints(error, values, sources)) from None
        settings._sources.update(sources)
        return settings

    def policy_values(self) -> dict[str, float | int]:
        """The customary keys that somebody has set: what `Policy.from_mapping` is to know."""
        return {
            key: getattr(self, key)
            for key in POLICY_KEYS
            if key in self._sources and getattr(self, key) is not None
        }

    def explain(self) -> list[Explained]:
        """Each setting, its value for people (secrets masked) and where it came from."""
        return [
            Explained(key.upper(), _shown(getattr(self, key)), self._sources.get(key, "built-in"))
            for key in type(self).model_fields
        ]


def secret(value: SecretStr | None) -> str | None:
    """The text of a secret setting, None when it is not set."""
    return None if value is None else value.get_secret_value()


def _from_file(path: Path) -> dict[str, Any]:
    """The keys of params/thresholds.yaml; an absent file has none."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsError(f"{path} must hold lines of the form `key: value`.")
    values = {str(key).lower(): value for key, value in content.items()}
    secrets = [key.upper() for key in values if key in _SECRETS]
    if secrets:
        raise SettingsError(
            f"{path} holds {', '.join(secrets)}: secrets belong in the environment, for this file "
            "is shared with others."
        )
    return {key: value for key, value in values.items() if value is not None}


_SECRETS = frozenset(
    {
        *("database_url", "database_replica_url", "redis_url"),
        *("alert_webhook_url", "alert_webhook_secret"),
    }
)


def _complaints(
    error: ValidationError, values: Mapping[str, Any], sources: Mapping[str, Source]
) -> str:
    complaints = []
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        key = str(each["loc"][0])
        field = Settings.model_fields.get(key)
        source = sources.get(key, "code")
        if field is None:
            known = [name.upper() for name in Settings.model_fields]
            hint = nearest(key.upper(), known).strip()
            complaints.append(
                f"{key.upper()} ({source}) is no setting ({hint or 'see the README'})"
            )
            continue
        value = "what it is (not shown)" if key in _SECRETS else repr(values.get(key))
        complaints.append(f"{key.upper()} is {value} ({source}); it must be {field.description}")
    return "The settings cannot be used: " + "; ".join(dict.fromkeys(complaints)) + "."


def _shown(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, SecretStr):
        text = value.get_secret_value()
        return _masked(text) if "://" in text else "***"
    return str(value)


def _masked(url: str) -> str:
    """A URL without what could let somebody in: passwords, and the path and query of a webhook.

    >>> _masked("redis://:pw@cache:6379/0?password=x"), _masked("https://hooks.example/T0/B1")
    ('redis://***@cache:6379/0', 'https://hooks.example/***')
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme in ("http", "https"):
        return f"{parts.scheme}://{host}/***"
    query = [(k, v) for k, v in parse_qsl(parts.query) if "pass" not in k.lower()]
    user, colon, _ = parts.netloc.rpartition("@")[0].partition(":")
    credentials = user + (":***" if user else "***") if colon else user
    netloc = f"{credentials}@{host}" if credentials else host
    return urlunsplit((parts.scheme, netloc, parts.path, urlencode(query, safe="/"), ""))
