"""Structured logs: one line of text for people, or one JSON object per line for machines."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from mondrift.settings import Settings

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Time, level, logger, message, and whatever was given as `extra`; sorted keys."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON; values JSON has no word for become their text."""
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            key: value for key, value in vars(record).items() if key not in _STANDARD
        }
        line |= {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, sort_keys=True)


def configure_logging(settings: Settings) -> None:
    """Send mondrift's logs to stderr as the settings say; called again, it replaces itself."""
    logger = logging.getLogger("mondrift")
    for handler in [h for h in logger.handlers if h.name == _NAME]:
        logger.removeHandler(handler)
    handler = logging.StreamHandler(sys.stderr)
    handler.name = _NAME
    if settings.log_format == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(settings.log_level)


_NAME = "mondrift"
