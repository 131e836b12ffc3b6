"""A disk that can only be read: whatever would change the volume is refused before it reaches it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

from eventlog.record.buffer import Buffer
from eventlog.storage.disk import Disk, Entry, File, Lock, OpenMode, Space

T = TypeVar("T")


class ReadOnlyFile:
    """An open file without what changes it."""

    def __init__(self, file: File) -> None:
        self.path = file.path
        self._file = file

    def fileno(self) -> int:
        return self._file.fileno()

    def size(self) -> int:
        return self._file.size()

    def pread(self, size: int, position: int) -> bytes:
        return self._file.pread(size, position)

    def pwrite(self, data: Buffer, position: int) -> int:  # noqa: ARG002
        _refuse(self.path)

    def truncate(self, size: int) -> None:  # noqa: ARG002
        _refuse(self.path)

    def flush(self) -> None:
        _refuse(self.path)

    def close(self) -> None:
        self._file.close()


class ReadOnlyDisk:
    """Another disk, as an inspector may use it."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def open(self, path: Path, mode: OpenMode) -> ReadOnlyFile:
        if mode is not OpenMode.READ:
            _refuse(path)
        return ReadOnlyFile(self._disk.open(path, mode))

    def sync_directory(self, path: Path) -> None:
        _refuse(path)

    async def run(self, work: Callable[[], T]) -> T:
        return await self._disk.run(work)

    async def read(self, path: Path) -> bytes:
        return await self._disk.read(path)

    async def list(self, path: Path) -> list[Entry]:
        return await self._disk.list(path)

    async def exists(self, path: Path) -> bool:
        return await self._disk.exists(path)

    async def make_directory(self, path: Path) -> None:
        _refuse(path)

    async def rename(self, source: Path, target: Path) -> None:  # noqa: ARG002
        _refuse(source)

    async def unlink(self, path: Path) -> None:
        _refuse(path)

    async def remove_directory(self, path: Path) -> None:
        _refuse(path)

    async def space(self, path: Path) -> Space:
        return await self._disk.space(path)

    async def lock(self, path: Path) -> Lock:
        _refuse(path)

    async def is_locked(self, path: Path) -> bool:
        return await self._disk.is_locked(path)


def _refuse(path: Path) -> NoReturn:
    raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
