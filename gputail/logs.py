"""Logging: one line for each event, JSON unless a person reads it.

Everything logs through the standard library: a constant message, and fields in `extra`, `action` always
among them. Each line has `timestamp` (RFC 3339, UTC, milliseconds), `level`, `event` (the message),
`action`, `logger`, `instance_id`, then the fields, and `exception` with the traceback where there is one.

The JSON form is made here, of the standard library alone: a process must not pay for `structlog`, which
brings the machinery for coloured tracebacks along, before a person looks at its lines.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from gputail.terminal_line import TerminalLine

LogFormat = Literal["auto", "json", "pretty"]
LogLevel = Literal["debug", "info", "warning", "error"]

_RECORD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}

logger = logging.getLogger(__name__)


def set_up_logs(
    *,
    instance_id: str,
    level: LogLevel = "info",
    form: LogFormat = "auto",
    stream: IO[str] | TerminalLine | None = None,
) -> None:
    """Send what the whole process logs to `stream` (default: stderr) in one form.

    `auto` is pretty where the stream is a terminal, else JSON.
    """
    stream = sys.stderr if stream is None else stream
    is_pretty = form == "pretty" or (form == "auto" and stream is not None and stream.isatty())
    handler: logging.Handler = logging.NullHandler() if stream is None else logging.StreamHandler(stream)
    handler.setFormatter((_PrettyLines if is_pretty else _JsonLines)(instance_id))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    logging.raiseExceptions = False  # a reader of stderr that has gone is nobody to complain to
    threading.excepthook = _thread_failed


def task_failed(_: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """A loop's exception handler: what nobody caught becomes one event."""
    error = context.get("exception")
    logger.error(
        "an exception was not caught",
        extra={"action": "uncaught", "context": context.get("message", "")},
        exc_info=error if isinstance(error, BaseException) else None,
    )


def _thread_failed(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        name = args.thread.name if args.thread is not None else ""
        logger.error(
            "an exception was not caught",
            extra={"action": "uncaught", "context": f"thread {name}"},
            exc_info=args.exc_value,
        )


class _JsonLines(logging.Formatter):
    """A JSON object for each record, on one line."""

    def __init__(self, instance_id: str) -> None:
        super().__init__()
        self._instance_id = instance_id

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(self.line(record), default=str, ensure_ascii=False)

    def line(self, record: logging.LogRecord) -> dict[str, Any]:
        """The record's fields, in the order in which they are shown."""
        told = {name: value for name, value in vars(record).items() if name not in _RECORD_FIELDS}
        line = {
            "timestamp": _rfc3339(record.created),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "action": told.pop("action", "log"),
            "logger": record.name,
            "instance_id": self._instance_id,
            **told,
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return line


class _PrettyLines(_JsonLines):
    """The same for a terminal: coloured, the message first; a traceback on lines of its own."""

    def __init__(self, instance_id: str) -> None:
        super().__init__(instance_id)
        from structlog.dev import ConsoleRenderer, plain_traceback

        self._render = ConsoleRenderer(exception_formatter=plain_traceback, sort_keys=False)

    def format(self, record: logging.LogRecord) -> str:
        return self._render(None, record.levelname.lower(), self.line(record))


def _rfc3339(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, tz=UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
