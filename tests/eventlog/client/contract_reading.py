"""What every queue must do for readers. A subclass gives the fixture `place`."""

from __future__ import annotations

import asyncio

import pytest

from eventlog.client import Gap, MessageQueue, NewRecord, Record, Start, Watermarks, read_end
from eventlog.client.errors import (
    ClientClosedError,
    CorruptRangeError,
    OffsetOutOfRangeError,
    RefusedByBrokerError,
    StaleGenerationError,
    UnknownTopicError,
)
from tests.eventlog.client.place import Place
from tests.eventlog.client.watching import read_batch, read_records, settled_values


async def filled(place: Place, count: int, settings: dict[str, str] | None = None) -> MessageQueue:
    """A queue on a topic of one partition with records 0 to count - 1, each in a batch of its own."""
    queue = place.open()
    await queue.ensure_topic(place.topic, 1, settings)
    publisher = await queue.publisher(place.topic)
    for number in range(count):
        await publisher.publish([NewRecord(b"record-%04d" % number, None, 0, 1_000 + number)]).wait()
    return queue


class ReadingContract:
    async def test_an_idle_poll_ends_in_time(self, place: Place) -> None:
        """Where nothing comes, an empty batch does, when the time is over and not before."""
        queue = await filled(place, 0)
        subscription = await queue.read({place.at(0): 0})
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        assert not await subscription.poll(timeout_s=0.4)
        assert 0.35 < loop.time() - start_s < 20
        await queue.close()

    async def test_a_poll_brings_no_more_than_was_asked_for(self, place: Place) -> None:
        """Batches are bounded, and together they are everything in order."""
        queue = await filled(place, 10)
        subscription = await queue.read({place.at(0): 0})
        offsets: list[int] = []
        while len(offsets) < 10:
            batch = await subscription.poll(records_max=3)
            assert len(batch.records) <= 3
            offsets += [record.offset for record in batch.records]
        assert list(range(10)) == offsets
        await queue.close()

    async def test_a_cancelled_poll_loses_nothing(self, place: Place) -> None:
        """What it would have brought comes with the next one."""
        queue = await filled(place, 5)
        subscription = await queue.read({place.at(0): 0})
        found: list[Record] = []
        for _ in range(20):
            polling = asyncio.create_task(subscription.poll(records_max=1, timeout_s=0.2))
            await asyncio.sleep(0.01)
            polling.cancel()
            try:
                found += (await polling).records
            except asyncio.CancelledError:
                continue
        found += await read_records(subscription, 5 - len(found)) if len(found) < 5 else []
        assert list(range(5)) == [record.offset for record in found]
        await queue.close()

    async def test_reading_starts_where_it_is_told(self, place: Place) -> None:
        """At an offset, at the log start, or after what is there when it is asked for."""
        queue = await filled(place, 3)
        at = place.at(0)
        for start, expected in ((1, [b"record-0001", b"record-0002"]), (Start.EARLIEST, [b"record-0000"])):
            subscription = await queue.read({at: start})
            found = [record.value for record in await read_records(subscription, len(expected))]
            assert expected == found[: len(expected)]
            await subscription.close()
        publisher = await queue.publisher(place.topic)
        await publisher.publish([NewRecord(b"old", partition=0)]).wait()
        latest = await queue.read({at: Start.LATEST})
        await publisher.publish([NewRecord(b"new", partition=0)]).wait()
        assert [b"new"] == [record.value for record in await read_records(latest, 1)]
        await queue.close()

    async def test_seek_goes_back_and_forth(self, place: Place) -> None:
        """The next record is the one that was sought, and no gap is told."""
        queue = await filled(place, 6)
        subscription = await queue.read({place.at(0): 0})
        await read_records(subscription, 6)
        for offset in (2, 5, 0):
            await subscription.seek(place.at(0), offset)
            batch = await read_batch(subscription)
            assert (offset, ()) == (batch.records[0].offset, batch.gaps)
        await queue.close()

    async def test_a_paused_partition_is_silent_until_resumed(self, place: Place) -> None:
        """Nothing comes while it is paused, and nothing is missing afterwards."""
        queue = await filled(place, 3)
        subscription = await queue.read({place.at(0): 0})
        await read_records(subscription, 3)
        await subscription.pause([place.at(0)])
        publisher = await queue.publisher(place.topic)
        await publisher.publish([NewRecord(b"later", partition=0)]).wait()
        assert [] == await settled_values(subscription, 0.5)
        await subscription.resume([place.at(0)])
        assert [3] == [record.offset for record in await read_records(subscription, 1)]
        await queue.close()

    async def test_watermarks_and_times(self, place: Place) -> None:
        """Log start, high watermark, and the first offset at or after a time."""
        queue = await filled(place, 4)
        at = place.at(0)
        assert {at: Watermarks(0, 4)} == await queue.watermarks([at])
        place.raise_log_start(at, 2)
        assert {at: Watermarks(2, 4)} == await queue.watermarks([at])
        assert {at: 3} == await queue.offsets_for_time([at], 1_003)
        assert {at: None} == await queue.offsets_for_time([at], 1_004)
        await queue.close()

    async def test_an_offset_that_retention_took_is_refused(self, place: Place) -> None:
        """The partition stands still and says why; a seek to the log start sets it going."""
        queue = await filled(place, 5)
        at = place.at(0)
        place.raise_log_start(at, 3)
        subscription = await queue.read({at: 1})
        batch = await read_batch(subscription)
        (refusal,) = batch.refusals
        assert (at, 1, OffsetOutOfRangeError) == (refusal.at, refusal.offset, type(refusal.error))
        assert not await subscription.poll(timeout_s=0.5)
        await subscription.seek(at, (await queue.watermarks([at]))[at].log_start)
        assert [3, 4] == [record.offset for record in await read_records(subscription, 2)]
        await queue.close()

    async def test_an_offset_beyond_the_end_is_refused(self, place: Place) -> None:
        """Another log stands there: nothing comes in silence."""
        queue = await filled(place, 2)
        subscription = await queue.read({place.at(0): 100})
        (refusal,) = (await read_batch(subscription)).refusals
        assert (100, OffsetOutOfRangeError) == (refusal.offset, type(refusal.error))
        await queue.close()

    async def test_damage_is_refused_and_can_be_passed(self, place: Place) -> None:
        """What lies before it comes, then a refusal with the offset, then what lies behind it."""
        queue = await filled(place, 5)
        at = place.at(0)
        place.damage(at, b"record-0002")
        subscription = await queue.read({at: 0})
        batches = [await read_batch(subscription)]
        while not batches[-1].refusals:
            batches.append(await read_batch(subscription))
        assert [0, 1] == [record.offset for batch in batches for record in batch.records]
        (refusal,) = batches[-1].refusals
        assert (at, 2, CorruptRangeError) == (refusal.at, refusal.offset, type(refusal.error))
        assert not await subscription.poll(timeout_s=0.5)
        await subscription.seek(at, 3)
        assert [3, 4] == [record.offset for record in await read_records(subscription, 2)]
        await queue.close()

    async def test_skipped_damage_is_told_as_a_gap(self, place: Place) -> None:
        """With `gputail.damaged=skip` the next readable record comes, and the jump is told."""
        queue = await filled(place, 5, {"gputail.damaged": "skip"})
        at = place.at(0)
        place.damage(at, b"record-0002")
        subscription = await queue.read({at: 0})
        offsets: list[int] = []
        gaps: list[Gap] = []
        while len(offsets) < 4:
            batch = await read_batch(subscription)
            offsets += [record.offset for record in batch.records]
            gaps += batch.gaps
        assert [0, 1, 3, 4] == offsets
        assert [Gap(at, 2, 3)] == gaps
        await queue.close()

    async def test_the_first_record_can_be_behind_a_gap(self, place: Place) -> None:
        """A jump right at the start is told too."""
        queue = await filled(place, 3, {"gputail.damaged": "skip"})
        at = place.at(0)
        place.damage(at, b"record-0000")
        subscription = await queue.read({at: 0})
        assert (Gap(at, 0, 1),) == (await read_batch(subscription)).gaps
        await queue.close()

    async def test_the_end_of_the_log(self, place: Place) -> None:
        """The last records of each partition; fewer where there are fewer, none where it is empty."""
        queue = place.open()
        await queue.ensure_topic(place.topic, 3)
        publisher = await queue.publisher(place.topic)
        await publisher.publish([NewRecord(b"%d" % n, partition=0) for n in range(10)]).wait()
        await publisher.publish([NewRecord(b"only", partition=1)]).wait()
        marks = await queue.watermarks(await queue.partitions_of(place.topic))
        found = await read_end(queue, marks, 3)
        values = {at.partition: [record.value for record in records] for at, records in found.items()}
        assert {0: [b"7", b"8", b"9"], 1: [b"only"], 2: []} == values
        await queue.close()

    async def test_the_end_is_that_of_the_marks(self, place: Place) -> None:
        """What comes after they were asked for belongs neither to the end nor to the count."""
        queue = await filled(place, 5)
        at = place.at(0)
        marks = await queue.watermarks([at])
        publisher = await queue.publisher(place.topic)
        await publisher.publish([NewRecord(b"later", partition=0)] * 5).wait()
        assert [3, 4] == [record.offset for record in (await read_end(queue, marks, 2))[at]]
        await queue.close()

    async def test_a_damaged_end_does_not_block(self, place: Place) -> None:
        """Where the last record cannot be read, those before it are the end; or damage is refused."""
        queue = await filled(place, 3, {"gputail.damaged": "skip"})
        at = place.at(0)
        place.damage(at, b"record-0002")
        found = await read_end(queue, await queue.watermarks([at]), 2, silent_s_max=place.silent_s_max)
        assert [b"record-0001"] == [record.value for record in found[at]]
        await queue.close()

    async def test_alone_nobody_commits(self, place: Place) -> None:
        """A reader without a group cannot commit, nor move what it does not read."""
        queue = await filled(place, 1)
        subscription = await queue.read({place.at(0): 0})
        with pytest.raises(RefusedByBrokerError):
            await subscription.commit({place.at(0): 1})
        with pytest.raises(StaleGenerationError):
            await subscription.seek(place.at(7), 0)
        with pytest.raises(UnknownTopicError):
            await queue.read({place.at(7): 0})
        await queue.close()

    async def test_a_closed_subscription_refuses(self, place: Place) -> None:
        """Closing twice is fine; whatever else comes after it is an error."""
        queue = await filled(place, 1)
        subscription = await queue.read({place.at(0): 0})
        await subscription.close()
        await subscription.close()
        with pytest.raises(ClientClosedError):
            await subscription.poll()
        with pytest.raises(ClientClosedError):
            await subscription.seek(place.at(0), 0)
        await queue.close()
