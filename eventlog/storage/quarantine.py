"""Where recovery puts a copy of what it cuts: `quarantine/`, never read and never deleted by the log.

A copy is named by topic, partition, segment, position and checksum, and ends in `.log`, so that
`gputail log dump FILE` reads it. The same bytes, set aside twice by an interrupted recovery, are one file.
"""

from __future__ import annotations

from pathlib import Path

from eventlog.record.checksum import crc32c
from eventlog.storage.disk import Disk, File, OpenMode, flush, sync_directory, write_all
from eventlog.storage.partition_files import UNFINISHED_SUFFIX
from eventlog.storage.segment import LOG_SUFFIX

COPY_BYTES = 1024 * 1024


class Quarantine:
    """One data directory's quarantine."""

    def __init__(self, disk: Disk, folder: Path) -> None:
        self._disk = disk
        self._folder = folder

    async def keep(self, label: str, source: Path, base_offset: int, position: int) -> Path | None:
        """Copy `source` from `position` to its end, durably; None where there is nothing to copy.

        `label` names topic and partition.
        """
        disk = self._disk
        await disk.make_directory(self._folder)
        original = disk.open(source, OpenMode.READ)
        try:
            if original.size() <= position:
                return None
            unfinished = self._folder / f"{label}-{base_offset}-{position}{UNFINISHED_SUFFIX}"
            copy = disk.open(unfinished, OpenMode.CREATE)
            try:
                checksum = await disk.run(lambda: _copy(original, position, copy))
                await flush(disk, copy)
            finally:
                copy.close()
        finally:
            original.close()
        kept = self._folder / f"{label}-{base_offset}-{position}-{checksum:08x}{LOG_SUFFIX}"
        await disk.rename(unfinished, kept)
        await sync_directory(disk, self._folder)
        await sync_directory(disk, self._folder.parent)
        return kept


def _copy(original: File, position: int, copy: File) -> int:
    """Copy to the end of the original; returns the checksum of what was copied."""
    copy.truncate(0)
    checksum, written = 0, 0
    while data := original.pread(COPY_BYTES, position + written):
        write_all(copy, data, written)
        checksum = crc32c(data, checksum)
        written += len(data)
    return checksum
