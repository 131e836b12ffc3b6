"""The records of the offsets log: one change each, in the key what it is about, in the value what holds now.

A record without a value is a tombstone: what its key names is gone. Numbers are big-endian and signed
unless it says otherwise; a string is a uint16 length and so many bytes of UTF-8.

Key, by its kind
    int16   version      1
    int8    kind         1 offset, 2 group, 3 topic
    1: string group, string topic, int32 partition
    2: string group
    3: 16 bytes          topic id

Value of an offset
    int16   version      1
    int64   offset       the next one that the group will read
    int32   leader epoch -1 = none
    string  metadata
    int64   commit time  wall time, ms since 1970
    16 bytes             topic id

Value of a group
    int16   version        1
    string  protocol type
    int64   empty since    wall time, ms since 1970; -1 = it has members

A topic has no value: only its tombstone is written. The record's timestamp is the time of the change. A
version above 1 is refused; nothing of the file is guessed at.
"""

from __future__ import annotations

import struct
import uuid
from typing import Any, Final, Literal

from eventlog.errors import CorruptBatchError, NewerFormatError
from eventlog.group.committed import (
    Change,
    Committed,
    GroupForgotten,
    GroupOccupied,
    OffsetCommitted,
    OffsetForgotten,
    TopicForgotten,
)
from eventlog.record.record import Record

VERSION: Final = 1
KIND_OFFSET: Final = 1
KIND_GROUP: Final = 2
KIND_TOPIC: Final = 3

_KEY_HEAD = struct.Struct(">hb")
_VERSION = struct.Struct(">h")
_LENGTH = struct.Struct(">H")
_PARTITION = struct.Struct(">i")
_PLACE = struct.Struct(">qi")
_COMMITTED = struct.Struct(">q16s")
_EMPTY_SINCE = struct.Struct(">q")
_TOPIC_ID = struct.Struct(">16s")
_HAS_MEMBERS = -1


def encode_change(change: Change, now_ms: int) -> Record:
    """The record of one change that is made at `now_ms`."""
    key, value = _pack(change)
    return Record(key, value, timestamp_ms=now_ms)


def decode_change(record: Record) -> Change:
    """The change that a record says.

    NewerFormatError for a version that is not known here, CorruptBatchError for anything else that is not
    of this form.
    """
    if record.key is None:
        raise CorruptBatchError(f"record {record.offset} has no key: the offsets log has none such")
    key = _Bytes(record.key, record.offset)
    version, kind = key.take(_KEY_HEAD)
    _check_version(version, record.offset)
    value = None if record.value is None else _Bytes(record.value, record.offset)
    if value is not None:
        _check_version(value.take(_VERSION)[0], record.offset)
    change: Change
    if kind == KIND_OFFSET:
        group_id, topic, (partition,) = key.string(), key.string(), key.take(_PARTITION)
        if value is None:
            change = OffsetForgotten(group_id, topic, partition)
        else:
            offset, leader_epoch = value.take(_PLACE)
            metadata = value.string()
            committed_ms, topic_id = value.take(_COMMITTED)
            committed = Committed(offset, leader_epoch, metadata, committed_ms, uuid.UUID(bytes=topic_id))
            change = OffsetCommitted(group_id, topic, partition, committed)
    elif kind == KIND_GROUP:
        group_id = key.string()
        if value is None:
            change = GroupForgotten(group_id)
        else:
            protocol_type, (since_ms,) = value.string(), value.take(_EMPTY_SINCE)
            change = GroupOccupied(group_id, protocol_type, None if since_ms == _HAS_MEMBERS else since_ms)
    elif kind == KIND_TOPIC and value is None:
        change = TopicForgotten(uuid.UUID(bytes=key.take(_TOPIC_ID)[0]))
    else:
        raise CorruptBatchError(f"record {record.offset} is of kind {kind}: the offsets log has none such")
    key.finish()
    if value is not None:
        value.finish()
    return change


def _pack(change: Change) -> tuple[bytes, bytes | None]:
    match change:
        case OffsetCommitted(group_id, topic, partition, committed):
            value = (
                _VERSION.pack(VERSION)
                + _PLACE.pack(committed.offset, committed.leader_epoch)
                + _string(committed.metadata)
                + _COMMITTED.pack(committed.committed_ms, committed.topic_id.bytes)
            )
            return _offset_key(group_id, topic, partition), value
        case OffsetForgotten(group_id, topic, partition):
            return _offset_key(group_id, topic, partition), None
        case GroupOccupied(group_id, protocol_type, empty_since_ms):
            since_ms = _HAS_MEMBERS if empty_since_ms is None else empty_since_ms
            value = _VERSION.pack(VERSION) + _string(protocol_type) + _EMPTY_SINCE.pack(since_ms)
            return _key(KIND_GROUP) + _string(group_id), value
        case GroupForgotten(group_id):
            return _key(KIND_GROUP) + _string(group_id), None
        case _:
            return _key(KIND_TOPIC) + change.topic_id.bytes, None


def _key(kind: Literal[1, 2, 3]) -> bytes:
    return _KEY_HEAD.pack(VERSION, kind)


def _offset_key(group_id: str, topic: str, partition: int) -> bytes:
    return _key(KIND_OFFSET) + _string(group_id) + _string(topic) + _PARTITION.pack(partition)


def _string(text: str) -> bytes:
    data = text.encode()
    return _LENGTH.pack(len(data)) + data


def _check_version(version: int, offset: int) -> None:
    if version > VERSION:
        raise NewerFormatError(
            f"record {offset} of the offsets log has version {version}, this gputail knows {VERSION}; "
            "upgrade gputail"
        )
    if version != VERSION:
        raise CorruptBatchError(f"record {offset} has version {version}: the offsets log has none such")


class _Bytes:
    """A key or a value, read from its beginning to its end."""

    def __init__(self, data: bytes, offset: int) -> None:
        self._data = data
        self._offset = offset
        self._at = 0

    def take(self, form: struct.Struct) -> tuple[Any, ...]:
        """The next fields."""
        if len(self._data) - self._at < form.size:
            raise self._corrupt()
        fields = form.unpack_from(self._data, self._at)
        self._at += form.size
        return fields

    def string(self) -> str:
        """The next string."""
        (length,) = self.take(_LENGTH)
        end = self._at + length
        if end > len(self._data):
            raise self._corrupt()
        try:
            text = self._data[self._at : end].decode()
        except UnicodeDecodeError:
            raise self._corrupt() from None
        self._at = end
        return text

    def finish(self) -> None:
        """Nothing may follow."""
        if self._at != len(self._data):
            raise self._corrupt()

    def _corrupt(self) -> CorruptBatchError:
        return CorruptBatchError(f"record {self._offset} of the offsets log is cut short or too long")
