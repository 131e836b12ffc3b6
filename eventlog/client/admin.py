"""The admin port: topics, groups and offsets, for the command line and for `ensure_topic`."""

from __future__ import annotations

import uuid
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

from confluent_kafka import (
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    KafkaException,
    TopicCollection,
)
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, but not in its own stub
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from eventlog.client.address import KafkaAddress
from eventlog.client.description import (
    BrokerDescription,
    ClusterDescription,
    GroupDescription,
    GroupSummary,
    MemberDescription,
    PartitionLag,
    TopicDescription,
    TopicPartition,
    Watermarks,
)
from eventlog.client.errors import GroupActiveError, UnknownGroupError
from eventlog.client.kafka_errors import translate
from eventlog.client.kafka_settings import Settings, admin_settings, make_admin

_STATES = {
    ConsumerGroupState.STABLE: "Stable",
    ConsumerGroupState.EMPTY: "Empty",
    ConsumerGroupState.DEAD: "Dead",
    ConsumerGroupState.PREPARING_REBALANCING: "PreparingRebalance",
    ConsumerGroupState.COMPLETING_REBALANCING: "CompletingRebalance",
}


class KafkaAdmin:
    """Plain blocking calls to a cluster; each answers within `timeout_s` or raises.

    Every call raises BrokerUnavailableError where nobody answers in time and UnauthorizedError where the
    broker does not trust us; what else it may raise is said there. One line each.
    """

    def __init__(
        self,
        address: KafkaAddress,
        *,
        settings: Settings | None = None,
        client_id: str = "gputail-admin",
        timeout_s: float = 10.0,
    ) -> None:
        self._servers = address.bootstrap_servers
        self._timeout_s = timeout_s
        self._admin = make_admin(admin_settings(address, client_id, settings or {}))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None  # librdkafka ends its threads with the last reference

    # --- cluster and topics -------------------------------------------------------------------

    def describe_cluster(self) -> ClusterDescription:
        """Its id and brokers."""
        future = self._admin.describe_cluster(request_timeout=self._timeout_s)
        found = self._wait(future, f"asking {self._servers} what it is")
        nodes = sorted(found.nodes, key=lambda node: int(node.id))
        brokers = tuple(BrokerDescription(node.id, node.host, node.port) for node in nodes)
        return ClusterDescription(str(found.cluster_id), brokers)

    def list_topics(self) -> tuple[TopicDescription, ...]:
        """Every topic, by name."""
        try:
            metadata = self._admin.list_topics(timeout=self._timeout_s)
        except KafkaException as error:
            raise translate(error, f"listing the topics of {self._servers}") from None
        return self._describe_topics(sorted(metadata.topics))

    def describe_topic(self, name: str) -> TopicDescription:
        """One topic; UnknownTopicError."""
        return self._describe_topics([name])[0]

    def _describe_topics(self, names: list[str]) -> tuple[TopicDescription, ...]:
        if not names:
            return ()
        futures = self._admin.describe_topics(TopicCollection(names), request_timeout=self._timeout_s)
        return tuple(_topic(self._wait(futures[name], f"looking for the topic {name!r}")) for name in names)

    def create_topic(self, name: str, partitions: int, settings: Mapping[str, str] | None = None) -> None:
        """Make a topic; TopicExistsError, InvalidTopicError."""
        topic = NewTopic(name, num_partitions=partitions, config=dict(settings or {}))
        futures = self._admin.create_topics(
            [topic], request_timeout=self._timeout_s, operation_timeout=self._timeout_s
        )
        self._wait(futures[name], f"creating the topic {name!r}")

    def delete_topic(self, name: str) -> None:
        """Delete a topic with all its records; UnknownTopicError."""
        futures = self._admin.delete_topics(
            [name], request_timeout=self._timeout_s, operation_timeout=self._timeout_s
        )
        self._wait(futures[name], f"deleting the topic {name!r}")

    def add_partitions(self, name: str, partitions: int) -> None:
        """Raise the number of partitions to `partitions`; UnknownTopicError, InvalidTopicError."""
        futures = self._admin.create_partitions(
            [NewPartitions(name, partitions)], request_timeout=self._timeout_s
        )
        self._wait(futures[name], f"giving the topic {name!r} {partitions} partitions")

    def topic_settings(self, name: str) -> dict[str, str]:
        """Every setting of a topic, by Kafka's names, values as text; UnknownTopicError."""
        resource = ConfigResource(ResourceType.TOPIC, name)
        futures = self._admin.describe_configs([resource], request_timeout=self._timeout_s)
        entries = self._wait(futures[resource], f"reading the settings of the topic {name!r}")
        return {key: entry.value for key, entry in sorted(entries.items()) if entry.value is not None}

    def alter_topic(self, name: str, settings: Mapping[str, str]) -> None:
        """Change some of a topic's settings; the others stay. UnknownTopicError, InvalidTopicError."""
        resource = ConfigResource(
            ResourceType.TOPIC,
            name,
            incremental_configs=[
                ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
                for key, value in settings.items()
            ],
        )
        futures = self._admin.incremental_alter_configs([resource], request_timeout=self._timeout_s)
        self._wait(futures[resource], f"changing the settings of the topic {name!r}")

    # --- offsets ------------------------------------------------------------------------------

    def partitions_of(self, topic: str) -> list[TopicPartition]:
        """The topic's partitions, in order; UnknownTopicError."""
        return [TopicPartition(topic, number) for number in range(self.describe_topic(topic).partitions)]

    def watermarks(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, Watermarks]:
        """Log start and high watermark of each partition; UnknownTopicError."""
        wanted = list(partitions)
        starts = self._offsets(wanted, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        ends = self._offsets(wanted, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        return {at: Watermarks(starts[at], ends[at]) for at in wanted}

    def offsets_for_time(
        self, partitions: Iterable[TopicPartition], timestamp_ms: int
    ) -> dict[TopicPartition, int | None]:
        """The first offset at or after a time in each partition; None where there is none yet."""
        found = self._offsets(list(partitions), OffsetSpec.for_timestamp(timestamp_ms))
        return {at: None if offset < 0 else offset for at, offset in found.items()}

    def delete_records(self, before: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Raise the log start of partitions to the given offsets; returns the new log starts.

        OffsetOutOfRangeError for an offset above the high watermark; what lay below is gone for good.
        """
        if not before:
            return {}
        wanted = [KafkaPartition(at.topic, at.partition, offset) for at, offset in before.items()]
        futures = self._admin.delete_records(wanted, request_timeout=self._timeout_s)
        return {
            _partition(at): self._wait(future, f"deleting records of {_partition(at)}").low_watermark
            for at, future in futures.items()
        }

    def _offsets(self, partitions: list[TopicPartition], spec: OffsetSpec) -> dict[TopicPartition, int]:
        if not partitions:
            return {}
        request = {KafkaPartition(at.topic, at.partition): spec for at in partitions}
        futures = self._admin.list_offsets(request, request_timeout=self._timeout_s)
        return {
            _partition(at): self._wait(future, f"asking for an offset of {_partition(at)}").offset
            for at, future in futures.items()
        }

    # --- groups -------------------------------------------------------------------------------

    def list_groups(self) -> tuple[GroupSummary, ...]:
        """Every group, by name."""
        future = self._admin.list_consumer_groups(request_timeout=self._timeout_s)
        found = self._wait(future, f"listing the groups of {self._servers}")
        for error in found.errors:
            raise translate(error, f"listing the groups of {self._servers}")
        groups = (GroupSummary(group.group_id, state_name(group.state)) for group in found.valid)
        return tuple(sorted(groups, key=lambda group: group.group_id))

    def describe_group(self, group_id: str) -> GroupDescription:
        """One group with its members; UnknownGroupError."""
        futures = self._admin.describe_consumer_groups([group_id], request_timeout=self._timeout_s)
        group = self._wait(futures[group_id], f"looking for the group {group_id!r}")
        if group.state is ConsumerGroupState.DEAD:
            raise UnknownGroupError(f"there is no group {group_id!r} at {self._servers}")
        return GroupDescription(
            group_id, state_name(group.state), group.partition_assignor or "", members_of(group)
        )

    def delete_group(self, group_id: str) -> None:
        """Forget a group and its offsets; UnknownGroupError, GroupActiveError."""
        futures = self._admin.delete_consumer_groups([group_id], request_timeout=self._timeout_s)
        self._wait(futures[group_id], f"deleting the group {group_id!r}")

    def committed(self, group_id: str) -> dict[TopicPartition, int]:
        """Every offset that the group has committed; empty where there is none."""
        futures = self._admin.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group_id)], request_timeout=self._timeout_s
        )
        found = self._wait(futures[group_id], f"reading the offsets of the group {group_id!r}")
        for at in found.topic_partitions:
            if at.error is not None:
                raise translate(at.error, f"reading the offset of the group {group_id!r} in {_partition(at)}")
        offsets = {_partition(at): at.offset for at in found.topic_partitions if at.offset >= 0}
        return dict(sorted(offsets.items()))

    def lag(self, group_id: str) -> tuple[PartitionLag, ...]:
        """How far the group is behind, for each partition that it has committed or is assigned."""
        committed = self.committed(group_id)
        members = self.describe_group(group_id).members
        partitions = sorted({*committed, *(at for member in members for at in member.assignment)})
        watermarks = self.watermarks(partitions)
        return tuple(PartitionLag(at, committed.get(at), watermarks[at]) for at in partitions)

    def alter_committed(self, group_id: str, offsets: Mapping[TopicPartition, int]) -> None:
        """Set the next offsets that an empty group will read; GroupActiveError where it has members.

        A group that nobody has used yet is made by this.
        """
        doing = f"setting the offsets of the group {group_id!r}"
        futures = self._admin.describe_consumer_groups([group_id], request_timeout=self._timeout_s)
        members = self._wait(futures[group_id], doing).members
        if members:
            raise GroupActiveError(
                f"the group {group_id!r} has {len(members)} members; stop them, then set its offsets"
            )
        if not offsets:
            return
        wanted = [KafkaPartition(at.topic, at.partition, offset) for at, offset in offsets.items()]
        changing = self._admin.alter_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group_id, wanted)], request_timeout=self._timeout_s
        )
        for at in self._wait(changing[group_id], doing).topic_partitions:
            if at.error is not None:
                raise translate(at.error, f"{doing} in {_partition(at)}")

    def _wait(self, future: Future[Any], doing: str) -> Any:
        try:
            # librdkafka ends the request by itself; the margin is for its own scheduling.
            return future.result(self._timeout_s + 5)
        except KafkaException as error:
            raise translate(error, f"{doing} at {self._servers}") from None


def _partition(at: KafkaPartition) -> TopicPartition:
    return TopicPartition(at.topic, at.partition)


def state_name(state: ConsumerGroupState) -> str:
    """A group's state, as Kafka's tools write it."""
    return _STATES.get(state, "Unknown")


def members_of(group: Any) -> tuple[MemberDescription, ...]:
    """The members of a group that librdkafka has described, each client's beside each other."""
    members = (
        MemberDescription(
            member.member_id,
            member.group_instance_id,
            member.client_id,
            member.host,
            tuple(sorted(_partition(at) for at in member.assignment.topic_partitions)),
        )
        for member in group.members
    )
    return tuple(sorted(members, key=lambda member: (member.client_id, member.member_id)))


def _topic(found: Any) -> TopicDescription:
    topic_id = uuid.UUID(bytes=urlsafe_b64decode(f"{found.topic_id}=="))
    return TopicDescription(found.name, topic_id, len(found.partitions), found.is_internal)
