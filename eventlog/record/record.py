"""One record within a batch: what a consumer sees, and its bytes; the package docstring has the table."""

from __future__ import annotations

import attrs

from eventlog.errors import CorruptBatchError
from eventlog.record.varint import decode_varint, decode_varlong, encode_varint, encode_varlong

RECORD_BYTES_MIN = 7
"""Length, attributes, timestamp delta, offset delta, key length, value length, header count."""
_HEADER_BYTES_MIN = 2
_ABSENT = encode_varint(-1)
_NO_ATTRIBUTES = b"\x00"


@attrs.frozen(slots=True)
class Record:
    """Key, value, headers and timestamp; offset and timestamp are -1 where there is none (yet)."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    timestamp_ms: int = -1
    offset: int = -1


def encode_record(record: Record, *, offset_delta: int, base_timestamp_ms: int) -> bytes:
    """The bytes of one record; its place in the batch is `offset_delta`, its own offset is not read."""
    body = bytearray(_NO_ATTRIBUTES)
    body += encode_varlong(record.timestamp_ms - base_timestamp_ms)
    body += encode_varint(offset_delta)
    _append_bytes(body, record.key)
    _append_bytes(body, record.value)
    body += encode_varint(len(record.headers))
    for name, value in record.headers:
        _append_bytes(body, name.encode())
        _append_bytes(body, value)
    return encode_varint(len(body)) + body


def decode_record(
    records: bytes,
    position: int,
    *,
    base_offset: int,
    base_timestamp_ms: int,
    append_time_ms: int | None = None,
) -> tuple[Record, int]:
    """Read the record at `position`: (record, position after it); it carries `append_time_ms` where given.

    Every length is compared with the bytes that are there before it is followed; the record must
    fill exactly the length that it states. Names of headers that are not UTF-8 are read with the
    replacement character, as the Java client does.
    """
    start = position
    length, position = decode_varint(records, position, len(records))
    end = position + length
    if not RECORD_BYTES_MIN - 1 <= length <= len(records) - position:
        raise CorruptBatchError(
            f"record at byte {start} of the records claims {length} bytes, {len(records) - position} are left"
        )
    timestamp_delta_ms, position = decode_varlong(records, position + len(_NO_ATTRIBUTES), end)
    offset_delta, position = decode_varint(records, position, end)
    key, position = _decode_bytes(records, position, end)
    value, position = _decode_bytes(records, position, end)
    headers, position = _decode_headers(records, position, end)
    if position != end:
        raise CorruptBatchError(
            f"record at byte {start} of the records ends at byte {position}, its length says {end}"
        )
    record = Record(
        key=key,
        value=value,
        headers=headers,
        timestamp_ms=base_timestamp_ms + timestamp_delta_ms if append_time_ms is None else append_time_ms,
        offset=base_offset + offset_delta,
    )
    return record, position


def _append_bytes(body: bytearray, data: bytes | None) -> None:
    if data is None:
        body += _ABSENT
    else:
        body += encode_varint(len(data))
        body += data


def _decode_bytes(records: bytes, position: int, end: int) -> tuple[bytes | None, int]:
    start = position
    length, position = decode_varint(records, position, end)
    if length == -1:
        return None, position
    if not 0 <= length <= end - position:
        raise CorruptBatchError(
            f"length {length} at byte {start} of the records, but its record has {end - position} bytes left"
        )
    return records[position : position + length], position + length


def _decode_headers(
    records: bytes, position: int, end: int
) -> tuple[tuple[tuple[str, bytes | None], ...], int]:
    start = position
    count, position = decode_varint(records, position, end)
    if count == 0:
        return (), position
    if not 0 < count <= (end - position) // _HEADER_BYTES_MIN:
        raise CorruptBatchError(
            f"{count} headers at byte {start} of the records, but its record has {end - position} bytes left"
        )
    headers = []
    for _ in range(count):
        name_start = position
        name, position = _decode_bytes(records, position, end)
        if name is None:
            raise CorruptBatchError(f"header at byte {name_start} of the records has no name")
        value, position = _decode_bytes(records, position, end)
        headers.append((name.decode(errors="replace"), value))
    return tuple(headers), position
