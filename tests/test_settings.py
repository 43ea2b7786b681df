"""Settings: where a value comes from, what may not be, and what is never shown."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest
import yaml

from mondrift.errors import SettingsError
from mondrift.logs import JsonFormatter, configure_logging
from mondrift.policy import Policy
from mondrift.settings import CLASSIC_KEYS, Settings, secret

PARAMS = Path(__file__).parent.parent / "params"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a test sets."""
    known = {name.upper() for name in Settings.model_fields}
    for name in [name for name in os.environ if name.upper() in known]:
        monkeypatch.delenv(name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project folder with two thresholds set."""
    (tmp_path / "params").mkdir()
    content = "min_samples_for_eval: 30\naccuracy_drop_threshold: 0.1\n"
    (tmp_path / "params" / "thresholds.yaml").write_text(content)
    return tmp_path


def _told(settings: Settings) -> dict[str, tuple[str, str]]:
    return {each.key: (each.value, each.source) for each in settings.explain()}


def test_the_strongest_source_wins_and_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCURACY_DROP_THRESHOLD", "0.2")
    monkeypatch.setenv("LOG_LEVEL", "debug")
    told = _told(Settings.load(folder, overrides={"log_level": "ERROR"}))
    assert told["MIN_SAMPLES_FOR_EVAL"] == ("30", "params/thresholds.yaml")
    assert told["ACCURACY_DROP_THRESHOLD"] == ("0.2", "environment")
    assert told["LOG_LEVEL"] == ("ERROR", "code")
    assert told["LOG_FORMAT"] == ("text", "built-in")
    assert told["PSI_THRESHOLD"] == ("not set", "built-in")


def test_an_empty_variable_is_unset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("PSI_THRESHOLD", "")
    settings = Settings.load(tmp_path)
    assert settings.database_url is None
    assert settings.psi_threshold is None


def test_every_complaint_is_told_at_once_with_key_value_and_range(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PSI_THRESHOLD", "eleven")
    monkeypatch.setenv("DRIFT_CHECK_INTERVAL", "0")
    monkeypatch.setenv("ALERT_EMAIL", "nobody")
    overrides = {"ks_test_threshold": 1.5, "log_format": "xml", "psi_treshold": 0.1}
    with pytest.raises(SettingsError) as error:
        Settings.load(folder, overrides=overrides)
    for part in (
        "PSI_THRESHOLD is 'eleven' (environment); it must be a number above 0, at most 10",
        "DRIFT_CHECK_INTERVAL is '0' (environment); it must be a whole number of seconds from 1",
        "ALERT_EMAIL is 'nobody' (environment); it must be of the form name@host",
        "KS_TEST_THRESHOLD is 1.5 (code); it must be a number above 0 and below 1",
        "LOG_FORMAT is 'xml' (code); it must be one of text, json",
        "PSI_TRESHOLD (code) is no setting (Did you mean 'PSI_THRESHOLD'?)",
    ):
        assert part in str(error.value)


def test_every_setting_says_its_legal_range() -> None:
    assert all(field.description for field in Settings.model_fields.values())


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("DATABASE_URL", "postgres://me:hunter2@db:5432/d?password=hunter2", "postgres://me:***@db:5432/d"),
        ("REDIS_URL", "redis://:hunter2@cache/0", "redis://***@cache/0"),
        ("ALERT_WEBHOOK_URL", "https://u:hunter2@hooks.example/T/hunter2?x=hunter2", "https://hooks.example/***"),
    ],
)  # fmt: skip
def test_secrets_are_never_shown(
    key: str, value: str, shown: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(key, value)
    settings = Settings.load(tmp_path)
    assert _told(settings)[key] == (shown, "environment")
    assert "hunter2" not in repr(settings)
    assert secret(getattr(settings, key.lower())) == value
    monkeypatch.setenv(key, "gopher://hunter2")
    with pytest.raises(SettingsError, match=rf"{key} is what it is \(not shown\)") as error:
        Settings.load(tmp_path)
    assert "hunter2" not in str(error.value)


def test_secrets_do_not_belong_in_the_shared_file(folder: Path) -> None:
    (folder / "params" / "thresholds.yaml").write_text("redis_url: redis://:hunter2@h\n")
    with pytest.raises(
        SettingsError, match="REDIS_URL: secrets belong in the environment"
    ) as error:
        Settings.load(folder)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("- a\n- b\n", "`key: value`"),
        ("a: [1\n", "cannot be read"),
        ("psi: 1\n", "PSI .* no setting"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(folder: Path, content: str, reason: str) -> None:
    (folder / "params" / "thresholds.yaml").write_text(content)
    with pytest.raises(SettingsError, match=reason):
        Settings.load(folder)


def test_settings_are_never_changed_afterwards(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings.load(tmp_path).log_level = "DEBUG"


def test_the_file_that_comes_along_holds_the_policys_own_values() -> None:
    settings = Settings.load(PARAMS.parent)
    values = settings.policy_values()
    assert not set(values) & set(CLASSIC_KEYS), "they are errors under the default policy"
    assert Policy.from_mapping(values) == Policy()
    content = (PARAMS / "thresholds.yaml").read_text()
    for key in CLASSIC_KEYS:
        assert f"# {key}: " in content
    classic = {key: content.split(f"# {key}: ")[1].split()[0] for key in CLASSIC_KEYS}
    switched_on = {key: yaml.safe_load(value) for key, value in classic.items()}
    expected = Policy(name="classic")
    assert Policy.from_mapping({"name": "classic", **switched_on}) == expected


def test_logs_are_text_for_people_or_json_for_machines(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    logger = logging.getLogger("mondrift.test")
    configure_logging(Settings.load(tmp_path, overrides={"log_format": "json"}))
    logger.info("stored %d rows", 3, extra={"model_id": "flights", "path": Path("x")})
    logger.debug("unsaid")
    try:
        raise ValueError("broken")
    except ValueError:
        logger.exception("failed")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert len(lines) == 2
    assert lines[0]["message"] == "stored 3 rows"
    assert (lines[0]["model_id"], lines[0]["path"], lines[0]["level"]) == ("flights", "x", "INFO")
    assert "ValueError: broken" in lines[1]["exception"]
    configure_logging(Settings.load(tmp_path))
    logger.info("said once")
    assert capsys.readouterr().err.count("said once") == 1
    ours = [h for h in logging.getLogger("mondrift").handlers if h.name == "mondrift"]
    logging.getLogger("mondrift").removeHandler(ours[0])
    assert "time" in json.loads(JsonFormatter().format(logging.makeLogRecord({"msg": "x"})))
