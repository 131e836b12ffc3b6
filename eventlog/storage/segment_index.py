"""Both indexes of one segment, kept in step, and made whole from the segment where they are not."""

from __future__ import annotations

from eventlog.storage.index import IndexDamagedError, OffsetIndex, TimeIndex, TimeMark
from eventlog.storage.resync import bound
from eventlog.storage.scan import Damage, Place, Read, ScannedBatch, walk

NO_TIMESTAMP = -1


class SegmentIndex:
    """What a segment knows of its batches without being read: places, timestamps, append times.

    A batch gets an entry when at least `interval_bytes` lie between it and the last one that has.
    """

    offsets: OffsetIndex
    times: TimeIndex
    largest_timestamp_ms: int
    append_time_ms: int
    written_bytes: tuple[int, int]
    """How much of each file's content is on the volume."""

    _entry_position: int
    _mark_offset: int

    def __init__(
        self, base_offset: int, interval_bytes: int, offsets: bytes = b"", times: bytes = b""
    ) -> None:
        self.base_offset = base_offset
        self.interval_bytes = interval_bytes
        self._begin(offsets, times)

    @property
    def size_bytes(self) -> int:
        """Memory that the entries take."""
        return len(self.offsets.entries.data) + len(self.times.entries.data)

    def add(self, batch: ScannedBatch, append_time_ms: int) -> None:
        """Take note of the batch that follows all others; append times never go back."""
        if batch.position - self._entry_position >= self.interval_bytes:
            self.offsets.append(Place(batch.position, batch.base_offset))
            self._entry_position = batch.position
            self._mark(batch.base_offset)
        self.largest_timestamp_ms = max(self.largest_timestamp_ms, batch.max_timestamp_ms)
        if batch.next_offset > self._mark_offset:  # else the files know it better
            self.append_time_ms = max(self.append_time_ms, append_time_ms)

    def seal(self, end_offset: int) -> None:
        """Add the mark that covers every record, so that the file alone tells the segment's age."""
        self._mark(end_offset)

    def complete(self, read: Read, end_position: int, append_time_ms: int) -> Place | Damage:
        """Add what the files lacked, from the headers after their last entries up to `end_position`.

        What the index does not know was appended at `append_time_ms` at the latest. Returns the place
        reached or the damage that stopped it. An index whose last entries are damaged, or of more than
        there is, starts anew or loses them.
        """
        try:
            self.offsets.keep_below(end_position)
            self._note_written()
            start = self.resume()
        except IndexDamagedError:
            self.clear()
            start = Place(0, self.base_offset)
        return self._add_from(read, start, end_position, append_time_ms)

    def complete_segment(self, read: Read, end: Place, append_time_ms: int) -> None:
        """The same for a whole segment that ends at `end`, going on where the batches resume after damage."""
        found = self.complete(read, end.position, append_time_ms)
        while isinstance(found, Damage):
            anchors = list(self.offsets.after_position(found.position))
            damage = bound(read, found, anchors, end)
            resumed = Place(damage.end_position, damage.next_offset)
            found = self._add_from(read, resumed, end.position, append_time_ms)

    def clear(self) -> None:
        """Forget everything; `complete` builds it again."""
        self._begin(b"", b"")

    def keep_before(self, offset: int) -> None:
        """Forget what is said of records at or after `offset`; IndexDamagedError where it cannot be told."""
        self.offsets.keep_before(offset)
        self.times.keep_up_to(offset)
        self._note_written()
        self.resume()

    def resume(self) -> Place:
        """Go on after the last entries; returns a batch from which on the headers must be read.

        IndexDamagedError where a last entry is not good.
        """
        last, mark = self.offsets.last(), self.times.last()
        self._entry_position = last.position
        if mark is None:
            return Place(0, self.base_offset)
        self.largest_timestamp_ms, self.append_time_ms, self._mark_offset = mark
        return self.offsets.at_or_before_offset(mark.offset)

    def unwritten(self) -> tuple[tuple[bytes, int], tuple[bytes, int]]:
        """For the offset and the time index file: the bytes that it lacks, and their position."""
        offsets_at, times_at = self.written_bytes
        return (
            (bytes(self.offsets.entries.data[offsets_at:]), offsets_at),
            (bytes(self.times.entries.data[times_at:]), times_at),
        )

    def _add_from(self, read: Read, start: Place, end_position: int, append_time_ms: int) -> Place | Damage:
        for found in walk(read, start, end_position, bodies=False):
            if isinstance(found, Damage):
                self.append_time_ms = max(self.append_time_ms, append_time_ms)
                return found
            self.add(found, append_time_ms)
            start = found.end
        return start

    def _note_written(self) -> None:
        """Entries that were forgotten no longer count as written."""
        offsets_at, times_at = self.written_bytes
        self.written_bytes = (
            min(offsets_at, len(self.offsets.entries.data)),
            min(times_at, len(self.times.entries.data)),
        )

    def _begin(self, offsets: bytes, times: bytes) -> None:
        self.offsets = OffsetIndex(self.base_offset, offsets)
        self.times = TimeIndex(self.base_offset, times)
        self.largest_timestamp_ms = NO_TIMESTAMP
        self.append_time_ms = 0
        self.written_bytes = (len(self.offsets.entries.data), len(self.times.entries.data))
        self._entry_position = 0
        self._mark_offset = self.base_offset

    def _mark(self, offset: int) -> None:
        if offset > self._mark_offset:
            self.times.append(TimeMark(self.largest_timestamp_ms, self.append_time_ms, offset))
            self._mark_offset = offset
