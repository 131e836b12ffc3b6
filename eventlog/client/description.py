"""What a cluster says of its topics, partitions and groups, as values."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

import attrs


@attrs.frozen(order=True)
class TopicPartition:
    """A partition of a topic, by name and number."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}"


@attrs.frozen
class Watermarks:
    """The readable part of a partition: from `log_start` to just before `high_watermark`."""

    log_start: int
    high_watermark: int

    @property
    def record_count_max(self) -> int:
        """How many records it can hold at most; damage and compaction leave gaps."""
        return self.high_watermark - self.log_start


@attrs.frozen
class TopicDescription:
    """A topic; another `topic_id` under the same name is another log."""

    name: str
    topic_id: uuid.UUID
    partitions: int
    is_internal: bool = False


@attrs.frozen
class BrokerDescription:
    """One broker of the cluster, under the address that it advertises."""

    broker_id: int
    host: str
    port: int


@attrs.frozen
class ClusterDescription:
    """The cluster as one broker sees it; `cluster_id` names the log directory behind it."""

    cluster_id: str
    brokers: tuple[BrokerDescription, ...]


@attrs.frozen
class GroupSummary:
    """One line of a list of groups; `state` in Kafka's words (Stable, Empty, ...)."""

    group_id: str
    state: str


@attrs.frozen
class MemberDescription:
    """One member of a group, and what is assigned to it."""

    member_id: str
    instance_id: str | None
    client_id: str
    host: str
    assignment: tuple[TopicPartition, ...]


@attrs.frozen
class GroupDescription:
    """One group; `assignor` is empty where it has no members."""

    group_id: str
    state: str
    assignor: str
    members: tuple[MemberDescription, ...]


@attrs.frozen
class PartitionLag:
    """How far a group is behind in one partition."""

    at: TopicPartition
    committed: int | None
    """The next offset that the group will read; None where it has never committed."""
    watermarks: Watermarks

    @property
    def lag_records(self) -> int | None:
        """High watermark minus committed offset; None where the group has never committed."""
        return None if self.committed is None else max(0, self.watermarks.high_watermark - self.committed)


TopicSettingTexts = Mapping[str, str]
"""A topic's settings by Kafka's names, values as text."""
