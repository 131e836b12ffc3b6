"""The work of one flush: every file, then the folder, and an error means that nothing of it counts."""

from __future__ import annotations

import pytest

from eventlog.storage.disk import File, OpenMode
from eventlog.storage.flush_work import FlushWork
from eventlog.storage.scan import Place
from eventlog.storage.segment import Segment
from tests.reliability.disks.faulty import Fault, FaultyDisk, Kind
from tests.reliability.disks.power_cut import ROOT, RecordingDisk

SEGMENT = Segment(ROOT, 0, Place(0, 0), 0, 61)


def files_on(disk: FaultyDisk) -> tuple[File, ...]:
    files = tuple(disk.open(ROOT / name, OpenMode.CREATE) for name in ("a", "b"))
    for file in files:
        file.pwrite(b"data", 0)
    return files


def kinds(disk: RecordingDisk) -> list[str]:
    return [operation[0] for operation in disk.journal[4:]]


@pytest.mark.parametrize("with_folder", [True, False])
def test_files_first_and_the_folder_last(with_folder: bool) -> None:
    """A name is made durable only when what it names is; without a folder none is synced."""
    memory = RecordingDisk()
    disk = FaultyDisk(memory)
    FlushWork(files_on(disk), ROOT if with_folder else None, SEGMENT, Place(0, 0)).execute(disk)
    assert ["flush", "flush", *(["sync_directory"] if with_folder else [])] == kinds(memory)


@pytest.mark.parametrize(
    ("kind", "nth", "done"), [(Kind.FLUSH, 1, 0), (Kind.FLUSH, 2, 1), (Kind.SYNC_DIRECTORY, 1, 2)]
)
def test_an_error_ends_the_work(kind: Kind, nth: int, done: int) -> None:
    """Nothing after it is done, and the caller hears of it."""
    memory = RecordingDisk()
    disk = FaultyDisk(memory)
    work = FlushWork(files_on(disk), ROOT, SEGMENT, Place(0, 0))
    disk.reset(Fault(kind, nth))
    with pytest.raises(OSError, match=r"\[Errno"):
        work.execute(disk)
    assert done == kinds(memory).count("flush")
    assert "sync_directory" not in kinds(memory)
