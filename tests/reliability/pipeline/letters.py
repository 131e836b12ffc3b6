"""A dead letter is durable before the view's checkpoint passes its record."""

from __future__ import annotations

import asyncio
from random import Random
from unittest.mock import patch

import attrs

from eventlog.client import Delivery, InMemoryMessageQueue
from ingest.topics import DEAD_LETTERS
from query.views.store import Changes, ViewWriter
from tests.ingest.collecting.events import random_records
from tests.ingest.collecting.running import (
    PARTITIONS,
    QUICK,
    Pipeline,
    TelemetryInMemory,
    memory_views,
    read_all,
)
from tests.ingest.collecting.writers import WrappedWriter

ACK_S = 0.01


def check_letters_first(*, seed: int, records: int) -> None:
    """When the view is written, everything poisonous below its new checkpoints has been acknowledged."""
    asyncio.run(_check(Random(seed), records))


async def _check(random: Random, count: int) -> None:
    pipeline = Pipeline(TelemetryInMemory(), memory_views())
    queue = pipeline.place.open()
    assert isinstance(queue, InMemoryMessageQueue)
    await pipeline.publish(queue, random_records(random, count, partitions=PARTITIONS))
    poison = (await pipeline.expected(queue)).poison
    acknowledged: set[tuple[int, int]] = set()
    passed: list[tuple[int, int]] = []
    wait = Delivery.wait

    async def acknowledge(self: Delivery) -> object:
        await asyncio.sleep(ACK_S)
        found = await wait(self)
        acknowledged.update(
            (int(headers["partition"] or b""), int(headers["offset"] or b""))
            for headers in (dict(record.headers) for record in await read_all(queue, DEAD_LETTERS))
        )
        return found

    class Watching(WrappedWriter):
        def apply(self, changes: Changes) -> None:
            ends = {step.partition: step.next_offset for step in changes.steps}
            passed.extend(
                (number, offset)
                for number, offset in poison
                if offset < ends.get(number, 0) and (number, offset) not in acknowledged
            )
            super().apply(changes)

    def open_writer() -> ViewWriter:
        return Watching(pipeline.writer())

    settings = attrs.evolve(QUICK, batch_records=29)
    with patch.object(Delivery, "wait", acknowledge):
        async with pipeline.collector(open_writer=open_writer, settings=settings):
            await pipeline.applied(queue)
    assert [] == passed
    assert set(poison) == acknowledged
    await queue.close()
