"""The operating system's disk: whole reads and writes, real flushes, names and space."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import runpy
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventlog.storage import disk as disk_module
from eventlog.storage.disk import (
    Entry,
    OpenMode,
    PosixDisk,
    PosixFile,
    Space,
    flush,
    sync_directory,
    write_all,
)

FULL_FLUSH = 51
"""F_FULLFSYNC, which only macOS has."""


@pytest.fixture
def disk() -> Iterator[PosixDisk]:
    disk = PosixDisk()
    yield disk
    disk.close()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[PosixFile]:
    file = PosixFile(tmp_path / "file", OpenMode.CREATE)
    yield file
    file.close()


# --- files -------------------------------------------------------------------------------------


def test_bytes_come_back_from_where_they_were_written(file: PosixFile) -> None:
    """Positions are absolute, a hole reads as zeros, and a read past the end is short or empty."""
    assert 3 == file.pwrite(b"abc", 5)
    assert 8 == file.size()
    assert [b"\0\0\0\0\0abc", b"bc", b"", b""] == [
        file.pread(*asked) for asked in [(100, 0), (2, 6), (5, 8), (5, 800)]
    ]


def test_truncate_cuts_and_extends(file: PosixFile) -> None:
    """The size is what was asked for, new bytes are zeros."""
    file.pwrite(b"abcdef", 0)
    file.truncate(2)
    assert (2, b"ab") == (file.size(), file.pread(9, 0))
    file.truncate(4)
    assert b"ab\0\0" == file.pread(9, 0)


def test_create_leaves_content_alone(tmp_path: Path) -> None:
    """CREATE makes what is missing, WRITE and READ do not; READ does not write."""
    path = tmp_path / "file"
    for mode in (OpenMode.READ, OpenMode.WRITE):
        with pytest.raises(FileNotFoundError):
            PosixFile(path, mode)
    for mode in (OpenMode.CREATE, OpenMode.WRITE, OpenMode.CREATE):
        file = PosixFile(path, mode)
        file.pwrite(b"x", file.size())
        file.close()
    reader = PosixFile(path, OpenMode.READ)
    assert (b"xxx", path) == (reader.pread(9, 0), reader.path)
    with pytest.raises(OSError, match="Bad file"):
        reader.pwrite(b"y", 0)
    reader.close()


def test_files_are_not_inherited(file: PosixFile) -> None:
    """A program started by this one does not keep our files open."""
    assert not os.get_inheritable(file.fileno())


def test_close_is_idempotent_and_final(file: PosixFile) -> None:
    """A closed file neither reads nor closes a descriptor that somebody else has got since."""
    number = file.fileno()
    file.close()
    other = os.open(os.devnull, os.O_RDONLY)
    try:
        assert number == other, "the descriptor is given again"
        file.close()
        os.fstat(other)
        with pytest.raises(OSError, match="Bad file"):
            file.pread(1, 0)
    finally:
        os.close(other)


@pytest.mark.parametrize("step", [1, 3, 4, 9])
def test_short_reads_are_gone_on_with(file: PosixFile, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that gives few bytes at a time is asked until all are there or the file ends."""
    file.pwrite(b"0123456789", 0)
    real_pread = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, size, at: real_pread(fd, min(size, step), at))
    assert [b"0123456789", b"0123456789", b"456", b""] == [
        file.pread(*asked) for asked in [(10, 0), (50, 0), (3, 4), (3, 10)]
    ]


@pytest.mark.parametrize("step", [1, 3, 4, 100])
def test_short_writes_are_gone_on_with(file: PosixFile, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every byte lands at its place, however few are taken at a time, from any kind of buffer."""
    real_pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: real_pwrite(fd, data[:step], at))
    write_all(file, b"0123456789", 4)
    write_all(file, memoryview(bytearray(b"abc")), 1)
    assert b"\0abc0123456789" == file.pread(100, 0)


def test_a_disk_that_takes_nothing_is_an_error(file: PosixFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a short write, one of no bytes ends in EIO instead of going on for ever."""
    taken = iter([2, 0])
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: next(taken))
    with pytest.raises(OSError, match="took no byte") as raised:
        write_all(file, b"abc", 0)
    assert (errno.EIO, str(file.path)) == (raised.value.errno, raised.value.filename)


def test_nothing_to_write_is_nothing(file: PosixFile) -> None:
    """An empty buffer is written at once."""
    write_all(file, b"", 7)
    assert 0 == file.size()


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS flushes with F_FULLFSYNC")
async def test_a_flush_is_fdatasync(
    disk: PosixDisk, file: PosixFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Linux the data and the size that it needs are flushed, in a thread."""
    flushed: list[tuple[int, bool]] = []
    on_loop = threading.get_ident()
    monkeypatch.setattr(os, "fdatasync", lambda fd: flushed.append((fd, threading.get_ident() == on_loop)))
    await flush(disk, file)
    assert [(file.fileno(), False)] == flushed


def test_a_flush_on_macos_reaches_the_drive(file: PosixFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """There `fsync` stops at the drive's cache, so F_FULLFSYNC is asked for."""
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", FULL_FLUSH, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", lambda fd, command: asked.append((fd, command)))
    module = runpy.run_path(disk_module.__file__)
    module["_flush_descriptor"](file.fileno())
    assert [(file.fileno(), FULL_FLUSH)] == asked


# --- folders and names -------------------------------------------------------------------------


async def test_a_folder_is_synced_by_itself(
    disk: PosixDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The descriptor that is flushed is the folder's, off the loop, and it is closed afterwards."""
    synced: list[tuple[tuple[int, int], bool]] = []
    descriptors: list[int] = []
    on_loop = threading.get_ident()

    def note(fd: int) -> None:
        found = os.fstat(fd)
        descriptors.append(fd)
        synced.append(((found.st_dev, found.st_ino), threading.get_ident() == on_loop))

    monkeypatch.setattr(os, "fsync", note)
    expected = os.stat(tmp_path)
    await sync_directory(disk, tmp_path)
    assert [((expected.st_dev, expected.st_ino), False)] == synced
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(descriptors[0])


def test_only_folders_are_synced(disk: PosixDisk, file: PosixFile) -> None:
    """A file is not one, and what is missing is an error."""
    with pytest.raises(NotADirectoryError):
        disk.sync_directory(file.path)
    with pytest.raises(FileNotFoundError):
        disk.sync_directory(file.path.parent / "none")


async def test_names(disk: PosixDisk, tmp_path: Path) -> None:
    """Folders with their parents, files, renames over others, and removal."""
    folder = tmp_path / "a" / "b"
    await disk.make_directory(folder)
    await disk.make_directory(folder)
    for name in ("one", "two"):
        file = disk.open(folder / name, OpenMode.CREATE)
        write_all(file, name.encode(), 0)
        file.close()
    await disk.rename(folder / "one", folder / "two")
    assert (b"one", False, True) == (
        await disk.read(folder / "two"),
        await disk.exists(folder / "one"),
        await disk.exists(folder),
    )
    with pytest.raises(OSError, match="not empty"):
        await disk.remove_directory(folder)
    await disk.unlink(folder / "two")
    await disk.remove_directory(folder)
    assert not await disk.exists(folder)
    for missing in (disk.read, disk.unlink, disk.remove_directory, disk.list):
        with pytest.raises(FileNotFoundError):
            await missing(folder / "none")


async def test_a_listing(disk: PosixDisk, tmp_path: Path) -> None:
    """Sorted, with kind, size and time of the last change; what vanished meanwhile is left out."""
    (tmp_path / "b").write_bytes(b"12345")
    os.utime(tmp_path / "b", ns=(0, 1_700_000_000_123_999_999))
    (tmp_path / "a").mkdir()
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    folder, file = await disk.list(tmp_path)
    assert ("a", True) == (folder.name, folder.is_directory)
    assert Entry("b", False, 5, 1_700_000_000_123) == file


async def test_space_is_what_an_unprivileged_writer_may_use(
    disk: PosixDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks reserved for root do not count as free; sizes are bytes."""
    real = os.statvfs(tmp_path)
    found = await disk.space(tmp_path)
    assert real.f_blocks * real.f_frsize == found.total_bytes
    assert 0 <= found.free_bytes <= found.total_bytes
    fields = (512, 4096, 100, 50, 40, 9, 9, 9, 0, 255)
    stored = os.statvfs_result(fields)
    monkeypatch.setattr("aiofiles.os.statvfs", lambda path: asyncio.sleep(0, stored))
    assert Space(409_600, 163_840) == await disk.space(tmp_path)


async def test_blocking_work_leaves_the_loop_free(disk: PosixDisk) -> None:
    """While a thread waits for the loop, the loop goes on; results and errors come back."""
    gate = threading.Event()
    waiting = asyncio.ensure_future(disk.run(lambda: gate.wait(10)))
    await asyncio.sleep(0)
    gate.set()
    assert await waiting
    with pytest.raises(ZeroDivisionError):
        await disk.run(lambda: 1 / 0)


def test_closing_the_disk_waits_for_its_threads() -> None:
    """What runs is finished, so that no flush outlives its file."""
    disk = PosixDisk()
    started, done = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        time.sleep(0.02)
        done.set()

    async def start() -> None:
        task = asyncio.ensure_future(disk.run(work))
        await asyncio.sleep(0)
        started.wait(10)
        task.cancel()

    asyncio.run(start())
    disk.close()
    assert done.is_set()
