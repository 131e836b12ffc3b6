"""What an operator asks through confluent-kafka's AdminClient."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest
from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, but not in its own stub
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from eventlog.broker.topic_rules import TopicRules
from tests.clients.client import WAIT_S, Message
from tests.clients.confluent_client import PROMPT, ConfluentClient
from tests.clients.living_broker import SETTINGS, LivingBroker, living_broker

T0_MS = 1_700_000_000_000


@pytest.fixture
def admin(broker: LivingBroker) -> AdminClient:
    return AdminClient({**PROMPT, "bootstrap.servers": broker.bootstrap})


def result_of(futures: dict[Any, Any]) -> Any:
    """The result of the only future."""
    (future,) = futures.values()
    return future.result(WAIT_S)


def code_of(futures: dict[Any, Any]) -> int:
    """The error of the only future."""
    with pytest.raises(KafkaException) as caught:
        result_of(futures)
    error = caught.value.args[0]
    assert isinstance(error, KafkaError)
    return error.code()


def test_topics(admin: AdminClient) -> None:
    """Create, refuse to create again, describe, grow, delete, and refuse to delete again."""
    new = NewTopic("confluent-made", 3, 1, config={"retention.ms": "3600000"})
    result_of(admin.create_topics([new]))
    assert KafkaError.TOPIC_ALREADY_EXISTS == code_of(admin.create_topics([new]))
    result_of(admin.create_partitions([NewPartitions("confluent-made", 5)]))
    assert KafkaError.INVALID_PARTITIONS == code_of(
        admin.create_partitions([NewPartitions("confluent-made", 2)])
    )
    described = result_of(admin.describe_topics(TopicCollection(["confluent-made"])))
    assert ("confluent-made", [0, 1, 2, 3, 4]) == (described.name, [each.id for each in described.partitions])
    result_of(admin.delete_topics(["confluent-made"]))
    assert KafkaError.UNKNOWN_TOPIC_OR_PART == code_of(admin.delete_topics(["confluent-made"]))
    assert "confluent-made" not in admin.list_topics(timeout=WAIT_S).topics


def test_bad_topics(admin: AdminClient) -> None:
    """What a topic cannot be is refused by name, and only validated where no more is asked."""
    cases = {
        KafkaError.TOPIC_EXCEPTION: NewTopic("no/such/name", 1, 1),
        KafkaError.INVALID_PARTITIONS: NewTopic("none", 0, 1),
        KafkaError.INVALID_REPLICATION_FACTOR: NewTopic("three", 1, 3),
        KafkaError.INVALID_CONFIG: NewTopic("odd", 1, 1, config={"cleanup.policy": "compact"}),
    }
    assert list(cases) == [code_of(admin.create_topics([new])) for new in cases.values()]
    result_of(admin.create_topics([NewTopic("just-validated", 1, 1)], validate_only=True))
    assert "just-validated" not in admin.list_topics(timeout=WAIT_S).topics


def test_configs(admin: AdminClient, topic: str) -> None:
    """A topic's settings are shown with their sources, changed one by one, and reset."""
    resource = ConfigResource(ResourceType.TOPIC, topic)
    entries = result_of(admin.describe_configs([resource]))
    assert ("604800000", True) == (entries["retention.ms"].value, entries["retention.ms"].is_default)
    for operation, value, is_default in (
        (AlterConfigOpType.SET, "1000", False),
        (AlterConfigOpType.DELETE, None, True),
    ):
        change = ConfigEntry("retention.ms", value, incremental_operation=operation)
        result_of(
            admin.incremental_alter_configs(
                [ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[change])]
            )
        )
        entry = result_of(admin.describe_configs([resource]))["retention.ms"]
        assert (value or "604800000", is_default) == (entry.value, entry.is_default)


def test_broker_configs(admin: AdminClient, broker: LivingBroker) -> None:
    """The broker's settings are shown."""
    entries = result_of(admin.describe_configs([ConfigResource(ResourceType.BROKER, "0")]))
    assert f"PLAINTEXT://{broker.bootstrap}" == entries["advertised.listeners"].value
    assert "false" == entries["auto.create.topics.enable"].value


def test_records(admin: AdminClient, broker: LivingBroker, topic: str) -> None:
    """Records are deleted up to an offset, and the ends and times of a partition told."""
    with ConfluentClient(broker.bootstrap).writer(topic) as writer:
        writer.write([Message(None, b"%d" % number, T0_MS + number) for number in range(10)])
    assert 4 == result_of(admin.delete_records([TopicPartition(topic, 0, 4)])).low_watermark
    at = TopicPartition(topic, 0)
    spec: Any = OffsetSpec
    specs = {spec.earliest(): 4, spec.latest(): 10, spec.for_timestamp(T0_MS + 6): 6, spec.max_timestamp(): 9}
    assert list(specs.values()) == [result_of(admin.list_offsets({at: each})).offset for each in specs]
    assert KafkaError.OFFSET_OUT_OF_RANGE == code_of(admin.delete_records([TopicPartition(topic, 0, 11)]))


def test_groups(admin: AdminClient, broker: LivingBroker, topic: str) -> None:
    """Groups are listed and described, their offsets shown and moved, and deleted when nobody is in them."""
    group = f"of-{topic}"
    client = ConfluentClient(broker.bootstrap)
    with client.writer(topic) as writer:
        writer.write([Message(None, b"x", T0_MS)])
    with client.membership(topic, group) as member:
        while not member.take().committed:
            pass
        described = result_of(admin.describe_consumer_groups([group]))
        assert (ConsumerGroupState.STABLE, "range", 1) == (
            described.state,
            described.partition_assignor,
            len(described.members),
        )
        (assigned,) = described.members[0].assignment.topic_partitions
        assert (topic, 0) == (assigned.topic, assigned.partition)
        assert KafkaError.NON_EMPTY_GROUP == code_of(admin.delete_consumer_groups([group]))
    listed = admin.list_consumer_groups().result(WAIT_S)
    assert not listed.errors
    assert ConsumerGroupState.EMPTY == next(each for each in listed.valid if each.group_id == group).state

    def committed() -> tuple[int, str | None]:
        asked = ConsumerGroupTopicPartitions(group)
        (at,) = result_of(admin.list_consumer_group_offsets([asked])).topic_partitions
        return at.offset, at.metadata

    assert (1, None) == committed()
    moved = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 0, "a note")])
    result_of(admin.alter_consumer_group_offsets([moved]))
    assert (0, "a note") == committed()
    result_of(admin.delete_consumer_groups([group]))
    assert KafkaError.GROUP_ID_NOT_FOUND == code_of(admin.delete_consumer_groups([group]))


def test_no_admin(tmp_path: Path) -> None:
    """A broker that takes no changes says so, and is read and written as any other."""
    settings = attrs.evolve(SETTINGS, topics=TopicRules(is_admin_allowed=False))
    with living_broker(tmp_path, settings) as broker:
        topic = broker.create_topic("t")
        admin = AdminClient({**PROMPT, "bootstrap.servers": broker.bootstrap})
        refusals: list[Any] = [
            admin.create_topics([NewTopic("new", 1, 1)]),
            admin.delete_topics([topic]),
            admin.create_partitions([NewPartitions(topic, 2)]),
            admin.delete_records([TopicPartition(topic, 0, 0)]),
        ]
        assert [KafkaError.TOPIC_AUTHORIZATION_FAILED] * 4 == [code_of(each) for each in refusals]
        client = ConfluentClient(broker.bootstrap)
        with client.writer(topic, is_idempotent=True) as writer, client.reader(topic) as reader:
            writer.write([Message(None, b"x", T0_MS)])
            assert 0 == reader.read(1)[0].offset


def test_cluster(admin: AdminClient, broker: LivingBroker) -> None:
    """The cluster is one broker, which is its controller."""
    described = admin.describe_cluster().result(WAIT_S)
    (node,) = described.nodes
    assert broker.bootstrap == f"{node.host}:{node.port}"
    assert node.id == described.controller.id


def test_unknown_topic(broker: LivingBroker) -> None:
    """Who writes to a topic that does not exist, or reads it, is told so."""
    with ConfluentClient(broker.bootstrap).writer("no-such-topic") as writer:
        with pytest.raises(KafkaException, match=r"_UNKNOWN_TOPIC|UNKNOWN_TOPIC_OR_PART"):
            writer.write([Message(None, b"x", T0_MS)])
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "nobody"})
    try:
        consumer.subscribe(["no-such-topic"])
        message = consumer.poll(WAIT_S)
        assert message is not None
        error = message.error()
        assert error is not None
        assert KafkaError.UNKNOWN_TOPIC_OR_PART == error.code()
    finally:
        consumer.close()
