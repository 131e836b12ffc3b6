"""The `state` file of a partition: how far the log is known to be flushed, and where it starts.

Two slots, each in a 512-byte block of its own, big-endian, 36 bytes used:

    4 bytes  magic             "gpst"
    uint16   format version    1
    uint16   flags             bit 0: distrusted, bit 1: unflushed
    uint64   generation        the good slot with the higher one counts
    int64    recovery point    every record before it has been flushed
    int64    log start offset  the first readable offset
    uint32   checksum          CRC-32C of the fields before it

Every state that was ever written here is true for ever after it was, so it needs no flush to be
right, only to be recent. One slot at a time is written; the other one is durable. The turn passes
only with a flush: a power cut can spoil the slot that was being written, never both.

`distrusted` is set, without a flush, when a flush of the log has failed: the page cache then shows
bytes beyond the recovery point that may not be on the disk. A restarted process reads the flag from
the same page cache and cuts them; after a restart of the machine the disk tells the truth again.

`unflushed` is set in the same way when recovery could not flush what it kept beyond the recovery point,
which may have been acknowledged: the next recovery writes it anew before it flushes it.
"""

from __future__ import annotations

import struct

import attrs

from eventlog.errors import NewerFormatError
from eventlog.record.checksum import crc32c

MAGIC = b"gpst"
FORMAT = 1
SLOT_BYTES = 512
SLOTS = 2
FILE_BYTES = SLOTS * SLOT_BYTES

_FIELDS = struct.Struct(">4sHHQqq")
_CHECKSUM = struct.Struct(">I")
_DISTRUSTED = 1
_UNFLUSHED = 2


@attrs.frozen
class State:
    """What a partition remembers of itself between starts."""

    recovery_point: int
    log_start_offset: int
    distrusted: bool = False
    unflushed: bool = False


@attrs.frozen
class Slot:
    """One good slot of the file."""

    number: int
    generation: int
    state: State


def pack_slot(generation: int, state: State) -> bytes:
    """The bytes of one slot, padded to its block."""
    flags = _DISTRUSTED * state.distrusted + _UNFLUSHED * state.unflushed
    packed = _FIELDS.pack(MAGIC, FORMAT, flags, generation, state.recovery_point, state.log_start_offset)
    return (packed + _CHECKSUM.pack(crc32c(packed))).ljust(SLOT_BYTES, b"\0")


def newest_slot(data: bytes) -> Slot | None:
    """The good slot with the highest generation, or None where neither is good.

    Raises NewerFormatError where a good slot was written by a newer format.
    """
    good = [slot for number in range(SLOTS) if (slot := _unpack_slot(data, number)) is not None]
    return max(good, key=lambda slot: slot.generation, default=None)


def _unpack_slot(data: bytes, number: int) -> Slot | None:
    at = number * SLOT_BYTES
    if len(data) < at + _FIELDS.size + _CHECKSUM.size:
        return None
    packed = data[at : at + _FIELDS.size]
    magic, version, flags, generation, recovery_point, log_start_offset = _FIELDS.unpack(packed)
    (checksum,) = _CHECKSUM.unpack_from(data, at + _FIELDS.size)
    if magic != MAGIC or crc32c(packed) != checksum:
        return None
    if version > FORMAT:
        raise NewerFormatError(
            f"the partition state has format {version}, this gputail knows {FORMAT}; upgrade gputail"
        )
    distrusted, unflushed = bool(flags & _DISTRUSTED), bool(flags & _UNFLUSHED)
    return Slot(number, generation, State(recovery_point, log_start_offset, distrusted, unflushed))
