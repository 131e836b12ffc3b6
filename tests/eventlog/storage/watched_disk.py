"""A recording disk that also knows which files are open and what was read, and can make `run` wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from eventlog.storage.disk import OpenMode
from tests.reliability.disks.contents import Contents
from tests.reliability.disks.power_cut import RecordingDisk, RecordingFile
from tests.reliability.disks.volume import Volume

T = TypeVar("T")

CHANGES = {"write", "truncate", "create", "rename", "unlink", "make_directory", "remove_directory"}
"""The recorded operations that change anything; flushes and syncs only make it last."""


class ReadDone(NamedTuple):
    """One read of an open file."""

    path: Path
    position: int
    size: int


class WatchedFile(RecordingFile):
    """A file that tells its disk what happens to it."""

    def __init__(self, disk: WatchedDisk, path: Path, contents: Contents) -> None:
        super().__init__(disk, path, contents)
        self._watcher = disk
        disk.open_files.append(self)

    def pread(self, size: int, position: int) -> bytes:
        data = super().pread(size, position)
        self._watcher.reads.append(ReadDone(self.path, position, len(data)))
        return data

    def close(self) -> None:
        super().close()
        if self in self._watcher.open_files:
            self._watcher.open_files.remove(self)


class WatchedDisk(RecordingDisk):
    """`gate` holds back everything that goes through `run` until it is set; `hops` lets others go first."""

    def __init__(self, volume: Volume | None = None) -> None:
        super().__init__(volume)
        self.open_files: list[WatchedFile] = []
        self.reads: list[ReadDone] = []
        self.gate: asyncio.Event | None = None
        self.hops = 0

    def open(self, path: Path, mode: OpenMode) -> WatchedFile:
        super().open(path, mode)
        found = self.volume.find(str(path))
        assert isinstance(found, Contents)
        return WatchedFile(self, path, found)

    async def run(self, work: Callable[[], T]) -> T:
        for _ in range(self.hops):
            await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        return work()

    # --- for the tests --------------------------------------------------------------------------

    @property
    def open_paths(self) -> list[str]:
        """The names of the files that are open, sorted."""
        return sorted(file.path.name for file in self.open_files)

    def changes_since(self, position: int) -> list[str]:
        """The names of the operations since then that changed anything."""
        return [operation[0] for operation in self.journal[position:] if operation[0] in CHANGES]

    def replace(self, path: Path, data: bytes) -> None:
        """Somebody gives a file another content, durably; it is made where it is missing."""
        file = self.open(path, OpenMode.CREATE)
        file.truncate(0)
        file.pwrite(data, 0)
        file.flush()
        file.close()
        self.volume.sync_directory(str(path.parent))

    def remove(self, path: Path) -> None:
        """Somebody removes a file, durably, if it is there."""
        if str(path.name) in self.listing(path.parent):
            self.perform("unlink", str(path))
        self.volume.sync_directory(str(path.parent))

    def listing(self, folder: Path) -> list[str]:
        """What stands in a folder, sorted."""
        return sorted(self.volume.directory(str(folder)).current)
