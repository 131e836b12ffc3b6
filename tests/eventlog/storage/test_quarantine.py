"""Quarantine: what is cut is copied first, whole and durably, under a name that says where it was."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from eventlog.record import crc32c
from eventlog.storage import quarantine
from eventlog.storage.quarantine import Quarantine
from tests.eventlog.storage.sealed_segments import write_file
from tests.reliability.disks.faulty import Effect, Fault, FaultyDisk, Kind
from tests.reliability.disks.power_cut import ROOT, Recording, RecordingDisk

SOURCE = ROOT / "00000000000000000500.log"
FOLDER = ROOT / "data" / "quarantine"
DATA = bytes(range(256)) * 9


def disk_with_log() -> RecordingDisk:
    disk = RecordingDisk()
    disk.perform("make_directory", str(FOLDER.parent))
    write_file(disk, SOURCE, DATA)
    return RecordingDisk(disk.volume.settled({}))


@pytest.mark.parametrize("position", [0, 1, 700, len(DATA) - 1])
async def test_the_end_is_copied(position: int) -> None:
    """From the position on, under a name of label, segment, position and checksum; the log is as it was."""
    disk = disk_with_log()
    path = await Quarantine(disk, FOLDER).keep("gpu-3", SOURCE, 500, position)
    assert FOLDER / f"gpu-3-500-{position}-{crc32c(DATA[position:]):08x}.log" == path
    assert {SOURCE: DATA, path: DATA[position:]} == disk.files()


@pytest.mark.parametrize("position", [len(DATA), len(DATA) + 1])
async def test_nothing_to_copy_is_no_file(position: int) -> None:
    """At or past the end nothing is kept."""
    disk = disk_with_log()
    assert await Quarantine(disk, FOLDER).keep("gpu-3", SOURCE, 500, position) is None
    assert {SOURCE: DATA} == disk.files()


@pytest.mark.parametrize("copy_bytes", [1, 7, 256, len(DATA), len(DATA) + 1])
async def test_large_files_are_copied_in_pieces(copy_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pieces make up the whole, and its checksum."""
    monkeypatch.setattr(quarantine, "COPY_BYTES", copy_bytes)
    disk = disk_with_log()
    path = await Quarantine(disk, FOLDER).keep("gpu-3", SOURCE, 500, 2000)
    assert path is not None
    assert (DATA[2000:], f"{crc32c(DATA[2000:]):08x}") == (disk.content(path), path.stem[-8:])


async def test_the_same_bytes_are_kept_once_and_others_beside_them() -> None:
    """An interrupted recovery that comes again makes no second copy; other bytes do not replace the first."""
    disk = disk_with_log()
    keeper = Quarantine(disk, FOLDER)
    first = await keeper.keep("gpu-3", SOURCE, 500, 100)
    assert first == await keeper.keep("gpu-3", SOURCE, 500, 100)
    write_file(disk, SOURCE, DATA[:100] + b"other")
    second = await keeper.keep("gpu-3", SOURCE, 500, 100)
    assert first is not None
    assert second is not None
    assert {first: DATA[100:], second: b"other"} == {
        path: data for path, data in disk.files().items() if path.parent == FOLDER
    }


async def test_an_unfinished_copy_is_begun_anew() -> None:
    """What an interruption left of a longer copy is not part of the next."""
    disk = disk_with_log()
    await disk.make_directory(FOLDER)
    write_file(disk, FOLDER / "gpu-3-500-2300.tmp", b"rubbish" * 300)
    path = await Quarantine(disk, FOLDER).keep("gpu-3", SOURCE, 500, 2300)
    assert path is not None
    assert {SOURCE: DATA, path: DATA[2300:]} == disk.files()


def test_a_copy_that_was_promised_survives_a_power_cut() -> None:
    """Once `keep` has returned the copy is there in every legal state; before, it is whole or not there."""
    start = disk_with_log()
    disk = RecordingDisk(start.volume.settled({}))
    path = asyncio.run(Quarantine(disk, FOLDER).keep("gpu-3", SOURCE, 500, 700))
    assert path is not None
    recording = Recording(RecordingDisk(start.volume.settled({})), disk.journal)
    for position in range(len(disk.journal) + 1):
        recording.to(position)
        found = {recording.cut(Random(seed)).files().get(path) for seed in range(30)}
        assert found <= {None, DATA[700:]}
    assert {DATA[700:]} == found


@pytest.mark.parametrize(
    "kind",
    [Kind.MAKE_DIRECTORY, Kind.OPEN, Kind.READ, Kind.WRITE, Kind.FLUSH, Kind.RENAME, Kind.SYNC_DIRECTORY],
)
@pytest.mark.parametrize("nth", [1, 2])
async def test_a_failure_is_told(kind: Kind, nth: int) -> None:
    """Whatever fails, the caller hears of it and does not cut; trying again succeeds."""
    memory = disk_with_log()
    disk = FaultyDisk(memory, Fault(kind, nth))
    keeper = Quarantine(disk, FOLDER)
    if nth == 2 and kind in {Kind.MAKE_DIRECTORY, Kind.WRITE, Kind.FLUSH, Kind.RENAME}:
        disk.reset(Fault(kind, 1, Effect.ENOSPC, once=False))
    with pytest.raises(OSError, match=r"\[Errno"):
        await keeper.keep("gpu-3", SOURCE, 500, 700)
    assert DATA == memory.content(SOURCE)
    disk.reset(None)
    path = await keeper.keep("gpu-3", SOURCE, 500, 700)
    assert path is not None
    assert DATA[700:] == memory.content(path)
