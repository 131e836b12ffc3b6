"""What the partitions of one data directory share: its disk, clock, caches, quarantine and free space."""

from __future__ import annotations

from pathlib import Path

import attrs

from eventlog.clock import SteadyClock
from eventlog.storage.directory_files import QUARANTINE_NAME
from eventlog.storage.disk import Disk
from eventlog.storage.free_space import FreeSpace
from eventlog.storage.open_files import OpenFiles
from eventlog.storage.quarantine import Quarantine
from eventlog.storage.segment_indexes import SegmentIndexes
from eventlog.storage.segment_reader import SegmentReader
from eventlog.storage.settings import LogSettings


@attrs.frozen
class Volume:
    """The collaborators that every partition is given."""

    disk: Disk
    clock: SteadyClock
    settings: LogSettings
    free_space: FreeSpace
    open_files: OpenFiles
    indexes: SegmentIndexes
    reader: SegmentReader
    quarantine: Quarantine

    @classmethod
    def build(cls, path: Path, disk: Disk, clock: SteadyClock, settings: LogSettings) -> Volume:
        """The real collaborators for a data directory at `path`."""
        open_files = OpenFiles(disk, settings.open_files_max)
        indexes = SegmentIndexes(disk, open_files, settings.index_cache_bytes_max)
        return cls(
            disk,
            clock,
            settings,
            FreeSpace(disk, path, settings.free_bytes_min),
            open_files,
            indexes,
            SegmentReader(disk, open_files, indexes),
            Quarantine(disk, path / QUARANTINE_NAME),
        )
