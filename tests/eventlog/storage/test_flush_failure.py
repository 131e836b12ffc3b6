"""A failed flush: what it left in doubt is set aside, nothing of it is acknowledged, and writing resumes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from eventlog.errors import OffsetOutOfRangeError, OutOfOrderSequenceError, StorageFailedError
from eventlog.storage.settings import FlushPolicy, LogSettings, TopicSettings
from tests.eventlog.storage.living_partition import STATE, LivingPartition, batch, log_file
from tests.eventlog.storage.patience import until
from tests.reliability.disks.faulty import Fault, FaultyDisk, Kind

SIZE = len(batch("a"))


class Refusing(FaultyDisk):
    """Fails flushes of files with a suffix, every opening, or writes of the state, while it is told to."""

    suffix: str | None = None
    is_dead = False
    refuses_state = False

    def count(self, kind: Kind, path: Path) -> None:
        dead = self.is_dead and kind is Kind.OPEN
        mute = self.refuses_state and kind is Kind.WRITE and path == STATE
        if dead or mute or (kind is Kind.FLUSH and self.suffix is not None and path.suffix == self.suffix):
            raise OSError(5, "refused", str(path))
        super().count(kind, path)


async def opened(settings: TopicSettings | None = None) -> LivingPartition:
    """A partition with one durable record "a"."""
    partition = LivingPartition(settings=settings or TopicSettings())
    await partition.open()
    await partition.keep("a")
    return partition


async def dead() -> tuple[LivingPartition, Refusing]:
    """A partition with one durable record, one whose flush failed, and a volume that still refuses."""
    partition = LivingPartition()
    refusing = Refusing(partition.disk)
    partition.faults = refusing
    await partition.open()
    await partition.keep("a")
    partition.put("b")
    refusing.suffix, refusing.is_dead = ".log", True
    await partition.flusher.flush()
    return partition, refusing


async def fail(partition: LivingPartition, kind: Kind = Kind.FLUSH) -> None:
    """One flush round whose first flush (or folder sync) fails."""
    partition.faults.reset(Fault(kind, 1))
    await partition.flusher.flush()
    partition.faults.reset(None)


async def test_waiting_appends_fail() -> None:
    """Who waits for the flush gets a retriable error; so does who asks for such a batch later."""
    partition = await opened()
    first, second = partition.put("b"), partition.put("c")
    waiting = asyncio.ensure_future(partition.log.durable(first))
    await asyncio.sleep(0)

    await fail(partition)

    with pytest.raises(StorageFailedError, match="t-0: the volume refused a flush") as refused:
        await waiting
    assert refused.value.retriable
    with pytest.raises(StorageFailedError, match="offset 2 was cut off; send it anew"):
        await partition.log.durable(second)


async def test_what_is_in_doubt_is_set_aside() -> None:
    """All past the last good flush is in quarantine, cut, and its offsets are given again."""
    partition = await opened()
    partition.put("b")
    partition.put("c")
    doubtful = partition.disk.content(log_file(0))[SIZE:]

    await fail(partition)

    assert [doubtful] == list(partition.quarantined().values())
    assert (1, 1) == (partition.log.log_end_offset, partition.log.high_watermark)
    assert SIZE == len(partition.disk.content(log_file(0)))
    with pytest.raises(OffsetOutOfRangeError):
        await partition.read(2)


async def test_writing_resumes_in_a_new_segment() -> None:
    """The next batch goes to a new segment, and is acknowledged after a good flush of that."""
    partition = await opened()
    partition.put("b")
    await fail(partition)
    appended = await partition.keep("b")
    await partition.log.durable(appended)
    assert [0, 1] == [segment.base_offset for segment in partition.log.segments]
    assert ["a", "b"] == await partition.read_all()
    await partition.reopen()
    assert ["a", "b"] == await partition.read_all()


async def test_rolled_segments_in_doubt() -> None:
    """Segments that were rolled since the last good flush go whole; an empty start is used again."""
    partition = await opened(TopicSettings(segment_bytes=128))
    for value in ("b", "c", "d"):
        partition.put(value)
    await fail(partition)
    assert 3 == len(partition.quarantined())
    assert [0, 1] == [segment.base_offset for segment in partition.log.segments]
    await partition.keep("again")
    assert ["a", "again"] == await partition.read_all()


async def test_failed_sync_of_the_folder() -> None:
    """A new segment whose name may be lost is not trusted either."""
    partition = await opened(TopicSettings(segment_bytes=128))
    partition.put("b")
    await fail(partition, Kind.SYNC_DIRECTORY)
    assert (1, 1) == (partition.log.log_end_offset, len(partition.quarantined()))


async def test_first_flush_of_all_fails() -> None:
    """A partition without a single durable record begins again at offset 0."""
    partition = LivingPartition()
    await partition.open()
    partition.put("a")
    await fail(partition)
    assert 0 == (await partition.keep("b")).base_offset
    assert ["b"] == await partition.read_all()


async def test_retry_is_stored_anew() -> None:
    """A batch that was cut is no duplicate when it is sent again; one that was kept still is."""
    partition = await opened()
    partition.log.append(batch("b", producer=(7, 0, 0)))
    await partition.flusher.flush()
    partition.log.append(batch("c", producer=(7, 0, 1)))
    partition.log.append(batch("d", producer=(8, 0, 0)))

    await fail(partition)

    assert partition.log.append(batch("b", producer=(7, 0, 0))).is_duplicate
    with pytest.raises(OutOfOrderSequenceError):
        partition.log.append(batch("e", producer=(7, 0, 2)))
    again = [
        partition.log.append(batch(value, producer=producer))
        for value, producer in (("c", (7, 0, 1)), ("d", (8, 0, 0)))
    ]
    assert [(2, False), (3, False)] == [(each.base_offset, each.is_duplicate) for each in again]
    await partition.flusher.flush()
    for each in again:
        await partition.log.durable(each)
    assert ["a", "b", "c", "d"] == await partition.read_all()


async def test_other_partitions_go_on() -> None:
    """Of a round with several partitions only the one that failed is cut."""
    partition, other = await opened(), await opened()
    other.log.on_append = partition.flusher.wake
    appended = partition.put("b"), other.put("b")
    await fail(partition)
    with pytest.raises(StorageFailedError):
        await partition.log.durable(appended[0])
    await other.log.durable(appended[1])
    assert [1, 2] == [each.log.high_watermark for each in (partition, other)]


async def test_os_policy() -> None:
    """Under the `os` policy, too, what a failed flush left in doubt is set aside."""
    partition = LivingPartition(log_settings=LogSettings(flush=FlushPolicy.OS, free_bytes_min=0))
    await partition.open()
    await partition.keep("a")
    partition.put("b")
    await fail(partition)
    assert (1, 1) == (partition.log.high_watermark, len(partition.quarantined()))


# --- a volume that keeps refusing --------------------------------------------------------------


async def test_volume_that_keeps_refusing() -> None:
    """Until the volume takes a flush appends are refused, reads go on, and upkeep leaves the log alone."""
    partition, refusing = await dead()
    refusing.is_dead = False

    assert not await partition.log.restore()
    with pytest.raises(StorageFailedError, match=r"refused.*; writing waits for the volume") as refused:
        partition.put("c")
    assert refused.value.retriable
    assert ["a"] == await partition.read_all()
    before = partition.disk.operation_count
    await partition.log.settle()
    assert (0, None) == (await partition.log.retain(0), partition.log.begin_flush())
    assert [] == partition.disk.journal[before:]


async def test_volume_that_recovers() -> None:
    """Once the volume takes a flush again writing resumes; what was in doubt is set aside once."""
    partition, refusing = await dead()
    assert not await partition.log.restore()
    refusing.suffix, refusing.is_dead = None, False

    assert await partition.log.restore()

    assert partition.log.failure is None
    assert [batch_bytes("b")] == [data[12:] for data in partition.quarantined().values()]
    await partition.keep("c")
    assert ["a", "c"] == await partition.read_all()


def batch_bytes(value: str) -> bytes:
    return bytes(batch(value))[12:]


async def test_state_that_cannot_be_written() -> None:
    """Where not even the distrust can be noted, the log stays failed until it can."""
    partition = LivingPartition()
    refusing = Refusing(partition.disk)
    partition.faults = refusing
    await partition.open()
    await partition.keep("a")
    partition.put("b")
    refusing.suffix, refusing.refuses_state = ".log", True
    await partition.flusher.flush()
    refusing.suffix = None
    assert not await partition.log.restore()
    assert 2 == partition.log.log_end_offset
    refusing.refuses_state = False
    assert await partition.log.restore()
    assert (1, 1) == (partition.log.log_end_offset, len(partition.quarantined()))


async def test_killed_while_failed() -> None:
    """A killed process leaves word of its distrust: the next one cuts what the page cache still shows."""
    partition, refusing = await dead()
    refusing.suffix, refusing.is_dead = None, False
    await partition.restart()
    assert (1, 1) == (partition.log.log_end_offset, len(partition.quarantined()))
    assert ["a"] == await partition.read_all()


async def test_closed_while_failed() -> None:
    """A stop leaves no clean mark over a failed flush, and the next start cuts."""
    partition, refusing = await dead()
    await partition.log.close()
    assert [] == partition.disk.open_paths
    refusing.suffix, refusing.is_dead = None, False
    await partition.open()
    assert (1, 1) == (partition.log.log_end_offset, len(partition.quarantined()))


async def test_records_deleted_while_failed() -> None:
    """Deleting records is refused meanwhile, and does not make the distrust forgotten."""
    partition, refusing = await dead()
    with pytest.raises(StorageFailedError):
        await partition.log.delete_records(0)
    refusing.suffix, refusing.is_dead = None, False
    await partition.restart()
    assert ["a"] == await partition.read_all()


async def test_failed_restores_close_their_files() -> None:
    """However often a restore fails, it leaves no file open but the state."""
    partition = await opened()
    partition.put("b")
    await fail(partition)
    partition.put("c")
    partition.faults.reset(Fault(Kind.FLUSH, 1, once=False))
    await partition.flusher.flush()
    for _ in range(5):
        partition.faults.reset(Fault(Kind.FLUSH, 4))
        assert not await partition.log.restore()
    assert ["state"] == partition.disk.open_paths


async def test_two_restores_at_once() -> None:
    """A restore that had to wait for another one leaves the log and its new appends alone."""
    partition = await opened()
    partition.disk.hops = 3
    partition.put("b")
    partition.faults.reset(Fault(Kind.FLUSH, 1))
    flushing = asyncio.create_task(partition.flusher.flush())
    await until(lambda: partition.log.failure is not None)
    restoring = asyncio.create_task(partition.log.restore())
    await until(lambda: partition.log.failure is None)

    appended = [partition.put("c")]
    while not restoring.done():
        await asyncio.sleep(0)
        appended.append(partition.put("c"))
    assert await restoring
    await flushing
    await partition.flusher.flush()

    for each in appended:
        await asyncio.wait_for(partition.log.durable(each), 1)
    assert ["a"] + ["c"] * len(appended) == await partition.read_all()


async def test_os_policy_after_records_were_deleted() -> None:
    """Under the `os` policy deleted records may be unflushed: the log goes on at its start offset."""
    partition = LivingPartition(log_settings=LogSettings(flush=FlushPolicy.OS, free_bytes_min=0))
    await partition.open()
    partition.put("a")
    partition.put("b")
    await partition.log.delete_records(2)
    await fail(partition)
    assert (2, 2) == (partition.log.log_start_offset, partition.log.log_end_offset)
    assert 2 == (await partition.keep("c")).base_offset
    assert ["c"] == await partition.read_all(2)
