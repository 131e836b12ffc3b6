"""The disk that fails does it exactly as planned."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from random import Random

import pytest

from eventlog.storage.disk import Disk, OpenMode, write_all
from tests.reliability.disks.faulty import Effect, Fault, FaultyDisk, Kind
from tests.reliability.disks.power_cut import ROOT, RecordingDisk

A, B, FOLDER = ROOT / "a", ROOT / "b", ROOT / "folder"


def _write(disk: Disk) -> None:
    disk.open(A, OpenMode.WRITE).pwrite(b"1234", 0)


OPERATIONS: dict[Kind, Callable[[Disk], object]] = {
    Kind.OPEN: lambda disk: disk.open(A, OpenMode.READ),
    Kind.READ: lambda disk: asyncio.run(disk.read(A)),
    Kind.WRITE: _write,
    Kind.TRUNCATE: lambda disk: disk.open(A, OpenMode.WRITE).truncate(2),
    Kind.FLUSH: lambda disk: disk.open(A, OpenMode.WRITE).flush(),
    Kind.LIST: lambda disk: asyncio.run(disk.list(ROOT)),
    Kind.MAKE_DIRECTORY: lambda disk: asyncio.run(disk.make_directory(ROOT)),
    Kind.RENAME: lambda disk: asyncio.run(disk.rename(A, A)),
    Kind.UNLINK: lambda disk: (asyncio.run(disk.unlink(A)), disk.open(A, OpenMode.CREATE)),
    Kind.REMOVE_DIRECTORY: lambda disk: (
        asyncio.run(disk.make_directory(FOLDER)),
        asyncio.run(disk.remove_directory(FOLDER)),
    ),
    Kind.SYNC_DIRECTORY: lambda disk: disk.sync_directory(ROOT),
}


def _disk(plan: Fault | None = None, *, capacity_bytes: int | None = None) -> FaultyDisk:
    disk = FaultyDisk(RecordingDisk(), capacity_bytes=capacity_bytes)
    disk.open(A, OpenMode.CREATE)
    disk.reset(plan)
    return disk


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.name)
@pytest.mark.parametrize("once", [True, False], ids=["once", "from-then-on"])
def test_the_planned_operation_fails_and_no_other(kind: Kind, once: bool) -> None:
    """The n-th operation of the kind fails, those before it do not, those after it as planned."""
    disk = _disk(Fault(kind, 2, once=once))
    outcomes = []
    for _ in range(4):
        try:
            OPERATIONS[kind](disk)
            outcomes.append(0)
        except OSError as error:
            outcomes.append(error.errno or 0)
    assert outcomes == [0, errno.EIO, *([0, 0] if once else [errno.EIO] * 2)]
    assert disk.failures == outcomes.count(errno.EIO)
    assert disk.counts[kind] == 4


def test_a_short_write_takes_half_and_says_so() -> None:
    """A short write is legal: write_all goes on after it."""
    disk = _disk(Fault(Kind.WRITE, 1, Effect.SHORT, once=False))
    file = disk.open(A, OpenMode.WRITE)
    assert file.pwrite(b"12345678", 0) == 4
    write_all(file, b"abcdefgh", 0)
    assert file.pread(9, 0) == b"abcdefgh"


def test_a_short_write_may_be_followed_by_a_full_disk() -> None:
    """The second write of a pair meets ENOSPC, with half of the bytes in the file."""
    disk = _disk(Fault(Kind.WRITE, 1, Effect.SHORT_THEN_ENOSPC))
    file = disk.open(A, OpenMode.WRITE)
    with pytest.raises(OSError, match="No space left"):
        write_all(file, b"12345678", 0)
    assert file.pread(9, 0) == b"1234"
    write_all(file, b"12345678", 0)
    assert file.pread(9, 0) == b"12345678"


def test_a_failed_flush_marks_the_pages_clean() -> None:
    """A flush that is tried again succeeds, and a power cut still takes the bytes."""
    inner = RecordingDisk()
    disk = FaultyDisk(inner)
    file = disk.open(A, OpenMode.CREATE)
    disk.sync_directory(ROOT)
    disk.reset(Fault(Kind.FLUSH, 1))
    write_all(file, b"new", 0)
    with pytest.raises(OSError, match="Input/output error"):
        file.flush()
    file.flush()
    assert {b"new", b"\0\0\0"} <= {inner.cut(Random(seed)).content(A) for seed in range(200)}


def test_a_full_volume_takes_what_fits_and_then_nothing() -> None:
    """Growth beyond the capacity is short, then refused; overwriting goes on; unlinking frees."""
    disk = _disk(capacity_bytes=10)
    file = disk.open(A, OpenMode.WRITE)
    assert file.pwrite(b"x" * 16, 0) == 10
    with pytest.raises(OSError, match="No space left"):
        file.pwrite(b"y", 10)
    assert file.pwrite(b"z" * 10, 0) == 10
    assert asyncio.run(disk.space(ROOT)).free_bytes == 0
    file.truncate(4)
    assert asyncio.run(disk.space(ROOT)).free_bytes == 6
    disk.open(B, OpenMode.CREATE).pwrite(b"12", 0)
    asyncio.run(disk.rename(B, A))
    assert disk.used_bytes == 2
    asyncio.run(disk.unlink(A))
    assert asyncio.run(disk.space(ROOT)).free_bytes == 10
