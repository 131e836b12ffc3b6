"""A disk that fails on purpose, over any other disk: the n-th operation of a kind, or a full volume.

A failed flush does to a recording disk what Linux does: the dirty pages are marked clean and still
shown, so that a second flush succeeds and makes nothing durable.
"""

from __future__ import annotations

import enum
import errno
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import attrs

from eventlog.storage.disk import Disk, Entry, File, Lock, OpenMode, Space
from tests.reliability.disks.power_cut import RecordingFile

if TYPE_CHECKING:
    from typing_extensions import Buffer

T = TypeVar("T")


class Kind(enum.Enum):
    """What is counted, and can fail."""

    OPEN = "open"
    READ = "read"
    WRITE = "write"
    TRUNCATE = "truncate"
    FLUSH = "flush"
    LIST = "list"
    MAKE_DIRECTORY = "make directory"
    RENAME = "rename"
    UNLINK = "unlink"
    REMOVE_DIRECTORY = "remove directory"
    SYNC_DIRECTORY = "sync directory"


class Effect(enum.Enum):
    """How it fails. A short write takes half and says so; it may then find the disk full."""

    EIO = errno.EIO
    ENOSPC = errno.ENOSPC
    SHORT = "short"
    SHORT_THEN_ENOSPC = "short, then ENOSPC"


@attrs.frozen
class Fault:
    """The `nth` operation of `kind` (the first is 1) fails; `once`, or each one from then on."""

    kind: Kind
    nth: int
    effect: Effect = Effect.EIO
    once: bool = True

    def __str__(self) -> str:
        return f"{self.kind.value} {self.nth}: {self.effect.name}{'' if self.once else ' from then on'}"


class FaultyFile:
    """A file whose operations are counted and fail as planned."""

    def __init__(self, disk: FaultyDisk, file: File) -> None:
        self.path = file.path
        self.inner = file
        self._disk = disk

    def fileno(self) -> int:
        return self.inner.fileno()

    def size(self) -> int:
        return self.inner.size()

    def pread(self, size: int, position: int) -> bytes:
        self._disk.count(Kind.READ, self.path)
        return self.inner.pread(size, position)

    def pwrite(self, data: Buffer, position: int) -> int:
        view = memoryview(data).cast("B")
        if self._disk.count_write(self.path):
            view = view[: max(len(view) // 2, 1)]
        growth = position + len(view) - self.inner.size()
        if growth > 0:
            room = self._disk.take_room(growth, self.path)
            view = view[: len(view) - growth + room]
        return self.inner.pwrite(view, position)

    def truncate(self, size: int) -> None:
        self._disk.count(Kind.TRUNCATE, self.path)
        self._disk.used_bytes += size - self.inner.size()
        self.inner.truncate(size)

    def flush(self) -> None:
        try:
            self._disk.count(Kind.FLUSH, self.path)
        except OSError:
            if isinstance(self.inner, RecordingFile):
                self.inner.lose_flush()
            raise
        self.inner.flush()

    def close(self) -> None:
        self.inner.close()


class FaultyDisk:
    """An implementation of `eventlog.storage.disk.Disk` that fails as its plan says.

    `plan` may be set at any time; `counts` counts from construction or from the last `reset`.
    With `capacity_bytes` (of contents, of an inner disk that was empty) the volume can be full.
    """

    def __init__(self, inner: Disk, plan: Fault | None = None, *, capacity_bytes: int | None = None) -> None:
        self.inner = inner
        self.plan = plan
        self.capacity_bytes = capacity_bytes
        self.used_bytes = 0
        self.counts: Counter[Kind] = Counter()
        self.failures = 0
        self._is_full = False

    def reset(self, plan: Fault | None) -> None:
        """Count from 0 again, with another plan."""
        self.plan = plan
        self.counts.clear()
        self.failures = 0
        self._is_full = False

    def count(self, kind: Kind, path: Path) -> None:
        """One more operation of a kind; fails where the plan says so."""
        self.counts[kind] += 1
        if self.plan is not None and self._is_due(kind, self.plan):
            self.failures += 1
            code = self.plan.effect.value
            assert isinstance(code, int), "only writes can be short"
            raise OSError(code, os.strerror(code), str(path))

    def count_write(self, path: Path) -> bool:
        """One more write; whether it is to be short."""
        if self.plan is None or isinstance(self.plan.effect.value, int) or self.plan.kind is not Kind.WRITE:
            self.count(Kind.WRITE, path)
            return False
        self.counts[Kind.WRITE] += 1
        if self._is_full:
            self._is_full = not self.plan.once
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        if not self._is_due(Kind.WRITE, self.plan):
            return False
        self.failures += 1
        self._is_full = self.plan.effect is Effect.SHORT_THEN_ENOSPC
        return True

    def take_room(self, growth: int, path: Path) -> int:
        """Use up to `growth` bytes of the volume; raises where not one is left."""
        room = growth
        if self.capacity_bytes is not None:
            room = max(min(growth, self.capacity_bytes - self.used_bytes), 0)
        if room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        self.used_bytes += room
        return room

    def _is_due(self, kind: Kind, plan: Fault) -> bool:
        if kind is not plan.kind:
            return False
        return self.counts[kind] == plan.nth or (self.counts[kind] > plan.nth and not plan.once)

    # --- eventlog.storage.disk.Disk -------------------------------------------------------------

    def open(self, path: Path, mode: OpenMode) -> FaultyFile:
        self.count(Kind.OPEN, path)
        return FaultyFile(self, self.inner.open(path, mode))

    def sync_directory(self, path: Path) -> None:
        self.count(Kind.SYNC_DIRECTORY, path)
        self.inner.sync_directory(path)

    async def run(self, work: Callable[[], T]) -> T:
        return await self.inner.run(work)

    async def read(self, path: Path) -> bytes:
        self.count(Kind.READ, path)
        return await self.inner.read(path)

    async def list(self, path: Path) -> list[Entry]:
        self.count(Kind.LIST, path)
        return await self.inner.list(path)

    async def exists(self, path: Path) -> bool:
        return await self.inner.exists(path)

    async def make_directory(self, path: Path) -> None:
        self.count(Kind.MAKE_DIRECTORY, path)
        await self.inner.make_directory(path)

    async def rename(self, source: Path, target: Path) -> None:
        self.count(Kind.RENAME, source)
        replaced_bytes = self._size(target)
        await self.inner.rename(source, target)
        self.used_bytes -= replaced_bytes

    async def unlink(self, path: Path) -> None:
        self.count(Kind.UNLINK, path)
        freed_bytes = self._size(path)
        await self.inner.unlink(path)
        self.used_bytes -= freed_bytes

    async def remove_directory(self, path: Path) -> None:
        self.count(Kind.REMOVE_DIRECTORY, path)
        await self.inner.remove_directory(path)

    async def space(self, path: Path) -> Space:
        if self.capacity_bytes is None:
            return await self.inner.space(path)
        return Space(self.capacity_bytes, max(self.capacity_bytes - self.used_bytes, 0))

    async def lock(self, path: Path) -> Lock:
        return await self.inner.lock(path)

    async def is_locked(self, path: Path) -> bool:
        return await self.inner.is_locked(path)

    def _size(self, path: Path) -> int:
        try:
            file = self.inner.open(path, OpenMode.READ)
        except OSError:
            return 0
        try:
            return file.size()
        finally:
            file.close()
