"""A view is not filled from another log than its own."""

from __future__ import annotations

import asyncio

from eventlog.client import InMemoryMessageQueue, NewRecord
from ingest.collector import Collector
from ingest.topics import TELEMETRY
from query.views.errors import AnotherLogError
from tests.ingest.collecting.events import event
from tests.ingest.collecting.running import PARTITIONS, QUICK, Pipeline, TelemetryInMemory, memory_views

OWN = 10
NOTICE_S = 30.0


def check_other_logs(*, wait_s: float = NOTICE_S) -> None:
    """A topic of that name that is longer, one that is shorter, and the same one cut short."""
    for size, is_same in ((3 * OWN, False), (OWN // 2, False), (OWN // 2, True)):
        asyncio.run(_check(size, is_same, wait_s))


async def _check(size: int, is_same: bool, wait_s: float) -> None:
    pipeline = Pipeline(TelemetryInMemory(), memory_views())
    queue = pipeline.place.open()
    assert isinstance(queue, InMemoryMessageQueue)
    await pipeline.publish(queue, [NewRecord(event(row), None, 0) for row in range(OWN)])
    async with pipeline.collector():
        await pipeline.applied(queue)
    rows = pipeline.rows()
    if is_same:
        del queue.log.partition(pipeline.place.at(0))._records[size:]
    else:
        queue.log.delete_topic(TELEMETRY)
        queue.log.create_topic(TELEMETRY, PARTITIONS, {})
        queue.log.append(
            pipeline.place.at(0), [NewRecord(event(row), None, 0) for row in range(100, 100 + size)]
        )
    collector = Collector(queue, pipeline.writer, "view", settings=QUICK)
    running = asyncio.create_task(collector.run())
    await asyncio.wait({running}, timeout=wait_s)
    is_refused = running.done() and isinstance(running.exception(), AnotherLogError)
    collector.stop()
    await asyncio.wait({running})
    assert is_refused, "the collector takes the other log for its own"
    assert rows == pipeline.rows()
    await queue.close()
