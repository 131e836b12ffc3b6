"""Every file operation of the log, behind one small interface; nothing else opens a file.

`PosixDisk` is the real one. What is hot or must not interleave with the loop's own state is a plain
call (`File.pwrite` of the active segment: a page-cache copy is cheaper than a thread hop); what may
block and is not hot is awaited (aiofiles); long reads and flushes go through `run`, off the loop.
The tests drive the log with a disk that records (power cuts) and one that fails (faults).

What a flush means: `File.flush` is `fdatasync` on Linux (data, and the size needed to read it) and
`F_FULLFSYNC` on macOS, whose `fsync` stops at the drive's cache. A created, renamed or removed name
is durable after `sync_directory` of its folder, not before.
"""

from __future__ import annotations

import asyncio
import enum
import errno
import fcntl
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

import aiofiles
import aiofiles.os
import attrs

from eventlog.errors import DirectoryLockedError, LockUnsupportedError
from eventlog.record.buffer import Buffer
from eventlog.storage.threads import Threads

T = TypeVar("T")

THREADS_MAX = 16
"""Flushes take up to eight of them, long reads the others."""

LOCK_WAIT_S = 1.0
"""An inspector holds the lock for an instant to see whether a writer runs; a writer outwaits it."""

_LOCK_HELD = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}
_LOCK_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


class OpenMode(enum.Enum):
    """What a file is opened for."""

    READ = os.O_RDONLY
    WRITE = os.O_RDWR
    CREATE = os.O_RDWR | os.O_CREAT


@attrs.frozen
class Entry:
    """One name in a folder."""

    name: str
    is_directory: bool
    size_bytes: int
    modified_ms: int


@attrs.frozen
class Space:
    """The volume's size and what an unprivileged writer may still use of it, in bytes."""

    total_bytes: int
    free_bytes: int


class File(Protocol):
    """An open file, addressed by position; it has no cursor."""

    path: Path

    def fileno(self) -> int:
        """The descriptor, for `sendfile`."""
        ...

    def size(self) -> int:
        """Bytes in the file now."""
        ...

    def pread(self, size: int, position: int) -> bytes:
        """Up to `size` bytes from `position`; fewer only at the end of the file."""
        ...

    def pwrite(self, data: Buffer, position: int) -> int:
        """Write at `position` and return how many bytes were taken, which may be fewer: see `write_all`."""
        ...

    def truncate(self, size: int) -> None:
        """Cut (or extend with zeros) to `size` bytes."""
        ...

    def flush(self) -> None:
        """Make what was written durable. Blocks: call it through `Disk.run`."""
        ...

    def close(self) -> None:
        """Release the descriptor; idempotent."""
        ...


class Lock(Protocol):
    """A held lock on a data directory."""

    def release(self) -> None:
        """Let others have it."""
        ...


class Disk(Protocol):
    """The volume, as the log uses it."""

    def open(self, path: Path, mode: OpenMode) -> File:
        """Open a file; CREATE makes it where it is missing and leaves its content alone."""
        ...

    def sync_directory(self, path: Path) -> None:
        """Make the names in a folder durable. Blocks: call it through `run`."""
        ...

    async def run(self, work: Callable[[], T]) -> T:
        """Run blocking work off the event loop."""
        ...

    async def read(self, path: Path) -> bytes:
        """The whole of a small file."""
        ...

    async def list(self, path: Path) -> list[Entry]:
        """The names in a folder, sorted."""
        ...

    async def exists(self, path: Path) -> bool:
        """Whether the name exists."""
        ...

    async def make_directory(self, path: Path) -> None:
        """Create a folder and its parents where they are missing."""
        ...

    async def rename(self, source: Path, target: Path) -> None:
        """Move a name, atomically, replacing a file that has the new one."""
        ...

    async def unlink(self, path: Path) -> None:
        """Remove a file's name."""
        ...

    async def remove_directory(self, path: Path) -> None:
        """Remove an empty folder."""
        ...

    async def space(self, path: Path) -> Space:
        """Size and free space of the volume that holds `path`."""
        ...

    async def lock(self, path: Path) -> Lock:
        """Take the only writer's lock; raises DirectoryLockedError or LockUnsupportedError."""
        ...

    async def is_locked(self, path: Path) -> bool:
        """Whether a writer holds the lock now; asks without writing."""
        ...


def write_all(file: File, data: Buffer, position: int) -> None:
    """Write every byte of `data` at `position`, however many calls the disk makes of it."""
    view = memoryview(data).cast("B")
    written = file.pwrite(view, position)
    while written < len(view):
        taken = file.pwrite(view[written:], position + written)
        if taken == 0:
            raise OSError(errno.EIO, "the disk took no byte of a write", str(file.path))
        written += taken


async def flush(disk: Disk, file: File) -> None:
    """Make one file's content durable without blocking the loop."""
    await disk.run(file.flush)


async def sync_directory(disk: Disk, path: Path) -> None:
    """Make one folder's names durable without blocking the loop."""
    await disk.run(lambda: disk.sync_directory(path))


class PosixFile:
    """A file of the operating system."""

    def __init__(self, path: Path, mode: OpenMode) -> None:
        self.path = path
        self._fd = os.open(path, mode.value | os.O_CLOEXEC, 0o644)

    def fileno(self) -> int:
        return self._fd

    def size(self) -> int:
        return os.fstat(self._fd).st_size

    def pread(self, size: int, position: int) -> bytes:
        data = os.pread(self._fd, size, position)
        if len(data) == size or not data:
            return data
        pieces = [data]  # a short read before the end of the file is legal, if rare
        got = len(data)
        while got < size and (data := os.pread(self._fd, size - got, position + got)):
            pieces.append(data)
            got += len(data)
        return b"".join(pieces)

    def pwrite(self, data: Buffer, position: int) -> int:
        return os.pwrite(self._fd, data, position)

    def truncate(self, size: int) -> None:
        os.ftruncate(self._fd, size)

    def flush(self) -> None:
        _flush_descriptor(self._fd)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class PosixLock:
    """An flock on the directory's `lock` file, which also says who holds it."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def release(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class PosixDisk:
    """The operating system's file systems.

    Long reads and flushes run on threads of this disk's own, so that a volume which stalls in a
    flush does not use up the event loop's default executor.
    """

    def __init__(self) -> None:
        self._threads = Threads(THREADS_MAX, "disk")

    def open(self, path: Path, mode: OpenMode) -> File:
        return PosixFile(path, mode)

    def sync_directory(self, path: Path) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    async def run(self, work: Callable[[], T]) -> T:
        return await self._threads.run(work)

    async def read(self, path: Path) -> bytes:
        async with aiofiles.open(path, "rb") as file:
            return await file.read()

    async def list(self, path: Path) -> list[Entry]:
        return await self.run(lambda: _list(path))

    async def exists(self, path: Path) -> bool:
        return await aiofiles.os.path.exists(path)

    async def make_directory(self, path: Path) -> None:
        await aiofiles.os.makedirs(path, exist_ok=True)

    async def rename(self, source: Path, target: Path) -> None:
        await aiofiles.os.replace(source, target)

    async def unlink(self, path: Path) -> None:
        await aiofiles.os.unlink(path)

    async def remove_directory(self, path: Path) -> None:
        await aiofiles.os.rmdir(path)

    async def space(self, path: Path) -> Space:
        volume = await aiofiles.os.statvfs(path)
        return Space(volume.f_blocks * volume.f_frsize, volume.f_bavail * volume.f_frsize)

    async def lock(self, path: Path) -> Lock:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            deadline = asyncio.get_running_loop().time() + LOCK_WAIT_S
            while not _try_lock(fd, fcntl.LOCK_EX, path):
                if asyncio.get_running_loop().time() >= deadline:
                    raise DirectoryLockedError(_held_message(fd, path))
                await asyncio.sleep(0.05)
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        except BaseException:
            os.close(fd)
            raise
        return PosixLock(fd)

    async def is_locked(self, path: Path) -> bool:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            return not _try_lock(fd, fcntl.LOCK_SH, path)
        finally:
            os.close(fd)

    def close(self) -> None:
        """End the threads; whatever they run is waited for."""
        self._threads.close()


def _list(path: Path) -> list[Entry]:
    entries = []
    with os.scandir(path) as names:
        for name in names:
            try:
                found = name.stat()
            except FileNotFoundError:  # gone since the listing: retention of a running broker
                continue
            entries.append(
                Entry(name.name, stat.S_ISDIR(found.st_mode), found.st_size, found.st_mtime_ns // 1_000_000)
            )
    return sorted(entries, key=lambda entry: entry.name)


def _try_lock(fd: int, kind: int, path: Path) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _LOCK_HELD:
            return False
        if error.errno in _LOCK_UNSUPPORTED:
            raise LockUnsupportedError(
                f"the file system of {path.parent} cannot lock files ({error.strerror}); "
                "choose a data directory on a local file system"
            ) from error
        raise
    return True


def _held_message(fd: int, path: Path) -> str:
    holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip()
    by = f"process {holder}" if holder.isdigit() else "another process"
    return f"{path.parent} is in use by {by}; stop it, or choose another data directory"


if sys.platform == "darwin":

    def _flush_descriptor(fd: int) -> None:
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)

else:

    def _flush_descriptor(fd: int) -> None:
        os.fdatasync(fd)
