"""A disk in memory that records every operation and can lose power after any of them.

`cut(rng)` gives one legal state after a power cut now; `Recording` materialises such states after
any operation of a workload that was recorded once. See volume.py and contents.py for what is legal.
Nothing here suspends: `run` does the work inline.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from eventlog.errors import DirectoryLockedError
from eventlog.storage.disk import Entry, OpenMode, Space
from tests.reliability.disks.contents import Contents
from tests.reliability.disks.volume import Directory, Volume

if TYPE_CHECKING:
    from typing_extensions import Buffer

T = TypeVar("T")

VOLUME_BYTES = 1 << 30
ROOT = Path("/volume")
"""A folder that exists, durably, on every recording disk."""

Operation = tuple[Any, ...]
"""A method of Volume and its arguments."""


class Killed(BaseException):
    """The process was killed: nothing that it still does reaches the disk."""


class RecordingFile:
    """An open file of the disk in memory."""

    def __init__(self, disk: RecordingDisk, path: Path, contents: Contents) -> None:
        self.path = path
        self._disk = disk
        self._contents = contents
        self._is_open = True

    def fileno(self) -> int:
        raise OSError(errno.EBADF, "a file in memory has no descriptor", str(self.path))

    def size(self) -> int:
        return len(self._contents.current)

    def pread(self, size: int, position: int) -> bytes:
        self._check_open()
        return bytes(self._contents.current[position : position + size])

    def pwrite(self, data: Buffer, position: int) -> int:
        self._check_open()
        taken = bytes(data)
        self._disk.perform("write", self._contents.number, position, taken)
        return len(taken)

    def truncate(self, size: int) -> None:
        self._check_open()
        self._disk.perform("truncate", self._contents.number, size)

    def flush(self) -> None:
        self._check_open()
        self._disk.perform("flush", self._contents.number)

    def lose_flush(self) -> None:
        """A flush that fails and leaves the pages marked clean, as Linux does.

        Not tried: a kill in the instant between this and the program's next write, which notes it.
        """
        self._disk.perform("lose_flush", self._contents.number)
        if self._disk.operations_left is not None:
            self._disk.operations_left = max(self._disk.operations_left, 1)

    def close(self) -> None:
        self._is_open = False

    def _check_open(self) -> None:
        if not self._is_open:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF), str(self.path))


class RecordingLock:
    """A held lock of the disk in memory."""

    def __init__(self, held: set[str], path: str) -> None:
        self._held = held
        self._path = path

    def release(self) -> None:
        self._held.discard(self._path)


class RecordingDisk:
    """An implementation of `eventlog.storage.disk.Disk` that is fast and knows what is durable."""

    def __init__(self, volume: Volume | None = None) -> None:
        if volume is None:
            volume = Volume()
            volume.make_directory(str(ROOT))
            volume.sync_directory("/")
        self.volume = volume
        self.journal: list[Operation] = []
        self.on_operation: Callable[[Operation], None] | None = None
        self.operations_left: int | None = None
        """After so many more operations the process is killed: each then raises Killed, until `revive`."""
        self.modified_ms = 0
        self._locks: set[str] = set()

    @property
    def operation_count(self) -> int:
        """How many operations have changed this disk: the place in the recording."""
        return len(self.journal)

    def perform(self, *operation: Any) -> None:
        """Do one operation, write it down, and tell whoever counts."""
        if self.operations_left is not None:
            if self.operations_left == 0:
                raise Killed
            self.operations_left -= 1
        name, *arguments = operation
        getattr(self.volume, name)(*arguments)
        self.journal.append(operation)
        if self.on_operation is not None:
            self.on_operation(operation)

    def cut(self, rng: Random) -> RecordingDisk:
        """A new disk in one legal state after a power cut now."""
        return RecordingDisk(self.volume.cut(rng))

    # --- eventlog.storage.disk.Disk -------------------------------------------------------------

    def open(self, path: Path, mode: OpenMode) -> RecordingFile:
        name = str(path)
        try:
            found = self.volume.find(name)
        except FileNotFoundError:
            if mode is not OpenMode.CREATE:
                raise
            self.perform("create", name)
            found = self.volume.find(name)
        if isinstance(found, Directory):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
        return RecordingFile(self, path, found)

    def sync_directory(self, path: Path) -> None:
        self.perform("sync_directory", str(path))

    async def run(self, work: Callable[[], T]) -> T:
        return work()

    async def read(self, path: Path) -> bytes:
        return self.content(path)

    async def list(self, path: Path) -> list[Entry]:
        names = self.volume.directory(str(path)).current
        return [
            Entry(name, True, 4096, self.modified_ms)
            if isinstance(node, Directory)
            else Entry(name, False, len(node.current), self.modified_ms)
            for name, node in sorted(names.items())
        ]

    async def exists(self, path: Path) -> bool:
        return self._exists(str(path))

    async def make_directory(self, path: Path) -> None:
        missing = []
        while not self._exists(str(path)):
            missing.append(str(path))
            path = path.parent
        for name in reversed(missing):
            self.perform("make_directory", name)

    async def rename(self, source: Path, target: Path) -> None:
        self.perform("rename", str(source), str(target))

    async def unlink(self, path: Path) -> None:
        self.perform("unlink", str(path))

    async def remove_directory(self, path: Path) -> None:
        self.perform("remove_directory", str(path))

    async def space(self, path: Path) -> Space:
        return Space(VOLUME_BYTES, VOLUME_BYTES)

    async def lock(self, path: Path) -> RecordingLock:
        if str(path) in self._locks:
            raise DirectoryLockedError(f"{path.parent} is in use")
        self.open(path, OpenMode.CREATE)
        self._locks.add(str(path))
        return RecordingLock(self._locks, str(path))

    async def is_locked(self, path: Path) -> bool:
        return str(path) in self._locks

    # --- for the tests --------------------------------------------------------------------------

    def revive(self) -> None:
        """Another process may begin: the page cache is as it was, the killed one's locks are gone."""
        self.operations_left = None
        self._locks.clear()

    def content(self, path: Path) -> bytes:
        """What a read of the whole file shows."""
        found = self.volume.find(str(path))
        if isinstance(found, Directory):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        return bytes(found.current)

    def names(self, path: Path) -> set[str]:
        """The names in a folder; none where it is missing."""
        name = str(path)
        return set(self.volume.directory(name).current) if self._exists(name) else set()

    def files(self) -> dict[Path, bytes]:
        """Every file and what a read of it shows."""
        return {
            Path(name): bytes(node.current) for name, node in self.volume.walk() if isinstance(node, Contents)
        }

    def with_content(self, changed: Mapping[Path, bytes]) -> RecordingDisk:
        """A copy of this disk, all of it durable, with other bytes in some files."""
        return RecordingDisk(self.volume.settled({str(path): data for path, data in changed.items()}))

    def _exists(self, name: str) -> bool:
        try:
            self.volume.find(name)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True


class Recording:
    """A workload's operations, played again from its first disk: a power cut after any of them.

    Go forward only (`to` a later operation); each `cut` is a disk of its own.
    """

    def __init__(self, start: RecordingDisk, journal: Iterable[Operation]) -> None:
        self._disk = start
        self._journal = list(journal)
        self.position = 0

    def __len__(self) -> int:
        return len(self._journal)

    def to(self, position: int) -> None:
        """Play until this many operations were done."""
        assert self.position <= position <= len(self._journal)
        for operation in self._journal[self.position : position]:
            name, *arguments = operation
            getattr(self._disk.volume, name)(*arguments)
        self.position = position

    def cut(self, rng: Random) -> RecordingDisk:
        """A new disk in one legal state after a power cut here."""
        return self._disk.cut(rng)
