"""The fixed part of a record batch, its 61 bytes and what they mean; the package docstring has the table."""

from __future__ import annotations

import struct

import attrs

from eventlog.errors import CorruptBatchError
from eventlog.record.buffer import Buffer
from eventlog.record.compression import Codec, codec_numbered

HEADER = struct.Struct(">qiibIhiqqqhii")
"""The only layout of the header; everything else here counts within it."""

HEADER_BYTES = 61
LENGTH_OFFSET_BYTES = 12
"""Bytes up to and with the length field, which does not count them."""
LEADER_EPOCH_START = 12
MAGIC_START = 16
CHECKSUM_START = 17
"""Where the checksum itself lies."""
CRC_START = 21
"""The first byte that the checksum covers."""

MAGIC = 2
CODEC_MASK = 0x07
APPEND_TIME_BIT = 0x08
TRANSACTIONAL_BIT = 0x10
CONTROL_BIT = 0x20

SEQUENCE_MAX = 2**31 - 1
"""Sequence numbers run from 0 to this and then from 0 again."""

assert HEADER.size == HEADER_BYTES


def next_sequence(sequence: int, count: int) -> int:
    """The sequence number `count` records after `sequence`; 0 follows 2**31 - 1."""
    return (sequence + count) & SEQUENCE_MAX


@attrs.frozen(slots=True)
class BatchHeader:
    """The header of one batch, as it was read: no field is judged here.

    Timestamps are milliseconds since 1970 (-1 = none). Producer id, epoch and base sequence are -1
    unless the producer is idempotent.
    """

    base_offset: int
    batch_length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    base_timestamp_ms: int
    max_timestamp_ms: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    record_count: int

    @classmethod
    def parse(cls, buffer: Buffer, position: int = 0) -> BatchHeader:
        """Read the 61 bytes at `position`; CorruptBatchError when there are fewer."""
        assert position >= 0
        if len(buffer) - position < HEADER_BYTES:
            raise CorruptBatchError(
                f"a batch header takes {HEADER_BYTES} bytes, {max(0, len(buffer) - position)} are left at "
                f"byte {position}: the batch was cut off"
            )
        return cls(*HEADER.unpack_from(buffer, position))

    def pack(self) -> bytes:
        """The 61 bytes; struct.error when a field does not fit its place."""
        return HEADER.pack(
            self.base_offset,
            self.batch_length,
            self.leader_epoch,
            self.magic,
            self.crc,
            self.attributes,
            self.last_offset_delta,
            self.base_timestamp_ms,
            self.max_timestamp_ms,
            self.producer_id,
            self.producer_epoch,
            self.base_sequence,
            self.record_count,
        )

    @property
    def size_bytes(self) -> int:
        """The whole batch, header and records."""
        return LENGTH_OFFSET_BYTES + self.batch_length

    @property
    def last_offset(self) -> int:
        return self.base_offset + self.last_offset_delta

    @property
    def next_offset(self) -> int:
        """The offset of the batch that follows."""
        return self.base_offset + self.last_offset_delta + 1

    @property
    def codec(self) -> Codec:
        """How the records are compressed; UnsupportedBatchError for the numbers that mean nothing."""
        return codec_numbered(self.attributes & CODEC_MASK)

    @property
    def uses_append_time(self) -> bool:
        """Whether every record carries `max_timestamp_ms`, the time at which a broker appended it."""
        return bool(self.attributes & APPEND_TIME_BIT)

    @property
    def is_transactional(self) -> bool:
        return bool(self.attributes & TRANSACTIONAL_BIT)

    @property
    def is_control(self) -> bool:
        """Whether the records are a transaction's markers and not a user's data."""
        return bool(self.attributes & CONTROL_BIT)

    @property
    def is_idempotent(self) -> bool:
        return self.producer_id >= 0

    @property
    def last_sequence(self) -> int:
        """The sequence number of the last record, -1 where there is none."""
        return -1 if self.base_sequence < 0 else next_sequence(self.base_sequence, self.last_offset_delta)
