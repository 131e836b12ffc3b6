"""P7: at no time has the group committed an offset that the view does not have."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from random import Random
from unittest.mock import patch

import attrs

from eventlog.client import InMemoryMessageQueue, TopicPartition
from eventlog.client.memory_group import MemoryGroup, MemoryMember
from tests.ingest.collecting.events import random_records
from tests.ingest.collecting.running import (
    PARTITIONS,
    QUICK,
    Pipeline,
    TelemetryInMemory,
    ends_of,
    memory_views,
)


def check_group_follows(*, seed: int, records: int, views: str | None = None) -> None:
    """Two collectors share so many records; each commit is compared with the view as it is then."""
    asyncio.run(_check(Random(seed), records, views or memory_views()))


async def _check(random: Random, count: int, views: str) -> None:
    pipeline = Pipeline(TelemetryInMemory(), views)
    queue = pipeline.place.open()
    assert isinstance(queue, InMemoryMessageQueue)
    reader = pipeline.reader()
    ahead: list[Mapping[TopicPartition, int]] = []
    commit = MemoryGroup.commit

    def watched(
        self: MemoryGroup, member: MemoryMember, offsets: Mapping[TopicPartition, int], metadata: str = ""
    ) -> None:
        ends = ends_of(reader)
        if any(offset > ends.get(at.partition, 0) for at, offset in offsets.items()):
            ahead.append(offsets)
        commit(self, member, offsets, metadata)

    await pipeline.publish(queue, random_records(random, count, partitions=PARTITIONS))
    settings = attrs.evolve(QUICK, batch_records=11, commit_ms=0, poll_ms=0)
    with patch.object(MemoryGroup, "commit", watched):
        async with pipeline.collector(settings=settings), pipeline.collector(settings=settings):
            await pipeline.applied(queue)
    assert [] == ahead
    assert reader.as_of() == await pipeline.committed(queue)
    reader.close()
    await queue.close()
