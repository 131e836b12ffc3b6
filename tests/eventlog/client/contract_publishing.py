"""What every queue must do with what is published. A subclass gives the fixture `place`."""

from __future__ import annotations

import asyncio
import contextlib
import logging

import pytest

from eventlog.client import NewRecord, OutboxLimits, partition_of, read_end
from eventlog.client.errors import (
    ClientClosedError,
    DeliveryPurgedError,
    InvalidRecordError,
    InvalidTopicError,
    QueueFullError,
    UndeliveredError,
    UnknownTopicError,
)
from tests.eventlog.client.place import Place
from tests.eventlog.client.watching import WAIT_S, read_records


class PublishingContract:
    async def test_a_record_comes_back_as_it_was(self, place: Place) -> None:
        """Key, value, timestamp and headers survive, nulls and empty bytes told apart."""
        queue = place.open()
        await queue.ensure_topic(place.topic, 1)
        publisher = await queue.publisher(place.topic)
        published = [
            NewRecord(b"value", b"key", 0, 1_700_000_000_123, (("h", b"1"), ("h", b"2"), ("none", None))),
            NewRecord(None, None, 0, 1),
            NewRecord(b"", b"", 0, 2, (("empty", b""),)),
            NewRecord(bytes(range(256)), "schlüssel".encode(), 0, 3),
        ]
        assert {0: 3} == await publisher.publish(published).wait()
        subscription = await queue.read({place.at(0): 0})
        found = await read_records(subscription, 4)
        assert [(place.topic, 0, offset) for offset in range(4)] == [record[:3] for record in found]
        assert [(r.timestamp_ms, r.key, r.value, tuple(r.headers)) for r in published] == [
            (r.timestamp_ms, r.key, r.value, r.headers) for r in found
        ]
        await queue.close()

    async def test_without_a_timestamp_it_is_the_time_of_publishing(self, place: Place) -> None:
        """A record that names no time gets the present one."""
        queue = place.open()
        await queue.ensure_topic(place.topic, 1)
        publisher = await queue.publisher(place.topic)
        await publisher.publish([NewRecord(b"a", partition=0, timestamp_ms=1_000)]).wait()
        await publisher.publish([NewRecord(b"b", partition=0)]).wait()
        records = (await read_end(queue, await queue.watermarks([place.at(0)]), 2))[place.at(0)]
        assert records[0].timestamp_ms == 1_000
        assert records[1].timestamp_ms > 1_700_000_000_000
        await queue.close()

    async def test_a_key_goes_where_kafka_would_put_it(self, place: Place) -> None:
        """The partition is murmur2 of the key modulo the count, and in it the order is kept."""
        queue = place.open()
        await queue.ensure_topic(place.topic, 5)
        publisher = await queue.publisher(place.topic)
        keys = [f"GPU-{number}".encode() for number in range(20)]
        for round_number in range(10):
            publisher.publish([NewRecord(b"%d" % round_number, key) for key in keys])
        await publisher.flush()
        subscription = await queue.read(dict.fromkeys(await queue.partitions_of(place.topic), 0))
        seen: dict[bytes | None, list[tuple[int, bytes | None]]] = {}
        for record in await read_records(subscription, 200):
            seen.setdefault(record.key, []).append((record.partition, record.value))
        assert {key: [(partition_of(key, 5), b"%d" % n) for n in range(10)] for key in keys} == seen
        await queue.close()

    async def test_a_delivery_tells_the_last_offset_of_each_partition(self, place: Place) -> None:
        """Offsets are dense, and each batch knows where it ended."""
        queue = place.open()
        await queue.ensure_topic(place.topic, 3)
        publisher = await queue.publisher(place.topic)
        first = publisher.publish([NewRecord(b"x", partition=number % 2) for number in range(10)])
        second = publisher.publish([NewRecord(b"x", partition=1)])
        assert {0: 4, 1: 4} == await first.wait()
        assert {1: 5} == await second.wait()
        assert {0: 5, 1: 5} == first.record_counts
        assert (True, 0) == (second.is_settled, publisher.pending_records)
        assert {} == await publisher.publish([]).wait()
        await queue.close()

    async def test_records_without_key_and_partition_are_spread(self, place: Place) -> None:
        """Batch by batch they go round all partitions."""
        queue = place.open()
        await queue.ensure_topic(place.topic, 3)
        publisher = await queue.publisher(place.topic)
        for _ in range(6):
            publisher.publish([NewRecord(b"x"), NewRecord(b"y")])
        await publisher.flush()
        marks = await queue.watermarks(await queue.partitions_of(place.topic))
        assert [4, 4, 4] == [mark.high_watermark for mark in marks.values()]
        await queue.close()

    async def test_a_batch_is_taken_whole_or_not_at_all(self, place: Place) -> None:
        """One bad record, and nothing of its batch is stored."""
        queue = place.open(limits=OutboxLimits(records_max=10, record_bytes_max=1_000))
        await queue.ensure_topic(place.topic, 1)
        publisher = await queue.publisher(place.topic)
        for bad in ([NewRecord(b"x" * 1_001)], [NewRecord(b"x", partition=1)], [NewRecord(b"x")] * 11):
            with pytest.raises(InvalidRecordError):
                publisher.publish([NewRecord(b"good", partition=0), *bad])
        assert {0: 0} == await publisher.publish([NewRecord(b"first", partition=0)]).wait()
        await queue.close()

    async def test_a_run_is_stored_as_its_records_would_be(self, place: Place) -> None:
        """Columns of one partition and time become records; runs and batches keep their order."""
        queue = place.open()
        await queue.ensure_topic(place.topic, 2)
        publisher = await queue.publisher(place.topic)
        keys, values = [b"a", b"", b"c"], [b"1", b"2", b""]
        run = publisher.publish_run(1, keys, values, 1_700_000_000_123)
        batch = publisher.publish([NewRecord(b"4", b"d", 1, 1_700_000_000_124)])
        assert {1: 2} == await run.wait()
        assert {1: 3} == await batch.wait()
        assert {1: 3} == run.record_counts
        subscription = await queue.read({place.at(1): 0})
        found = [(r.key, r.value, r.timestamp_ms) for r in await read_records(subscription, 4)]
        stamped = [(key, value, 1_700_000_000_123) for key, value in zip(keys, values, strict=True)]
        assert [*stamped, (b"d", b"4", 1_700_000_000_124)] == found
        assert {} == await publisher.publish_run(0, [], [], 0).wait()
        assert 0 == publisher.pending_records
        await queue.close()

    async def test_a_run_is_taken_whole_or_not_at_all(self, place: Place) -> None:
        """Too large a record, too many, no such partition, no room: nothing of the run is stored."""
        queue = place.open(limits=OutboxLimits(records_max=10, record_bytes_max=1_000))
        await queue.ensure_topic(place.topic, 1)
        publisher = await queue.publisher(place.topic)
        for partition, values in ((0, [b"good", b"x" * 1_001]), (1, [b"x"]), (0, [b"x"] * 11)):
            with pytest.raises(InvalidRecordError):
                publisher.publish_run(partition, [b""] * len(values), values, 1)
        assert {0: 0} == await publisher.publish_run(0, [b"k"], [b"x" * 999], 1).wait()
        place.go_away()
        waiting = publisher.publish_run(0, [b""] * 10, [b"w"] * 10, 1)
        with pytest.raises(QueueFullError):
            publisher.publish_run(0, [b""], [b"no"], 1)
        place.come_back()
        async with asyncio.timeout(WAIT_S):
            assert {0: 10} == await waiting.wait()
        await queue.close()

    async def test_nothing_is_dropped_while_the_broker_is_away(self, place: Place) -> None:
        """The bounded buffer fills, says so, and empties in order when the broker is back."""
        queue = place.open(limits=OutboxLimits(records_max=100))
        await queue.ensure_topic(place.topic, 1)
        publisher = await queue.publisher(place.topic)
        await publisher.publish([NewRecord(b"warm", partition=0)]).wait()
        place.go_away()
        deliveries = [publisher.publish([NewRecord(b"%d" % n, partition=0)] * 25) for n in range(4)]
        with pytest.raises(QueueFullError):
            publisher.publish([NewRecord(b"no", partition=0)])
        waiting = asyncio.create_task(publisher.wait_for_room())
        await asyncio.sleep(0.3)
        assert (100, False) == (publisher.pending_records, waiting.done())
        place.come_back()
        async with asyncio.timeout(WAIT_S):
            await waiting
            for delivery in deliveries:
                await delivery.wait()
        subscription = await queue.read({place.at(0): 1})
        found = [record.value for record in await read_records(subscription, 100)]
        assert [b"%d" % (n // 25) for n in range(100)] == found
        await queue.close()

    async def test_a_refused_batch_fits_after_the_wait_for_room(self, place: Place) -> None:
        """However large it is, and however little waits: who tries again after the wait never spins."""
        queue = place.open(limits=OutboxLimits(records_max=10))
        await queue.ensure_topic(place.topic, 1)
        publisher = await queue.publisher(place.topic)
        await publisher.publish([NewRecord(b"warm", partition=0)]).wait()
        place.go_away()
        publisher.publish([NewRecord(b"small", partition=0)] * 4)
        with pytest.raises(QueueFullError):
            publisher.publish([NewRecord(b"large", partition=0)] * 8)
        waiting = asyncio.create_task(publisher.wait_for_room())
        await asyncio.sleep(0.3)
        assert not waiting.done()
        place.come_back()
        async with asyncio.timeout(WAIT_S):
            await waiting
            assert {0: 12} == await publisher.publish([NewRecord(b"large", partition=0)] * 8).wait()
        await queue.close()

    async def test_purged_records_are_told_and_the_next_ones_are_stored(self, place: Place) -> None:
        """What was not sent is thrown away, its delivery says so, and publishing goes on."""
        queue = place.open()
        await queue.ensure_topic(place.topic, 2)
        publisher = await queue.publisher(place.topic)
        await publisher.publish([NewRecord(b"warm", partition=n) for n in range(2)]).wait()
        failures: set[int] = set()
        async with asyncio.timeout(WAIT_S):
            while failures != {0, 1}:  # records may be on their way before they are purged
                place.go_away()
                doomed = publisher.publish([NewRecord(b"doomed", partition=n % 2) for n in range(10)])
                publisher.purge()
                place.come_back()
                with contextlib.suppress(DeliveryPurgedError):
                    await doomed.wait()
                failures = set(doomed.failures)
            assert {0} == set(await publisher.publish([NewRecord(b"next", partition=0)]).wait())
        assert 0 == publisher.pending_records
        await queue.close()

    async def test_a_purge_behind_a_broker_that_stands_still(
        self, place: Place, caplog: pytest.LogCaptureFixture
    ) -> None:
        """More stands in line than may be on its way. What is on its way is stored, and one goes on."""
        queue = place.open()
        await queue.ensure_topic(place.topic, 2)
        publisher = await queue.publisher(place.topic)
        await publisher.publish([NewRecord(b"warm", partition=n) for n in range(2)]).wait()
        place.go_away()
        doomed = [publisher.publish([NewRecord(_large(n), partition=n % 2)]) for n in range(60)]
        await asyncio.sleep(0.5)  # nothing tells when they stand in line, each in a request of its own
        publisher.purge()
        publisher.purge()
        place.come_back()
        async with asyncio.timeout(WAIT_S):
            await publisher.flush()
            offsets = await publisher.publish([NewRecord(b"next", partition=n) for n in range(2)]).wait()
        assert all(isinstance(e, DeliveryPurgedError) for one in doomed for e in one.failures.values())
        stored = [n for n, one in enumerate(doomed) if not one.failures]
        subscription = await queue.read({place.at(0): 0, place.at(1): 0})
        found = await read_records(subscription, 4 + len(stored))
        for partition in range(2):
            values = [b"warm", *(_large(n) for n in stored if n % 2 == partition), b"next"]
            assert values == [record.value for record in found if record.partition == partition]
            assert len(values) - 1 == offsets[partition]
        assert len(stored) < len(doomed)
        assert [] == [record for record in caplog.records if record.levelno >= logging.ERROR]
        await queue.close()

    async def test_closing_delivers_everything(self, place: Place) -> None:
        """Close flushes; a second close does nothing; what comes after it is refused."""
        queue = place.open()
        await queue.ensure_topic(place.topic, 1)
        publisher = await queue.publisher(place.topic)
        delivery = publisher.publish([NewRecord(b"%d" % n, partition=0) for n in range(5_000)])
        await publisher.close(WAIT_S)
        assert {0: 4_999} == await delivery.wait()
        await publisher.close()
        with pytest.raises(ClientClosedError):
            publisher.publish([NewRecord(b"late")])
        with pytest.raises(ClientClosedError):
            await publisher.wait_for_room()
        await queue.close()
        with pytest.raises(ClientClosedError):
            await queue.describe_topic(place.topic)
        await queue.close()

    async def test_closing_in_vain_says_what_is_lost(self, place: Place) -> None:
        """With the broker away a close ends at its deadline, and counts what nobody answered for."""
        queue = place.open()
        await queue.ensure_topic(place.topic, 1)
        publisher = await queue.publisher(place.topic)
        await publisher.publish([NewRecord(b"warm", partition=0)]).wait()
        place.go_away()
        try:
            delivery = publisher.publish([NewRecord(b"x", partition=0)] * 7)
            with pytest.raises(UndeliveredError, match=r"^7 records"):
                await queue.close(0.3)
            assert {0} == set(delivery.failures)
        finally:
            place.come_back()

    async def test_topics_are_made_once(self, place: Place) -> None:
        """An existing topic stays as it is; an unknown one and an impossible one are errors of their own."""
        queue = place.open()
        made = await queue.ensure_topic(place.topic, 3, {"gputail.damaged": "skip"})
        assert made == await queue.ensure_topic(place.topic, 7)
        assert made == await queue.describe_topic(place.topic)
        assert (place.topic, 3) == (made.name, made.partitions)
        with pytest.raises(InvalidTopicError):
            await queue.ensure_topic(f"{place.topic}-x", 0)
        for asking in (queue.describe_topic, queue.publisher):
            with pytest.raises(UnknownTopicError):
                await asking("nobody-made-it")
        with pytest.raises(UnknownTopicError):
            await queue.watermarks([place.at(3)])
        await queue.close()

    async def test_the_log_has_an_identity(self, place: Place) -> None:
        """Two connections see the same cluster id."""
        one, other = place.open(), place.open()
        assert (await one.describe_cluster()).cluster_id == (await other.describe_cluster()).cluster_id
        await one.close()
        await other.close()


def _large(number: int) -> bytes:
    """A value that fills a request."""
    return b"%d " % number * 100_000
