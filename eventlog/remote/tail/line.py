"""A record as `gputail tail` shows it: a line, coloured for a terminal, or an object."""

from __future__ import annotations

import json
import re
from typing import Any

import attrs

from eventlog.client.record import Record
from eventlog.inspect.content import BytesFormat, Content, content
from eventlog.inspect.units import rfc3339, time_or_dash

_DIM, _KEY, _NAME, _TEXT, _NUMBER, _WORD = "2", "36", "34", "32", "33", "35"
_TOKENS = re.compile(
    r'(?P<name>"(?:[^"\\]|\\.)*")(?=\s*:)|(?P<text>"(?:[^"\\]|\\.)*")'
    r"|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<word>true|false|null)"
)
_COLOURS = {"name": _NAME, "text": _TEXT, "number": _NUMBER, "word": _WORD}


@attrs.frozen
class LineFormat:
    """How lines are written."""

    has_colours: bool = False
    has_headers: bool = False
    bytes_format: BytesFormat = BytesFormat.HEX

    def line(self, record: Record) -> str:
        """Timestamp, partition, offset, key, value, and headers if wanted; no control characters."""
        key = content(record.key, self.bytes_format)
        value = content(record.value, self.bytes_format)
        place = f"{time_or_dash(record.timestamp_ms):<24}  {record.partition:>3}  {record.offset:>10}"
        cells = [self._painted(place, _DIM), self._painted(str(key), _KEY), self._value(value)]
        if self.has_headers and record.headers:
            shown = ", ".join(
                f"{content(name.encode(), self.bytes_format)}={content(header, self.bytes_format)}"
                for name, header in record.headers
            )
            cells.append(self._painted(f"[{shown}]", _DIM))
        return "  ".join(cells)

    def _value(self, value: Content) -> str:
        text = str(value)
        if not self.has_colours or value.encoding != "utf-8" or not _is_json(text):
            return text
        return _TOKENS.sub(lambda found: _paint(found[0], _COLOURS[found.lastgroup or "text"]), text)

    def _painted(self, text: str, colour: str) -> str:
        return _paint(text, colour) if self.has_colours else text


def record_object(record: Record, bytes_format: BytesFormat) -> dict[str, Any]:
    """The record for programs: what `gputail log dump --json` says of it."""
    return {
        "type": "record",
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": rfc3339(record.timestamp_ms),
        "timestamp_ms": record.timestamp_ms,
        **_content("key", record.key, bytes_format),
        **_content("value", record.value, bytes_format),
        "headers": [
            {"name": name, **_content("value", value, bytes_format)} for name, value in record.headers
        ],
    }


def _content(name: str, data: bytes | None, bytes_format: BytesFormat) -> dict[str, str | None]:
    shown = content(data, bytes_format)
    return {name: shown.text, f"{name}_encoding": shown.encoding}


def _is_json(text: str) -> bool:
    if not text.startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _paint(text: str, colour: str) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m"
