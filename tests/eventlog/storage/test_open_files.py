"""Open files: shared, bounded, and never closed under a reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventlog.storage.open_files import Lease, OpenFiles
from tests.eventlog.storage.sealed_segments import write_file
from tests.reliability.disks.power_cut import ROOT, RecordingDisk

A, B, C = ROOT / "a", ROOT / "b", ROOT / "c"


@pytest.fixture
def disk() -> RecordingDisk:
    disk = RecordingDisk()
    for path in (A, B, C):
        write_file(disk, path, path.name.encode())
    return disk


def is_open(lease: Lease) -> bool:
    try:
        return b"" != lease.file.pread(1, 0)
    except OSError:
        return False


def test_readers_of_a_path_share_its_file(disk: RecordingDisk) -> None:
    """The second reader gets what the first has open, and it stays open after both."""
    files = OpenFiles(disk)
    with files.read(A) as first, files.read(A) as second:
        assert first.file is second.file
        assert b"a" == first.file.pread(9, 0)
    assert is_open(first)
    assert 1 == len(files)


def test_a_missing_file_is_not_kept(disk: RecordingDisk) -> None:
    """Opening what is not there raises and leaves nothing behind."""
    files = OpenFiles(disk)
    with pytest.raises(FileNotFoundError):
        files.read(ROOT / "none")
    assert 0 == len(files)


@pytest.mark.parametrize(
    ("read", "kept", "closed"), [([A, B, C], [B, C], A), ([A, B, A, C], [A, C], B), ([B, A, C], [A, C], B)]
)
def test_the_least_recently_read_is_closed_first(
    read: list[Path], kept: list[Path], closed: Path, disk: RecordingDisk
) -> None:
    """Beyond the limit the file goes that was not read for the longest time."""
    files = OpenFiles(disk, limit=2)
    leases = {}
    for path in read:
        with files.read(path) as leases[path]:
            pass
    assert 2 == len(files)
    assert [True, True] == [is_open(leases[path]) for path in kept]
    assert not is_open(leases[closed])


def test_a_file_in_use_is_closed_by_its_last_reader(disk: RecordingDisk) -> None:
    """Evicted or forgotten, a file stays open until everybody who holds it has let go."""
    files = OpenFiles(disk, limit=1)
    first = files.read(A)
    again = first.take()
    with files.read(B):
        assert is_open(first)
    again.release()
    assert is_open(first)
    first.release()
    assert not is_open(first)


def test_a_forgotten_file_is_opened_anew(disk: RecordingDisk) -> None:
    """After `forget` a path of the same name is another file."""
    files = OpenFiles(disk)
    with files.read(A) as old:
        files.forget(A)
        assert 0 == len(files)
        with files.read(A) as new:
            assert old.file is not new.file
    assert [False, True] == [is_open(old), is_open(new)]


def test_forgetting_what_was_never_read(disk: RecordingDisk) -> None:
    """A path that nobody has open is none to close."""
    files = OpenFiles(disk)
    files.forget(A)
    assert 0 == len(files)


def test_close_forgets_all(disk: RecordingDisk) -> None:
    """Files without readers are closed at once, the others by their readers."""
    files = OpenFiles(disk)
    with files.read(A) as unused:
        pass
    held = files.read(B)
    files.close()
    assert (0, False, True) == (len(files), is_open(unused), is_open(held))
    held.release()
    assert not is_open(held)


def test_a_lease_is_released_as_often_as_it_was_taken(disk: RecordingDisk) -> None:
    """One release too many is a mistake of ours."""
    lease = OpenFiles(disk).read(A)
    lease.release()
    with pytest.raises(AssertionError, match="more often than taken"):
        lease.release()


def test_a_reader_that_fails_lets_go(disk: RecordingDisk) -> None:
    """Leaving the context by an exception releases the file like any other way."""
    files = OpenFiles(disk)
    with pytest.raises(ZeroDivisionError), files.read(A) as lease:
        1 / 0  # noqa: B018  # it only has to fail
    files.forget(A)
    assert not is_open(lease)


def test_forgotten_folder(disk: RecordingDisk) -> None:
    """All files below a folder are forgotten; whoever reads one goes on, and a new one is opened anew."""
    files = OpenFiles(disk)
    with files.read(A) as first:
        files.forget_folder(ROOT / "elsewhere")
        assert 1 == len(files)
        files.forget_folder(ROOT)
        assert (0, b"a") == (len(files), first.file.pread(9, 0))
        with files.read(A) as second:
            assert first.file is not second.file
    assert not is_open(first)
