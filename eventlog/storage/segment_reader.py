"""Reading a segment: only what was checked, only whole batches.

The first time a stretch is read after a start, every batch of it is checked in a thread, which also
warms the page cache. What is damaged is remembered with its bounds and never served.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, Self

import attrs

from eventlog.errors import EventLogError
from eventlog.record.batch import iterate_batch
from eventlog.record.header import BatchHeader
from eventlog.storage.disk import Disk, File
from eventlog.storage.index import IndexDamagedError
from eventlog.storage.open_files import Lease, OpenFiles
from eventlog.storage.resync import bound
from eventlog.storage.scan import Damage, DamageKind, Place, Read, ScannedBatch, walk
from eventlog.storage.segment import Segment
from eventlog.storage.segment_indexes import SegmentIndexes

CHECK_BYTES = 4 * 1024 * 1024
"""How much is checked in one go; other readers' checks come in between."""

SEARCHED_BYTES_MAX = 32 * 1024 * 1024
"""A batch that unpacks to more is not searched by time: its start is the answer."""

logger = logging.getLogger(__name__)


@attrs.frozen
class LogRange:
    """Whole, checked batches `[start, end)` of one segment, on a file that stays open until `release`.

    The first batch may begin before the offset that was asked for.
    """

    lease: Lease
    start: Place
    end: Place

    @property
    def file(self) -> File:
        return self.lease.file

    @property
    def size_bytes(self) -> int:
        return self.end.position - self.start.position

    def read(self) -> bytes:
        """The bytes; fewer than `size_bytes` where the file came up short."""
        return self.file.pread(self.size_bytes, self.start.position)

    def release(self) -> None:
        """Let the file be closed or deleted."""
        self.lease.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class TimedOffset(NamedTuple):
    """A record's timestamp (ms since 1970) and its offset."""

    timestamp_ms: int
    offset: int


class SegmentReader:
    """Finds, checks and cuts out ranges."""

    def __init__(self, disk: Disk, open_files: OpenFiles, indexes: SegmentIndexes) -> None:
        self._disk = disk
        self._open_files = open_files
        self._indexes = indexes

    async def range_at(
        self, segment: Segment, offset: int, bytes_max: int, limit: Place
    ) -> LogRange | Damage | None:
        """Batches from the one that holds `offset`, up to `bytes_max` and never past `limit`.

        At least one batch, however large. A Damage where `offset` lies in a damaged range; None where
        nothing at or after `offset` lies below `limit`.
        """
        with self._open_files.read(segment.log_path) as lease:
            while True:
                try:
                    found = await self._range(segment, lease, offset, bytes_max, limit)
                except IndexDamagedError:
                    await self._indexes.rebuild(segment)
                    continue
                if not isinstance(found, LogRange):
                    return found
                if segment.checked.first_gap(found.start.position, found.end.position) is None:
                    return found
                found.release()
                await self._check(segment, lease, found.start.position, found.end.position)

    async def first_batch_at_time(
        self, segment: Segment, timestamp_ms: int, from_offset: int, limit: Place
    ) -> ScannedBatch | None:
        """The first readable batch at or after `from_offset` with a record that is not older."""
        index = await self._indexes.get(segment)
        try:
            offset = max(from_offset, index.times.below_timestamp(timestamp_ms))
        except IndexDamagedError:
            index = await self._indexes.rebuild(segment)
            offset = max(from_offset, index.times.below_timestamp(timestamp_ms))
        while offset < limit.offset:
            found = await self.range_at(segment, offset, CHECK_BYTES, limit)
            assert found is not None, "below the limit there is a batch or damage"
            if isinstance(found, Damage):
                offset = found.next_offset
                continue
            with found:
                batch = await self._disk.run(partial(_first_at_time, found, timestamp_ms))
            if batch is not None:
                return batch
            offset = found.end.offset
        return None

    async def first_record_at_time(
        self, found: LogRange, timestamp_ms: int, from_offset: int
    ) -> TimedOffset | None:
        """The first such record of the one batch that `found` is."""
        return await self._disk.run(partial(_first_record, found, timestamp_ms, from_offset))

    async def _range(
        self, segment: Segment, lease: Lease, offset: int, bytes_max: int, limit: Place
    ) -> LogRange | Damage | None:
        read = lease.file.pread
        index = await self._indexes.get(segment)
        start = index.offsets.at_or_before_offset(offset)
        check_end = start.position + bytes_max + 2 * segment.index_interval_bytes
        await self._check(segment, lease, start.position, min(check_end, limit.position))
        for damage in segment.damages:
            if damage.offset <= offset < damage.next_offset:
                return damage
            if damage.offset > offset:
                limit = min(limit, Place(damage.position, damage.offset))
                break
            start = max(start, Place(damage.end_position, damage.next_offset))
        first = _batch_with(read, start, offset, limit.position)
        if isinstance(first, Place):
            if offset >= limit.offset:
                return None
            missing = Damage(DamageKind.MISSING, *first, *limit)
            _remember(segment, [missing])
            return missing
        end = limit
        if limit.position - first.position > bytes_max:
            known = index.offsets.at_or_before_position(first.position + bytes_max)
            end = _last_boundary(read, max(first.end, known), first.position + bytes_max)
        return LogRange(lease.take(), Place(first.position, first.base_offset), end)

    async def _check(self, segment: Segment, lease: Lease, start_position: int, end_position: int) -> None:
        """Check what of the stretch has not been checked since the log was opened."""
        while (gap := segment.checked.first_gap(start_position, end_position)) is not None:
            index = await self._indexes.get(segment)
            start = _past_damage(segment, index.offsets.at_or_before_position(gap[0]))
            wanted = min(gap[1], gap[0] + CHECK_BYTES)
            following = list(index.offsets.after_position(start.position))
            segment_end = segment.end
            end = next((place for place in following if place.position >= wanted), segment_end)
            work = partial(check_stretch, lease.file.pread, start, end, following, segment_end)
            found, reached = await self._disk.run(work)
            _remember(segment, found)
            segment.checked.add(start.position, max(reached.position, end.position))


def check_stretch(
    read: Read, start: Place, end: Place, anchors: Sequence[Place], segment_end: Place
) -> tuple[list[Damage], Place]:
    """Walk `[start, end)` with bodies; the damages found, bounded, and the place reached.

    `end` is a known batch boundary or the segment's end; a damage may reach past it.
    """
    found: list[Damage] = []
    place, batches = start, walk(read, start, segment_end.position, bodies=True)
    while place.position < end.position:
        batch = next(batches)
        if isinstance(batch, Damage):
            found.append(bound(read, batch, anchors, segment_end))
            place = Place(found[-1].end_position, found[-1].next_offset)
            batches = walk(read, place, segment_end.position, bodies=True)
        else:
            place = batch.end
    if place.position == end.position and place.offset != end.offset:
        found.append(Damage(DamageKind.MISSING, place.position, place.offset, end.position, end.offset))
        place = end
    return found, place


def _past_damage(segment: Segment, place: Place) -> Place:
    """The place, or where the known damage ends that it lies in."""
    for damage in segment.damages:
        if damage.position <= place.position < damage.end_position:
            return Place(damage.end_position, damage.next_offset)
    return place


def _remember(segment: Segment, found: Sequence[Damage]) -> None:
    """Keep what is damaged, ascending, and report what was not known before."""
    known = {(damage.position, damage.offset) for damage in segment.damages}
    for damage in found:
        if (damage.position, damage.offset) not in known:
            segment.damages.append(damage)
            logger.error(
                "a damaged range is refused",
                extra={
                    "action": "read",
                    "file": str(segment.log_path),
                    "position": damage.position,
                    "first_offset": damage.offset,
                    "next_offset": damage.next_offset,
                    "reason": damage.kind.value,
                },
            )
    segment.damages.sort(key=lambda damage: (damage.position, damage.offset))


def _batch_with(read: Read, start: Place, offset: int, end_position: int) -> ScannedBatch | Place:
    """The batch that holds `offset`, by walking checked headers from `start`; else the place reached."""
    for batch in walk(read, start, end_position, bodies=False):
        if isinstance(batch, Damage):
            break
        if batch.next_offset > offset:
            return batch
        start = batch.end
    return start


def _last_boundary(read: Read, start: Place, position_max: int) -> Place:
    """The last batch boundary at or below `position_max`, but not before `start`."""
    end = start
    for batch in walk(read, start, position_max, bodies=False):
        if isinstance(batch, ScannedBatch):
            end = batch.end
    return end


def _first_at_time(found: LogRange, timestamp_ms: int) -> ScannedBatch | None:
    for batch in walk(found.file.pread, found.start, found.end.position, bodies=False):
        if isinstance(batch, ScannedBatch) and batch.max_timestamp_ms >= timestamp_ms:
            return batch
    return None


def _first_record(found: LogRange, timestamp_ms: int, from_offset: int) -> TimedOffset | None:
    """The record; the batch's start where nobody can decode what its producer sent, or it is a bomb."""
    data = found.read()
    try:
        for record in iterate_batch(data, size_bytes_max=SEARCHED_BYTES_MAX):
            if record.timestamp_ms >= timestamp_ms and record.offset >= from_offset:
                return TimedOffset(record.timestamp_ms, record.offset)
    except EventLogError:
        header = BatchHeader.parse(data)
        return TimedOffset(header.max_timestamp_ms, max(header.base_offset, from_offset))
    return None
