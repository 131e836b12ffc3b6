"""Whether a partition's last records can be had, asked by a process that is stopped in between."""

from __future__ import annotations

import uuid

import pytest

from eventlog.client import InMemoryMessageQueue, NewRecord, TopicPartition
from ingest.replay.silence import has_nothing
from tests.eventlog.client.stopped import stop_in_the_first_poll

SILENT_S = 0.3


async def filled(topic: str, count: int) -> InMemoryMessageQueue:
    queue = InMemoryMessageQueue(topic)
    await queue.ensure_topic(topic, 1)
    await (await queue.publisher(topic)).publish([NewRecord(b"value")] * count).wait()
    return queue


async def test_a_stop_of_the_process_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A poll that ends late and empty leaves records behind: they are no gap."""
    topic = f"topic-{uuid.uuid4().hex[:8]}"
    queue = await filled(topic, 3)
    stop_in_the_first_poll(monkeypatch)
    assert not await has_nothing(queue, TopicPartition(topic, 0), 1, SILENT_S)
    await queue.close()


async def test_a_log_that_ends_is_silent() -> None:
    """As long as its broker answers."""
    topic = f"topic-{uuid.uuid4().hex[:8]}"
    queue = await filled(topic, 3)
    assert await has_nothing(queue, TopicPartition(topic, 0), 3, SILENT_S)
    queue.log.set_available(False)
    assert not await has_nothing(queue, TopicPartition(topic, 0), 3, SILENT_S)
    queue.log.set_available(True)
    await queue.close()
