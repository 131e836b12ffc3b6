"""One file of the offsets log, read: its changes in order, and its damage.

A file is named like a segment, by the offset of its first record, and its records have dense offsets from
there on. The walk is the storage's own; what it stops at is bounded by `resync`, without an index: a
damaged batch is passed over where what is left of it proves where the next one begins, and a chain of
good batches leads from there to the end. Where nothing does, all from the damage on is a torn tail.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from eventlog.errors import CorruptBatchError, DecompressionLimitError, UnsupportedBatchError
from eventlog.group.committed import Change
from eventlog.group.offset_record import decode_change
from eventlog.record.batch import decode_batch
from eventlog.storage.resync import UNKNOWN_OFFSET, bound
from eventlog.storage.scan import Damage, DamageKind, Place, Read, ScannedBatch, walk


@attrs.frozen
class ChangesRead:
    """The changes of one good batch, in order."""

    batch: ScannedBatch
    changes: tuple[Change, ...]


@attrs.frozen
class TornTail:
    """Bytes up to the end of the file that are no good batches, as an interrupted write leaves them."""

    damage: Damage


def read_offsets(read: Read, base_offset: int, size_bytes: int) -> Iterator[ChangesRead | Damage | TornTail]:
    """What stands in a file, in order; a Damage is bounded and something good follows it.

    Blocks for each read. NewerFormatError for records of a newer version.
    """
    place, end = Place(0, base_offset), Place(size_bytes, UNKNOWN_OFFSET)
    while place.position < size_bytes:
        for found in walk(read, place, size_bytes, bodies=True):
            if isinstance(found, Damage):
                damage = bound(read, found, (), end)
                if damage.next_offset == UNKNOWN_OFFSET:
                    yield TornTail(damage)
                    return
                yield damage
                place = Place(damage.end_position, damage.next_offset)
                break
            try:
                yield ChangesRead(found, _changes(read, found))
            except (CorruptBatchError, UnsupportedBatchError, DecompressionLimitError):
                yield Damage(DamageKind.LENGTH, found.position, found.base_offset, *found.end)
            place = found.end


def _changes(read: Read, batch: ScannedBatch) -> tuple[Change, ...]:
    records = decode_batch(read(batch.size_bytes, batch.position))
    return tuple(decode_change(record) for record in records)


def end_of(found: Sequence[ChangesRead | Damage | TornTail], base_offset: int) -> Place:
    """The place after the last batch that is there, good or damaged."""
    if not found:
        return Place(0, base_offset)
    last = found[-1]
    if isinstance(last, ChangesRead):
        return last.batch.end
    if isinstance(last, TornTail):
        return Place(last.damage.position, last.damage.offset)
    return Place(last.end_position, last.next_offset)
