"""Partitions that come and go, and what that does to the lanes that stay."""

from __future__ import annotations

import asyncio
import uuid

import attrs
import pytest

from eventlog.client import InMemoryMessageQueue, Publisher, TopicPartition
from ingest.clock import SystemClock
from ingest.flights import Flights
from ingest.sharing import Sharing
from ingest.streamer_counters import StreamerCounters
from tests.eventlog.client.watching import WAIT_S

TOPIC = "t"


@attrs.frozen
class Scene:
    """Two located lanes, each with three records published."""

    queue: InMemoryMessageQueue
    publisher: Publisher
    flights: Flights
    counters: StreamerCounters
    sharing: Sharing

    def publish(self, partition: int) -> None:
        delivery = self.publisher.publish_run(partition, [b"k"] * 3, [b"v"] * 3, 1)
        self.flights.add(delivery, self.sharing.lanes[partition], 3)


async def scene() -> Scene:
    queue = InMemoryMessageQueue(uuid.uuid4().hex)
    await queue.ensure_topic(TOPIC, 2)
    publisher = await queue.publisher(TOPIC)
    counters = StreamerCounters()
    flights = Flights(counters, SystemClock())
    made = Scene(queue, publisher, flights, counters, Sharing(publisher, flights, counters, 0.1))
    await made.sharing.on_assigned([TopicPartition(TOPIC, number) for number in range(2)])
    for lane in made.sharing.unlocated():
        lane.is_located = True
    return made


async def test_a_revoked_partition_is_handed_over_with_a_settled_end() -> None:
    """Its records are in the log when the hook returns, and the other partition is not disturbed."""
    at = await scene()
    at.publish(0)
    at.publish(1)
    await at.sharing.on_revoked([TopicPartition(TOPIC, 0)])
    assert [3, 3] == [
        marks.high_watermark
        for marks in (await at.queue.watermarks(await at.queue.partitions_of(TOPIC))).values()
    ]
    assert [1] == [lane.partition for lane in at.sharing.located()]
    at.flights.collect()
    counters = at.counters
    assert (6, 0, 1, 2) == (
        counters.events_acknowledged,
        counters.events_purged,
        counters.partitions_owned,
        counters.rebalances,
    )
    await at.queue.close()


@pytest.mark.parametrize("how", ["revoked", "lost"])
async def test_what_is_thrown_away_makes_every_lane_look_again(how: str) -> None:
    """A purge goes for all partitions: one that stays waits until the log has told where it stands."""
    at = await scene()
    at.queue.log.set_available(False)
    at.publish(0)
    at.publish(1)
    hook = at.sharing.on_revoked if how == "revoked" else at.sharing.on_lost
    async with asyncio.timeout(WAIT_S):
        await hook([TopicPartition(TOPIC, 0)])
        assert [] == at.sharing.located()
        assert [1] == [lane.partition for lane in at.sharing.unlocated()]
        assert at.sharing.to_locate.is_set()
        await at.flights.landed()
    assert (6, 0) == (at.counters.events_purged, at.counters.events_pending)
    at.queue.log.set_available(True)
    await at.queue.close()


async def test_a_partition_that_comes_back_is_a_new_lane() -> None:
    """What was known of it is not believed any more."""
    at = await scene()
    before = at.sharing.lanes[0]
    await at.sharing.on_lost([TopicPartition(TOPIC, 0)])
    await at.sharing.on_assigned([TopicPartition(TOPIC, 0)])
    assert at.sharing.lanes[0] is not before
    assert [0] == [lane.partition for lane in at.sharing.unlocated()]
    await at.queue.close()


async def test_one_that_leaves_does_not_wait_again() -> None:
    """It has waited as long as it may: the hook returns at once, and nothing is thrown away."""
    at = await scene()
    at.queue.log.set_available(False)
    at.publish(0)
    at.sharing.is_leaving = True
    await at.sharing.on_revoked([TopicPartition(TOPIC, 0)])
    assert 3 == at.publisher.pending_records
    at.queue.log.set_available(True)
    await at.queue.close()
