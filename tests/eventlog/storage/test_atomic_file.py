"""A small file changes as a whole: after any cut or failure it is the old content or the new."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from eventlog.storage.atomic_file import replace_file
from tests.eventlog.storage.sealed_segments import write_file
from tests.eventlog.storage.watched_disk import WatchedDisk
from tests.reliability.disks.faulty import Effect, Fault, FaultyDisk, Kind
from tests.reliability.disks.power_cut import ROOT, Recording, RecordingDisk

PATH = ROOT / "topic.json"
UNFINISHED = ROOT / "topic.json.tmp"
OLD, NEW = b"old content " * 60, b"the new one"


def disk_with_old() -> RecordingDisk:
    disk = RecordingDisk()
    asyncio.run(replace_file(disk, PATH, OLD))
    return RecordingDisk(disk.volume.settled({}))


async def test_the_content_is_replaced() -> None:
    """What is shorter leaves no rest of the longer, and nothing else is left in the folder."""
    disk = RecordingDisk()
    for data in (OLD, NEW, b""):
        await replace_file(disk, PATH, data)
        assert {PATH: data} == disk.files()


async def test_an_unfinished_file_of_before_does_no_harm() -> None:
    """What an interrupted replacement left is overwritten whole."""
    disk = RecordingDisk()
    write_file(disk, UNFINISHED, b"rubbish" * 100)
    await replace_file(disk, PATH, NEW)
    assert {PATH: NEW} == disk.files()


def test_a_power_cut_leaves_old_or_new() -> None:
    """After any operation, in any legal state: one of the two, and the new one once it has returned."""
    start = disk_with_old()
    disk = RecordingDisk(start.volume.settled({}))
    asyncio.run(replace_file(disk, PATH, NEW))
    recording = Recording(RecordingDisk(start.volume.settled({})), disk.journal)
    seen = set()
    for position in range(len(disk.journal) + 1):
        recording.to(position)
        found = {recording.cut(Random(seed)).content(PATH) for seed in range(40)}
        assert found <= {OLD, NEW}
        seen |= found
    assert {OLD, NEW} == seen
    assert {NEW} == found


@pytest.mark.parametrize(
    ("kind", "effect"),
    [
        (Kind.OPEN, Effect.EIO),
        (Kind.TRUNCATE, Effect.EIO),
        (Kind.WRITE, Effect.ENOSPC),
        (Kind.WRITE, Effect.SHORT_THEN_ENOSPC),
        (Kind.FLUSH, Effect.EIO),
        (Kind.RENAME, Effect.EIO),
    ],
    ids=lambda value: value.name,
)
async def test_a_failure_before_the_rename_leaves_the_old(kind: Kind, effect: Effect) -> None:
    """The error reaches the caller, the content is as before, and trying again succeeds."""
    memory = RecordingDisk()
    await replace_file(memory, PATH, OLD)
    disk = FaultyDisk(memory, Fault(kind, 1, effect))
    with pytest.raises(OSError, match=r"\[Errno"):
        await replace_file(disk, PATH, NEW)
    assert OLD == memory.content(PATH)
    disk.reset(None)
    await replace_file(disk, PATH, NEW)
    assert {PATH: NEW} == memory.files()


async def test_a_failed_sync_of_the_folder_is_told() -> None:
    """The new content shows, but the caller knows that it may not last."""
    memory = RecordingDisk()
    disk = FaultyDisk(memory, Fault(Kind.SYNC_DIRECTORY, 1))
    with pytest.raises(OSError, match=r"\[Errno"):
        await replace_file(disk, PATH, NEW)
    assert NEW == memory.content(PATH)


async def test_short_writes_are_gone_on_with() -> None:
    """A disk that takes half of it is given the other half."""
    memory = RecordingDisk()
    await replace_file(FaultyDisk(memory, Fault(Kind.WRITE, 1, Effect.SHORT)), PATH, NEW)
    assert NEW == memory.content(PATH)


async def test_the_file_is_closed_after_a_failure() -> None:
    """An error of the volume does not cost a descriptor."""
    memory = WatchedDisk()
    with pytest.raises(OSError, match=r"\[Errno"):
        await replace_file(FaultyDisk(memory, Fault(Kind.WRITE, 1)), PATH, NEW)
    assert [] == memory.open_files
