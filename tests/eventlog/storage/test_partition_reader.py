"""Reading by offset and by time: whole batches, checked once, never past the high watermark."""

from __future__ import annotations

import asyncio

import pytest

from eventlog.errors import DamagedRangeError, OffsetOutOfRangeError, StorageFailedError, UnknownTopicError
from eventlog.record.header import LENGTH_OFFSET_BYTES
from eventlog.storage import segment_reader
from eventlog.storage.segment_reader import TimedOffset
from eventlog.storage.settings import DamagedPolicy, TopicSettings
from tests.eventlog.storage.living_partition import (
    START_MS,
    LivingPartition,
    batch,
    index_files,
    log_file,
    values_in,
)
from tests.reliability.disks.faulty import Fault, Kind
from tests.reliability.ledger import split_batches

SIZE = len(batch("v0"))


async def filled(count: int, settings: TopicSettings | None = None) -> LivingPartition:
    """A partition with flushed batches of one record each: v0, v1, ..."""
    partition = LivingPartition(settings=settings or TopicSettings())
    await partition.open()
    for number in range(count):
        partition.put(f"v{number}")
    await partition.flusher.flush()
    return partition


async def damaged(partition: LivingPartition, base_offset: int, position: int, flip: int = 1) -> None:
    """Flip a bit in a log file of a cleanly stopped partition and start it again."""
    await partition.close()
    data = bytearray(partition.disk.content(log_file(base_offset)))
    data[position] ^= flip
    partition.disk.replace(log_file(base_offset), bytes(data))
    await partition.open()


# --- by offset ---------------------------------------------------------------------------------


async def test_middle_of_a_batch() -> None:
    """A read at an offset inside a batch returns that batch whole."""
    partition = await filled(1)
    await partition.keep("a", "b", "c")
    assert ["a", "b", "c"] == await partition.read(2)


async def test_first_batch_is_never_too_large() -> None:
    """At least one batch is returned, whole, however few bytes are asked for."""
    partition = await filled(0)
    await partition.keep("x" * 5000)
    await partition.keep("y")
    assert ["x" * 5000] == await partition.read(0, 1)
    assert ["x" * 5000] == await partition.read(0, 0)


@pytest.mark.parametrize("bytes_max", range(SIZE, 6 * SIZE, SIZE // 3))
async def test_ranges_end_at_batch_boundaries(bytes_max: int) -> None:
    """As many whole batches come as fit, and not one more."""
    partition = await filled(6, TopicSettings(index_interval_bytes=2 * SIZE))
    assert [f"v{number}" for number in range(bytes_max // SIZE)] == await partition.read(0, bytes_max)


async def test_one_segment_at_a_time() -> None:
    """A range lies in one segment; the next read goes on in the next one."""
    partition = await filled(5, TopicSettings(segment_bytes=2 * SIZE))
    assert ["v1"] == await partition.read(1)
    assert ["v2", "v3"] == await partition.read(2)
    assert ["v0", "v1", "v2", "v3", "v4"] == await partition.read_all()


async def test_never_past_the_high_watermark() -> None:
    """What is not durable yet is not read, and asking for it is no error."""
    partition = await filled(1)
    partition.put("unflushed")
    assert ["v0"] == await partition.read(0)
    assert [] == await partition.read(1)
    assert [] == await partition.read(2)
    await partition.flusher.flush()
    assert ["unflushed"] == await partition.read(1)


async def test_high_watermark_inside_a_sealed_segment() -> None:
    """The durable part of a segment that was sealed since is readable, the rest and the next are not."""
    partition = await filled(1, TopicSettings(segment_bytes=2 * SIZE))
    partition.put("w1")
    partition.put("w2")
    assert [0, 2] == [segment.base_offset for segment in partition.log.segments]
    assert ["v0"] == await partition.read_all()
    assert [1, 2] == [partition.log.readable_end(segment).offset for segment in partition.log.segments]


@pytest.mark.parametrize("offset", [-1, 1, 5])
async def test_out_of_range(offset: int) -> None:
    """Below the log start offset and above the log end there is nothing to read."""
    partition = await filled(4)
    await partition.log.delete_records(2)
    with pytest.raises(OffsetOutOfRangeError, match=f"offset {offset} .* holds 2 to 4"):
        await partition.log.read_bytes(offset, 100)


async def test_checked_once_only() -> None:
    """The first read after a start checks what it serves; the second runs no check."""
    partition = await filled(8)
    await partition.reopen()
    await partition.read_all()
    partition.disk.reads.clear()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("eventlog.storage.segment_reader.check_stretch", None)
        assert [f"v{number}" for number in range(8)] == await partition.read_all()


async def test_first_read_checks() -> None:
    """A first read does run the check."""
    partition = await filled(1)
    await partition.reopen()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("eventlog.storage.segment_reader.check_stretch", None)
        with pytest.raises(TypeError):
            await partition.read(0)


async def test_range_survives_the_retention_of_its_segment() -> None:
    """Who holds a range may finish reading after its segment was deleted; then the file is closed."""
    partition = await filled(5, TopicSettings(segment_bytes=2 * SIZE))
    held = await partition.log.read(0, 1000)
    assert held is not None

    assert 4 == await partition.log.delete_records(4)

    assert log_file(0).name not in partition.names()
    assert ["v0", "v1"] == values_in(held.read())
    assert log_file(0).name in partition.disk.open_paths
    held.release()
    assert log_file(0).name not in partition.disk.open_paths
    with pytest.raises(OffsetOutOfRangeError):
        await partition.log.read(0, 1000)


async def test_retention_while_a_read_waits() -> None:
    """A read that finds its segment gone says that the offset is out of range, not that a file is missing."""
    partition = await filled(5, TopicSettings(segment_bytes=2 * SIZE))
    await partition.reopen()
    gate = partition.disk.gate = asyncio.Event()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(segment_reader, "check_stretch", _gone)
        reading = asyncio.ensure_future(partition.log.read_bytes(0, 1000))
        await asyncio.sleep(0)
        partition.disk.gate = None
        await partition.log.delete_records(4)
        gate.set()
        with pytest.raises(OffsetOutOfRangeError, match="offset 0 is not in the log"):
            await reading


def _gone(*_: object) -> None:
    raise FileNotFoundError(2, "gone")


async def test_closed() -> None:
    """A log that was closed, with its topic or for ever, is not read: another may have its files now."""
    partition = await filled(1)
    await partition.log.close()
    with pytest.raises(UnknownTopicError, match="t-0: the log was closed"):
        await partition.log.read(0, 100)
    with pytest.raises(UnknownTopicError, match="t-0: the log was closed"):
        await partition.log.find_time(0)


async def test_disk_that_cannot_be_read() -> None:
    """A read error is an error of the volume, retriable, with partition and offset in it."""
    partition = await filled(1)
    await partition.reopen()
    partition.faults.reset(Fault(Kind.OPEN, 1))
    with pytest.raises(StorageFailedError, match="t-0: offset 0 cannot be read"):
        await partition.log.read_bytes(0, 100)
    assert ["v0"] == await partition.read(0)


@pytest.mark.parametrize("way", ["time", "bytes"])
async def test_disk_that_fails_later(way: str) -> None:
    """So it is for a search by time, and where only the bytes of a checked range cannot be read."""
    partition = await filled(1)
    if way == "time":
        await partition.reopen()
        partition.faults.reset(Fault(Kind.OPEN, 1))
    else:
        partition.faults.reset(Fault(Kind.READ, 2))
    with pytest.raises(StorageFailedError):
        await (partition.log.find_time(0) if way == "time" else partition.log.read_bytes(0, 100))


# --- past damage -------------------------------------------------------------------------------


async def test_damage_is_refused_by_name() -> None:
    """A range that starts before damage ends before it; one inside is refused; behind it all is well."""
    partition = await filled(6, TopicSettings(index_interval_bytes=SIZE))
    await damaged(partition, 0, 2 * SIZE + SIZE - 2)

    assert ["v0", "v1"] == await partition.read(0)
    with pytest.raises(DamagedRangeError, match=r"offsets 2 to 2 are damaged .*; read on from 3") as refused:
        await partition.read(2)
    assert (2, 3) == (refused.value.first_offset, refused.value.next_offset)
    assert ["v3", "v4", "v5"] == await partition.read(3)
    assert {} == partition.quarantined()


async def test_damage_is_skipped() -> None:
    """With `skip` the next readable batch is returned in place of a damaged one."""
    settings = TopicSettings(damaged=DamagedPolicy.SKIP, index_interval_bytes=SIZE)
    partition = await filled(6, settings)
    await damaged(partition, 0, 2 * SIZE + SIZE - 2)
    assert ["v0", "v1"] == await partition.read(0)
    assert ["v3", "v4", "v5"] == await partition.read(2)


async def test_damage_at_a_segments_end_is_skipped() -> None:
    """Skipping goes on into the next segment."""
    settings = TopicSettings(damaged=DamagedPolicy.SKIP, segment_bytes=2 * SIZE)
    partition = await filled(4, settings)
    await damaged(partition, 0, 2 * SIZE - 2)
    assert ["v0", "v2", "v3"] == await partition.read_all()


@pytest.mark.parametrize("policy", DamagedPolicy)
async def test_first_segment_is_missing(policy: DamagedPolicy) -> None:
    """Records whose segment is gone are refused as damaged, or skipped, up to the first that is there."""
    partition = await filled(4, TopicSettings(segment_bytes=2 * SIZE, damaged=policy))
    await partition.close()
    for path in (log_file(0), *index_files(0)):
        partition.disk.remove(path)
    await partition.open()
    if policy is DamagedPolicy.SKIP:
        assert ["v2", "v3"] == await partition.read(0)
    else:
        with pytest.raises(DamagedRangeError, match="offsets 0 to 1 are damaged") as refused:
            await partition.read(1)
        assert (0, 2) == (refused.value.first_offset, refused.value.next_offset)
    assert TimedOffset(START_MS, 2) == await partition.log.find_time(0)


def test_sizes_are_what_the_length_field_says() -> None:
    """The constant that these tests count with is the size of a stored batch."""
    assert [SIZE] == [len(part) for part in split_batches(bytes(batch("v1")))]
    assert SIZE > LENGTH_OFFSET_BYTES
