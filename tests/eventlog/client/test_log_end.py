"""The end of a log, read by a process that is stopped in between."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from eventlog.client import InMemoryMessageQueue, NewRecord, TopicPartition, read_end
from eventlog.client.batch import Batch
from eventlog.client.memory_subscription import MemorySubscription


async def test_a_stop_of_the_process_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A poll that ends late and empty leaves records behind: they are the end all the same."""
    topic = f"topic-{uuid.uuid4().hex[:8]}"
    queue = InMemoryMessageQueue(topic)
    await queue.ensure_topic(topic, 1)
    await (await queue.publisher(topic)).publish([NewRecord(b"value")] * 3).wait()
    loop, poll, late_s = asyncio.get_running_loop(), MemorySubscription.poll, [60.0]
    now_s = loop.time

    async def stopped_once(self: MemorySubscription, **options: Any) -> Batch:
        if not late_s:
            return await poll(self, **options)
        stopped_s = late_s.pop()
        monkeypatch.setattr(loop, "time", lambda: now_s() + stopped_s)
        return Batch()

    monkeypatch.setattr(MemorySubscription, "poll", stopped_once)
    at = TopicPartition(topic, 0)
    assert [1, 2] == [record.offset for record in (await read_end(queue, [at], 2))[at]]
    await queue.close()
