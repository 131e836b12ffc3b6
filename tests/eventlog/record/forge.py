"""Batches that no honest producer writes: any header, any records, and a checksum that is right."""

from __future__ import annotations

from typing import Any

import attrs

from eventlog.record import CRC_START, HEADER_BYTES, LENGTH_OFFSET_BYTES, BatchHeader, crc32c
from eventlog.record.varint import encode_varint, encode_varlong

PLAIN = BatchHeader(
    base_offset=0,
    batch_length=0,
    leader_epoch=0,
    magic=2,
    crc=0,
    attributes=0,
    last_offset_delta=0,
    base_timestamp_ms=1_700_000_000_000,
    max_timestamp_ms=1_700_000_000_000,
    producer_id=-1,
    producer_epoch=-1,
    base_sequence=-1,
    record_count=1,
)


def forge(records: bytes, **fields: Any) -> bytes:
    """A batch of those record bytes; length and checksum fit unless they are given."""
    length = HEADER_BYTES - LENGTH_OFFSET_BYTES + len(records)
    header = attrs.evolve(PLAIN, **{"batch_length": length, **fields})
    if "crc" not in fields:
        header = attrs.evolve(header, crc=crc32c(header.pack()[CRC_START:] + records))
    return header.pack() + records


def forge_record(body: bytes, *, length: int | None = None) -> bytes:
    """Record bytes with that body behind the three fields that every record begins with."""
    body = b"\x00" + encode_varlong(0) + encode_varint(0) + body
    return encode_varint(len(body) if length is None else length) + body
