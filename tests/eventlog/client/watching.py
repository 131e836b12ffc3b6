"""A listener that remembers, and ways to read until something is true."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping

from eventlog.client import Batch, GroupListener, Record, Subscription, TopicPartition

WAIT_S = 40.0


class Watcher(GroupListener):
    """Remembers what it was told, as (what, partition numbers); `starts` is its answer."""

    def __init__(self, starts: Mapping[TopicPartition, int] | None = None) -> None:
        self.starts = starts or {}
        self.told: list[tuple[str, tuple[int, ...]]] = []
        self.on_revoke: Callable[[], object] | None = None

    async def on_assigned(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        self._note("assigned", partitions)
        return {at: self.starts[at] for at in partitions if at in self.starts}

    async def on_revoked(self, partitions: Collection[TopicPartition]) -> None:
        self._note("revoked", partitions)

    async def on_lost(self, partitions: Collection[TopicPartition]) -> None:
        self._note("lost", partitions)

    def _note(self, what: str, partitions: Collection[TopicPartition]) -> None:
        asyncio.get_running_loop()  # raises in a foreign thread
        self.told.append((what, tuple(at.partition for at in partitions)))


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what other tasks bring about; a membership has no event to wait for."""
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def read_until(condition: Callable[[], bool], *subscriptions: Subscription) -> list[Record]:
    """Poll them all until the condition holds; the records that came."""
    records: list[Record] = []
    async with asyncio.timeout(WAIT_S):
        while not condition():
            for subscription in subscriptions:
                records += (await subscription.poll(timeout_s=0.05)).records
    return records


async def read_records(subscription: Subscription, count: int) -> list[Record]:
    """At least so many records."""
    records: list[Record] = []
    async with asyncio.timeout(WAIT_S):
        while len(records) < count:
            records += (await subscription.poll(timeout_s=0.2)).records
    return records


async def read_batch(subscription: Subscription) -> Batch:
    """The next batch that is not empty."""
    async with asyncio.timeout(WAIT_S):
        while True:
            if batch := await subscription.poll(timeout_s=0.2):
                return batch


async def settled_values(subscription: Subscription, timeout_s: float = 0.7) -> list[bytes | None]:
    """What comes until it is quiet."""
    values: list[bytes | None] = []
    while batch := await subscription.poll(timeout_s=timeout_s):
        values += [record.value for record in batch.records]
    return values
