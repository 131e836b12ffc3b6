"""The indexes of sealed segments: loaded when they are needed, healed, and kept within a bound of bytes."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

from eventlog.storage.disk import Disk
from eventlog.storage.open_files import OpenFiles
from eventlog.storage.segment import Segment
from eventlog.storage.segment_index import SegmentIndex


class SegmentIndexes:
    """Shared by the partitions of a data directory; the active segments' indexes stay outside the bound."""

    def __init__(self, disk: Disk, open_files: OpenFiles, bytes_max: int) -> None:
        self._disk = disk
        self._open_files = open_files
        self._bytes_max = bytes_max
        self._bytes = 0
        self._loaded: OrderedDict[Segment, int] = OrderedDict()

    async def get(self, segment: Segment) -> SegmentIndex:
        """The segment's indexes; what the files lack is read from the segment and written to them."""
        if segment.index is not None:
            if segment in self._loaded:
                self._loaded.move_to_end(segment)
            return segment.index
        offsets = await self._read(segment.index_path)
        times = await self._read(segment.timeindex_path)
        index = SegmentIndex(segment.base_offset, segment.index_interval_bytes, offsets, times)
        await self._complete(segment, index)
        return index

    async def rebuild(self, segment: Segment) -> SegmentIndex:
        """Throw the indexes away and read them from the segment, for an entry turned out to be damaged."""
        index = SegmentIndex(segment.base_offset, segment.index_interval_bytes)
        if segment.active_file is None:
            await self._complete(segment, index)
        else:
            await self._rebuild_active(segment, index)
        return index

    def keep(self, segment: Segment) -> None:
        """Count a sealed segment's index in, and drop the least recently used ones beyond the bound."""
        assert segment.index is not None
        segment.note_times()
        self._bytes += segment.index.size_bytes - self._loaded.pop(segment, 0)
        self._loaded[segment] = segment.index.size_bytes
        while self._bytes > self._bytes_max and len(self._loaded) > 1:
            oldest, size_bytes = self._loaded.popitem(last=False)
            self._bytes -= size_bytes
            oldest.index = None

    def forget(self, segment: Segment) -> None:
        """The segment is about to go."""
        self._bytes -= self._loaded.pop(segment, 0)

    async def _complete(self, segment: Segment, index: SegmentIndex) -> None:
        assert segment.active_file is None, "the active segment keeps its index in memory"
        with self._open_files.read(segment.log_path) as lease:
            read, end = lease.file.pread, segment.end
            await self._disk.run(lambda: index.complete_segment(read, end, segment.modified_ms))
        index.seal(segment.end.offset)
        segment.index = index
        write = segment.index_write()
        if write.offsets or write.times:
            with suppress(OSError):  # derived, and reading must go on where the volume is full or failing
                await self._disk.run(lambda: write.execute(self._disk, durable=False))
                write.done()
        self.keep(segment)

    async def _rebuild_active(self, segment: Segment, index: SegmentIndex) -> None:
        """Read most of the segment off the loop, then what was appended meanwhile, and change over."""
        with self._open_files.read(segment.log_path) as lease:
            read, end = lease.file.pread, segment.end
            await self._disk.run(lambda: index.complete_segment(read, end, segment.modified_ms))
            index.complete_segment(read, segment.end, segment.modified_ms)
        if segment.index is not None:
            index.append_time_ms = max(index.append_time_ms, segment.index.append_time_ms)
        segment.index = index

    async def _read(self, path: Path) -> bytes:
        try:
            return await self._disk.read(path)
        except OSError:  # missing or unreadable: it is derived
            return b""
