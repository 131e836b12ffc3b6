"""P6 with several collectors: zombies and records that go by unseen change nothing in the view."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from itertools import count
from random import Random
from typing import Any
from unittest.mock import patch

import attrs

from eventlog.client import Batch, MessageQueue, NewRecord, runs_of
from eventlog.client.memory_subscription import MemorySubscription
from ingest.clock import SystemClock
from ingest.collector_counters import CollectorCounters
from ingest.collector_settings import CollectorSettings
from ingest.cursor import Cursor
from ingest.intake import Intake
from ingest.log_ends import LogEnds
from ingest.topics import TELEMETRY
from query.views.store import Changes
from tests.ingest.collecting.events import random_records
from tests.ingest.collecting.gates import Gate
from tests.ingest.collecting.running import (
    PARTITIONS,
    QUICK,
    WAIT_S,
    Pipeline,
    TelemetryInMemory,
    ends_of,
    memory_views,
    until,
)


def check_shared_view(*, seed: int, rounds: int, wait_s: float = WAIT_S, views: str | None = None) -> None:
    """In each round a collector is stopped past its session with a batch in hand, and comes back."""
    asyncio.run(_check(Random(seed), rounds, wait_s, views or memory_views()))


async def _check(random: Random, rounds: int, wait_s: float, views: str) -> None:
    pipeline = Pipeline(TelemetryInMemory(), views)
    queue = pipeline.place.open()
    settings = attrs.evolve(QUICK, batch_records=23, poll_interval_s_max=0.2, settle_s_max=0.02)
    poll, rows = MemorySubscription.poll, count()

    async def lossy(self: MemorySubscription, **options: Any) -> Batch:
        batch = await poll(self, **options)
        is_lossy = batch.runs and random.random() < 0.3
        unseen = random.choice(batch.runs).at if is_lossy else None
        return attrs.evolve(batch, runs=[run for run in batch.runs if run.at != unseen])

    async def publish_some() -> None:
        records = random_records(random, 40, partitions=PARTITIONS, first_row=40 * next(rows))
        await pipeline.publish(queue, records)

    with patch.object(MemorySubscription, "poll", lossy):
        for _ in range(rounds):
            for _ in range(5):
                await publish_some()
            await _one_zombie(pipeline, settings, publish_some, wait_s)
    await publish_some()  # what went by unseen shows with the next record of its partition
    async with pipeline.collector():
        async with asyncio.timeout(wait_s):
            await pipeline.applied(queue)
    records = random_records(random, 40, partitions=PARTITIONS, first_row=40 * next(rows))
    await _intruder(pipeline, queue, records, wait_s)
    assert (await pipeline.expected(queue)).rows == pipeline.rows()
    await queue.close()


async def _intruder(
    pipeline: Pipeline, queue: MessageQueue, records: Sequence[NewRecord], wait_s: float
) -> None:
    """Somebody outside of the group is quicker; the collector goes on from there without a rebalance."""
    gate = Gate()
    async with pipeline.collector(open_writer=gate.writer_of(pipeline)) as collector:
        try:
            await pipeline.publish(queue, records)
            await until(lambda: gate.waiting == 1, seconds=wait_s)
            await _apply_by_hand(pipeline, queue)
            await pipeline.publish(queue, records[:PARTITIONS])
        finally:
            gate.open()
        async with asyncio.timeout(wait_s):
            await pipeline.applied(queue)
        await until(lambda: collector.counters.stale_steps > 0, seconds=wait_s)


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
    parcel = intake.take(Batch(runs_of(part)), 0)
    assert parcel is not None
    writer.apply(parcel.changes)
    writer.close()


async def _one_zombie(
    pipeline: Pipeline,
    settings: CollectorSettings,
    publish_some: Callable[[], Awaitable[None]],
    wait_s: float,
) -> None:
    """A collector has all partitions and a parcel in hand; another one applies the same records before it."""
    gate = Gate()
    async with AsyncExitStack() as stack:
        stalled = pipeline.collector(open_writer=gate.writer_of(pipeline), settings=settings)
        zombie = await stack.enter_async_context(stalled)
        stack.callback(gate.open)
        await until(lambda: gate.waiting == 1, seconds=wait_s)
        other = await stack.enter_async_context(pipeline.collector(settings=settings))
        await until(lambda: other.counters.partitions == PARTITIONS, seconds=wait_s)
        async with asyncio.timeout(wait_s):
            while other.counters.samples <= 100 or not _has_moved(pipeline, gate.held[0]):
                await asyncio.sleep(0.1)
                await publish_some()  # the last records of a partition may have gone by unseen
        gate.open()
        await until(lambda: zombie.counters.partitions == PARTITIONS // 2, seconds=wait_s)
    assert zombie.counters.stale_steps > 0, "the view took again what it had"


def _has_moved(pipeline: Pipeline, held: Changes) -> bool:
    """Whether the view has gone on from where changes that are held would begin."""
    reader = pipeline.reader()
    try:
        ends = ends_of(reader)
    finally:
        reader.close()
    return any(ends.get(step.partition) != step.expected for step in held.steps)
