"""Recovery that cannot flush what it kept: the page cache shows it, and may be the only place that has it."""

from __future__ import annotations

import errno
import random

import pytest

from eventlog.storage.partition_files import STATE_NAME
from eventlog.storage.partition_log import UP_TO_HIGH_WATERMARK
from eventlog.storage.state_file import StateFile
from eventlog.storage.state_slots import State, newest_slot
from tests.eventlog.storage.living_partition import FOLDER, LivingPartition, log_file
from tests.reliability.disks.faulty import Fault, Kind

STATE_FLUSHES = 1
"""Opening the state flushes it; the kept segment's flush is the next one."""


async def killed_with_a_tail() -> LivingPartition:
    """One batch is flushed, one is not, and the process is gone."""
    partition = LivingPartition()
    await partition.open()
    await partition.keep("a")
    partition.put("b")
    await partition.kill()
    return partition


async def open_without_flush(partition: LivingPartition) -> None:
    """A start that the volume refuses to flush for."""
    partition.faults.reset(Fault(Kind.FLUSH, STATE_FLUSHES + 1))
    with pytest.raises(OSError, match="Input/output error"):
        await partition.open()
    await partition.kill()


async def test_it_is_written_anew_before_it_is_flushed() -> None:
    """The next start brings the tail to the disk for sure: a power cut then costs nothing of it."""
    partition = await killed_with_a_tail()
    await open_without_flush(partition)
    slot = newest_slot(partition.disk.content(FOLDER / STATE_NAME))
    assert slot is not None
    assert (True, 1) == (slot.state.unflushed, slot.state.recovery_point)

    await partition.open()
    assert ["a", "b"] == await partition.read_all()

    for parent in FOLDER.parents:  # what a data directory makes durable
        partition.disk.sync_directory(parent)
    for seed in range(20):
        after = LivingPartition()
        after.disk.volume = partition.disk.cut(random.Random(seed)).volume
        await after.open()
        assert ["a", "b"] == await after.read_all()


async def test_the_mark_goes_with_the_flush() -> None:
    """A start that could flush needs no second one that writes again."""
    partition = await killed_with_a_tail()
    await open_without_flush(partition)
    await partition.open()
    await partition.reopen()
    assert partition.log.recovered.is_clean


async def test_a_mark_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error that is told is that of the flush."""
    partition = await killed_with_a_tail()
    partition.faults.reset(Fault(Kind.FLUSH, STATE_FLUSHES + 1))

    def refuse(self: StateFile, state: State) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(StateFile, "write", refuse)
    with pytest.raises(OSError, match="Input/output error"):
        await partition.open()


async def test_a_new_partition_has_nothing_to_mark() -> None:
    """Without a state there is no recovery point to say it of."""
    partition = LivingPartition()
    await partition.disk.make_directory(FOLDER)
    await open_without_flush(partition)
    assert b"" == partition.disk.content(FOLDER / STATE_NAME)
    await partition.open()
    assert 0 == partition.log.log_end_offset


async def test_names_before_removals() -> None:
    """What is kept has its name for good before what is below it goes: else a power cut leaves neither."""
    partition = LivingPartition()
    await partition.open()
    await partition.keep("v0")
    await (
        partition.reopen()
    )  # with a snapshot of its producers, so that the first segment is not needed for them
    await partition.log.delete_records(UP_TO_HIGH_WATERMARK)
    partition.log.roll()
    partition.put("v1")
    partition.log.roll()
    partition.put("v2")
    begun = partition.disk.operation_count
    await partition.restart()
    later = partition.disk.journal[begun:]
    removed = later.index(("unlink", str(log_file(0))))
    assert ("sync_directory", str(FOLDER)) in later[:removed]
    assert ["v1", "v2"] == await partition.read_all(1)
