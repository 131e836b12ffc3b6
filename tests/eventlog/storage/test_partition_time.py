"""Searching a partition by time: the first readable record, over segments, damage and changes meanwhile."""

from __future__ import annotations

from typing import cast

import pytest

from eventlog.record import Codec
from eventlog.storage import partition_reader
from eventlog.storage.partition_log import PartitionLog
from eventlog.storage.scan import Damage, Place, ScannedBatch
from eventlog.storage.segment import Segment
from eventlog.storage.segment_reader import LogRange, SegmentReader, TimedOffset
from eventlog.storage.settings import TopicSettings
from tests.eventlog.record.forge import forge
from tests.eventlog.storage.living_partition import START_MS, LivingPartition, batch, log_file

SIZE = len(batch("v0"))


async def filled(count: int, settings: TopicSettings | None = None) -> LivingPartition:
    """A partition with flushed batches of one record each: v0, v1, ..."""
    partition = LivingPartition(settings=settings or TopicSettings())
    await partition.open()
    for number in range(count):
        partition.put(f"v{number}")
    await partition.flusher.flush()
    return partition


async def timed(settings: TopicSettings | None = None, codec: Codec = Codec.NONE) -> LivingPartition:
    """Batches of three records, ten milliseconds between records."""
    partition = LivingPartition(settings=settings or TopicSettings())
    await partition.open()
    for first in range(0, 12, 3):
        times = tuple(START_MS + 10 * (first + number) for number in range(3))
        partition.log.append(batch("a", "b", "c", timestamps_ms=times, codec=codec))
    await partition.flusher.flush()
    return partition


@pytest.mark.parametrize("codec", Codec)
@pytest.mark.parametrize("segment_bytes", [200, 100_000], ids=["many-segments", "one-segment"])
async def test_first_record_at_a_time(codec: Codec, segment_bytes: int) -> None:
    """A search returns the first record at or after the time, inside compressed batches too."""
    partition = await timed(TopicSettings(segment_bytes=segment_bytes), codec)
    await partition.reopen()
    for number in range(12):
        at = START_MS + 10 * number
        expected = TimedOffset(at, number)
        assert (expected, expected) == (
            await partition.log.find_time(at - 9),
            await partition.log.find_time(at),
        )
    assert await partition.log.find_time(START_MS + 111) is None


async def test_timestamps_out_of_order() -> None:
    """The first record in the log counts, not the oldest one."""
    partition = await filled(0, TopicSettings(index_interval_bytes=61))
    for at in (50, 10, 40, 20, 60):
        partition.log.append(batch("a", "b", timestamps_ms=(START_MS + at, START_MS + at - 5)))
    await partition.flusher.flush()
    found = [await partition.log.find_time(START_MS + at) for at in (5, 46, 50, 51, 56)]
    assert [(50, 0), (50, 0), (50, 0), (60, 8), (60, 8)] == [
        (timed.timestamp_ms - START_MS, timed.offset) for timed in found if timed is not None
    ]


async def test_time_from_the_log_start() -> None:
    """Records before the log start offset are not found, even in the same batch."""
    partition = await timed()
    await partition.log.delete_records(4)
    assert TimedOffset(START_MS + 40, 4) == await partition.log.find_time(0)


async def test_time_up_to_the_high_watermark() -> None:
    """A record that is not durable is not found; an empty log has none."""
    partition = await filled(0)
    assert await partition.log.find_time(0) is None
    partition.put("a")
    assert await partition.log.find_time(0) is None
    await partition.flusher.flush()
    assert TimedOffset(START_MS, 0) == await partition.log.find_time(0)


async def test_time_after_the_start_within_a_batch() -> None:
    """Where only records before the log start are young enough, the search goes on behind their batch."""
    partition = await filled(0)
    partition.log.append(batch("a", "b", timestamps_ms=(START_MS + 90, START_MS)))
    partition.log.append(batch("c", timestamps_ms=(START_MS + 50,)))
    await partition.flusher.flush()
    await partition.log.delete_records(1)
    assert TimedOffset(START_MS + 50, 2) == await partition.log.find_time(START_MS + 40)
    assert await partition.log.find_time(START_MS + 60) is None


async def test_time_past_damage() -> None:
    """Damage is passed over: the next readable record is found."""
    partition = await filled(4, TopicSettings(index_interval_bytes=SIZE))
    await partition.close()
    data = bytearray(partition.disk.content(log_file(0)))
    data[SIZE - 2] ^= 1
    partition.disk.replace(log_file(0), bytes(data))
    await partition.open()
    assert TimedOffset(START_MS, 1) == await partition.log.find_time(0)


async def test_time_of_a_batch_that_nobody_can_decode() -> None:
    """Where the records are not readable, though the checksum is right, the batch's own start counts."""
    partition = await filled(1)
    partition.log.append(bytearray(forge(b"no record", max_timestamp_ms=START_MS + 70)))
    await partition.flusher.flush()
    assert TimedOffset(START_MS + 70, 1) == await partition.log.find_time(START_MS + 1)


async def test_time_while_the_log_start_waits_in_a_sealed_segment() -> None:
    """A search through a sealed segment whose rest is not durable ends at the high watermark."""
    partition = await filled(1, TopicSettings(segment_bytes=2 * SIZE))
    partition.put("w1")
    partition.put("w2")
    assert await partition.log.find_time(START_MS + 1) is None


class Stalling:
    """A partition that, though its high watermark says otherwise, lets nothing be read."""

    def __init__(self, log: PartitionLog) -> None:
        self._log = log

    def __getattr__(self, name: str) -> object:
        return getattr(self._log, name)

    def readable_end(self, segment: Segment) -> Place:
        return Place(0, segment.base_offset)


async def test_time_where_nothing_more_is_readable() -> None:
    """A search that cannot get on ends, and does not turn in circles."""
    partition = await filled(1)
    log = cast(PartitionLog, Stalling(partition.log))
    assert await partition_reader.find_time(log, partition.volume.reader, 0) is None


async def test_time_of_a_batch_that_is_lost_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that was there a moment ago and cannot be read now is passed over."""
    partition = await filled(2)
    range_at = SegmentReader.range_at
    lost: list[int] = []

    async def lose_first(
        self: SegmentReader, segment: Segment, offset: int, bytes_max: int, limit: Place
    ) -> LogRange | Damage | None:
        if bytes_max == 1 and not lost:
            lost.append(offset)
            return None
        return await range_at(self, segment, offset, bytes_max, limit)

    monkeypatch.setattr(SegmentReader, "range_at", lose_first)
    assert TimedOffset(START_MS, 1) == await partition.log.find_time(0)
    assert [0] == lost


async def test_time_while_retention_removes_the_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search whose segment is deleted meanwhile goes on at the new log start."""
    partition = await filled(5, TopicSettings(segment_bytes=2 * SIZE))
    first_batch = SegmentReader.first_batch_at_time

    async def retain_first(
        self: SegmentReader, segment: Segment, timestamp_ms: int, from_offset: int, limit: Place
    ) -> ScannedBatch | None:
        if from_offset == 0:
            await partition.log.delete_records(3)
        return await first_batch(self, segment, timestamp_ms, from_offset, limit)

    monkeypatch.setattr(SegmentReader, "first_batch_at_time", retain_first)
    partition.volume.open_files.close()
    assert TimedOffset(START_MS, 3) == await partition.log.find_time(0)
