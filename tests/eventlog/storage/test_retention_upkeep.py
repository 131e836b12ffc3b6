"""What a partition deletes, and when: by age, by bytes, on request; and what settling writes out."""

from __future__ import annotations

import pytest

from eventlog.errors import OffsetOutOfRangeError
from eventlog.storage.partition_log import UP_TO_HIGH_WATERMARK
from eventlog.storage.retention import FOREVER
from eventlog.storage.settings import FlushPolicy, LogSettings, TopicSettings
from tests.eventlog.storage.living_partition import LivingPartition, batch, index_files, log_file
from tests.reliability.disks.faulty import Fault, Kind

SIZE = len(batch("a"))
HOUR_MS = 3_600_000


async def filled(count: int, retention_ms: int = FOREVER, every_ms: int = 0) -> LivingPartition:
    """Flushed batches, two in each segment, with some time between them."""
    partition = LivingPartition(settings=TopicSettings(segment_bytes=2 * SIZE, retention_ms=retention_ms))
    await partition.open()
    for _ in range(count):
        await partition.keep("a")
        partition.clock.advance(every_ms)
    return partition


def bases(partition: LivingPartition) -> list[int]:
    return [segment.base_offset for segment in partition.log.segments]


# --- by bytes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("retention_bytes", "deleted"), [(FOREVER, 0), (7 * SIZE, 0), (5 * SIZE, 1), (2 * SIZE, 2), (0, 3)]
)
async def test_retention_by_bytes(retention_bytes: int, deleted: int) -> None:
    """The oldest segments go while what remains still has the bytes to be kept; the active one never."""
    partition = await filled(7)
    assert deleted == await partition.log.retain(retention_bytes)
    assert [0, 2, 4, 6][deleted:] == bases(partition)
    assert 2 * deleted == partition.log.log_start_offset
    assert [log_file(base).name for base in bases(partition)] == [
        name for name in partition.names() if name.endswith(".log")
    ]


async def test_unflushed_segments_stay() -> None:
    """Retention deletes nothing that is not durable, for its end may yet be cut."""
    partition = await filled(1)
    for _ in range(6):
        partition.put("a")
    assert 0 == await partition.log.retain(0)
    await partition.flusher.flush()
    assert 3 == await partition.log.retain(0)


async def test_retention_outlives_a_kill() -> None:
    """The new log start offset is durable before anything is deleted."""
    partition = await filled(7)
    await partition.log.retain(2 * SIZE)
    await partition.restart()
    assert (4, 7) == (partition.log.log_start_offset, partition.log.log_end_offset)


@pytest.mark.parametrize("nth", range(1, 7))
async def test_retention_that_fails_half_way(nth: int) -> None:
    """A removal that the volume refuses leaves a log that starts higher, and goes on at the next turn."""
    partition = await filled(7)
    await partition.log.settle()
    partition.faults.reset(Fault(Kind.UNLINK, nth))
    with pytest.raises(OSError, match="Input/output error"):
        await partition.log.retain(2 * SIZE)
    assert 4 == partition.log.log_start_offset
    await partition.restart()
    assert [4, 6] == bases(partition)
    assert ["a"] * 3 == await partition.read_all(4)


# --- by age ------------------------------------------------------------------------------------


async def test_retention_by_age() -> None:
    """A segment goes when its last batch was appended longer ago than retention.ms."""
    partition = await filled(6, 5 * HOUR_MS, HOUR_MS)
    assert 0 == await partition.log.retain(FOREVER)
    partition.clock.advance(1)
    assert 1 == await partition.log.retain(FOREVER)
    assert [2, 4] == bases(partition)


async def test_active_segment_that_is_too_old() -> None:
    """The active segment is rolled when it is too old, and deleted once that is flushed."""
    partition = await filled(1, HOUR_MS)
    partition.clock.advance(HOUR_MS + 1)
    assert 0 == await partition.log.retain(FOREVER)
    assert [0, 1] == bases(partition)
    await partition.flusher.flush()
    assert 1 == await partition.log.retain(FOREVER)
    assert ([1], 1, 1) == (bases(partition), partition.log.log_start_offset, partition.log.log_end_offset)
    assert 0 == await partition.log.retain(FOREVER)
    assert [1] == bases(partition)


@pytest.mark.parametrize("damage", ["none", "indexes", "indexes-and-first-batch"])
async def test_age_after_a_restart(damage: str) -> None:
    """After a restart the age comes from the indexes; without them nothing goes before its time."""
    partition = await filled(6, 5 * HOUR_MS, HOUR_MS)
    await partition.close()
    if damage != "none":
        for path in index_files(0):
            partition.disk.remove(path)
    if damage == "indexes-and-first-batch":
        data = bytearray(partition.disk.content(log_file(0)))
        data[16] ^= 1
        partition.disk.replace(log_file(0), bytes(data))
    await partition.open()

    assert 0 == await partition.log.retain(FOREVER)
    partition.clock.advance(2)
    deleted = await partition.log.retain(FOREVER)

    assert deleted == (1 if damage == "none" else 0)


@pytest.mark.parametrize("jump_ms", [10 * 365 * 24 * HOUR_MS, -HOUR_MS, 61_000])
async def test_stepped_clock(jump_ms: int) -> None:
    """While the wall clock is off the monotonic one nothing is deleted by age; by bytes it is."""
    partition = await filled(6, HOUR_MS)
    partition.clock.jump(jump_ms)
    partition.clock.advance(2 * HOUR_MS)
    assert 0 == await partition.log.retain(FOREVER)
    assert 1 == await partition.log.retain(4 * SIZE)
    partition.clock.jump(-jump_ms)
    assert 1 == await partition.log.retain(FOREVER)


async def test_stepped_clock_is_not_stored() -> None:
    """Appends carry the steady time while the wall clock is off."""
    partition = await filled(0)
    start_ms = partition.clock.wall_ms()
    partition.clock.jump(10 * HOUR_MS)
    partition.clock.advance(5)
    assert start_ms + 5 == partition.put("a").append_time_ms


async def test_retained_producers_are_remembered() -> None:
    """A retry is known after a kill, though its batch and that segment are gone."""
    partition = await filled(0)
    for number in range(5):
        partition.log.append(batch("a", producer=(7, 0, number)))
    await partition.flusher.flush()
    await partition.log.retain(0)
    for name in partition.names():
        assert not name.endswith(".log") or name == log_file(4).name
    await partition.restart()
    again = [partition.log.append(batch("a", producer=(7, 0, number))) for number in range(5)]
    assert [(number, True) for number in range(5)] == [
        (each.base_offset, each.is_duplicate) for each in again
    ]


# --- on request --------------------------------------------------------------------------------


async def test_delete_records() -> None:
    """The log starts where it is told; whole segments below go at once, a part of one stays on the disk."""
    partition = await filled(6)
    assert 3 == await partition.log.delete_records(3)
    assert [2, 4] == bases(partition)
    assert ["a"] == await partition.read(3)
    await partition.restart()
    assert 3 == partition.log.log_start_offset


async def test_delete_no_records() -> None:
    """The log start offset never goes back."""
    partition = await filled(6)
    await partition.log.delete_records(4)
    assert 4 == await partition.log.delete_records(2)


async def test_delete_all_records() -> None:
    """Everything up to the high watermark can go; offsets go on."""
    partition = await filled(5)
    partition.put("b")
    assert 5 == await partition.log.delete_records(UP_TO_HIGH_WATERMARK)
    assert [4] == bases(partition)
    await partition.flusher.flush()
    assert ["b"] == await partition.read_all(5)


@pytest.mark.parametrize("offset", [-2, 4])
async def test_delete_too_many_records(offset: int) -> None:
    """What is not durable, or not there, cannot be deleted."""
    partition = await filled(3)
    partition.put("unflushed")
    with pytest.raises(OffsetOutOfRangeError, match=f"delete up to {offset}, the high watermark is 3"):
        await partition.log.delete_records(offset)


async def test_delete_unflushed_records() -> None:
    """Under the `os` policy deleted records may be lost unflushed; the log then starts where it ends."""
    partition = LivingPartition(log_settings=LogSettings(flush=FlushPolicy.OS, free_bytes_min=0))
    await partition.open()
    for _ in range(3):
        partition.put("a")
    await partition.log.delete_records(UP_TO_HIGH_WATERMARK)
    await partition.kill()
    partition.disk.replace(log_file(0), b"")
    await partition.open()
    assert (3, 3) == (partition.log.log_start_offset, partition.log.log_end_offset)
    await partition.keep("b")
    assert ["b"] == await partition.read_all(3)
    await partition.restart()
    assert ["b"] == await partition.read_all(3)


# --- settling ----------------------------------------------------------------------------------


async def test_settling_writes_indexes_and_snapshots() -> None:
    """Sealed and flushed segments get their indexes and a producer snapshot; only the newest two are kept."""
    partition = await filled(7)
    partition.put("a")
    partition.put("a")
    await partition.log.settle()
    assert {path.name for base in (0, 2, 4) for path in index_files(base)} <= set(partition.names())
    assert ["00000000000000000004.producers", "00000000000000000006.producers"] == [
        name for name in partition.names() if name.endswith(".producers")
    ]
    before = partition.disk.operation_count
    await partition.log.settle()
    assert [] == partition.disk.changes_since(before)


async def test_index_of_the_active_segment_grows() -> None:
    """Entries of the active segment are written out as they come."""
    partition = LivingPartition(settings=TopicSettings(index_interval_bytes=61))
    await partition.open()
    sizes = []
    for _ in range(3):
        await partition.keep("a")
        await partition.log.settle()
        sizes.append(len(partition.disk.content(index_files(0)[0])))
    assert [0, 12, 24] == sizes


async def test_silent_producers_are_forgotten() -> None:
    """A producer that has not written for a day is forgotten when the log settles."""
    partition = await filled(0)
    partition.log.append(batch("a", producer=(7, 0, 0)))
    await partition.flusher.flush()
    partition.clock.advance(24 * HOUR_MS)
    await partition.log.settle()
    assert [7] == list(partition.log.producers.producers)
    partition.clock.advance(1)
    await partition.log.settle()
    assert [] == list(partition.log.producers.producers)


@pytest.mark.parametrize("kind", [Kind.OPEN, Kind.WRITE, Kind.FLUSH, Kind.RENAME])
async def test_settling_that_fails(kind: Kind) -> None:
    """Settling that the volume refuses costs nothing and is made up for by the next turn."""
    partition = await filled(7)
    partition.faults.reset(Fault(kind, 1))
    with pytest.raises(OSError, match="Input/output error"):
        await partition.log.settle()
    await partition.log.settle()
    await partition.keep("a")
    await partition.restart()
    assert ["a"] * 8 == await partition.read_all()


async def test_retained_before_it_was_settled() -> None:
    """A segment that goes before its index was written leaves nothing to settle."""
    partition = await filled(7)
    await partition.log.retain(0)
    await partition.log.settle()
    assert {6} == {int(name.split(".")[0]) for name in partition.names() if name.endswith(("log", "index"))}
