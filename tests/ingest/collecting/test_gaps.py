"""What the log does not have any more, and logs that are not the view's."""

from __future__ import annotations

import asyncio
import logging

import pytest

from eventlog.client import InMemoryMessageQueue, MessageQueue, NewRecord
from ingest.assignment import REMOVED
from ingest.collector import Collector
from ingest.intake import DAMAGED
from ingest.topics import TELEMETRY
from query.views.errors import AnotherLogError, ViewUnavailableError
from query.views.model import Gap, RefusedLog
from tests.ingest.collecting.events import event
from tests.ingest.collecting.running import PARTITIONS, QUICK, Pipeline
from tests.ingest.collecting.writers import WrappedWriter


def gaps_of(pipeline: Pipeline) -> list[tuple[int, int, int, str]]:
    """What the view says of gaps: partition, first, end and reason."""
    reader = pipeline.reader()
    found: list[Gap] = list(reader.status().gaps)
    reader.close()
    return [(gap.partition, gap.first, gap.end, gap.reason) for gap in found]


def refused_by(pipeline: Pipeline) -> tuple[str, str] | None:
    """The other log that the view tells of: its id, and why."""
    reader = pipeline.reader()
    refused = reader.status().refused_log
    reader.close()
    return None if refused is None else (refused.topic_id, refused.reason)


async def topic_id(queue: MessageQueue) -> str:
    return str((await queue.describe_topic(TELEMETRY)).topic_id)


class NoteRefused(WrappedWriter):
    """Its disk is full."""

    def refuse_log(self, refused: RefusedLog) -> None:
        raise ViewUnavailableError("the disk is full")


def offsets_of(pipeline: Pipeline) -> list[int]:
    return [row.offset for row in pipeline.rows()]


def events(first: int, end: int) -> list[NewRecord]:
    """One record each in partition 0."""
    return [NewRecord(event(row), None, 0) for row in range(first, end)]


async def replace_topic(queue: MessageQueue, size: int) -> None:
    """Another topic of that name, with so many records."""
    assert isinstance(queue, InMemoryMessageQueue)
    queue.log.delete_topic(TELEMETRY)
    queue.log.create_topic(TELEMETRY, PARTITIONS, {})
    publisher = await queue.publisher(TELEMETRY)
    await publisher.publish(events(0, size)).wait()


# --- retention ---------------------------------------------------------------------------------


async def test_a_view_that_is_behind_the_log_s_start(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    """What retention took before it was applied is a gap in the view, told once."""
    queue, at = pipeline.place.open(), pipeline.place.at(0)
    await pipeline.publish(queue, events(0, 5))
    async with pipeline.collector():
        await pipeline.applied(queue)
    await pipeline.publish(queue, events(5, 20))
    pipeline.place.raise_log_start(at, 12)
    with caplog.at_level(logging.WARNING, "ingest"):
        async with pipeline.collector() as collector:
            await pipeline.applied(queue)
    assert [(0, 5, 12, REMOVED)] == gaps_of(pipeline)
    assert [*range(5), *range(12, 20)] == offsets_of(pipeline)
    assert (1, 7) == (collector.counters.gaps, collector.counters.gap_records)
    assert 1 == sum("a gap in the log" in message for message in caplog.messages)
    await queue.close()


async def test_a_gap_up_to_the_log_s_end(in_memory: Pipeline) -> None:
    """It is told at once, not with the next record: nobody waits for what is gone."""
    queue, at = in_memory.place.open(), in_memory.place.at(0)
    await in_memory.publish(queue, events(0, 5))
    async with in_memory.collector():
        await in_memory.applied(queue)
    await in_memory.publish(queue, events(5, 9))
    in_memory.place.raise_log_start(at, 9)
    async with in_memory.collector():
        await in_memory.applied(queue)
    assert [(0, 5, 9, REMOVED)] == gaps_of(in_memory)
    await queue.close()


async def test_retention_overtakes_a_collector(in_memory: Pipeline) -> None:
    """A collector that is stuck while the log's start moves past it goes on there."""
    queue, at = in_memory.place.open(), in_memory.place.at(0)
    assert isinstance(queue, InMemoryMessageQueue)
    await in_memory.publish(queue, events(0, 5))
    async with in_memory.collector():
        await in_memory.applied(queue)
        await in_memory.publish(queue, [])
        partition = queue.log.partition(at)
        partition.append(events(5, 9), 0)
        in_memory.place.raise_log_start(at, 7)
        queue.log.wake()
        await in_memory.applied(queue)
    assert [(0, 5, 7, REMOVED)] == gaps_of(in_memory)
    assert [*range(5), 7, 8] == offsets_of(in_memory)
    await queue.close()


async def test_a_new_view_begins_at_the_log_s_start(pipeline: Pipeline) -> None:
    """What was removed before there was a view is no gap in it."""
    queue = pipeline.place.open()
    await pipeline.publish(queue, events(0, 9))
    pipeline.place.raise_log_start(pipeline.place.at(0), 4)
    async with pipeline.collector():
        await pipeline.applied(queue)
    assert [] == gaps_of(pipeline)
    assert [4, 5, 6, 7, 8] == offsets_of(pipeline)
    await queue.close()


# --- damage ------------------------------------------------------------------------------------


async def test_damage_that_is_skipped(pipeline: Pipeline) -> None:
    """A damaged batch is a gap in the view, and the records after it are applied."""
    queue = pipeline.place.open()
    values = [event(row, value=1000.5 + row) for row in range(6)]
    for value in values:
        await pipeline.publish(queue, [NewRecord(value, None, 0)])
    pipeline.place.damage(pipeline.place.at(0), values[3])
    async with pipeline.collector():
        await pipeline.applied(queue)
    assert [(0, 3, 4, DAMAGED)] == gaps_of(pipeline)
    assert [0, 1, 2, 4, 5] == offsets_of(pipeline)
    await queue.close()


async def test_damage_that_is_refused(in_memory: Pipeline) -> None:
    """On a topic that refuses damage the collector finds its end, and goes on there."""
    queue = in_memory.place.open()
    await queue.ensure_topic(TELEMETRY, PARTITIONS, {"gputail.damaged": "refuse"})
    await in_memory.publish(queue, events(0, 40))
    assert isinstance(queue, InMemoryMessageQueue)
    queue.log.partition(in_memory.place.at(0)).damage(10, 27)
    async with in_memory.collector():
        await in_memory.applied(queue)
    assert [(0, 10, 27, DAMAGED)] == gaps_of(in_memory)
    assert [*range(10), *range(27, 40)] == offsets_of(in_memory)
    await queue.close()


# --- another log -------------------------------------------------------------------------------


async def test_a_topic_of_another_id(in_memory: Pipeline) -> None:
    """A view of one log is not filled from another of that name: one line says what to do."""
    queue = in_memory.place.open()
    await in_memory.publish(queue, events(0, 5))
    async with in_memory.collector():
        await in_memory.applied(queue)
    rows = in_memory.rows()
    await replace_topic(queue, 50)
    with pytest.raises(AnotherLogError, match="follows another log") as refusal:
        await Collector(queue, in_memory.writer, "view", settings=QUICK).run()
    assert rows == in_memory.rows()
    assert (await topic_id(queue), str(refusal.value)) == refused_by(in_memory)
    await queue.close()


async def test_a_checkpoint_beyond_the_log_s_end(in_memory: Pipeline) -> None:
    """A log that lost its end, as one restored from a copy, is another one."""
    queue = in_memory.place.open()
    await in_memory.publish(queue, events(0, 5))
    async with in_memory.collector():
        await in_memory.applied(queue)
    assert isinstance(queue, InMemoryMessageQueue)
    del queue.log.partition(in_memory.place.at(0))._records[3:]
    with pytest.raises(AnotherLogError, match=r"up to offset 5.*ends at 3.*gputail replay") as refusal:
        await Collector(queue, in_memory.writer, "view", settings=QUICK).run()
    assert 5 == len(in_memory.rows())
    assert (await topic_id(queue), str(refusal.value)) == refused_by(in_memory)
    await in_memory.publish(queue, events(3, 9))
    async with in_memory.collector():
        await in_memory.applied(queue)
    assert refused_by(in_memory) is None
    await queue.close()


async def test_a_note_that_cannot_be_stored(in_memory: Pipeline) -> None:
    """Why the collector ends is told all the same."""
    queue = in_memory.place.open()
    await in_memory.publish(queue, events(0, 5))
    async with in_memory.collector():
        await in_memory.applied(queue)
    await replace_topic(queue, 50)
    with pytest.raises(AnotherLogError, match="follows another log"):
        await Collector(queue, lambda: NoteRefused(in_memory.writer()), "view", settings=QUICK).run()
    assert refused_by(in_memory) is None
    await queue.close()


async def test_a_topic_that_is_replaced_while_it_is_read(in_memory: Pipeline) -> None:
    """The collector notices by itself, and ends."""
    queue = in_memory.place.open()
    await in_memory.publish(queue, events(0, 5))
    collector = Collector(queue, in_memory.writer, "view", settings=QUICK)
    running = asyncio.create_task(collector.run())
    await in_memory.applied(queue)
    await replace_topic(queue, 5)
    with pytest.raises(AnotherLogError, match="replaced") as refusal:
        await running
    assert 5 == len(in_memory.rows())
    assert (await topic_id(queue), str(refusal.value)) == refused_by(in_memory)
    await queue.close()
