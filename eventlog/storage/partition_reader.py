"""Reading a partition by offset and by time, across its segments and past its damage."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Protocol

from eventlog.errors import DamagedRangeError, OffsetOutOfRangeError, StorageFailedError
from eventlog.storage.scan import Damage, DamageKind, Place
from eventlog.storage.segment import Segment
from eventlog.storage.segment_reader import LogRange, SegmentReader, TimedOffset
from eventlog.storage.settings import DamagedPolicy


class ReadableLog(Protocol):
    """What a reader must know of a partition; read afresh after each wait."""

    @property
    def name(self) -> str: ...
    @property
    def segments(self) -> Sequence[Segment]: ...
    @property
    def log_start_offset(self) -> int: ...
    @property
    def log_end_offset(self) -> int: ...
    @property
    def high_watermark(self) -> int: ...
    @property
    def damaged_policy(self) -> DamagedPolicy: ...

    def readable_end(self, segment: Segment) -> Place:
        """How far consumers may read in a segment."""
        ...


async def read(log: ReadableLog, reader: SegmentReader, offset: int, bytes_max: int) -> LogRange | None:
    """Whole batches from the one that holds `offset` on; None at the high watermark.

    Up to `bytes_max` of one segment, but at least one batch. Release the range after use. Raises
    OffsetOutOfRangeError, and DamagedRangeError where the topic does not skip damage.
    """
    while True:
        if not log.log_start_offset <= offset <= log.log_end_offset:
            raise OffsetOutOfRangeError(
                f"{log.name}: offset {offset} is not in the log, which holds "
                f"{log.log_start_offset} to {log.log_end_offset}"
            )
        if offset >= log.high_watermark:
            return None
        try:
            found = await _read_segment(log, reader, offset, bytes_max)
        except OSError as error:
            if offset < log.log_start_offset:  # retention was faster
                continue
            raise StorageFailedError(f"{log.name}: offset {offset} cannot be read: {error}") from error
        if isinstance(found, LogRange) or found is None:
            return found
        if log.damaged_policy is DamagedPolicy.REFUSE:
            raise DamagedRangeError(
                f"{log.name}: offsets {found.offset} to {found.next_offset - 1} are damaged "
                f"({found.kind.value}, byte {found.position}); read on from {found.next_offset}",
                first_offset=found.offset,
                next_offset=found.next_offset,
            )
        offset = found.next_offset


async def find_time(log: ReadableLog, reader: SegmentReader, timestamp_ms: int) -> TimedOffset | None:
    """The first readable record below the high watermark that is not older than `timestamp_ms`.

    Damage is passed over. StorageFailedError where the volume cannot be read.
    """
    offset = log.log_start_offset
    while offset < log.high_watermark:
        try:
            found = await _find_in_segment(log, reader, timestamp_ms, offset)
        except OSError as error:
            if offset >= log.log_start_offset:
                raise StorageFailedError(f"{log.name}: offset {offset} cannot be read: {error}") from error
            found = log.log_start_offset  # retention was faster
        if isinstance(found, TimedOffset):
            return found
        if found <= offset:
            return None
        offset = found
    return None


async def _find_in_segment(
    log: ReadableLog, reader: SegmentReader, timestamp_ms: int, offset: int
) -> TimedOffset | int:
    """The record, or the offset at which to go on: `offset` itself where nothing more is readable."""
    segment = _segment_of(log.segments, offset)
    if segment is None:
        return log.segments[0].base_offset
    end = log.readable_end(segment)
    batch = await reader.first_batch_at_time(segment, timestamp_ms, offset, end)
    if batch is None:
        return max(end.offset, offset)
    found = await reader.range_at(segment, batch.base_offset, 1, end)
    if isinstance(found, LogRange):
        with found:
            timed = await reader.first_record_at_time(found, timestamp_ms, offset)
        if timed is not None:
            return timed
    return batch.next_offset


async def _read_segment(
    log: ReadableLog, reader: SegmentReader, offset: int, bytes_max: int
) -> LogRange | Damage | None:
    """A range, the damage that `offset` lies in, or None where nothing more is readable yet."""
    segment = _segment_of(log.segments, offset)
    if segment is None:
        first = log.segments[0]
        return Damage(DamageKind.MISSING, 0, log.log_start_offset, 0, first.base_offset)
    return await reader.range_at(segment, offset, bytes_max, log.readable_end(segment))


def _segment_of(segments: Sequence[Segment], offset: int) -> Segment | None:
    number = bisect_right(segments, offset, key=lambda segment: segment.base_offset) - 1
    return segments[number] if number >= 0 else None
