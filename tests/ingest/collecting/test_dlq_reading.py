"""The dead-letter topic is read to its end, also where the end cannot be had."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from eventlog.client import InMemoryMessageQueue, NewRecord, TopicPartition
from ingest import dlq_reading
from ingest.dlq_reading import read_topic


async def test_what_goes_on_elsewhere_hides_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """One partition's end is damaged, and to the other somebody writes all the time."""
    monkeypatch.setattr(dlq_reading, "SILENT_S_MAX", 0.5)
    topic = f"topic-{uuid.uuid4().hex[:8]}"
    queue = InMemoryMessageQueue(topic)
    await queue.ensure_topic(topic, 2, {"gputail.damaged": "skip"})
    publisher = await queue.publisher(topic)
    await publisher.publish([NewRecord(b"letter", partition=number) for number in (0, 0, 0, 1)]).wait()
    queue.log.partition(TopicPartition(topic, 0)).damage(2, 3)

    async def write() -> None:
        while True:
            await publisher.publish([NewRecord(b"more", partition=1)]).wait()
            await asyncio.sleep(0.01)

    writing = asyncio.create_task(write())
    async with asyncio.timeout(60.0):
        found = [record async for records in read_topic(queue, topic) for record in records]
    writing.cancel()
    await asyncio.wait([writing])

    assert [(0, 0), (0, 1), (1, 0)] == sorted((record.partition, record.offset) for record in found)
    await queue.close()
