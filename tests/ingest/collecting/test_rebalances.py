"""Several collectors at once: they come, go, stall and come back, and each record is applied once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from random import Random

import attrs
import pytest

from eventlog.client import InMemoryMessageQueue, NewRecord
from ingest.collector import Collector
from ingest.topics import COLLECTORS
from query.views.model import Origin, PartitionState
from query.views.store import Changes, Step
from tests.ingest.collecting.events import event, random_records
from tests.ingest.collecting.gates import Gate
from tests.ingest.collecting.running import PARTITIONS, QUICK, Pipeline, until
from tests.ingest.collecting.writers import WrappedWriter


async def test_collectors_that_come_and_go(pipeline: Pipeline, seed: int) -> None:
    """Up to four of them share the partitions while records come in; the view is the fold of the log."""
    queue, random = pipeline.place.open(), Random(seed)
    running: list[AsyncExitStack] = []
    collectors: list[Collector] = []
    for turn in range(6):
        records = random_records(random, 100, partitions=PARTITIONS, first_row=100 * turn)
        await pipeline.publish(queue, records)
        if len(running) == 4 or (running and random.random() < 0.4):
            await running.pop(random.randrange(len(running))).aclose()
        else:
            stack = AsyncExitStack()
            collectors.append(await stack.enter_async_context(pipeline.collector()))
            running.append(stack)
        await asyncio.sleep(random.uniform(0, 0.2))
    if not running:
        running.append(AsyncExitStack())
        await running[0].enter_async_context(pipeline.collector())
    await pipeline.applied(queue)
    for stack in running:
        await stack.aclose()
    expected = await pipeline.expected(queue)
    assert expected.rows == pipeline.rows()
    assert len(collectors) > 1
    await queue.close()


async def test_partitions_are_shared(pipeline: Pipeline) -> None:
    """Two collectors have all partitions between them, and each applies its own."""
    queue = pipeline.place.open()
    await pipeline.publish(queue, [])
    async with pipeline.collector() as one, pipeline.collector() as other:
        await until(lambda: one.counters.partitions == other.counters.partitions == PARTITIONS // 2)
        records = [NewRecord(event(row), None, row % PARTITIONS) for row in range(40)]
        await pipeline.publish(queue, records)
        await pipeline.applied(queue)
        await until(lambda: one.counters.samples == other.counters.samples == 20)
    await queue.close()


async def test_a_partition_that_goes_is_finished_and_committed(in_memory: Pipeline) -> None:
    """The batch in hand is applied and committed before somebody else gets the partition."""
    queue = in_memory.place.open()
    gate = Gate()
    await in_memory.publish(queue, [NewRecord(event(row), None, row % PARTITIONS) for row in range(40)])
    never = attrs.evolve(QUICK, commit_ms=3_600_000, settle_s_max=20.0)
    async with in_memory.collector(open_writer=gate.writer_of(in_memory), settings=never) as one:
        await until(lambda: gate.waiting == 1)
        async with in_memory.collector() as other:
            await asyncio.sleep(0.1)
            assert 0 == other.counters.partitions
            gate.open()
            await until(lambda: other.counters.partitions == PARTITIONS // 2)
            committed = await in_memory.committed(queue)
            assert {10} == set(committed.values())
            assert (40, 0) == (one.counters.samples, other.counters.samples)
    await queue.close()


async def test_a_batch_that_takes_too_long_is_let_go(in_memory: Pipeline) -> None:
    """A stuck view keeps no partition from the others; what it does in the end is refused, or counts."""
    queue = in_memory.place.open()
    gate = Gate()
    records = [NewRecord(event(row), None, row % PARTITIONS) for row in range(40)]
    await in_memory.publish(queue, records)
    hasty = attrs.evolve(QUICK, settle_s_max=0.05)
    async with in_memory.collector(open_writer=gate.writer_of(in_memory), settings=hasty) as one:
        await until(lambda: gate.waiting == 1)
        async with in_memory.collector() as other:
            await until(lambda: other.counters.samples == 20)
            gate.open()
            await until(lambda: one.counters.stale_steps == 2)
            await in_memory.applied(queue)
    assert (await in_memory.expected(queue)).rows == in_memory.rows()
    await queue.close()


async def test_a_collector_that_was_stopped_past_its_session(in_memory: Pipeline) -> None:
    """It comes back as a zombie: what it holds is refused by the view, and it joins again."""
    queue = in_memory.place.open()
    gate = Gate()
    records = [NewRecord(event(row), None, row % PARTITIONS) for row in range(40)]
    await in_memory.publish(queue, records)
    stalling = attrs.evolve(QUICK, poll_interval_s_max=0.3, settle_s_max=0.05)
    async with in_memory.collector(open_writer=gate.writer_of(in_memory), settings=stalling) as zombie:
        await until(lambda: gate.waiting == 1)
        assert isinstance(queue, InMemoryMessageQueue)
        (member,) = queue.log.group(COLLECTORS)._members
        await in_memory.publish(queue, [NewRecord(event(99), None, 0)])
        async with in_memory.collector() as other:
            await until(lambda: other.counters.partitions == PARTITIONS)
            await in_memory.applied(queue)
            member.poll_interval_s_max = 60.0  # once is enough
            gate.open()
            await until(lambda: zombie.counters.partitions == PARTITIONS // 2)
            await in_memory.publish(queue, [NewRecord(event(row), None, row % 4) for row in range(100, 140)])
            await in_memory.applied(queue)
        assert PARTITIONS == zombie.counters.stale_steps
        assert 0 < zombie.counters.samples < 81
    assert (await in_memory.expected(queue)).rows == in_memory.rows()
    await queue.close()


async def test_somebody_else_applies_our_partition(pipeline: Pipeline) -> None:
    """Only that partition's rows are dropped and read again; the others' are applied."""
    queue = pipeline.place.open()
    await pipeline.publish(queue, [NewRecord(event(row), None, row % 2) for row in range(10)])
    topic = await queue.describe_topic(pipeline.place.topic)
    async with pipeline.collector() as collector:
        await pipeline.applied(queue)

        def intrude() -> None:
            writer = pipeline.writer()
            empty = _nothing(Step(topic.name, str(topic.topic_id), 0, 5, 7, 7, 0, [Origin("test", 1, 12)]))
            writer.apply(empty)
            writer.close()

        await asyncio.to_thread(intrude)
        await pipeline.publish(queue, [NewRecord(event(row), None, row % 2) for row in range(10, 20)])
        await pipeline.applied(queue)
    assert 1 == collector.counters.stale_steps
    found = [(row.partition, row.offset) for row in pipeline.rows()]
    assert [0, 1, 2, 3, 4, 7, 8, 9] == [offset for partition, offset in found if partition == 0]
    assert list(range(10)) == [offset for partition, offset in found if partition == 1]
    await queue.close()


def _nothing(step: Step) -> Changes:
    from ingest.projections import Fold

    return attrs.evolve(Fold().fold([], {}).changes, steps=[step])


async def test_others_go_on_while_one_joins(in_memory: Pipeline) -> None:
    """Partitions that stay are consumed while those that come wait for the view."""
    queue = in_memory.place.open()
    asked = Gate()

    class Asking(WrappedWriter):
        def partition_states(self, topic: str, topic_id: str) -> Mapping[int, PartitionState]:
            asked.wait()
            return super().partition_states(topic, topic_id)

    async with in_memory.collector() as one:
        await until(lambda: one.counters.partitions == PARTITIONS)
        async with in_memory.collector(open_writer=lambda: Asking(in_memory.writer())):
            await until(lambda: asked.waiting == 1)
            await until(lambda: one.counters.partitions == PARTITIONS // 2)
            records = [NewRecord(event(row), None, row % PARTITIONS) for row in range(40)]
            await in_memory.publish(queue, records)
            await until(lambda: one.counters.samples == 20)
            asked.open()
            await in_memory.applied(queue)
    await queue.close()


@pytest.mark.parametrize("commits", ["all", "none"])
async def test_the_group_never_runs_ahead_of_the_view(in_memory: Pipeline, commits: str, seed: int) -> None:
    """P7: at any time each committed offset is one that the view has, or had before."""
    queue, random = in_memory.place.open(), Random(seed)
    assert isinstance(queue, InMemoryMessageQueue)
    group = queue.log.group(COLLECTORS)
    ahead: list[object] = []
    settings = attrs.evolve(QUICK, commit_ms=0 if commits == "all" else 3_600_000, batch_records=7)

    class Watching(WrappedWriter):
        def apply(self, changes: Changes) -> None:
            before = {at.partition: offset for at, offset in dict(group.committed).items()}
            ahead.extend(
                step for step in changes.steps if before.get(step.partition, 0) > (step.expected or 0)
            )
            super().apply(changes)

    await in_memory.publish(queue, random_records(random, 300, partitions=PARTITIONS))
    async with in_memory.collector(open_writer=lambda: Watching(in_memory.writer()), settings=settings):
        await in_memory.applied(queue)
    assert [] == ahead
    reader = in_memory.reader()
    assert reader.as_of() == await in_memory.committed(queue)
    reader.close()
    await queue.close()
