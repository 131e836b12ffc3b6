"""One segment: a `.log` file of record batches with its two indexes.

`00000000000000000000.log` is named by the offset of its first record. Batches stand in it one after
the other, as they came; nothing else does. The last segment of a partition is the active one, the only
one that is written.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import attrs

from eventlog.storage.disk import Disk, File, OpenMode, write_all
from eventlog.storage.intervals import Intervals
from eventlog.storage.scan import Damage, Place, ScannedBatch
from eventlog.storage.segment_index import NO_TIMESTAMP, SegmentIndex

LOG_SUFFIX = ".log"
INDEX_SUFFIX = ".index"
TIMEINDEX_SUFFIX = ".timeindex"
OFFSET_DIGITS = 20


def file_name(offset: int, suffix: str) -> str:
    """The name of a partition's file, padded so that names sort as offsets do."""
    return f"{offset:0{OFFSET_DIGITS}d}{suffix}"


def offset_of(name: str, suffix: str) -> int | None:
    """The offset in such a name, or None where it is not exactly one."""
    stem = name.removesuffix(suffix)
    whole = len(stem) == OFFSET_DIGITS and stem.isascii() and stem.isdigit()
    return int(stem) if name.endswith(suffix) and whole and int(stem) < 2**63 else None


@attrs.define(eq=False)
class Segment:
    """What a running log knows of one segment.

    The append time and the largest timestamp are those of the index, kept when it is not in memory.
    `end` is the place after its last batch; for a sealed segment its offset is the base offset of the
    next one. `checked` are the stretches whose checksums were compared since the log was opened,
    `damages` what was found there, ascending.
    """

    folder: Path
    base_offset: int
    end: Place
    modified_ms: int
    index_interval_bytes: int
    index: SegmentIndex | None = None
    active_file: File | None = None
    is_dirty: bool = False
    needs_trim: bool = False
    first_append_ms: int | None = None
    last_append_ms: int = 0
    largest_timestamp_ms: int = NO_TIMESTAMP
    checked: Intervals = attrs.field(factory=Intervals)
    damages: list[Damage] = attrs.field(factory=list)

    @property
    def log_path(self) -> Path:
        return self.folder / file_name(self.base_offset, LOG_SUFFIX)

    @property
    def index_path(self) -> Path:
        return self.folder / file_name(self.base_offset, INDEX_SUFFIX)

    @property
    def timeindex_path(self) -> Path:
        return self.folder / file_name(self.base_offset, TIMEINDEX_SUFFIX)

    @property
    def size_bytes(self) -> int:
        """Bytes of batches."""
        return self.end.position

    def append(self, data: memoryview, batch: ScannedBatch, append_time_ms: int) -> None:
        """Write one batch at the end; on OSError nothing has been appended.

        What a write that failed half-way left after the end is cut off, at the latest before the next one:
        a killed process must not leave bytes there that recovery could take for batches.
        """
        assert self.active_file is not None, "only the active segment is written"
        assert self.index is not None, "the active segment has its index in memory"
        assert (batch.position, batch.base_offset) == self.end, "batches stand one after the other"
        if self.needs_trim:
            self.trim()
        try:
            write_all(self.active_file, data, batch.position)
        except OSError:
            self.needs_trim = True
            with suppress(OSError):
                self.trim()
            raise
        self.index.add(batch, append_time_ms)
        self.checked.add(batch.position, batch.end.position)
        self.end = batch.end
        self.is_dirty = True
        if self.first_append_ms is None:
            self.first_append_ms = append_time_ms

    def note_times(self) -> None:
        """Keep what the index says of the whole segment, for the time when it is not loaded."""
        assert self.index is not None
        self.last_append_ms = self.index.append_time_ms
        self.largest_timestamp_ms = self.index.largest_timestamp_ms

    def trim(self) -> None:
        """Cut off what a failed write may have left after the end."""
        assert self.active_file is not None
        if self.active_file.size() != self.end.position:
            self.active_file.truncate(self.end.position)
        self.needs_trim = False

    def index_write(self) -> IndexWrite:
        """The index entries that the files lack, taken now, to be written off the loop."""
        assert self.index is not None
        (offsets, offsets_at), (times, times_at) = self.index.unwritten()
        return IndexWrite(
            self.index, self.index_path, offsets, offsets_at, self.timeindex_path, times, times_at
        )


@attrs.frozen
class IndexWrite:
    """Bytes for both index files of a segment, cut loose from the index that goes on growing."""

    index: SegmentIndex
    offsets_path: Path
    offsets: bytes
    offsets_at: int
    times_path: Path
    times: bytes
    times_at: int

    def execute(self, disk: Disk, *, durable: bool) -> None:
        """Write both files, cutting what stood after. Blocks: call it through `Disk.run`."""
        for path, data, position in (
            (self.offsets_path, self.offsets, self.offsets_at),
            (self.times_path, self.times, self.times_at),
        ):
            file = disk.open(path, OpenMode.CREATE)
            try:
                write_all(file, data, position)
                if file.size() > position + len(data):
                    file.truncate(position + len(data))
                if durable:
                    file.flush()
            finally:
                file.close()

    def done(self) -> None:
        """Take note that the files have these entries."""
        self.index.written_bytes = (self.offsets_at + len(self.offsets), self.times_at + len(self.times))
