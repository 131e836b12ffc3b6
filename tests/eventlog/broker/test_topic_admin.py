"""Changes of topics that are asked for at the same time, or by who does not wait for the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from eventlog.broker.topic_admin import TopicAdmin
from eventlog.broker.topic_rules import TopicRules
from eventlog.storage.log_directory import LogDirectory
from eventlog.storage.settings import TopicSettings
from tests.eventlog.storage.open_directory import OpenDirectory


async def nobody(_: object) -> None:
    """Keeps nothing by a topic's name."""


CHANGES: list[Callable[[TopicAdmin], Coroutine[Any, Any, Any]]] = [
    lambda admin: admin.create("new", 2, TopicSettings()),
    lambda admin: admin.grow("t", 3),
    lambda admin: admin.alter("t", lambda _: TopicSettings(segment_ms=1)),
    lambda admin: admin.delete("t"),
    lambda admin: admin.delete_records("t", 0, 1),
]


def seen(directory: LogDirectory) -> dict[str, Any]:
    """The topics, and where their first partitions begin."""
    topics = directory.topics
    return {
        name: (topics.get(name), directory.partition(name, 0).log_start_offset) for name in topics.names()
    }


@pytest.mark.parametrize("change", CHANGES, ids=["create", "grow", "alter", "delete", "delete records"])
async def test_a_client_that_leaves_meanwhile(
    change: Callable[[TopicAdmin], Coroutine[Any, Any, Any]],
) -> None:
    """Whenever it leaves, the change is made as a whole: the next start finds what this process shows."""
    turns, was_cancelled = 0, True
    while was_cancelled:
        storage = OpenDirectory()
        directory = await storage.open()
        await directory.create_topic("t", 1)
        await storage.keep("t", 0, "a", "b")
        before = seen(directory)
        admin = TopicAdmin(directory, TopicRules(), nobody)
        client = asyncio.ensure_future(change(admin))
        for _ in range(turns):
            await asyncio.sleep(0)
        was_cancelled = client.cancel()
        await admin.finish()
        await asyncio.gather(client, return_exceptions=True)
        after = seen(directory)
        if turns:
            assert before != after
        await storage.reopen()
        assert after == seen(storage.directory)
        turns += 1
    assert turns > 2
