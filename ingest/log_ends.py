"""Where the telemetry topic begins and ends, and whether it is still the same topic."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from eventlog.client import MessageQueue, TopicDescription, TopicPartition, Watermarks
from eventlog.client.errors import BrokerUnavailableError
from ingest.clock import Clock
from query.views.errors import AnotherLogError

REFRESH_S = 1.0


class LogEnds:
    """Watermarks as last seen; `watch` keeps them fresh."""

    def __init__(self, queue: MessageQueue, topic: TopicDescription, clock: Clock) -> None:
        self.topic = topic
        self._queue = queue
        self._clock = clock
        self._marks: dict[int, tuple[Watermarks, int]] = {}
        """By partition, with the time at which they were asked for."""

    def at(self, partition: int) -> TopicPartition:
        """The partition of that number."""
        return TopicPartition(self.topic.name, partition)

    def seen(self, partition: int, next_offset: int, now_ms: int) -> tuple[int, int]:
        """The high watermark, and when it was that; no less than what has been read."""
        marks, seen_at_ms = self._marks.get(partition, (Watermarks(0, 0), 0))
        if marks.high_watermark < next_offset:
            return next_offset, now_ms
        return marks.high_watermark, seen_at_ms

    async def ask(self, partitions: Iterable[int]) -> dict[int, Watermarks]:
        """Watermarks now; BrokerUnavailableError, AnotherLogError."""
        now_ms = self._clock.wall_ms()
        found = await self._queue.describe_topic(self.topic.name)
        if found.topic_id != self.topic.topic_id:
            raise AnotherLogError(
                f"the topic {self.topic.name!r} was replaced by another of that name while it was read; "
                "`gputail replay --allow-shorter` makes the view anew from it",
                str(found.topic_id),
            )
        marks = await self._queue.watermarks([self.at(number) for number in partitions])
        by_number = {at.partition: mark for at, mark in marks.items()}
        self._marks |= {number: (mark, now_ms) for number, mark in by_number.items()}
        return by_number

    async def watch(self) -> None:
        """Ask again and again; AnotherLogError."""
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                await self.ask(range(self.topic.partitions))
            except BrokerUnavailableError:
                continue  # what was seen last still tells when
