"""Small files that change as a whole: written beside, flushed, renamed, the folder synced."""

from __future__ import annotations

from pathlib import Path

from eventlog.storage.disk import Disk, OpenMode, flush, sync_directory, write_all
from eventlog.storage.partition_files import UNFINISHED_SUFFIX


async def replace_file(disk: Disk, path: Path, data: bytes) -> None:
    """Make `data` the content of `path`, durably; after a crash it is the old content or the new."""
    unfinished = path.with_name(path.name + UNFINISHED_SUFFIX)
    file = disk.open(unfinished, OpenMode.CREATE)
    try:
        file.truncate(0)
        write_all(file, data, 0)
        await flush(disk, file)
    finally:
        file.close()
    await disk.rename(unfinished, path)
    await sync_directory(disk, path.parent)
