"""The port through which programs reach the log, whatever stands behind it.

Everything here lives in one asyncio loop: calls that may wait are coroutines, and hooks run in the loop,
never in a foreign thread. Nothing is awaited for each record: batches go in and out.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence

from eventlog.client.batch import Batch
from eventlog.client.delivery import Delivery
from eventlog.client.description import ClusterDescription, TopicDescription, TopicPartition, Watermarks
from eventlog.client.record import NewRecord


class Start(enum.Enum):
    """Where to begin in a partition for which neither a hook nor a committed offset says so."""

    EARLIEST = "earliest"
    LATEST = "latest"


class GroupListener:
    """What a member of a group does when its partitions change. Override what you need.

    The hooks run in the loop, one at a time, while the subscription polls or closes (or a membership
    serves). The group waits for them: a hook that takes longer than the poll interval loses the
    membership. They may ask the queue, and `on_revoked` may commit; none may poll, seek or close. What a
    hook raises comes out of that poll and of every later one: close the subscription, and open a new one.
    """

    async def on_assigned(
        self,
        partitions: Collection[TopicPartition],  # noqa: ARG002  # for those who override it
    ) -> Mapping[TopicPartition, int]:
        """These are ours now, in addition to what we have. Returns where to begin, before the first record.

        A partition that is not in the answer begins at the group's committed offset.
        """
        return {}

    async def on_revoked(self, partitions: Collection[TopicPartition]) -> None:
        """These go to somebody else as soon as this returns; until then they are ours to commit."""

    async def on_lost(self, partitions: Collection[TopicPartition]) -> None:
        """These were taken from us; others may have them already, and commits would be refused."""


class Publisher(ABC):
    """Publishes to one topic, in order for each partition, every record stored once.

    A batch is taken whole or not at all. What was taken is kept and sent until the broker has stored it,
    however long it is away; the buffer is bounded, and a full one says so. The first record that a broker
    refuses for good ends the publisher: nothing may overtake it.
    """

    topic: TopicDescription

    @abstractmethod
    def publish(self, records: Sequence[NewRecord]) -> Delivery:
        """Queue a batch, without waiting.

        Raises:
            QueueFullError: there is no room for it; wait with `wait_for_room`.
            InvalidRecordError: a record is too large, or names a partition that does not exist.
            ClientClosedError: the publisher was closed.
            EventLogError: an earlier record was refused for good, and this says why.
        """

    def publish_run(
        self, partition: int, keys: Sequence[bytes], values: Sequence[bytes], timestamp_ms: int
    ) -> Delivery:
        """The same for a run of records of one partition and time, as columns of one length: cheaper.

        Raises: as `publish`.
        """
        return self.publish(
            [NewRecord(value, key, partition, timestamp_ms) for key, value in zip(keys, values, strict=True)]
        )

    @abstractmethod
    async def wait_for_room(self) -> None:
        """Wait until half of the buffer is free and what was refused last fits, or publishing has failed."""

    @property
    @abstractmethod
    def pending_records(self) -> int:
        """How many records the broker has not answered for yet."""

    @abstractmethod
    async def flush(self) -> None:
        """Wait until the broker has answered for everything published so far, well or not."""

    @abstractmethod
    def purge(self) -> None:
        """Throw away what was not sent yet, in all partitions, because somebody else owns them now.

        The deliveries tell what was cut (DeliveryPurgedError). What is on its way stays so: `flush`
        before reading the log's end, and before publishing to a partition that something is on its way to.
        """

    @abstractmethod
    async def close(self, deadline_s: float = 10.0) -> None:
        """Flush and close; a second time does nothing.

        Raises:
            UndeliveredError: the deadline passed with records that the broker has not answered for.
        """


class Subscription(ABC):
    """Reads partitions, as a member of a group or on its own account."""

    @property
    @abstractmethod
    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions that the hooks were told of and that were not taken away since."""

    @abstractmethod
    async def poll(self, *, records_max: int = 10_000, timeout_s: float = 1.0) -> Batch:
        """What has come in, at once where there is something; an empty batch when the time is over.

        A member of a group has to poll: hooks run here, and one that does not come back within the poll
        interval loses its partitions. A cancelled poll loses nothing: the next one brings it.

        Raises:
            UnauthorizedError, ClientClosedError, and what a hook raises.
        """

    @abstractmethod
    async def seek(self, at: TopicPartition, offset: int) -> None:
        """Read on from `offset` in a partition that is assigned."""

    @abstractmethod
    async def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Bring nothing from these until they are resumed."""

    @abstractmethod
    async def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """Read paused partitions again, from where they stood."""

    @abstractmethod
    async def commit(self, offsets: Mapping[TopicPartition, int], metadata: str = "") -> None:
        """Store the group's next offsets, with a word for people; they are durable when this returns.

        Raises:
            StaleGenerationError: a partition is no longer ours; nothing can be committed for it.
            RebalanceInProgressError: the group is between two generations; poll, then commit again.
            BrokerUnavailableError: no answer in time.
        """

    @abstractmethod
    async def close(self, deadline_s: float = 10.0) -> None:
        """Give the partitions back (`on_revoked` runs) and leave the group; a second time does nothing.

        Somebody else has the partitions at once, not when a session ends. At the deadline it stops
        waiting, and the session ends by itself.
        """


class Membership(ABC):
    """A place in a group, for those that share the partitions of a topic without reading them."""

    @property
    @abstractmethod
    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions that the hooks were told of and that were not taken away since."""

    @abstractmethod
    async def serve(self) -> None:
        """Run the hooks until the membership is closed; keep it running, in a task of its own."""

    @abstractmethod
    async def close(self, deadline_s: float = 10.0) -> None:
        """Give the partitions back (`on_revoked` runs) and leave the group; a second time does nothing."""


class MessageQueue(ABC):
    """The log, as one connection of a program to it; see `open_queue`."""

    @abstractmethod
    async def describe_cluster(self) -> ClusterDescription:
        """The cluster; BrokerUnavailableError."""

    @abstractmethod
    async def describe_topic(self, name: str) -> TopicDescription:
        """A topic, with the id that tells it from an older one of that name; UnknownTopicError."""

    @abstractmethod
    async def ensure_topic(
        self, name: str, partitions: int, settings: Mapping[str, str] | None = None
    ) -> TopicDescription:
        """Make the topic where there is none; one that exists stays as it is, whatever its settings.

        Settings that begin with `gputail.` are our broker's own: a cluster that does not know them makes
        the topic without them.

        Raises:
            InvalidTopicError: the name, the count or a setting cannot be.
        """

    @abstractmethod
    async def publisher(self, topic: str) -> Publisher:
        """A publisher for a topic; UnknownTopicError."""

    @abstractmethod
    async def subscribe(
        self,
        topics: Sequence[str],
        group_id: str,
        listener: GroupListener | None = None,
        *,
        start: Start = Start.EARLIEST,
        poll_interval_s_max: float = 300.0,
    ) -> Subscription:
        """Join a group that shares the topics' partitions, and read ours; UnknownTopicError.

        `poll_interval_s_max` is the time within which each poll must follow the one before.
        """

    @abstractmethod
    async def join(
        self,
        topics: Sequence[str],
        group_id: str,
        listener: GroupListener,
        *,
        poll_interval_s_max: float = 300.0,
    ) -> Membership:
        """Join a group that shares the topics' partitions, and read nothing; UnknownTopicError."""

    @abstractmethod
    async def read(self, starts: Mapping[TopicPartition, int | Start]) -> Subscription:
        """Read these partitions from there on, in no group: such a subscription cannot commit."""

    @abstractmethod
    async def watermarks(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, Watermarks]:
        """Log start and high watermark of each; UnknownTopicError."""

    @abstractmethod
    async def offsets_for_time(
        self, partitions: Iterable[TopicPartition], timestamp_ms: int
    ) -> dict[TopicPartition, int | None]:
        """The first offset with a timestamp at or after a time; None where there is none yet."""

    @abstractmethod
    async def committed(self, group_id: str) -> dict[TopicPartition, int]:
        """Every offset that a group has committed; empty where it has none."""

    @abstractmethod
    async def close(self, deadline_s: float = 10.0) -> None:
        """Close everything that was opened through this queue; a second time does nothing.

        Raises:
            UndeliveredError: as of `Publisher.close`, after everything has been closed.
        """

    async def partitions_of(self, topic: str) -> list[TopicPartition]:
        """The topic's partitions, in order; UnknownTopicError."""
        described = await self.describe_topic(topic)
        return [TopicPartition(topic, number) for number in range(described.partitions)]

    async def lag(self, group_id: str) -> dict[TopicPartition, int]:
        """High watermark minus committed offset, in records, where the group has committed."""
        committed = await self.committed(group_id)
        watermarks = await self.watermarks(committed)
        return {at: max(0, watermarks[at].high_watermark - offset) for at, offset in committed.items()}
