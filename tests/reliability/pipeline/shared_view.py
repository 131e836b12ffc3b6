"""P6 with several collectors: zombies and records that go by unseen change nothing in the view."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from random import Random
from typing import Any
from unittest.mock import patch

import attrs

from eventlog.client import Batch, MessageQueue, NewRecord
from eventlog.client.memory_subscription import MemorySubscription
from ingest.clock import SystemClock
from ingest.collector_counters import CollectorCounters
from ingest.collector_settings import CollectorSettings
from ingest.cursor import Cursor
from ingest.intake import Intake
from ingest.log_ends import LogEnds
from ingest.topics import TELEMETRY
from tests.ingest.collecting.events import random_records
from tests.ingest.collecting.gates import Gate
from tests.ingest.collecting.running import (
    PARTITIONS,
    QUICK,
    Pipeline,
    TelemetryInMemory,
    memory_views,
    until,
)

WAIT_S = 5.0


def check_shared_view(*, seed: int, rounds: int) -> None:
    """In each round a collector is stopped past its session with a batch in hand, and comes back."""
    asyncio.run(_check(Random(seed), rounds))


async def _check(random: Random, rounds: int) -> None:
    pipeline = Pipeline(TelemetryInMemory(), memory_views())
    queue = pipeline.place.open()
    settings = attrs.evolve(QUICK, batch_records=23, poll_interval_s_max=0.2, settle_s_max=0.02)
    poll = MemorySubscription.poll
    refused = 0

    async def lossy(self: MemorySubscription, **options: Any) -> Batch:
        batch = await poll(self, **options)
        is_lossy = batch.records and random.random() < 0.3
        unseen = random.choice(batch.records).partition if is_lossy else None
        return attrs.evolve(batch, records=[each for each in batch.records if each.partition != unseen])

    with patch.object(MemorySubscription, "poll", lossy):
        for number in range(rounds):
            records = random_records(random, 200, partitions=PARTITIONS, first_row=200 * number)
            await pipeline.publish(queue, records)
            refused += await _one_zombie(pipeline, settings)
    assert refused, "no zombie had anything in hand"
    # What went by unseen shows with the next record of its partition.
    records = random_records(random, 40, partitions=PARTITIONS, first_row=200 * rounds)
    await pipeline.publish(queue, records)
    async with pipeline.collector():
        async with asyncio.timeout(WAIT_S):
            await pipeline.applied(queue)
    records = random_records(random, 40, partitions=PARTITIONS, first_row=200 * rounds + 40)
    await _intruder(pipeline, queue, records)
    assert (await pipeline.expected(queue)).rows == pipeline.rows()
    await queue.close()


async def _intruder(pipeline: Pipeline, queue: MessageQueue, records: Sequence[NewRecord]) -> None:
    """Somebody outside of the group is quicker; the collector goes on from there without a rebalance."""
    gate = Gate()
    async with pipeline.collector(open_writer=gate.writer_of(pipeline)) as collector:
        try:
            await pipeline.publish(queue, records)
            await until(lambda: gate.waiting == 1, seconds=WAIT_S)
            await _apply_by_hand(pipeline, queue)
            await pipeline.publish(queue, records[:PARTITIONS])
        finally:
            gate.open()
        async with asyncio.timeout(WAIT_S):
            await pipeline.applied(queue)
        await until(lambda: collector.counters.stale_steps > 0, seconds=WAIT_S)


async def _apply_by_hand(pipeline: Pipeline, queue: MessageQueue) -> None:
    """Apply a part of what the view does not have yet."""
    topic = await queue.describe_topic(TELEMETRY)
    log = await pipeline.log(queue)
    writer = pipeline.writer()
    cursors = {
        number: Cursor.begin(state, 0)
        for number, state in writer.partition_states(topic.name, str(topic.topic_id)).items()
    }
    part = [record for record in log if record.offset < cursors[record.partition].applied + 3]
    intake = Intake(cursors, LogEnds(queue, topic, SystemClock()), CollectorCounters())
    parcel = intake.take(Batch(part), 0)
    assert parcel is not None
    writer.apply(parcel.changes)
    writer.close()


async def _one_zombie(pipeline: Pipeline, settings: CollectorSettings) -> int:
    """Returns how many of its steps the view has refused."""
    gate = Gate()
    async with AsyncExitStack() as stack:
        stalled = pipeline.collector(open_writer=gate.writer_of(pipeline), settings=settings)
        zombie = await stack.enter_async_context(stalled)
        other = await stack.enter_async_context(pipeline.collector(settings=settings))
        stack.callback(gate.open)
        await until(lambda: gate.waiting == 1, seconds=WAIT_S)
        await until(lambda: other.counters.partitions == PARTITIONS, seconds=WAIT_S)
        await until(lambda: other.counters.samples > 100, seconds=WAIT_S)
        gate.open()
        await until(lambda: zombie.counters.partitions == PARTITIONS // 2, seconds=WAIT_S)
    return zombie.counters.stale_steps
