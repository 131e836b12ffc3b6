"""The segments of one open partition: the growing end, what of it is durable, and the deletable start."""

from __future__ import annotations

from pathlib import Path

from eventlog.storage.disk import OpenMode
from eventlog.storage.flush_work import FlushWork
from eventlog.storage.retention import Aged, expired_by_age
from eventlog.storage.scan import Place, ScannedBatch
from eventlog.storage.segment import Segment
from eventlog.storage.segment_index import SegmentIndex
from eventlog.storage.volume import Volume


class SegmentChain:
    """Segments in ascending order, never empty; the last one is active.

    `durable_end`, a place in `durable_segment`, is where the last good flush reached. Rolled segments stay
    in `unsettled`, with the producer snapshot of their end, until their indexes have been written out.
    """

    def __init__(self, volume: Volume, folder: Path, segments: list[Segment]) -> None:
        self._volume = volume
        self._folder = folder
        self.segments = segments
        self.durable_segment = segments[-1]
        self.durable_end = segments[-1].end
        self.unsettled: list[tuple[Segment, bytes]] = []
        self._names_changed = False
        for segment in segments[:-1]:
            if segment.index is not None:
                volume.indexes.keep(segment)

    @property
    def active(self) -> Segment:
        return self.segments[-1]

    @property
    def end(self) -> Place:
        return self.active.end

    def roll(self, now_ms: int, producer_snapshot: bytes) -> None:
        """Seal the active segment and begin the next; OSError leaves everything as it was."""
        active = self.active
        assert active.index is not None
        active.trim()
        following = Segment(
            self._folder,
            active.end.offset,
            Place(0, active.end.offset),
            now_ms,
            active.index_interval_bytes,
            index=SegmentIndex(active.end.offset, active.index_interval_bytes),
        )
        file = self._volume.disk.open(following.log_path, OpenMode.CREATE)
        self._names_changed = True
        following.active_file = file
        active.index.seal(active.end.offset)
        active.note_times()
        self.unsettled.append((active, producer_snapshot))
        self.segments.append(following)

    def append(self, data: memoryview, batch: ScannedBatch, now_ms: int) -> None:
        """Write one batch at the end."""
        self.active.append(data, batch, now_ms)

    def begin_flush(self) -> FlushWork | None:
        """Take what a flush has to cover, as the chain stands now; None where nothing is dirty."""
        unflushed = [segment for segment, _ in self.unsettled] + [self.active]
        dirty = [segment for segment in unflushed if segment.is_dirty]
        if not dirty and not self._names_changed:
            return None
        work = FlushWork(
            files=tuple(segment.active_file for segment in dirty if segment.active_file is not None),
            directory=self._folder if self._names_changed else None,
            segment=self.active,
            end=self.end,
        )
        for segment in dirty:
            segment.is_dirty = False
        self._names_changed = False
        return work

    def finish_flush(self, work: FlushWork) -> None:
        """The work is done: everything before its end is durable, sealed segments need no writer."""
        self.durable_segment, self.durable_end = work.segment, work.end
        for segment, _ in self.unsettled:
            if segment.active_file is not None and segment.end.offset <= work.end.offset:
                segment.active_file.close()
                segment.active_file = None

    def next_to_settle(self) -> tuple[Segment, bytes] | None:
        """The oldest rolled segment that is flushed and not settled, with its producer snapshot."""
        return self.unsettled[0] if self.unsettled and self.unsettled[0][0].active_file is None else None

    def settled(self, segment: Segment) -> None:
        """Its index is on the volume: keep it in memory only as long as there is room."""
        self.unsettled = [entry for entry in self.unsettled if entry[0] is not segment]
        self._volume.indexes.keep(segment)

    def deletable(self) -> list[Segment]:
        """The sealed and flushed segments, oldest first."""
        return [
            segment
            for segment in self.segments[:-1]
            if segment.active_file is None and segment.end.offset <= self.durable_end.offset
        ]

    def is_active_expired(self, retention_ms: int, now_ms: int) -> bool:
        """Whether even the last record of the active segment is too old."""
        assert self.active.index is not None
        newest = Aged(self.active.size_bytes, self.active.index.append_time_ms)
        return bool(newest.size_bytes and expired_by_age([newest], retention_ms, now_ms))

    async def count_expired(self, retention_ms: int, now_ms: int) -> int:
        """How many of the oldest deletable segments are too old; their ages are in their indexes."""
        count = 0
        for segment in self.deletable():
            if not segment.last_append_ms:
                await self._volume.indexes.get(segment)
            if not expired_by_age([Aged(segment.size_bytes, segment.last_append_ms)], retention_ms, now_ms):
                break
            count += 1
        return count

    def drop_first(self) -> Segment:
        """Take the oldest segment off the chain; readers that hold it may finish."""
        segment = self.segments.pop(0)
        self.unsettled = [entry for entry in self.unsettled if entry[0] is not segment]
        self._forget(segment)
        return segment

    async def write_index(self, segment: Segment, *, durable: bool) -> None:
        """Write out the index entries that a segment's files lack."""
        write = segment.index_write()
        if durable or write.offsets or write.times:
            await self._volume.disk.run(lambda: write.execute(self._volume.disk, durable=durable))
            write.done()

    def close(self) -> None:
        """Close every file; the segments themselves may still be asked."""
        for segment in self.segments:
            self._forget(segment)
            if segment.active_file is not None:
                segment.active_file.close()
                segment.active_file = None

    def _forget(self, segment: Segment) -> None:
        self._volume.indexes.forget(segment)
        self._volume.open_files.forget(segment.log_path)
