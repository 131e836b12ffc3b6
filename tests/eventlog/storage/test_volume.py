"""The collaborators of the partitions are built once, from the settings, and shared."""

from __future__ import annotations

import pytest

from eventlog.clock import SteadyClock
from eventlog.errors import DiskLowError
from eventlog.storage.settings import LogSettings
from eventlog.storage.volume import Volume
from tests.eventlog.storage.living_partition import DATA, QUARANTINE, batch
from tests.eventlog.storage.open_directory import OpenDirectory
from tests.eventlog.storage.watched_disk import WatchedDisk
from tests.reliability.disks.power_cut import ROOT, VOLUME_BYTES
from tests.reliability.manual_clock import ManualClock


async def test_floor_of_free_space() -> None:
    """The free space that must be left is the settings'."""
    volume = Volume.build(
        DATA, WatchedDisk(), SteadyClock(ManualClock()), LogSettings(free_bytes_min=VOLUME_BYTES - 10)
    )
    await volume.free_space.refresh()
    volume.free_space.take(10)
    with pytest.raises(DiskLowError):
        volume.free_space.take(1)


async def test_open_files_are_bounded() -> None:
    """Readers of many partitions hold open no more files than the settings allow."""
    directory = OpenDirectory(settings=LogSettings(free_bytes_min=0, open_files_max=3))
    await directory.open()
    await directory.directory.create_topic("t", 8)
    for number in range(8):
        await directory.keep("t", number, "a")
    writers = len(directory.open_paths)
    for number in range(8):
        assert ["a"] == await directory.read("t", number)
    assert writers + 3 == len(directory.open_paths)


async def test_index_memory_is_bounded() -> None:
    """Indexes beyond the bound are dropped, and loaded again when they are needed."""
    directory = OpenDirectory(settings=LogSettings(free_bytes_min=0, index_cache_bytes_max=0))
    await directory.open()
    await directory.directory.create_topic("t", 1)
    log = directory.directory.partition("t", 0)
    for number in range(4):
        await directory.keep("t", 0, f"v{number}")
        log.roll()
    await directory.directory.flush()
    await directory.directory.maintain()
    assert 2 == sum(segment.index is not None for segment in log.segments)
    for number in range(4):
        assert [f"v{number}"] == await directory.read("t", 0, number)


async def test_quarantine_lies_in_the_directory() -> None:
    """What is set aside goes to the data directory's own quarantine."""
    disk = WatchedDisk()
    await disk.make_directory(DATA)
    volume = Volume.build(DATA, disk, SteadyClock(ManualClock()), LogSettings())
    disk.replace(ROOT / "torn", bytes(batch("a")))
    kept = await volume.quarantine.keep("t-0", ROOT / "torn", 5, 3)
    assert kept is not None
    assert (QUARANTINE, bytes(batch("a"))[3:]) == (kept.parent, disk.content(kept))
