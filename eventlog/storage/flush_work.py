"""What one flush of one partition covers, taken in the loop and carried out in a thread."""

from __future__ import annotations

from pathlib import Path

import attrs

from eventlog.storage.disk import Disk, File
from eventlog.storage.scan import Place
from eventlog.storage.segment import Segment


@attrs.frozen
class FlushWork:
    """Files to flush and a folder to sync; then everything before `end`, in `segment`, is durable."""

    files: tuple[File, ...]
    directory: Path | None
    segment: Segment
    end: Place

    def execute(self, disk: Disk) -> None:
        """Flush. Blocks: call it through `Disk.run`; an OSError means that nothing of it counts."""
        for file in self.files:
            file.flush()
        if self.directory is not None:
            disk.sync_directory(self.directory)
