"""What the log does not have any more is told in the view, and nothing else is."""

from __future__ import annotations

import asyncio
from random import Random

from eventlog.client import InMemoryMessageQueue, NewRecord
from tests.ingest.collecting.events import event
from tests.ingest.collecting.running import Pipeline, TelemetryInMemory, memory_views

LENGTH = 20


def check_gaps(*, seed: int, rounds: int) -> None:
    """Retention overtakes a stopped collector, damage is in its way: gaps and rows make up the log."""
    asyncio.run(_check(Random(seed), rounds))


async def _check(random: Random, rounds: int) -> None:
    pipeline = Pipeline(TelemetryInMemory(), memory_views())
    queue = pipeline.place.open()
    assert isinstance(queue, InMemoryMessageQueue)
    at = pipeline.place.at(0)
    for number in range(rounds):
        first = number * LENGTH
        await pipeline.publish(queue, [NewRecord(event(first + row), None, 0) for row in range(LENGTH)])
        if number and random.random() < 0.7:
            pipeline.place.raise_log_start(at, first + random.randint(1, 5))
        damaged = first + random.randint(8, 12)
        queue.log.partition(at).damage(damaged, damaged + random.randint(1, 6))
        async with pipeline.collector():
            await pipeline.applied(queue)
    reader = pipeline.reader()
    offsets = [row.offset for row in pipeline.rows()]
    for gap in reader.status().gaps:
        offsets += range(gap.first, gap.end)
    reader.close()
    assert list(range(rounds * LENGTH)) == sorted(offsets)
    await queue.close()
