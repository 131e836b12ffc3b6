"""What only librdkafka and a real broker can show: refusals, restarts, kills."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from eventlog.client import NewRecord, read_end
from eventlog.client.errors import EventLogError, InvalidRecordError
from tests.eventlog.client.broker_process import BrokerProcess
from tests.eventlog.client.place import KafkaPlace
from tests.eventlog.client.watching import read_records


@pytest.fixture
def place(tmp_path: Path) -> Iterator[KafkaPlace]:
    broker = BrokerProcess(tmp_path)
    yield KafkaPlace(broker)
    broker.stop()


async def test_nothing_overtakes_a_refused_record(place: KafkaPlace) -> None:
    """The broker refuses one record for good: its batch fails, and nothing behind it is stored.

    So the last record's answer can speak for all of its partition.
    """
    queue = place.open()
    await queue.ensure_topic(place.topic, 1, {"max.message.bytes": "20000"})
    publisher = await queue.publisher(place.topic)
    await publisher.publish([NewRecord(b"good", partition=0)]).wait()
    batch = [NewRecord(b"x" * size, partition=0) for size in (10, 100_000, 10, 10)]
    delivery = publisher.publish(batch)
    with pytest.raises(EventLogError):
        await delivery.wait()
    with pytest.raises(EventLogError):
        publisher.publish([NewRecord(b"behind", partition=0)])
    with pytest.raises(EventLogError):
        await publisher.wait_for_room()
    found = (await read_end(queue, await queue.watermarks([place.at(0)]), 10))[place.at(0)]
    stored = [len(record.value or b"") for record in found]
    assert stored in ([4], [4, 10])
    another = await queue.publisher(place.topic)
    await another.publish([NewRecord(b"new", partition=0)]).wait()
    await queue.close()


async def test_a_killed_broker_costs_nothing(place: KafkaPlace) -> None:
    """While it is killed and started again, publishing goes on: each record is stored once, in order."""
    queue = place.open()
    await queue.ensure_topic(place.topic, 1)
    publisher = await queue.publisher(place.topic)
    for round_number in range(3):
        for number in range(20):
            values = range(1_000 * round_number + 50 * number, 1_000 * round_number + 50 * number + 50)
            publisher.publish([NewRecord(b"%d" % value, partition=0) for value in values])
            if number == 10:
                place.broker.kill()
        place.broker.start()
        await publisher.flush()
    subscription = await queue.read({place.at(0): 0})
    found = [record.value for record in await read_records(subscription, 3_000)]
    assert [b"%d" % number for number in range(3_000)] == found
    await queue.close()


async def test_a_record_larger_than_librdkafka_takes_is_refused_before(place: KafkaPlace) -> None:
    """The bound on one record is ours, so that no batch is taken in part."""
    queue = place.open()
    await queue.ensure_topic(place.topic, 1)
    publisher = await queue.publisher(place.topic)
    with pytest.raises(InvalidRecordError, match="1000001 bytes"):
        publisher.publish([NewRecord(b"a", partition=0), NewRecord(b"x" * 1_000_001, partition=0)])
    assert {0: 0} == await publisher.publish([NewRecord(b"x" * 1_000_000, partition=0)]).wait()
    await queue.close()
