"""Logs of the service: one JSON object per line on stderr, requests with their id."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from datetime import datetime, timezone
from typing import Any

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}


class JsonLines(logging.Formatter):
    """A record and what its `extra` holds as one line; line breaks in text from outside cannot forge a second one."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON."""
        when = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
        fields: dict[str, Any] = {"time": when, "level": record.levelname.lower(), "message": record.getMessage()}
        fields |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=True, default=str)


def set_up() -> None:
    """Send sealkit's own lines and uvicorn's warnings to stderr as JSON. What the parser of forms says of odd ones is
    left out: anyone could fill the log with it.
    """
    levels = {"sealkit.serving": logging.INFO, "uvicorn": logging.WARNING, "python_multipart": logging.CRITICAL}
    for name, least in levels.items():
        logger = logging.getLogger(name)
        logger.handlers = [_handler()]
        logger.setLevel(least)
        logger.propagate = False


def set_up_worker() -> None:
    """In a worker process: warnings and errors of any library as JSON; what Python warns about an image's odd header
    is left out, since anyone could fill the log with it.
    """
    warnings.simplefilter("ignore")
    logging.getLogger().handlers = [_handler()]


def _handler() -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    return handler
