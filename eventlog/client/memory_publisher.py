"""Publishing to a log in this process."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from eventlog.client.delivery import Delivery
from eventlog.client.description import TopicPartition
from eventlog.client.errors import (
    ClientClosedError,
    DeliveryPurgedError,
    UnknownTopicError,
)
from eventlog.client.memory_log import MemoryLog
from eventlog.client.outbox import Outbox, OutboxLimits
from eventlog.client.port import Publisher
from eventlog.client.record import NewRecord


class MemoryPublisher(Publisher):
    """See `Publisher`. What is published is stored in the loop's next turn."""

    def __init__(self, log: MemoryLog, topic: str, limits: OutboxLimits) -> None:
        self.topic = log.topic(topic).description
        self._log = log
        self._outbox = Outbox(topic, self.topic.partitions, limits)
        self._waiting: deque[tuple[Delivery, int, list[NewRecord]]] = deque()
        self._failure: UnknownTopicError | None = None
        self._closed = False
        self._sending = asyncio.create_task(self._send())
        self._work = asyncio.Event()

    @property
    def is_closed(self) -> bool:
        """Whether it was closed, and nobody need close it."""
        return self._closed

    def publish(self, records: Sequence[NewRecord]) -> Delivery:
        self._check()
        partitions, _ = self._outbox.place(records)
        delivery = self._outbox.add(records, partitions)
        parts: dict[int, list[NewRecord]] = {}
        for record, partition in zip(records, partitions, strict=True):
            parts.setdefault(partition, []).append(record)
        self._waiting.extend((delivery, partition, part) for partition, part in parts.items())
        self._work.set()
        return delivery

    async def _send(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            while self._waiting:
                if not self._log.is_available:
                    await self._log.change(1.0)
                    continue
                delivery, partition, part = self._waiting.popleft()
                try:
                    last = self._log.append(TopicPartition(self.topic.name, partition), part)
                except UnknownTopicError as error:
                    self._failure = error
                    self._waiting.clear()
                    self._outbox.abandon(error)
                else:
                    self._outbox.settle(delivery, partition, last)

    async def wait_for_room(self) -> None:
        self._check()
        while not self._outbox.has_room():
            await self._outbox.change()
            self._check()

    @property
    def pending_records(self) -> int:
        return self._outbox.records

    async def flush(self) -> None:
        await self._outbox.settled(None)

    def purge(self) -> None:
        self._check()
        waiting, self._waiting = self._waiting, deque()
        for delivery, partition, _ in waiting:
            error = DeliveryPurgedError(f"publishing to {self.topic.name}/{partition}: purged unsent")
            self._outbox.settle(delivery, partition, error)

    async def close(self, deadline_s: float = 10.0) -> None:
        if self._closed:
            return
        self._closed = True
        await self._outbox.settled(deadline_s)
        self._sending.cancel()
        await asyncio.wait([self._sending])
        self._outbox.give_up()

    def _check(self) -> None:
        if self._closed:
            raise ClientClosedError(f"the publisher for {self.topic.name!r} was closed; open a new one")
        if self._failure is not None:
            raise self._failure
