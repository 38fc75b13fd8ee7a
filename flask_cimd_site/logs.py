"""The log of the site: one line a record on standard error, with the request that it belongs to."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from logging.config import dictConfig

from flask_cimd import ConfigurationError
from flask_cimd.clients import RequestIdFilter

_FORMATS = ("text", "json")


def set_up(environment: Mapping[str, str]) -> None:
    """Send the records of all packages, from INFO on, to standard error.

    Args:
        environment: ``DEMO_LOG`` is ``text`` (default) or ``json``: an object a line, for programs that collect logs.

    Raises:
        ConfigurationError: ``DEMO_LOG`` is something else.
    """
    chosen = environment.get("DEMO_LOG") or "text"
    if chosen not in _FORMATS:
        raise ConfigurationError("DEMO_LOG must be text or json")
    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"request": {"()": RequestIdFilter}},
            "formatters": {
                "text": {"format": "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"},
                "json": {"()": JSONFormatter},
            },
            "handlers": {"error": {"class": "logging.StreamHandler", "formatter": chosen, "filters": ["request"]}},
            "root": {"handlers": ["error"], "level": "INFO"},
            "loggers": {"alembic": {"level": "WARNING"}},
        }
    )


class JSONFormatter(logging.Formatter):
    """One JSON object a line: ``time``, ``level``, ``logger``, ``request``, ``message`` and maybe ``exception``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        members = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "request": getattr(record, "request_id", "-"),
            "message": record.getMessage(),
        }
        if record.exc_info:
            members["exception"] = self.formatException(record.exc_info)
        return json.dumps(members, ensure_ascii=False)
