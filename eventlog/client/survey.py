"""What people ask of a cluster beyond what programs need: sources of settings, metadata of commits, hosts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs
from confluent_kafka import ConsumerGroupState, ConsumerGroupTopicPartitions, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, but not in its own stub
    ConfigResource,
    ConfigSource,
    OffsetSpec,
    ResourceType,
)

from eventlog.client.admin import KafkaAdmin, members_of, state_name
from eventlog.client.description import MemberDescription, TopicPartition, Watermarks
from eventlog.client.errors import BrokerUnavailableError, UnknownTopicError
from eventlog.client.kafka_errors import translate

_SOURCES = {
    ConfigSource.DYNAMIC_TOPIC_CONFIG.value: "topic",
    ConfigSource.DYNAMIC_BROKER_CONFIG.value: "broker",
    ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG.value: "broker",
    ConfigSource.STATIC_BROKER_CONFIG.value: "broker",
    ConfigSource.DEFAULT_CONFIG.value: "default",
}


@attrs.frozen
class Setting:
    """One setting of a topic; `source` is `topic` where it was set for it, else `default` or `broker`."""

    name: str
    value: str
    source: str


@attrs.frozen
class PartitionEnds:
    """Where a partition begins and ends, and in which epoch its leader is (None: it does not say)."""

    watermarks: Watermarks
    leader_epoch: int | None


@attrs.frozen
class Commit:
    """What a group has committed in one partition: the next offset, and its own words."""

    offset: int
    metadata: str


@attrs.frozen
class GroupStanding:
    """A group, with the address of its coordinator; a group that does not exist `is_dead`.

    `assignor` is empty where it has no members.
    """

    group_id: str
    state: str
    assignor: str
    coordinator: str
    members: tuple[MemberDescription, ...]

    @property
    def is_dead(self) -> bool:
        return self.state == state_name(ConsumerGroupState.DEAD)


class KafkaSurvey(KafkaAdmin):
    """The admin client with what the command line shows; the same errors."""

    def check_reachable(self) -> None:
        """Return when a broker answers; BrokerUnavailableError, in words for people, where none does."""
        try:
            self._admin.list_topics(timeout=self._timeout_s)
        except KafkaException as error:
            translated = translate(error, f"asking {self._servers}")
            if not isinstance(translated, BrokerUnavailableError):
                raise translated from None
            raise BrokerUnavailableError(
                f"no broker answered at {self._servers} within {self._timeout_s:g} s; is one running there?"
            ) from None

    def settings_of(self, topic: str) -> tuple[Setting, ...]:
        """Every setting of a topic, with its source; UnknownTopicError."""
        resource = ConfigResource(ResourceType.TOPIC, topic)
        futures = self._admin.describe_configs([resource], request_timeout=self._timeout_s)
        entries = self._wait(futures[resource], f"reading the settings of the topic {topic!r}")
        return tuple(
            Setting(name, entry.value or "", _SOURCES.get(entry.source, "unknown"))
            for name, entry in entries.items()
        )

    def ends(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, PartitionEnds]:
        """Both ends of each partition, in order; one that is not there is left out."""
        wanted = sorted(set(partitions))
        if not wanted:
            return {}
        asked = [KafkaPartition(at.topic, at.partition) for at in wanted]
        earliest, latest = (
            self._admin.list_offsets(dict.fromkeys(asked, spec), request_timeout=self._timeout_s)
            for spec in (OffsetSpec.earliest(), OffsetSpec.latest())  # type: ignore[no-untyped-call]
        )
        found = {}
        for at, kafka_at in zip(wanted, asked, strict=True):
            doing = f"asking for the ends of {at}"
            try:
                start = self._wait(earliest[kafka_at], doing)
                end = self._wait(latest[kafka_at], doing)
            except UnknownTopicError:
                continue
            found[at] = PartitionEnds(Watermarks(start.offset, end.offset), end.leader_epoch)
        return found

    def standings(self, group_ids: Sequence[str]) -> tuple[GroupStanding, ...]:
        """Groups with their members, in the order asked for; those that do not exist are dead."""
        if not group_ids:
            return ()
        futures = self._admin.describe_consumer_groups(list(group_ids), request_timeout=self._timeout_s)
        standings = []
        for group_id in group_ids:
            group = self._wait(futures[group_id], f"looking for the group {group_id!r}")
            coordinator = group.coordinator
            standings.append(
                GroupStanding(
                    group_id,
                    state_name(group.state),
                    group.partition_assignor or "",
                    f"{coordinator.host}:{coordinator.port}" if coordinator else "",
                    members_of(group),
                )
            )
        return tuple(standings)

    def commits(self, group_ids: Sequence[str]) -> dict[str, Mapping[TopicPartition, Commit]]:
        """Every offset that each group has committed, with its metadata, by partition in order."""
        # The protocol's bulk request is not in the client: they are asked one beside the other.
        futures = {
            group_id: self._admin.list_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(group_id)], request_timeout=self._timeout_s
            )[group_id]
            for group_id in group_ids
        }
        return {
            group_id: self._commits(group_id, self._wait(futures[group_id], _reading(group_id)))
            for group_id in group_ids
        }

    def _commits(self, group_id: str, found: ConsumerGroupTopicPartitions) -> Mapping[TopicPartition, Commit]:
        commits = {}
        for at in found.topic_partitions or ():
            if at.error is not None:
                raise translate(at.error, f"{_reading(group_id)} in {at.topic}/{at.partition}")
            if at.offset >= 0:
                commits[TopicPartition(at.topic, at.partition)] = Commit(at.offset, at.metadata or "")
        return dict(sorted(commits.items()))


def _reading(group_id: str) -> str:
    return f"reading the offsets of the group {group_id!r}"
