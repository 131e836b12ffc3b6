"""Writes stop while there is still room: below a floor of free space appends are refused.

What is left above the floor serves reads, commits, recovery and retention, which is what frees space.
"""

from __future__ import annotations

from pathlib import Path

from eventlog.errors import DiskLowError
from eventlog.storage.disk import Disk, Space


class FreeSpace:
    """One volume's free space: measured by `refresh`, counted down by appends in between."""

    def __init__(self, disk: Disk, path: Path, floor_bytes: int) -> None:
        self._disk = disk
        self._path = path
        self._floor_bytes = floor_bytes
        self.space = Space(0, 0)
        self._left_bytes = 0

    async def refresh(self) -> None:
        """Measure again; where appends were refused they go on as soon as there is room."""
        self.space = await self._disk.space(self._path)
        self._left_bytes = self.space.free_bytes - self._floor_bytes

    @property
    def is_low(self) -> bool:
        return self._left_bytes <= 0

    def take(self, size_bytes: int) -> None:
        """Count an append of this size; DiskLowError where it would reach the floor."""
        if size_bytes > self._left_bytes:
            raise DiskLowError(
                f"less than {self._floor_bytes} bytes would be left on the volume of {self._path}; "
                "free space or lower the retention, writing then resumes by itself"
            )
        self._left_bytes -= size_bytes
