"""A partition's batches and records, one after the other, and what is damaged between them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TypeAlias

import attrs

from eventlog.errors import EventLogError, UnsupportedBatchError
from eventlog.inspect.course import (
    BatchFound,
    Course,
    DamageFound,
    SegmentBegun,
    SegmentVanished,
    Standing,
    read_whole,
)
from eventlog.inspect.partition import LogFile, Partition
from eventlog.inspect.selection import Selection
from eventlog.record.batch import decode_batch
from eventlog.record.header import CODEC_MASK, HEADER_BYTES, BatchHeader
from eventlog.record.record import Record
from eventlog.storage.disk import Disk
from eventlog.storage.index import IndexDamagedError, OffsetIndex, TimeIndex
from eventlog.storage.scan import Damage, Place, Read
from eventlog.storage.segment import INDEX_SUFFIX, TIMEINDEX_SUFFIX

OFFSET_MAX = 2**63 - 1


@attrs.frozen
class DumpedBatch:
    """A batch's header; its checksum holds."""

    log: LogFile
    header: BatchHeader
    position: int
    standing: Standing

    @property
    def codec_name(self) -> str:
        """The codec's name, or its number where it has none."""
        try:
            return self.header.codec.name.lower()
        except UnsupportedBatchError:
            return f"codec {self.header.attributes & CODEC_MASK}"


@attrs.frozen
class Undecodable:
    """The records of the last batch cannot be read, though its checksum holds: its producer's doing."""

    log: LogFile
    header: BatchHeader
    position: int
    reason: str


Item: TypeAlias = SegmentBegun | DumpedBatch | Record | Undecodable | DamageFound | SegmentVanished


def dump(disk: Disk, partition: Partition, selection: Selection, *, headers_only: bool) -> Iterator[Item]:
    """What the selection wants of a partition, its limit counting records, or batches with `headers_only`.

    Blocks for each read; at most one batch is in memory.
    """
    course = Course(
        disk,
        partition,
        from_offset=selection.from_offset,
        until_offset=selection.end.offset,
        seek=lambda log: _seek(disk, log, selection),
    )
    begun: SegmentBegun | None = None
    with closing(course.steps()) as steps:
        for step in steps:
            if selection.is_done:
                return
            if isinstance(step, SegmentBegun):
                begun = step
                yield step
            elif isinstance(step, BatchFound):
                assert begun is not None
                if selection.end.offset is not None and step.batch.base_offset >= selection.end.offset:
                    return
                yield from _batch(begun.read, step, selection, headers_only=headers_only)
            elif isinstance(step, SegmentVanished) or (
                isinstance(step, DamageFound) and _is_near(step.damage, selection)
            ):
                yield step


def _batch(read: Read, step: BatchFound, selection: Selection, *, headers_only: bool) -> Iterator[Item]:
    log, position, size_bytes = step.log, step.batch.position, step.batch.size_bytes
    data = read(HEADER_BYTES if headers_only else size_bytes, position)
    header = BatchHeader.parse(data)
    if headers_only:
        if selection.may_hold(header):
            selection.take()
            yield DumpedBatch(log, header, position, step.standing)
        return
    if not selection.holds_offsets(header.base_offset, header.next_offset):
        return
    if selection.start.time_ms is not None and header.max_timestamp_ms < selection.start.time_ms:
        return
    try:
        records = [record for record in decode_batch(data) if selection.holds(record)]
    except EventLogError as error:
        selection.take()
        yield DumpedBatch(log, header, position, step.standing)
        yield Undecodable(log, header, position, str(error))
        return
    if records:
        yield DumpedBatch(log, header, position, step.standing)
    for record in records:
        if selection.is_done:
            return
        selection.take()
        yield record


def _is_near(damage: Damage, selection: Selection) -> bool:
    """Whether wanted offsets may lie in the damage; where its end is not known, it reaches far."""
    far = damage.next_offset if damage.next_offset > damage.offset else OFFSET_MAX
    return selection.holds_offsets(damage.offset, far)


def _seek(disk: Disk, log: LogFile, selection: Selection) -> Place:
    """A batch before everything that is wanted, as the indexes have it; the start where they do not."""
    offsets = OffsetIndex(log.base_offset, read_whole(disk, log, INDEX_SUFFIX) or b"")
    times = TimeIndex(log.base_offset, read_whole(disk, log, TIMEINDEX_SUFFIX) or b"")
    try:
        offset = selection.from_offset
        if selection.start.time_ms is not None:
            offset = max(offset, times.below_timestamp(selection.start.time_ms))
        return offsets.at_or_before_offset(offset) if offset > log.base_offset else log.start
    except IndexDamagedError:
        return log.start
