"""Topics and segments at a glance: from names, sizes, indexes and a few headers, not from every batch."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from eventlog.errors import CorruptBatchError
from eventlog.inspect.course import read_whole
from eventlog.inspect.partition import INDEX_INTERVAL_BYTES, LogFile, Partition
from eventlog.record.header import HEADER_BYTES, BatchHeader
from eventlog.storage.disk import Disk, OpenMode
from eventlog.storage.resync import UNKNOWN_OFFSET
from eventlog.storage.scan import MAGIC, Damage, Place
from eventlog.storage.segment import INDEX_SUFFIX, TIMEINDEX_SUFFIX
from eventlog.storage.segment_index import SegmentIndex


@attrs.frozen
class SegmentSummary:
    """One segment; times in ms since 1970, -1 where there is none.

    `end_offset` of the last segment is where its headers stop making sense, `is_whole` whether that is
    the end of the file. The append time is the index's; past the index, that of the file.
    """

    log: LogFile
    end_offset: int
    is_active: bool
    is_whole: bool
    index_entries: int
    timeindex_entries: int
    first_timestamp_ms: int
    largest_timestamp_ms: int
    last_append_ms: int

    @property
    def records(self) -> int:
        return self.end_offset - self.log.base_offset


def summarise(disk: Disk, partition: Partition) -> Iterator[SegmentSummary]:
    """The partition's segments, oldest first; what a writer removes meanwhile is left out."""
    for log in partition.logs:
        try:
            summary = _summarise(disk, partition, log)
        except FileNotFoundError:
            if not partition.place.is_live:
                raise
        else:
            yield summary


def log_end_offset(partition: Partition, segments: list[SegmentSummary]) -> int:
    """The end of the log, as far as headers tell it."""
    point = partition.recovery_point or 0
    return max(point, partition.log_start_offset, *(segment.end_offset for segment in segments), 0)


def _summarise(disk: Disk, partition: Partition, log: LogFile) -> SegmentSummary:
    interval_bytes = partition.place.index_interval_bytes or INDEX_INTERVAL_BYTES
    offsets = read_whole(disk, log, INDEX_SUFFIX) or b""
    times = read_whole(disk, log, TIMEINDEX_SUFFIX) or b""
    index = SegmentIndex(log.base_offset, interval_bytes, offsets, times)
    entries = (len(index.offsets.entries), len(index.times.entries))
    is_active = log.end_offset == UNKNOWN_OFFSET
    file = disk.open(log.path, OpenMode.READ)
    try:
        size_bytes = file.size()
        end = Place(size_bytes, log.end_offset)
        if is_active:
            reached = index.complete(file.pread, size_bytes, log.modified_ms)
            if isinstance(reached, Damage) and reached.position <= index.offsets.last().position:
                # The index leads astray, or to damage: what the headers say counts.
                index.clear()
                reached = index.complete(file.pread, size_bytes, log.modified_ms)
            end = Place(reached.position, reached.offset)
        else:
            index.complete_segment(file.pread, end, log.modified_ms)
        first = _first_header(file.pread(HEADER_BYTES, 0))
    finally:
        file.close()
    return SegmentSummary(
        attrs.evolve(log, size_bytes=size_bytes),
        end.offset,
        is_active,
        end.position == size_bytes,
        *entries,
        -1 if first is None else first.base_timestamp_ms,
        index.largest_timestamp_ms,
        index.append_time_ms or -1,
    )


def _first_header(data: bytes) -> BatchHeader | None:
    try:
        header = BatchHeader.parse(data)
    except CorruptBatchError:
        return None
    return header if header.magic == MAGIC else None
