"""A collector at work: the view is the fold of the log, and the group's offsets follow."""

from __future__ import annotations

import asyncio
from random import Random

import attrs
import pytest

from eventlog.client import InMemoryMessageQueue, NewRecord
from eventlog.client.address import KafkaAddress
from eventlog.client.survey import KafkaSurvey
from ingest.collector import Collector
from ingest.topics import COLLECTORS, TELEMETRY
from tests.ingest.collecting.events import START_MS, event, random_records
from tests.ingest.collecting.naive_fold import origins_of
from tests.ingest.collecting.running import PARTITIONS, QUICK, Pipeline, TelemetryInBroker, until


async def test_the_view_is_the_fold_of_the_log(pipeline: Pipeline, seed: int) -> None:
    """Rows, checkpoints and origins are those of an independent fold, and the group follows."""
    queue, random = pipeline.place.open(), Random(seed)
    await pipeline.publish(queue, random_records(random, 300, partitions=PARTITIONS))
    async with pipeline.collector() as collector:
        await pipeline.applied(queue)
        await pipeline.publish(queue, random_records(random, 300, partitions=PARTITIONS, first_row=300))
        await pipeline.applied(queue)
        await pipeline.followed(queue)
    expected = await pipeline.expected(queue)
    assert expected.rows == pipeline.rows()
    writer = pipeline.writer()
    topic = await queue.describe_topic(TELEMETRY)
    states = writer.partition_states(TELEMETRY, str(topic.topic_id))
    assert expected.origins == origins_of(states)
    ends = {number: state.checkpoint.next_offset for number, state in states.items() if state.checkpoint}
    assert ends == await pipeline.committed(queue)
    counters = collector.counters
    assert (600, len(expected.rows)) == (counters.records, counters.samples)
    assert (len(expected.poison), len(expected.dropped)) == (counters.poison, counters.dropped_origins)
    writer.close()
    await queue.close()


async def test_it_goes_on_at_the_view_s_checkpoint(pipeline: Pipeline, seed: int) -> None:
    """Collectors that come one after another apply each record once, in whatever batches."""
    queue, random = pipeline.place.open(), Random(seed)
    records, first = 0, 0
    for size in (1, 7, 10_000):
        await pipeline.publish(queue, random_records(random, 100, partitions=PARTITIONS, first_row=first))
        first += 100
        async with pipeline.collector(settings=attrs.evolve(QUICK, batch_records=size)) as collector:
            await pipeline.applied(queue)
        records += collector.counters.records
    assert 300 == records
    assert (await pipeline.expected(queue)).rows == pipeline.rows()
    await queue.close()


async def test_committed_offsets_do_not_say_where_to_begin(in_memory: Pipeline) -> None:
    """A group that has been reset by hand changes nothing: the view knows."""
    queue = in_memory.place.open()
    await in_memory.publish(queue, [NewRecord(event(row), None, 0) for row in range(10)])
    assert isinstance(queue, InMemoryMessageQueue)
    queue.log.group(COLLECTORS).committed = {in_memory.place.at(0): 10}
    async with in_memory.collector() as collector:
        await until(lambda: collector.counters.samples == 10)
    await queue.close()


async def test_the_group_catches_up_with_the_view(in_memory: Pipeline) -> None:
    """Where somebody died between the view and the commit, the lag is put right without a new record."""
    queue = in_memory.place.open()
    await in_memory.publish(queue, [NewRecord(event(row), None, 0) for row in range(10)])
    async with in_memory.collector():
        await in_memory.applied(queue)
    assert isinstance(queue, InMemoryMessageQueue)
    group = queue.log.group(COLLECTORS)
    group.committed = {in_memory.place.at(0): 4}
    async with in_memory.collector():
        await until(lambda: group.committed == {in_memory.place.at(0): 10})
    await queue.close()


async def test_commits_name_the_view(in_memory: Pipeline) -> None:
    """`gputail group` can tell that this group follows a view."""
    queue = in_memory.place.open()
    await in_memory.publish(queue, [NewRecord(event(0), None, 0)])
    async with in_memory.collector():
        await in_memory.applied(queue)
        await in_memory.followed(queue)
    assert isinstance(queue, InMemoryMessageQueue)
    group = queue.log.group(COLLECTORS)
    assert {in_memory.place.at(0): f"view:{in_memory.views}"} == group.metadata
    await queue.close()


async def test_commits_name_the_view_in_a_broker(in_broker: Pipeline) -> None:
    """The same over the wire, as `gputail group` reads it."""
    queue = in_broker.place.open()
    await in_broker.publish(queue, [NewRecord(event(0), None, 0)])
    async with in_broker.collector():
        await in_broker.applied(queue)
        await in_broker.followed(queue)
    assert isinstance(in_broker.place, TelemetryInBroker)
    survey = KafkaSurvey(KafkaAddress(f"127.0.0.1:{in_broker.place.broker.port}"))
    commits = await asyncio.to_thread(survey.commits, [COLLECTORS])
    assert {in_broker.place.at(0): f"view:{in_broker.views}"} == {
        at: commit.metadata for at, commit in commits[COLLECTORS].items()
    }
    await queue.close()


async def test_it_makes_the_topic(in_memory: Pipeline) -> None:
    """A collector that is there first waits for events on the topic that it made."""
    queue = in_memory.place.open()
    async with in_memory.collector() as collector:
        await until(lambda: collector.counters.partitions == PARTITIONS)
        await in_memory.publish(queue, [NewRecord(event(0), None, 3)])
        await in_memory.applied(queue)
    await queue.close()


async def test_counters_tell_lag_and_freshness(in_memory: Pipeline) -> None:
    """Lag by assigned partition, and the age of the newest sample."""
    queue = in_memory.place.open()
    await in_memory.publish(queue, [NewRecord(event(row), None, 1) for row in range(5)])
    async with in_memory.collector() as collector:
        counters = collector.counters
        assert counters.freshness_s(START_MS) is None
        await until(lambda: counters.lag_records == dict.fromkeys(range(PARTITIONS), 0))
        await until(lambda: counters.samples == 5)
        assert 2.5 == counters.freshness_s(START_MS + 4 + 2_500)
        assert counters.batches >= 1
        assert counters.apply_s > 0
    await queue.close()


async def test_cancelled(in_memory: Pipeline) -> None:
    """A run that is cancelled lets go of its partitions: somebody else has them at once."""
    queue = in_memory.place.open()
    cancelled = Collector(queue, in_memory.writer, "view", settings=QUICK)
    running = asyncio.create_task(cancelled.run())
    await until(lambda: cancelled.counters.partitions == PARTITIONS)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    async with in_memory.collector(queue) as other:
        await until(lambda: other.counters.partitions == PARTITIONS)
    await queue.close()
