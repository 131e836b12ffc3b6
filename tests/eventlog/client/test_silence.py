"""Whether the end of a log can be had: asked of a broker that goes away, by a process that is stopped."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from eventlog.client import InMemoryMessageQueue, NewRecord, TopicPartition, poll_until_silent, read_end
from eventlog.client.batch import Batch
from eventlog.client.errors import BrokerUnavailableError
from eventlog.client.memory_subscription import MemorySubscription
from eventlog.client.silence import POLLS
from tests.eventlog.client.stopped import stop_in_the_first_poll

SILENT_S = 0.3
UNDER_WAY_S_MAX = 60.0


async def filled(topic: str, partitions: int = 1) -> InMemoryMessageQueue:
    """Three records in partition 0; damage is passed over."""
    queue = InMemoryMessageQueue(topic)
    await queue.ensure_topic(topic, partitions, {"gputail.damaged": "skip"})
    await (await queue.publisher(topic)).publish([NewRecord(b"value", partition=0)] * 3).wait()
    return queue


@pytest.fixture
def at() -> TopicPartition:
    return TopicPartition(f"topic-{uuid.uuid4().hex[:8]}", 0)


async def test_a_stop_of_the_process_is_no_silence(
    at: TopicPartition, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A poll that ends late and empty leaves records behind: they are the end all the same."""
    queue = await filled(at.topic)
    marks = await queue.watermarks([at])
    stop_in_the_first_poll(monkeypatch)
    assert [1, 2] == [record.offset for record in (await read_end(queue, marks, 2))[at]]
    await queue.close()


async def test_a_broker_that_was_away_is_no_silence(
    at: TopicPartition, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is back, and answers, when nothing has come for as long as may be: that says nothing yet."""
    queue = await filled(at.topic)
    subscription = await queue.read({at: 0})
    poll, polls = MemorySubscription.poll, 0

    async def away_at_first(self: MemorySubscription, **options: Any) -> Batch:
        nonlocal polls
        polls += 1
        queue.log.set_available(polls >= POLLS)
        return Batch() if polls <= POLLS else await poll(self, **options)

    monkeypatch.setattr(MemorySubscription, "poll", away_at_first)
    for _ in range(POLLS - 1):
        with pytest.raises(BrokerUnavailableError):
            await poll_until_silent(queue, subscription, SILENT_S)
    assert 3 == (await poll_until_silent(queue, subscription, SILENT_S)).record_count
    await queue.close()


async def test_an_end_that_cannot_be_had_is_silent(at: TopicPartition) -> None:
    """Of a broker that answers; what comes before it counts, and each time it begins anew."""
    queue = await filled(at.topic)
    subscription = await queue.read({at: 0})
    batch = await poll_until_silent(queue, subscription, SILENT_S, records_max=2)
    assert [0, 1] == [record.offset for record in batch.records]
    assert await poll_until_silent(queue, subscription, SILENT_S)
    assert not await poll_until_silent(queue, subscription, SILENT_S)
    queue.log.set_available(False)
    with pytest.raises(BrokerUnavailableError):
        await poll_until_silent(queue, subscription, SILENT_S)
    queue.log.set_available(True)
    await queue.close()


async def test_what_goes_on_elsewhere_hides_no_silence(at: TopicPartition) -> None:
    """One partition's end is damaged, and to the other somebody writes all the time."""
    queue, busy = await filled(at.topic, 2), TopicPartition(at.topic, 1)
    publisher = await queue.publisher(at.topic)

    async def write() -> None:
        while True:
            await publisher.publish([NewRecord(b"more", partition=1)]).wait()
            await asyncio.sleep(SILENT_S / POLLS / 4)

    await publisher.publish([NewRecord(b"more", partition=1)]).wait()
    queue.log.partition(at).damage(2, 3)
    marks = await queue.watermarks([at, busy])
    writing = asyncio.create_task(write())
    async with asyncio.timeout(UNDER_WAY_S_MAX):
        found = await read_end(queue, marks, 2, silent_s_max=SILENT_S)
    offsets = {each: [record.offset for record in records] for each, records in found.items()}
    assert {at: [1], busy: [0]} == offsets
    writing.cancel()
    await asyncio.wait([writing])
    await queue.close()
