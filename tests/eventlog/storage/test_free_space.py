"""Free space: appends stop above the floor, and go on as soon as there is room."""

from __future__ import annotations

import pytest

from eventlog.errors import DiskLowError
from eventlog.storage.disk import Space
from eventlog.storage.free_space import FreeSpace
from tests.reliability.disks.faulty import FaultyDisk
from tests.reliability.disks.power_cut import ROOT, RecordingDisk


def a_volume(total_bytes: int = 1000, used_bytes: int = 0) -> FaultyDisk:
    disk = FaultyDisk(RecordingDisk(), capacity_bytes=total_bytes)
    disk.used_bytes = used_bytes
    return disk


async def test_the_room_above_the_floor_can_be_taken() -> None:
    """To the last byte, and not one more."""
    space = FreeSpace(a_volume(), ROOT, 400)
    await space.refresh()
    space.take(500)
    with pytest.raises(DiskLowError, match="less than 400 bytes would be left on the volume of /volume"):
        space.take(101)
    space.take(100)
    assert space.is_low
    with pytest.raises(DiskLowError) as raised:
        space.take(1)
    assert raised.value.retriable


async def test_a_refused_append_takes_nothing() -> None:
    """A smaller one still fits."""
    space = FreeSpace(a_volume(), ROOT, 400)
    await space.refresh()
    assert not space.is_low
    for _ in range(3):
        with pytest.raises(DiskLowError):
            space.take(601)
    space.take(600)


async def test_before_it_is_measured_nothing_is_free() -> None:
    """No append is let through on a guess."""
    space = FreeSpace(a_volume(), ROOT, 0)
    assert space.is_low
    with pytest.raises(DiskLowError):
        space.take(1)


async def test_writing_resumes_by_itself() -> None:
    """Where space was freed, the next measurement lets appends through; where it was used, it stops them."""
    disk = a_volume(used_bytes=700)
    space = FreeSpace(disk, ROOT, 400)
    found = []
    for used_bytes in (700, 100, 999):
        disk.used_bytes = used_bytes
        await space.refresh()
        found.append((space.is_low, space.space))
    assert [(True, Space(1000, 300)), (False, Space(1000, 900)), (True, Space(1000, 1))] == found
