"""What stands in the way of a tail besides damage."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from eventlog.client import InMemoryMessageQueue, MessageQueue, NewRecord
from eventlog.client.address import KafkaAddress
from eventlog.client.admin import KafkaAdmin
from eventlog.client.description import TopicPartition
from eventlog.client.errors import ClientClosedError
from eventlog.client.kafka_queue import KafkaMessageQueue
from eventlog.remote.tail.course import Course, Notice
from tests.eventlog.remote.verbs import Cluster


async def run_course(
    queue: MessageQueue,
    starts: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
    answer_s: float = 60.0,
) -> tuple[list[int], list[str]]:
    """The offsets and the notices of a course."""
    offsets, notices = [], []
    try:
        async for said in Course(queue, starts, ends, skips_damaged=False, answer_s=answer_s).run():
            if isinstance(said, Notice):
                notices.append(said.text)
            else:
                offsets += [record.offset for record in said]
    finally:
        await queue.close()
    return offsets, notices


def queue_of(cluster: Cluster) -> KafkaMessageQueue:
    return KafkaMessageQueue(KafkaAddress(cluster.bootstrap))


async def test_what_retention_took_meanwhile_is_told(cluster: Cluster, topic: str) -> None:
    """It goes on at the log start."""
    at = TopicPartition(topic, 0)
    with KafkaAdmin(KafkaAddress(cluster.bootstrap)) as admin:
        admin.delete_records({at: 4})

    offsets, notices = await run_course(queue_of(cluster), {at: 1}, {at: 10})

    assert [4, 5, 6, 7, 8, 9] == offsets
    assert [f"{topic}/0: offsets 1 to 3 are removed before they were read"] == notices


async def test_an_end_that_does_not_come_is_not_waited_for(name: str) -> None:
    """A log that answers, and has nothing more, is the end. In memory, where what there is comes at once."""
    queue, at = InMemoryMessageQueue(name), TopicPartition(name, 0)
    await queue.ensure_topic(name, 1)
    await (await queue.publisher(name)).publish([NewRecord(b"value")] * 10).wait()

    offsets, notices = await run_course(queue, {at: 8}, {at: 12}, answer_s=0.5)

    assert [8, 9] == offsets
    assert [f"{name}/0: offsets 10 to 11 are not in the log"] == notices


async def test_what_goes_on_elsewhere_hides_no_silence(name: str) -> None:
    """One end does not come, and beyond the other end somebody writes all the time."""
    queue, ends = InMemoryMessageQueue(name), {TopicPartition(name, 0): 4, TopicPartition(name, 1): 1}
    await queue.ensure_topic(name, 2)
    publisher = await queue.publisher(name)
    await publisher.publish([NewRecord(b"value", partition=0)] * 3).wait()

    async def write() -> None:
        with suppress(ClientClosedError):  # with the queue, at the end of the course
            while True:
                await publisher.publish([NewRecord(b"more", partition=1)]).wait()
                await asyncio.sleep(0.01)

    writing = asyncio.create_task(write())
    async with asyncio.timeout(60.0):
        offsets, notices = await run_course(queue, dict.fromkeys(ends, 0), ends, answer_s=0.5)
    writing.cancel()
    await asyncio.wait([writing])

    assert [0, 0, 1, 2] == sorted(offsets)
    assert [f"{name}/0: offset 3 is not in the log"] == notices


async def test_records_beyond_the_end_are_left_out(cluster: Cluster, topic: str) -> None:
    """The end is that of the beginning, however much came since."""
    starts = {TopicPartition(topic, 0): 3, TopicPartition(topic, 1): 0}

    assert ([3, 4], []) == await run_course(
        queue_of(cluster), starts, {at: {0: 5, 1: 0}[at.partition] for at in starts}
    )
