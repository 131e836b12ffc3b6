"""A dead letter as it is read again: what dead_letter.py writes into headers, as a value."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from eventlog.client import Record


@attrs.frozen(order=True)
class Source:
    """Where a poison record stood; another `topic_id` under the same name is another log."""

    topic: str
    topic_id: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}-{self.offset}"


@attrs.frozen
class Letter:
    """One record of the dead-letter topic."""

    record: Record
    source: Source | None
    """None: its headers do not say, so that no collector has written it."""
    reason: str
    """Why it was set aside then: the error's class, and one line."""
    key_bytes: int
    value_bytes: int
    """How large both were; what is here may be their beginning only."""

    @property
    def is_cut(self) -> bool:
        """Whether only the beginning of key or value is here."""
        return self.key_bytes > len(self.record.key or b"") or self.value_bytes > len(
            self.record.value or b""
        )

    @classmethod
    def of(cls, record: Record) -> Letter:
        """The letter that a record of the topic is; whatever stands there is one."""
        headers = {name: _text(value) for name, value in record.headers}
        return cls(
            record,
            _source(headers),
            headers.get("reason", "no reason was given"),
            _size(headers.get("key_bytes"), record.key),
            _size(headers.get("value_bytes"), record.value),
        )


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")


def _source(headers: Mapping[str, str]) -> Source | None:
    partition, offset = _number(headers.get("partition")), _number(headers.get("offset"))
    topic, topic_id = headers.get("topic"), headers.get("topic_id")
    if not topic or not topic_id or partition is None or offset is None:
        return None
    return Source(topic, topic_id, partition, offset)


def _size(told: str | None, data: bytes | None) -> int:
    return max(_number(told) or 0, len(data or b""))


def _number(text: str | None) -> int | None:
    return int(text) if text and len(text) <= 19 and text.isascii() and text.isdecimal() else None
