"""The one walker over a segment's bytes: from bytes to batches, or to damage with its kind and place.

Recovery is this plus a policy, `dump` is this plus printing, `verify` is this plus comparing.

A good batch, in a log without compaction, has the offset that the batch before it promises, leader
epoch 0 (both lie outside the checksum and are what the broker wrote), magic 2, a length that fits,
and, where bodies are read, a body that matches its CRC32C. The walk ends at the first batch that is
not good, because nothing after it can be believed on its own: see `resync`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from typing import NamedTuple

import attrs

from eventlog.record.checksum import crc32c
from eventlog.record.header import (
    CRC_START,
    HEADER,
    HEADER_BYTES,
    LENGTH_OFFSET_BYTES,
    BatchHeader,
    next_sequence,
)

Read = Callable[[int, int], bytes]
"""`read(size, position)`: up to `size` bytes of the segment, fewer only at its end."""

WINDOW_BYTES = 256 * 1024
"""How much is read at a time; a larger batch is read whole."""

SPARSE_BATCH_BYTES = 16 * 1024
"""Where only headers are wanted and batches are at least this large, bodies are not read at all."""

MAGIC = 2


class DamageKind(enum.Enum):
    """What is wrong with the bytes at a place; the value is the phrase that people read."""

    TRUNCATED = "the batch is cut short"
    MAGIC = "no record batch of format 2 begins here"
    LENGTH = "the length or the record count is impossible"
    OFFSET = "the base offset is not the one expected"
    EPOCH = "the leader epoch is not 0"
    CRC = "the checksum does not match"
    DISTRUSTED = "a flush of these bytes failed"
    MISSING = "the records are not in any segment"


@attrs.frozen
class Damage:
    """Bytes `[position, end_position)` of a segment, and with them offsets `[offset, next_offset)`.

    As the walk reports it only `kind`, `position` and `offset` (the one expected there) are known and
    the ends equal the beginnings; `resync` finds where it ends.
    """

    kind: DamageKind
    position: int
    offset: int
    end_position: int
    next_offset: int


class Place(NamedTuple):
    """A batch boundary: the position of a batch in its segment, and its base offset."""

    position: int
    offset: int


class ScannedBatch(NamedTuple):
    """What the walk says of one good batch; `position` and `size_bytes` within the segment."""

    position: int
    size_bytes: int
    base_offset: int
    next_offset: int
    max_timestamp_ms: int
    producer_id: int
    producer_epoch: int
    base_sequence: int

    @classmethod
    def at(cls, place: Place, header: BatchHeader) -> ScannedBatch:
        """The batch of `header` as it will be found at a place of the log."""
        return cls(
            place.position,
            header.size_bytes,
            place.offset,
            place.offset + header.record_count,
            header.max_timestamp_ms,
            header.producer_id,
            header.producer_epoch,
            header.base_sequence,
        )

    @property
    def end(self) -> Place:
        """The place of the batch that follows."""
        return Place(self.position + self.size_bytes, self.next_offset)

    @property
    def last_sequence(self) -> int:
        """The last record's sequence number, wrapped as producers wrap it."""
        return next_sequence(self.base_sequence, self.next_offset - self.base_offset - 1)


def walk(read: Read, start: Place, end_position: int, *, bodies: bool) -> Iterator[ScannedBatch | Damage]:
    """Yield the good batches of `[start.position, end_position)`, then, where one is not good, its damage.

    With `bodies` each body is read and its checksum compared; without, only headers are judged.
    """
    position, offset = start
    window, window_start, batch_bytes = b"", position, 0
    while position < end_position:
        at = position - window_start
        if at + HEADER_BYTES > len(window):
            wanted = HEADER_BYTES if not bodies and batch_bytes >= SPARSE_BATCH_BYTES else WINDOW_BYTES
            window, window_start, at = read(min(wanted, end_position - position), position), position, 0
            if len(window) < HEADER_BYTES:
                yield _damage(DamageKind.TRUNCATED, position, offset)
                return
        fields = HEADER.unpack_from(window, at)
        base_offset, length, _, _, crc, _, last_delta, _, max_timestamp, producer, epoch, sequence, _ = fields
        batch_bytes = length + LENGTH_OFFSET_BYTES
        kind = _judge_header(fields, offset, end_position - position)
        if kind is None and bodies:
            if at + batch_bytes > len(window):
                window, window_start, at = read(max(batch_bytes, WINDOW_BYTES), position), position, 0
            body = memoryview(window)[at + CRC_START : at + batch_bytes]
            if len(body) < batch_bytes - CRC_START:
                kind = DamageKind.TRUNCATED
            elif crc32c(body) != crc:
                kind = DamageKind.CRC
        if kind is not None:
            yield _damage(kind, position, offset)
            return
        next_offset = base_offset + last_delta + 1
        yield ScannedBatch(
            position, batch_bytes, base_offset, next_offset, max_timestamp, producer, epoch, sequence
        )
        position += batch_bytes
        offset = next_offset


def _judge_header(fields: tuple[int, ...], expected_offset: int, room_bytes: int) -> DamageKind | None:
    base_offset, length, leader_epoch, magic, _, _, last_delta, *_, count = fields
    if magic != MAGIC:
        return DamageKind.MAGIC
    if length + LENGTH_OFFSET_BYTES < HEADER_BYTES or last_delta < 0 or count != last_delta + 1:
        return DamageKind.LENGTH
    if base_offset != expected_offset:
        return DamageKind.OFFSET
    if leader_epoch != 0:
        return DamageKind.EPOCH
    if length + LENGTH_OFFSET_BYTES > room_bytes:
        return DamageKind.TRUNCATED
    return None


def _damage(kind: DamageKind, position: int, offset: int) -> Damage:
    return Damage(kind, position, offset, position, offset)
