"""What a start makes of the files in `groups/`."""

from __future__ import annotations

import logging

import pytest

from eventlog.errors import ForeignFileError, NewerFormatError
from eventlog.record import Record, encode_batch
from eventlog.storage.disk import OpenMode
from tests.eventlog.group.offset_changes import commit
from tests.eventlog.group.offset_logs import GROUPS, QUARANTINE, contents, files, newest, open_log, write
from tests.reliability.disks.power_cut import RecordingDisk


async def three_commits(disk: RecordingDisk) -> bytes:
    """Three batches; returns the file."""
    log = await open_log(disk)
    for number in range(3):
        await write(log, commit(number, partition=number))
    await log.close()
    return disk.content(newest(disk))


@pytest.mark.parametrize("name", ["1.log", "00000000000000000000.index", "notes", "00000000000000000000.tmp"])
async def test_a_foreign_file_is_refused(name: str) -> None:
    """By name, and nothing is touched."""
    disk = RecordingDisk()
    await three_commits(disk)
    disk.open(GROUPS / name, OpenMode.CREATE)
    before = disk.operation_count
    with pytest.raises(ForeignFileError, match=f"groups/{name} is not a file of the offsets log; move it"):
        await open_log(disk)
    # Making sure of the folder's name is all that came before.
    assert ["sync_directory"] == [operation[0] for operation in disk.journal[before:]]


async def test_a_foreign_folder_is_refused() -> None:
    """Whatever its name is."""
    disk = RecordingDisk()
    await disk.make_directory(GROUPS / "00000000000000000000.log")
    with pytest.raises(ForeignFileError):
        await open_log(disk)


async def test_hidden_and_unfinished_files() -> None:
    """The first are nobody's business, the second never counted and go."""
    disk = RecordingDisk()
    await three_commits(disk)
    disk.open(GROUPS / ".keep", OpenMode.CREATE)
    file = disk.open(GROUPS / "00000000000000000009.log.tmp", OpenMode.CREATE)
    file.pwrite(b"half", 0)
    assert 3 == len(contents(await open_log(disk)))
    assert [".keep", "00000000000000000003.log"] == files(disk)


async def test_the_highest_file_counts() -> None:
    """One that an earlier start could not remove is not looked at."""
    disk = RecordingDisk()
    data = await three_commits(disk)
    await write(await open_log(disk), commit(77))
    disk.open(GROUPS / "00000000000000000000.log", OpenMode.CREATE).pwrite(data[:-1], 0)
    log = await open_log(disk)
    assert 77 == log.table.offsets("g")["t", 0].offset
    assert 1 == len(files(disk))
    assert set() == disk.names(QUARANTINE)


async def test_a_newer_file_is_refused() -> None:
    """It stays as it is."""
    disk = RecordingDisk()
    await three_commits(disk)
    newer = encode_batch([Record(b"\0\2\1", None)], base_offset=9)
    path = GROUPS / "00000000000000000009.log"
    disk.open(path, OpenMode.CREATE).pwrite(newer, 0)
    with pytest.raises(NewerFormatError):
        await open_log(disk)
    assert bytes(newer) == disk.content(path)


async def test_a_torn_tail_is_set_aside(caplog: pytest.LogCaptureFixture) -> None:
    """A copy of it is kept; what is before counts."""
    disk = RecordingDisk()
    data = await three_commits(disk)
    torn = disk.with_content({newest(disk): data[:-5]})
    with caplog.at_level(logging.WARNING):
        log = await open_log(torn)
    size = len(data) // 3
    assert [commit(0), commit(1, partition=1)] == contents(log)
    (copy,) = torn.names(QUARANTINE)
    assert copy.startswith(f"groups-0-{2 * size}-")
    assert data[2 * size : -5] == torn.content(QUARANTINE / copy)
    (record,) = [each for each in caplog.records if getattr(each, "action", "") == "recover"]
    assert (logging.WARNING, "the batch is cut short") == (record.levelno, record.__dict__["reason"])


async def test_damage_costs_its_batch(caplog: pytest.LogCaptureFixture) -> None:
    """What is before and after it counts; a copy of the whole file is kept."""
    disk = RecordingDisk()
    bad = bytearray(await three_commits(disk))
    bad[len(bad) // 3 + 100] ^= 1
    damaged = disk.with_content({newest(disk): bytes(bad)})
    with caplog.at_level(logging.ERROR):
        log = await open_log(damaged)
    assert [commit(0), commit(2, partition=2)] == contents(log)
    (copy,) = damaged.names(QUARANTINE)
    assert copy.startswith("groups-0-0-")
    assert bytes(bad) == damaged.content(QUARANTINE / copy)
    (record,) = [each for each in caplog.records if getattr(each, "action", "") == "recover"]
    assert (logging.ERROR, 1) == (record.levelno, record.__dict__["first_offset"])
    assert ["00000000000000000003.log"] == files(damaged)


async def test_with_damage_every_file_is_set_aside() -> None:
    """One that should be gone may say what was lost."""
    disk = RecordingDisk()
    old = await three_commits(disk)
    log = await open_log(disk)
    await write(log, commit(7))
    bad = bytearray(disk.content(newest(disk)))
    bad[100] ^= 1
    damaged = disk.with_content({newest(disk): bytes(bad)})
    damaged.open(GROUPS / "00000000000000000000.log", OpenMode.CREATE).pwrite(old, 0)
    assert [commit(7)] == contents(await open_log(damaged))
    copies = {damaged.content(QUARANTINE / name) for name in damaged.names(QUARANTINE)}
    assert {old, bytes(bad)} == copies
    assert 1 == len(files(damaged))


async def test_damage_and_a_torn_tail() -> None:
    """Where the chain of good batches does not reach the end, all from the damage on is set aside."""
    disk = RecordingDisk()
    data = await three_commits(disk)
    bad = bytearray(data[:-5])
    bad[len(data) // 3 + 100] ^= 1
    damaged = disk.with_content({newest(disk): bytes(bad)})
    assert [commit(0)] == contents(await open_log(damaged))
    (copy,) = damaged.names(QUARANTINE)
    assert bytes(bad[len(data) // 3 :]) == damaged.content(QUARANTINE / copy)
