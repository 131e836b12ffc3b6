"""The log behind a Kafka-protocol cluster, our own broker among them, through librdkafka."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

from eventlog.client.address import KafkaAddress
from eventlog.client.admin import KafkaAdmin
from eventlog.client.description import ClusterDescription, TopicDescription, TopicPartition, Watermarks
from eventlog.client.errors import (
    ClientClosedError,
    InvalidTopicError,
    TopicExistsError,
    UndeliveredError,
    UnknownTopicError,
)
from eventlog.client.kafka_publisher import KafkaPublisher
from eventlog.client.kafka_settings import Settings, consumer_settings, producer_settings
from eventlog.client.kafka_subscription import GroupPlace, KafkaSubscription
from eventlog.client.outbox import OutboxLimits
from eventlog.client.polled_membership import PolledMembership
from eventlog.client.port import GroupListener, MessageQueue, Start
from eventlog.client.worker import Worker

_ALONE = "gputail-alone"
"""librdkafka wants a group name even where no group is joined."""

_OUR_SETTINGS = "gputail."
"""Settings of our broker; another cluster refuses to make a topic with them."""

T = TypeVar("T")


class KafkaMessageQueue(MessageQueue):
    """See `MessageQueue`. Made in a running loop; each publisher and subscription has one thread."""

    def __init__(
        self,
        address: KafkaAddress,
        *,
        settings: Settings | None = None,
        client_id: str = "gputail",
        limits: OutboxLimits | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        self._address = address
        self._settings = dict(settings or {})
        self._client_id = client_id
        self._limits = limits or OutboxLimits()
        self._timeout_s = timeout_s
        self._admin = self._new_admin()
        self._asking = Worker("queue-admin", self._admin)
        self._opened: list[KafkaPublisher | KafkaSubscription] = []
        self._closed = False

    def _new_admin(self) -> KafkaAdmin:
        return KafkaAdmin(
            self._address, settings=self._settings, client_id=self._client_id, timeout_s=self._timeout_s
        )

    async def describe_cluster(self) -> ClusterDescription:
        return await self._ask(self._admin.describe_cluster)

    async def describe_topic(self, name: str) -> TopicDescription:
        return await self._ask(lambda: self._admin.describe_topic(name))

    async def ensure_topic(
        self, name: str, partitions: int, settings: Mapping[str, str] | None = None
    ) -> TopicDescription:
        def ensure() -> TopicDescription:
            with suppress(UnknownTopicError):
                return self._admin.describe_topic(name)
            with suppress(TopicExistsError):  # somebody else made it in between
                self._create(name, partitions, settings or {})
            return self._admin.describe_topic(name)

        return await self._ask(ensure)

    def _create(self, name: str, partitions: int, settings: Mapping[str, str]) -> None:
        everybodys = {key: value for key, value in settings.items() if not key.startswith(_OUR_SETTINGS)}
        try:
            self._admin.create_topic(name, partitions, settings)
        except InvalidTopicError:
            if len(everybodys) == len(settings):
                raise
            self._admin.create_topic(name, partitions, everybodys)

    async def publisher(self, topic: str) -> KafkaPublisher:
        described = await self.describe_topic(topic)
        settings = producer_settings(self._address, self._client_id, self._settings)
        publisher = KafkaPublisher(described, settings, self._limits)
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
    ) -> KafkaSubscription:
        place = GroupPlace(group_id, topics, listener or GroupListener(), start)
        return await self._joined(place, poll_interval_s_max)

    async def join(
        self,
        topics: Sequence[str],
        group_id: str,
        listener: GroupListener,
        *,
        poll_interval_s_max: float = 300.0,
    ) -> PolledMembership:
        place = GroupPlace(group_id, topics, listener, reads=False)
        return PolledMembership(await self._joined(place, poll_interval_s_max))

    async def _joined(self, place: GroupPlace, poll_interval_s_max: float) -> KafkaSubscription:
        for topic in place.topics:
            await self.describe_topic(topic)
        subscription = self._subscription(place, poll_interval_s_max)
        await subscription.join()
        return subscription

    async def read(self, starts: Mapping[TopicPartition, int | Start]) -> KafkaSubscription:
        await self._check_partitions(starts)
        if latest := [at for at, start in starts.items() if start is Start.LATEST]:
            # Now: librdkafka would look when it has connected, and pass over what was published meanwhile.
            marks = await self.watermarks(latest)
            starts = {**starts, **{at: marks[at].high_watermark for at in latest}}
        subscription = self._subscription(None, 300.0)
        await subscription.assign(starts)
        return subscription

    def _subscription(self, place: GroupPlace | None, poll_interval_s_max: float) -> KafkaSubscription:
        settings = consumer_settings(
            self._address,
            self._client_id,
            self._settings,
            group_id=place.group_id if place else _ALONE,
            poll_interval_s_max=poll_interval_s_max,
        )
        subscription = KafkaSubscription(settings, place)
        self._keep(subscription)
        return subscription

    def _keep(self, client: KafkaPublisher | KafkaSubscription) -> None:
        self._opened = [client, *(opened for opened in self._opened if not opened.is_closed)]

    async def watermarks(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, Watermarks]:
        wanted = list(partitions)
        await self._check_partitions(wanted)
        return await self._ask(lambda: self._admin.watermarks(wanted))

    async def offsets_for_time(
        self, partitions: Iterable[TopicPartition], timestamp_ms: int
    ) -> dict[TopicPartition, int | None]:
        wanted = list(partitions)
        await self._check_partitions(wanted)
        return await self._ask(lambda: self._admin.offsets_for_time(wanted, timestamp_ms))

    async def committed(self, group_id: str) -> dict[TopicPartition, int]:
        # By a client of its own: librdkafka 2.16 was seen never to find a group's coordinator again after the
        # broker was restarted, and even to abort.
        return await self._ask(lambda: self._new_admin().committed(group_id))

    async def close(self, deadline_s: float = 10.0) -> None:
        if self._closed:
            return
        self._closed = True
        self._asking.stop()
        outcomes = await asyncio.gather(
            *(client.close(deadline_s) for client in self._opened), return_exceptions=True
        )
        errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        for error in sorted(errors, key=lambda error: not isinstance(error, UndeliveredError)):
            raise error

    async def _check_partitions(self, partitions: Iterable[TopicPartition]) -> None:
        """UnknownTopicError for a partition that does not exist: librdkafka would wait for it."""
        counts: dict[str, int] = {}
        for at in partitions:
            if at.topic not in counts:
                counts[at.topic] = (await self.describe_topic(at.topic)).partitions
            if not 0 <= at.partition < counts[at.topic]:
                raise UnknownTopicError(
                    f"there is no partition {at}; the topic has {counts[at.topic]}, from 0"
                )

    async def _ask(self, question: Callable[[], T]) -> T:
        if self._closed:
            raise ClientClosedError("the queue was closed; open a new one")
        return await self._asking.call(question)
