"""The disk of an inspector: it reads as the other one does, and changes nothing."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from eventlog.inspect.read_only_disk import ReadOnlyDisk
from eventlog.storage.disk import Disk, OpenMode, PosixDisk

CHANGES: dict[str, Callable[[Disk, Path], Any]] = {
    "open to write": lambda disk, path: disk.open(path, OpenMode.WRITE),
    "open to create": lambda disk, path: disk.open(path.with_name("new"), OpenMode.CREATE),
    "write": lambda disk, path: disk.open(path, OpenMode.READ).pwrite(b"x", 0),
    "truncate": lambda disk, path: disk.open(path, OpenMode.READ).truncate(0),
    "flush": lambda disk, path: disk.open(path, OpenMode.READ).flush(),
    "sync": lambda disk, path: disk.sync_directory(path.parent),
    "make": lambda disk, path: disk.make_directory(path.with_name("new")),
    "rename": lambda disk, path: disk.rename(path, path.with_name("new")),
    "unlink": lambda disk, path: disk.unlink(path),
    "remove": lambda disk, path: disk.remove_directory(path.parent / "empty"),
    "lock": lambda disk, path: disk.lock(path.with_name("lock")),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "empty").mkdir()
    file = tmp_path / "file"
    file.write_bytes(b"0123456789")
    return file


async def attempt(change: str, path: Path) -> None:
    disk = PosixDisk()
    outcome = CHANGES[change](ReadOnlyDisk(disk), path)
    if isinstance(outcome, Awaitable):
        await outcome
    disk.close()


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_whatever_would_change_something_is_refused(path: Path, change: str) -> None:
    """Each mutating call fails as on a read-only file system, and has done nothing."""
    before = sorted(path.parent.iterdir())

    with pytest.raises(OSError, match="Read-only") as refused:
        asyncio.run(attempt(change, path))

    assert errno.EROFS == refused.value.errno
    assert (before, b"0123456789") == (sorted(path.parent.iterdir()), path.read_bytes())


async def test_reading_is_delegated(path: Path) -> None:
    """What only reads gives what the disk beneath gives."""
    posix = PosixDisk()
    disk = ReadOnlyDisk(posix)
    file = disk.open(path, OpenMode.READ)

    assert (10, b"234", path) == (file.size(), file.pread(3, 2), file.path)
    assert file.fileno() > 0
    assert b"0123456789" == await disk.read(path)
    assert await posix.list(path.parent) == await disk.list(path.parent)
    assert (await posix.space(path)).total_bytes == (await disk.space(path)).total_bytes
    assert (True, False) == (await disk.exists(path), await disk.is_locked(path.with_name("lock")))
    assert 3 == await disk.run(lambda: 3)
    file.close()
    posix.close()
