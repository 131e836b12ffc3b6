"""Appending to a partition: places, refusals, retries, rolls, and who is told when it is durable."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest

from eventlog.errors import (
    BatchTooLargeError,
    CorruptBatchError,
    DiskLowError,
    OutOfOrderSequenceError,
    ProducerFencedError,
    StorageFailedError,
)
from eventlog.record import BatchHeader
from eventlog.storage import partition_log
from eventlog.storage.settings import FlushPolicy, LogSettings, TopicSettings
from tests.eventlog.storage.living_partition import LivingPartition, batch, log_file
from tests.reliability.disks.faulty import Effect, Fault, FaultyDisk, Kind

OS_POLICY = LogSettings(flush=FlushPolicy.OS, free_bytes_min=0)


async def opened(settings: TopicSettings | None = None) -> LivingPartition:
    partition = LivingPartition(settings=settings or TopicSettings())
    await partition.open()
    return partition


# --- places ------------------------------------------------------------------------------------


async def test_base_offset_is_patched() -> None:
    """A batch is stored with the next free offset and epoch 0, else as it came."""
    partition = await opened()
    await partition.keep("a", "b")
    sent = batch("c", "d", "e")
    before = bytes(sent)

    appended = partition.log.append(memoryview(sent))

    await partition.flusher.flush()
    stored = await partition.log.read_bytes(2, 1000)
    header = BatchHeader.parse(stored)
    assert (2, 4, 5) == (appended.base_offset, appended.last_offset, appended.next_offset)
    assert (2, 0) == (header.base_offset, header.leader_epoch)
    assert (before[8:12], before[16:]) == (stored[8:12], stored[16:])


async def test_what_an_append_answers() -> None:
    """An append says where the batch stands, when it was appended, and that it is new."""
    partition = await opened()
    partition.clock.advance(5)
    appended = partition.put("a")
    assert (partition.clock.wall_ms(), False) == (appended.append_time_ms, appended.is_duplicate)


async def test_new_partition() -> None:
    """An empty folder becomes an empty log, with its first segment and its state."""
    partition = await opened()
    assert (0, 0, 0, 0) == (
        partition.log.log_start_offset,
        partition.log.log_end_offset,
        partition.log.recovery_point,
        partition.log.size_bytes,
    )
    assert ["00000000000000000000.log", "00000000000000000000.producers", "state"] == [
        name for name in partition.names() if not name.endswith("index")
    ]
    assert "t-0" == partition.log.name


# --- refusals ----------------------------------------------------------------------------------


async def test_too_large_a_batch() -> None:
    """A batch above max.message.bytes is refused; one of just that size is not."""
    size = len(batch("x" * 100))
    partition = await opened(TopicSettings(max_message_bytes=size))

    partition.put("x" * 100)
    with pytest.raises(BatchTooLargeError, match=f"a batch of {size + 1} bytes exceeds .* = {size}"):
        partition.put("x" * 101)

    assert (1, size) == (partition.log.log_end_offset, partition.log.size_bytes)


async def test_corrupt_batch() -> None:
    """A batch that fails its checksum is refused and changes nothing."""
    partition = await opened()
    data = batch("a")
    data[-1] ^= 1

    with pytest.raises(CorruptBatchError):
        partition.log.append(data)

    assert 0 == partition.log.log_end_offset


async def test_disk_low() -> None:
    """Below the floor appends are refused, retriable; they go on once there is room again."""
    partition = await opened()
    partition.faults.capacity_bytes = partition.faults.used_bytes + 100
    await partition.volume.free_space.refresh()

    with pytest.raises(DiskLowError) as refused:
        partition.put("x" * 500)
    partition.faults.capacity_bytes += 10_000
    await partition.volume.free_space.refresh()
    partition.put("x" * 500)

    assert refused.value.retriable
    assert 1 == partition.log.log_end_offset


# --- writes that fail --------------------------------------------------------------------------


@pytest.mark.parametrize("effect", [Effect.ENOSPC, Effect.SHORT_THEN_ENOSPC])
@pytest.mark.parametrize("following", ["y", "y" * 900], ids=["shorter", "longer"])
async def test_full_disk_in_the_middle_of_a_write(effect: Effect, following: str) -> None:
    """A write that fails half-way is refused; the next one takes its place and all stay readable."""
    partition = await opened()
    await partition.keep("a")
    partition.faults.reset(Fault(Kind.WRITE, 1, effect))

    with pytest.raises(StorageFailedError, match="the batch could not be written") as refused:
        partition.put("x" * 500)
    appended = await partition.keep(following)

    assert refused.value.retriable
    assert 1 == appended.base_offset
    assert ["a", following] == await partition.read_all()
    assert ["a", following] == await (await _reopened(partition)).read_all()


async def _reopened(partition: LivingPartition) -> LivingPartition:
    await partition.reopen()
    assert partition.log.recovered.is_clean, "what a failed write left was not cut off"
    return partition


async def test_short_writes_are_completed() -> None:
    """A disk that takes half of every write still gets all of it."""
    partition = await opened()
    partition.faults.reset(Fault(Kind.WRITE, 1, Effect.SHORT, once=False))

    await partition.keep("x" * 500)

    assert ["x" * 500] == await partition.read_all()


class Stubborn(FaultyDisk):
    """Takes half a write, then nothing more, not even a cut, until it is told to."""

    is_stuck = False

    def count(self, kind: Kind, path: Path) -> None:
        if self.is_stuck and kind is Kind.TRUNCATE:
            raise OSError(errno.EIO, "stuck", str(path))
        super().count(kind, path)


async def test_leftovers_that_cannot_be_cut_at_once() -> None:
    """What a failed write left is cut before anything else is written, though it took more than one try."""
    partition = LivingPartition()
    partition.faults = stubborn = Stubborn(partition.disk)
    await partition.open()
    size = len(batch("a"))
    stubborn.is_stuck = True
    stubborn.reset(Fault(Kind.WRITE, 1, Effect.SHORT_THEN_ENOSPC))
    with pytest.raises(StorageFailedError):
        partition.put("x" * 500)
    with pytest.raises(StorageFailedError):
        partition.put("a")
    assert len(partition.disk.content(log_file(0))) > size
    stubborn.is_stuck = False
    partition.put("a")
    assert size == len(partition.disk.content(log_file(0)))
    await partition.flusher.flush()
    assert ["a"] == await partition.read_all()


async def test_leftovers_that_a_roll_cuts() -> None:
    """A failed write after the last batch is cut off by the roll where it could not be cut before."""
    partition = LivingPartition()
    partition.faults = stubborn = Stubborn(partition.disk)
    await partition.open()
    await partition.keep("a")
    stubborn.is_stuck = True
    stubborn.reset(Fault(Kind.WRITE, 1, Effect.SHORT_THEN_ENOSPC))
    with pytest.raises(StorageFailedError):
        partition.put("x" * 500)
    stubborn.is_stuck = False

    partition.log.roll()

    assert partition.log.segments[0].size_bytes == len(partition.disk.content(log_file(0)))


async def test_roll_that_fails() -> None:
    """Where the next segment cannot be made, the batch is refused and the same append works later."""
    partition = await opened(TopicSettings(segment_bytes=200))
    await partition.keep("x" * 100)
    partition.faults.reset(Fault(Kind.OPEN, 1, Effect.ENOSPC))

    with pytest.raises(StorageFailedError):
        partition.put("y" * 100)
    appended = await partition.keep("y" * 100)

    assert (1, 2) == (appended.base_offset, len(partition.log.segments))
    assert ["x" * 100, "y" * 100] == await partition.read_all()


# --- idempotent producers ----------------------------------------------------------------------


async def test_retry_is_stored_once() -> None:
    """A batch sent again is answered with its first place and not stored again."""
    partition = await opened()
    partition.put("before")
    first = partition.log.append(batch("a", "b", producer=(7, 0, 0)))
    partition.log.append(batch("c", producer=(7, 0, 2)))

    again = partition.log.append(batch("a", "b", producer=(7, 0, 0)))

    assert (1, 3, True) == (again.base_offset, again.next_offset, again.is_duplicate)
    assert (1, False) == (first.base_offset, first.is_duplicate)
    assert 4 == partition.log.log_end_offset


async def test_retry_waits_for_the_original() -> None:
    """A duplicate is not acknowledged before the original is durable."""
    partition = await opened()
    partition.log.append(batch("a", producer=(7, 0, 0)))
    again = partition.log.append(batch("a", producer=(7, 0, 0)))

    waiting = asyncio.ensure_future(partition.log.durable(again))
    await asyncio.sleep(0)
    assert not waiting.done()
    await partition.flusher.flush()

    await waiting


@pytest.mark.parametrize(
    ("producer", "error"),
    [((7, 1, 5), OutOfOrderSequenceError), ((7, 0, 1), ProducerFencedError)],
)
async def test_producer_out_of_order(producer: tuple[int, int, int], error: type[Exception]) -> None:
    """A gap in the sequence and an older epoch are refused, and nothing is stored."""
    partition = await opened()
    partition.log.append(batch("a", producer=(7, 1, 0)))

    with pytest.raises(error):
        partition.log.append(batch("b", producer=producer))

    assert 1 == partition.log.log_end_offset


# --- rolls -------------------------------------------------------------------------------------


async def test_roll_by_bytes() -> None:
    """A batch that would take the segment above segment.bytes begins the next one."""
    size = len(batch("a"))
    partition = await opened(TopicSettings(segment_bytes=2 * size))
    for _ in range(5):
        partition.put("a")
    assert [0, 2, 4] == [segment.base_offset for segment in partition.log.segments]
    assert 5 * size == partition.log.size_bytes


async def test_larger_than_a_segment() -> None:
    """A batch larger than segment.bytes has a segment of its own, and no empty one before it."""
    partition = await opened(TopicSettings(segment_bytes=128))
    partition.put("x" * 300)
    partition.put("x" * 300)
    assert [0, 1] == [segment.base_offset for segment in partition.log.segments]


async def test_roll_by_age() -> None:
    """A segment whose first batch is segment.ms old is followed by another; an empty one never is."""
    partition = await opened(TopicSettings(segment_ms=1000))
    partition.clock.advance(5000)
    partition.put("a")
    partition.clock.advance(999)
    partition.put("b")
    partition.clock.advance(1)
    partition.put("c")
    assert [0, 2] == [segment.base_offset for segment in partition.log.segments]


async def test_roll_by_offsets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment ends where its index could not count on."""
    monkeypatch.setattr(partition_log, "RELATIVE_OFFSET_MAX", 2)
    partition = await opened()
    for _ in range(2):
        partition.put("a", "b")
    assert [0, 2] == [segment.base_offset for segment in partition.log.segments]


async def test_roll_on_request() -> None:
    """A roll seals what there is, and does nothing where there is nothing."""
    partition = await opened()
    partition.log.roll()
    partition.put("a")
    partition.log.roll()
    partition.log.roll()
    partition.put("b")
    await partition.flusher.flush()
    assert [0, 1] == [segment.base_offset for segment in partition.log.segments]
    assert ["a", "b"] == await partition.read_all()


async def test_roll_on_request_that_fails() -> None:
    """Where the volume makes no segment a roll is refused, retriable, and the log goes on."""
    partition = await opened()
    partition.put("a")
    partition.faults.reset(Fault(Kind.OPEN, 1, Effect.ENOSPC))
    with pytest.raises(StorageFailedError, match="t-0: no segment could be begun"):
        partition.log.roll()
    await partition.keep("b")
    assert ["a", "b"] == await partition.read_all()


# --- durability --------------------------------------------------------------------------------


async def test_nothing_is_acknowledged_before_its_flush() -> None:
    """An append is answered when a flush that began after it is done, not by an earlier one."""
    partition = await opened()
    first = partition.put("a")
    partition.disk.gate = asyncio.Event()
    flushing = asyncio.ensure_future(partition.flusher.flush())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    second = partition.put("b")
    waiting = [asyncio.ensure_future(partition.log.durable(appended)) for appended in (first, second)]
    await asyncio.sleep(0)
    assert [False, False] == [future.done() for future in waiting]

    partition.disk.gate.set()
    await flushing
    await asyncio.sleep(0)
    assert [True, False] == [future.done() for future in waiting]
    assert 1 == partition.log.high_watermark

    await partition.flusher.flush()
    await asyncio.gather(*waiting)
    assert 2 == partition.log.high_watermark


async def test_already_durable() -> None:
    """What was flushed before anybody asked is answered at once."""
    partition = await opened()
    appended = await partition.keep("a")
    await partition.log.durable(appended)
    assert 0 == len(partition.log.waiters)


async def test_watchers_see_the_high_watermark_move() -> None:
    """A watcher is called with each new high watermark until it stops watching."""
    partition = await opened()
    seen: list[int] = []
    stop = partition.log.waiters.watch(seen.append)
    await partition.keep("a")
    await partition.keep("b", "c")
    stop()
    await partition.keep("d")
    assert [1, 3] == seen


async def test_os_policy_answers_the_append() -> None:
    """Under the `os` policy an append is readable and acknowledged at once, and flushed later."""
    partition = LivingPartition(log_settings=OS_POLICY)
    await partition.open()
    seen: list[int] = []
    partition.log.waiters.watch(seen.append)

    await partition.log.durable(partition.put("a"))

    assert (1, 0, [1]) == (partition.log.high_watermark, partition.log.recovery_point, seen)
    assert ["a"] == await partition.read_all()
    await partition.flusher.flush()
    assert (1, 1) == (partition.log.high_watermark, partition.log.recovery_point)


async def test_os_policy_survives_a_kill() -> None:
    """Under the `os` policy what was acknowledged survives a killed process, unflushed."""
    partition = LivingPartition(log_settings=OS_POLICY)
    await partition.open()
    partition.put("a")
    await partition.restart()
    assert ["a"] == await partition.read_all()
