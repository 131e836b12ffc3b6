"""Group commit: what a round covers, who gathers meanwhile, and what a slow or cancelled one does."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

import pytest

from eventlog.errors import StorageFailedError
from eventlog.storage.settings import TopicSettings
from tests.eventlog.storage.living_partition import LivingPartition, batch
from tests.eventlog.storage.patience import until
from tests.reliability.disks.faulty import Fault, Kind
from tests.reliability.manual_clock import ManualClock

SIZE = len(batch("a"))


async def opened(settings: TopicSettings | None = None) -> LivingPartition:
    partition = LivingPartition(settings=settings or TopicSettings())
    await partition.open()
    partition.disk.journal.clear()
    return partition


def flushes(partition: LivingPartition) -> int:
    return sum(operation[0] == "flush" for operation in partition.disk.journal)


async def test_one_flush_for_many_appends() -> None:
    """All appends of a round share one flush of the segment."""
    partition = await opened()
    for _ in range(10):
        partition.put("a")
    await partition.flusher.flush()
    assert (1, 10) == (flushes(partition), partition.log.high_watermark)


async def test_nothing_to_flush() -> None:
    """A round without anything dirty touches no file."""
    partition = await opened()
    await partition.flusher.flush()
    partition.flusher.wake(partition.log)
    await partition.flusher.flush()
    assert [] == partition.disk.journal


async def test_every_dirty_segment_is_flushed() -> None:
    """After rolls a round flushes each segment and syncs the folder before anything is acknowledged."""
    partition = await opened(TopicSettings(segment_bytes=128))
    for _ in range(3):
        partition.put("a")
    created = partition.disk.operation_count
    await partition.flusher.flush()
    names = [operation[0] for operation in partition.disk.journal[created:]]
    assert ["flush", "flush", "flush", "sync_directory", "write"] == names
    assert 3 == partition.log.recovery_point


async def test_appends_start_rounds() -> None:
    """While the flusher runs an append needs nothing else to become durable."""
    partition = await opened()
    running = asyncio.create_task(partition.flusher.run())
    for _ in range(3):
        await partition.log.durable(partition.put("a"))
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert 3 == partition.log.high_watermark


async def test_appends_gather_while_a_round_runs() -> None:
    """What is appended during a round is flushed by one more, not by one each."""
    partition = await opened()
    partition.disk.gate = asyncio.Event()
    running = asyncio.create_task(partition.flusher.run())
    first = partition.put("a")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    later = [partition.put("b") for _ in range(5)]
    partition.disk.gate.set()
    for appended in (first, *later):
        await partition.log.durable(appended)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert 2 == flushes(partition)


async def test_several_partitions() -> None:
    """A round covers every dirty partition, but for one that has come to its end."""
    partition = await opened()
    other = LivingPartition()
    await other.open()
    gone = LivingPartition()
    await gone.open()
    for each in (partition, other, gone):
        each.log.on_append = partition.flusher.wake
        each.put("a")
    await partition.flusher.end(gone.log, gone.log.discard)
    await partition.flusher.flush()
    assert [1, 1, 0] == [each.log.high_watermark for each in (partition, other, gone)]


class SlowClock(ManualClock):
    """A clock by which every look takes as long as the last one."""

    step_s = 0.0

    def monotonic_s(self) -> float:
        self.monotonic += self.step_s
        return self.monotonic


@pytest.mark.parametrize(("seconds", "warnings"), [(1.0, 0), (1.5, 1)])
async def test_slow_round(seconds: float, warnings: int, caplog: pytest.LogCaptureFixture) -> None:
    """A round of more than a second is told, and whoever listens hears how long each one took."""
    clock = SlowClock()
    partition = LivingPartition(clock=clock)
    await partition.open()
    partition.put("a")
    took_s: list[float] = []
    partition.flusher.on_round = took_s.append
    clock.step_s = seconds
    with caplog.at_level(logging.WARNING):
        await partition.flusher.flush()
    assert warnings == [record.message for record in caplog.records].count("a flush round was slow")
    assert [seconds] == took_s


async def test_cancelled_round() -> None:
    """A round that has begun is finished, whoever was cancelled, and is not done twice."""
    partition = await opened(TopicSettings(segment_bytes=2 * SIZE))
    appended = [partition.put("a") for _ in range(3)]
    gate = partition.disk.gate = asyncio.Event()
    flushing = asyncio.create_task(partition.flusher.flush())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    flushing.cancel()
    with suppress(asyncio.CancelledError):
        await flushing
    assert (0, 0) == (flushes(partition), partition.log.high_watermark)

    gate.set()
    await partition.flusher.flush()

    for each in appended:
        await partition.log.durable(each)
    names = [operation[0] for operation in partition.disk.journal]
    assert (2, 1) == (names.count("flush"), names.count("sync_directory"))


async def test_cancelled_round_that_fails() -> None:
    """What a cancelled round could not flush is distrusted all the same."""
    partition = await opened()
    appended = partition.put("a")
    partition.faults.reset(Fault(Kind.FLUSH, 1))
    gate = partition.disk.gate = asyncio.Event()
    flushing = asyncio.create_task(partition.flusher.flush())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    flushing.cancel()
    gate.set()
    with suppress(asyncio.CancelledError):
        await flushing
    await partition.flusher.flush()
    with pytest.raises(StorageFailedError):
        await partition.log.durable(appended)
    await until(lambda: partition.log.failure is None)
    assert 1 == len(partition.quarantined())


async def test_end_waits_for_the_round() -> None:
    """A partition's log comes to its end between two rounds, with what the last one made durable."""
    partition = await opened()
    appended = partition.put("a")
    gate = partition.disk.gate = asyncio.Event()
    flushing = asyncio.create_task(partition.flusher.flush())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    ending = asyncio.create_task(partition.flusher.end(partition.log, partition.log.close))
    await asyncio.sleep(0)
    waiting = asyncio.ensure_future(partition.log.durable(appended))
    await asyncio.sleep(0)
    assert (False, False) == (ending.done(), waiting.done())
    gate.set()
    await asyncio.gather(flushing, ending, waiting)
    await partition.open()
    assert partition.log.recovered.is_clean


async def test_failed_partition_is_restored_while_the_flusher_runs() -> None:
    """After a failed flush the running flusher restores the log by itself, and writing resumes."""
    partition = await opened()
    partition.faults.reset(Fault(Kind.FLUSH, 1))
    running = asyncio.create_task(partition.flusher.run())
    with pytest.raises(StorageFailedError):
        await partition.log.durable(partition.put("a"))
    await until(lambda: partition.log.failure is None)
    await partition.log.durable(partition.put("b"))
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert (["b"], 1) == (await partition.read_all(), len(partition.quarantined()))


async def test_waiter_that_gives_up() -> None:
    """A waiter that is cancelled disturbs neither the flush nor the others."""
    partition = await opened()
    waiting = [asyncio.ensure_future(partition.log.durable(partition.put("a"))) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    await partition.flusher.flush()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [False, True, False] == [isinstance(outcome, asyncio.CancelledError) for outcome in outcomes]
