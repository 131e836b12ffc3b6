"""The log behind `memory://NAME`: one for each name, shared by everybody in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from eventlog.client.description import ClusterDescription, TopicDescription, TopicPartition, Watermarks
from eventlog.client.errors import ClientClosedError
from eventlog.client.memory_group import MemoryMember
from eventlog.client.memory_log import MemoryLog, shared_log
from eventlog.client.memory_publisher import MemoryPublisher
from eventlog.client.memory_subscription import MemoryPlace, MemorySubscription
from eventlog.client.outbox import OutboxLimits
from eventlog.client.polled_membership import PolledMembership
from eventlog.client.port import GroupListener, MessageQueue, Start


class InMemoryMessageQueue(MessageQueue):
    """See `MessageQueue`. `log` is what stands behind it, for damage, retention and absence on purpose."""

    def __init__(self, name: str, *, limits: OutboxLimits | None = None) -> None:
        self.log = shared_log(name)
        self._limits = limits or OutboxLimits()
        self._opened: list[MemoryPublisher | MemorySubscription] = []
        self._closed = False

    async def describe_cluster(self) -> ClusterDescription:
        log = self._open_log()
        log.check_available("asking the log what it is")
        return ClusterDescription(log.cluster_id, ())

    async def describe_topic(self, name: str) -> TopicDescription:
        return self._open_log().topic(name).description

    async def ensure_topic(
        self, name: str, partitions: int, settings: Mapping[str, str] | None = None
    ) -> TopicDescription:
        log = self._open_log()
        if not log.has_topic(name):
            log.create_topic(name, partitions, settings or {})
        return log.topic(name).description

    async def publisher(self, topic: str) -> MemoryPublisher:
        publisher = MemoryPublisher(self._open_log(), topic, self._limits)
        self._keep(publisher)
        return publisher

    async def subscribe(
        self,
        topics: Sequence[str],
        group_id: str,
        listener: GroupListener | None = None,
        *,
        start: Start = Start.EARLIEST,
        poll_interval_s_max: float = 300.0,
    ) -> MemorySubscription:
        place = (topics, group_id, listener or GroupListener(), start)
        return self._join(*place, poll_interval_s_max, reads=True)

    async def join(
        self,
        topics: Sequence[str],
        group_id: str,
        listener: GroupListener,
        *,
        poll_interval_s_max: float = 300.0,
    ) -> PolledMembership:
        subscription = self._join(topics, group_id, listener, Start.LATEST, poll_interval_s_max, reads=False)
        return PolledMembership(subscription)

    def _join(
        self,
        topics: Sequence[str],
        group_id: str,
        listener: GroupListener,
        start: Start,
        poll_interval_s_max: float,
        *,
        reads: bool,
    ) -> MemorySubscription:
        log = self._open_log()
        partitions = frozenset(
            TopicPartition(topic, number)
            for topic in topics
            for number in range(log.topic(topic).description.partitions)
        )
        member = MemoryMember(partitions, poll_interval_s_max)
        place = MemoryPlace(log.group(group_id), member, listener, start, reads)
        subscription = MemorySubscription(log, place)
        self._keep(subscription)
        return subscription

    async def read(self, starts: Mapping[TopicPartition, int | Start]) -> MemorySubscription:
        subscription = MemorySubscription(self._open_log(), None, starts)
        self._keep(subscription)
        return subscription

    def _keep(self, client: MemoryPublisher | MemorySubscription) -> None:
        self._opened = [client, *(opened for opened in self._opened if not opened.is_closed)]

    async def watermarks(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, Watermarks]:
        log = self._open_log()
        return {at: log.partition(at).watermarks for at in partitions}

    async def offsets_for_time(
        self, partitions: Iterable[TopicPartition], timestamp_ms: int
    ) -> dict[TopicPartition, int | None]:
        log = self._open_log()
        return {at: log.partition(at).offset_for_time(timestamp_ms) for at in partitions}

    async def committed(self, group_id: str) -> dict[TopicPartition, int]:
        return dict(sorted(self._open_log().group(group_id).committed.items()))

    async def close(self, deadline_s: float = 10.0) -> None:
        if self._closed:
            return
        self._closed = True
        outcomes = await asyncio.gather(
            *(client.close(deadline_s) for client in self._opened), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    def _open_log(self) -> MemoryLog:
        if self._closed:
            raise ClientClosedError("the queue was closed; open a new one")
        return self.log
