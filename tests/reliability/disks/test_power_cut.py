"""The disk that loses power allows what a journaling file system allows, and nothing else."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from eventlog.errors import DirectoryLockedError
from eventlog.storage.disk import Disk, OpenMode, write_all
from tests.reliability.disks.power_cut import ROOT, Killed, Recording, RecordingDisk, RecordingFile

A, B, FOLDER = ROOT / "a", ROOT / "b", ROOT / "folder"
CUTS = 400


def _create(
    disk: RecordingDisk, path: Path, content: bytes = b"", *, is_durable: bool = True
) -> RecordingFile:
    file = disk.open(path, OpenMode.CREATE)
    write_all(file, content, 0)
    if is_durable:
        file.flush()
        disk.sync_directory(path.parent)
    return file


def _contents(disk: RecordingDisk, path: Path) -> set[bytes | None]:
    """What the file holds over many power cuts; None where its name is gone."""
    return {disk.cut(Random(seed)).files().get(path) for seed in range(CUTS)}


def _names(disk: RecordingDisk) -> set[str]:
    return {
        " ".join(sorted(str(name.relative_to(ROOT)) for name in disk.cut(Random(seed)).files()))
        for seed in range(CUTS)
    }


def test_flushed_content_with_a_synced_name_survives_every_cut() -> None:
    """What was flushed and named durably is there after every power cut."""
    disk = RecordingDisk()
    _create(disk, A, b"kept")
    assert _contents(disk, A) == {b"kept"}


def test_a_flushed_file_may_vanish_until_its_folder_is_synced() -> None:
    """A flush makes the content durable, not the name."""
    disk = RecordingDisk()
    file = _create(disk, A, b"kept", is_durable=False)
    file.flush()
    assert _contents(disk, A) == {b"kept", None}


def test_an_unflushed_append_is_old_new_torn_or_zero() -> None:
    """An append that was not flushed may be absent, whole, cut at a block, or zeros of its length."""
    disk = RecordingDisk()
    file = _create(disk, A, b"a" * 500)
    file.pwrite(b"b" * 100, 500)
    expected = {
        b"a" * 500,
        b"a" * 500 + b"b" * 12,
        b"a" * 500 + b"\0" * 12,
        b"a" * 500 + b"b" * 100,
        b"a" * 500 + b"b" * 12 + b"\0" * 88,
        b"a" * 500 + b"\0" * 12 + b"b" * 88,
        b"a" * 500 + b"\0" * 100,
    }
    assert expected == _contents(disk, A)


def test_an_overwritten_block_holds_any_version_since_the_flush() -> None:
    """A block that was written twice may hold its old content, either version, or zeros."""
    disk = RecordingDisk()
    file = _create(disk, A, b"old")
    file.pwrite(b"1st", 0)
    file.pwrite(b"2nd", 0)
    assert _contents(disk, A) == {b"old", b"1st", b"2nd", b"\0\0\0"}


def test_bytes_that_were_flushed_and_not_written_again_survive_in_a_dirty_block() -> None:
    """A drive writes a block whole or not at all: the durable bytes beside a torn write stay."""
    disk = RecordingDisk()
    file = _create(disk, A, b"a" * 100)
    for position in range(100, 2000, 90):
        file.pwrite(b"b" * 90, position)
    assert {content[:100] for content in _contents(disk, A) if content} == {b"a" * 100}


def test_an_unsynced_truncation_may_not_have_happened() -> None:
    """Cut off bytes may come back, until the truncation is flushed."""
    disk = RecordingDisk()
    file = _create(disk, A, b"abcdef")
    file.truncate(3)
    assert {b"abc", b"abcdef"} <= _contents(disk, A)
    file.flush()
    assert _contents(disk, A) == {b"abc"}


def test_a_rename_keeps_one_of_the_two_names() -> None:
    """A replaced file is there with its old content or its new one, never missing, never twice."""
    disk = RecordingDisk()
    _create(disk, B, b"old")
    _create(disk, A, b"new")
    asyncio.run(disk.rename(A, B))
    states = [disk.cut(Random(seed)).files() for seed in range(CUTS)]
    assert all(state in ({A: b"new", B: b"old"}, {B: b"new"}) for state in states)
    assert len({frozenset(state) for state in states}) == 2


def test_a_rename_before_the_flush_may_name_an_empty_file() -> None:
    """The classic mistake is reproduced: the new name is durable, the content is not."""
    disk = RecordingDisk()
    _create(disk, A, b"new", is_durable=False)
    asyncio.run(disk.rename(A, B))
    disk.sync_directory(ROOT)
    assert {b"", b"new", b"\0\0\0"} == _contents(disk, B)


@pytest.mark.parametrize("synced", [ROOT, FOLDER])
def test_syncing_either_folder_settles_a_rename_between_them(synced: Path) -> None:
    """A rename is one change, so both its names are durable together."""
    disk = RecordingDisk()
    asyncio.run(disk.make_directory(FOLDER))
    _create(disk, A, b"moved")
    asyncio.run(disk.rename(A, FOLDER / "a"))
    disk.sync_directory(synced)
    assert _names(disk) == {"folder/a"}


def test_a_rename_into_a_new_folder_loses_nothing() -> None:
    """A move cannot be on the disk before the folder that it leads into."""
    disk = RecordingDisk()
    _create(disk, A, b"moved")
    asyncio.run(disk.make_directory(FOLDER))
    asyncio.run(disk.rename(A, FOLDER / "a"))
    assert _names(disk) == {"a", "folder/a"}
    disk.sync_directory(FOLDER)
    assert _names(disk) == {"folder/a"}


def test_a_rename_within_a_folder_does_not_make_the_folder_durable() -> None:
    """A file that was replaced durably is lost with its folder all the same."""
    disk = RecordingDisk()
    asyncio.run(disk.make_directory(FOLDER))
    _create(disk, FOLDER / "a", is_durable=False)
    asyncio.run(disk.rename(FOLDER / "a", FOLDER / "b"))
    disk.sync_directory(FOLDER)
    assert _names(disk) == {"folder/b", ""}


def test_name_changes_survive_in_any_combination_until_synced() -> None:
    """A journal may commit creates and unlinks in any subset."""
    disk = RecordingDisk()
    _create(disk, A)
    _create(disk, B, is_durable=False)
    asyncio.run(disk.unlink(A))
    assert _names(disk) == {"a", "b", "a b", ""}
    disk.sync_directory(ROOT)
    assert _names(disk) == {"b"}


def test_an_unlinked_file_comes_back_with_its_content() -> None:
    """Until the folder is synced the old name may come back, and what was flushed with it."""
    disk = RecordingDisk()
    _create(disk, A, b"deleted")
    asyncio.run(disk.unlink(A))
    assert _contents(disk, A) == {b"deleted", None}


def test_a_lost_folder_takes_its_content_with_it() -> None:
    """A file is only as durable as every folder above it."""
    disk = RecordingDisk()
    asyncio.run(disk.make_directory(FOLDER))
    _create(disk, FOLDER / "a", b"kept")
    assert _contents(disk, FOLDER / "a") == {b"kept", None}
    disk.sync_directory(ROOT)
    assert _contents(disk, FOLDER / "a") == {b"kept"}


def test_a_lost_flush_cannot_be_made_good_by_another() -> None:
    """After a failed flush the next one succeeds and makes nothing durable; reads show the new bytes."""
    disk = RecordingDisk()
    file = _create(disk, A, b"old")
    file.pwrite(b"new", 0)
    file.lose_flush()
    file.flush()
    assert file.pread(3, 0) == b"new"
    assert _contents(disk, A) == {b"old", b"new", b"\0\0\0"}
    file.pwrite(b"3rd", 0)
    file.flush()
    assert _contents(disk, A) == {b"3rd"}


def test_corner_states_come_with_fixed_probability() -> None:
    """All old, all new and all zero are each at least one state in forty, however large the workload."""
    disk = RecordingDisk()
    file = _create(disk, A, b"o" * 8192)
    for position in range(0, 8192, 512):
        file.pwrite(b"n" * 512, position)
    found = [disk.cut(Random(seed)).files()[A] for seed in range(1000)]
    assert all(found.count(byte * 8192) >= 25 for byte in (b"o",))
    assert min(sum(set(content) == set(byte) for content in found) for byte in (b"o", b"n", b"\0")) >= 25


def test_a_recording_is_cut_at_any_operation() -> None:
    """The operations of one run, played again, give the states of every moment of it."""
    disk = RecordingDisk()
    moments: list[tuple[int, dict[Path, bytes]]] = []
    disk.on_operation = lambda _: moments.append((disk.operation_count, disk.files()))
    file = _create(disk, A, b"1")
    file.pwrite(b"2", 1)
    asyncio.run(disk.rename(A, B))
    recording = Recording(RecordingDisk(), disk.journal)
    for position, files in moments:
        recording.to(position)
        assert files in [recording.cut(Random(seed)).files() for seed in range(100)]
    assert len(recording) == len(moments) == disk.operation_count


def test_a_cut_disk_is_durable_and_independent() -> None:
    """The state after a cut is the truth from then on: cut again, it is the same, and no other disk's."""
    disk = RecordingDisk()
    _create(disk, A, b"before", is_durable=False)
    state = next(cut for seed in range(CUTS) if A in (cut := disk.cut(Random(seed))).files())
    assert all(state.files() == state.cut(Random(seed)).files() for seed in range(50))
    changed = state.with_content({A: b"after"})
    assert (changed.content(A), disk.content(A)) == (b"after", b"before")


def test_a_recording_goes_on_from_a_copy() -> None:
    """What was recorded on a copy of a disk can be played on the disk itself."""
    disk = RecordingDisk()
    for name in ("a", "b", "c"):
        _create(disk, ROOT / name, name.encode())
    asyncio.run(disk.unlink(B))
    start = disk.with_content({})
    start.open(ROOT / "c", OpenMode.WRITE).pwrite(b"2", 0)
    recording = Recording(disk, start.journal)
    recording.to(1)
    assert disk.files() == start.files() == {A: b"a", ROOT / "c": b"2"}


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (lambda disk: disk.open(ROOT / "none", OpenMode.WRITE), errno.ENOENT),
        (lambda disk: disk.open(ROOT, OpenMode.READ), errno.EISDIR),
        (lambda disk: asyncio.run(disk.unlink(ROOT / "none")), errno.ENOENT),
        (lambda disk: asyncio.run(disk.unlink(FOLDER)), errno.EISDIR),
        (lambda disk: asyncio.run(disk.remove_directory(FOLDER)), errno.ENOTEMPTY),
        (lambda disk: asyncio.run(disk.rename(ROOT / "none", A)), errno.ENOENT),
        (lambda disk: asyncio.run(disk.list(FOLDER / "file")), errno.ENOTDIR),
        (lambda disk: asyncio.run(disk.read(ROOT / "none")), errno.ENOENT),
    ],
    ids=["open", "open-folder", "unlink", "unlink-folder", "rmdir", "rename", "list", "read"],
)
def test_mistakes_fail_as_on_a_real_disk(operation: Callable[[Disk], object], expected: int) -> None:
    """The disk in memory refuses with the error number that the operating system would give."""
    disk = RecordingDisk()
    asyncio.run(disk.make_directory(FOLDER))
    _create(disk, FOLDER / "file")
    with pytest.raises(OSError, match=r"\[Errno") as raised:
        operation(disk)
    assert expected == raised.value.errno


def test_a_killed_process_reaches_the_disk_no_more() -> None:
    """After the given operation every other one raises, and changes nothing, until another process begins."""
    disk = RecordingDisk()
    file = _create(disk, A)
    disk.operations_left = 1
    file.pwrite(b"1", 0)
    for _ in range(2):
        with pytest.raises(Killed):
            file.pwrite(b"2", 0)
    disk.revive()
    assert disk.files() == {A: b"1"}
    file.pwrite(b"3", 0)
    assert disk.files() == {A: b"3"}


def test_one_writer_locks_the_directory() -> None:
    """A second lock is refused until the first is released, and a power cut releases it."""
    disk = RecordingDisk()
    lock = asyncio.run(disk.lock(A))
    with pytest.raises(DirectoryLockedError):
        asyncio.run(disk.lock(A))
    assert asyncio.run(disk.is_locked(A))
    assert not asyncio.run(disk.cut(Random(0)).is_locked(A))
    lock.release()
    assert not asyncio.run(disk.is_locked(A))
