"""Events that a source publishes twice are in the view once, whoever collects them, and when."""

from __future__ import annotations

import asyncio
from random import Random

import attrs

from eventlog.client import NewRecord
from ingest.telemetry.codec import decode
from tests.ingest.collecting.events import random_event
from tests.ingest.collecting.running import PARTITIONS, QUICK, Pipeline, TelemetryInMemory, memory_views


def check_republished(*, seed: int, events: int, views: str | None = None) -> None:
    """A streamer that lost its acknowledgements sends the end of its pass again, to other collectors, too."""
    asyncio.run(_check(Random(seed), events, views or memory_views()))


async def _check(random: Random, count: int, views: str) -> None:
    pipeline = Pipeline(TelemetryInMemory(), views)
    queue = pipeline.place.open()
    values = [random_event(random, row) for row in range(count)]
    records = [NewRecord(value, None, row % PARTITIONS) for row, value in enumerate(values)]
    settings = attrs.evolve(QUICK, batch_records=17)
    third = count // 3
    for first, end in ((0, 2 * third), (third, 2 * third), (third, count)):
        await pipeline.publish(queue, records[first:end])
        async with pipeline.collector(settings=settings):
            await pipeline.applied(queue)
    rows = pipeline.rows()
    assert len(rows) == sum(len(decode(value).values) for value in values), "an event is there twice, or lost"
    assert (await pipeline.expected(queue)).rows == rows
    await queue.close()
