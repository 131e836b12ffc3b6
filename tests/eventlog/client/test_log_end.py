"""The end of a log, read by a process that is stopped in between."""

from __future__ import annotations

import uuid

import pytest

from eventlog.client import InMemoryMessageQueue, NewRecord, TopicPartition, read_end
from tests.eventlog.client.stopped import stop_in_the_first_poll


async def test_a_stop_of_the_process_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A poll that ends late and empty leaves records behind: they are the end all the same."""
    topic = f"topic-{uuid.uuid4().hex[:8]}"
    queue = InMemoryMessageQueue(topic)
    await queue.ensure_topic(topic, 1)
    await (await queue.publisher(topic)).publish([NewRecord(b"value")] * 3).wait()
    stop_in_the_first_poll(monkeypatch)
    at = TopicPartition(topic, 0)
    assert [1, 2] == [record.offset for record in (await read_end(queue, [at], 2))[at]]
    await queue.close()
