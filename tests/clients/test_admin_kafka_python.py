"""What an operator asks through kafka-python's KafkaAdminClient."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import kafka
import kafka.admin
import kafka.errors
import pytest

from tests.clients.client import Message
from tests.clients.kafka_python_client import KafkaPythonClient
from tests.clients.living_broker import LivingBroker

T0_MS = 1_700_000_000_000


@pytest.fixture
def admin(broker: LivingBroker) -> Iterator[Any]:
    admin = kafka.KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    yield admin
    admin.close()


def test_topics(admin: Any) -> None:
    """Create, refuse to create again, describe, grow, delete, and refuse to delete again."""
    new = {"kp-made": {"num_partitions": 3, "configs": {"retention.ms": "3600000"}}}
    admin.create_topics(new)
    with pytest.raises(kafka.errors.TopicAlreadyExistsError):
        admin.create_topics(new)
    admin.create_partitions({"kp-made": 5})
    with pytest.raises(kafka.errors.InvalidPartitionsError):
        admin.create_partitions({"kp-made": 2})
    (described,) = admin.describe_topics(["kp-made"])
    assert [0, 1, 2, 3, 4] == [each["partition_index"] for each in described["partitions"]]
    (by_id,) = admin.describe_topics([uuid.UUID(str(described["topic_id"]))])
    assert "kp-made" == by_id["name"]
    admin.delete_topics(["kp-made"])
    with pytest.raises(kafka.errors.UnknownTopicOrPartitionError):
        admin.delete_topics(["kp-made"])
    assert "kp-made" not in admin.list_topics()


def test_configs(admin: Any, topic: str) -> None:
    """A topic's settings are shown, changed one by one, and reset."""

    def value_of(name: str) -> str:
        resource = kafka.admin.ConfigResource("TOPIC", topic)
        found = admin.describe_configs([resource], config_filter="all")
        return str(found["topic"][topic][name]["value"])

    assert "604800000" == value_of("retention.ms")
    admin.alter_configs([kafka.admin.ConfigResource("TOPIC", topic, {"retention.ms": "1000"})])
    assert "1000" == value_of("retention.ms")
    admin.reset_configs([kafka.admin.ConfigResource("TOPIC", topic, ["retention.ms"])])
    assert "604800000" == value_of("retention.ms")


def test_records(admin: Any, broker: LivingBroker, topic: str) -> None:
    """Records are deleted up to an offset, and the ends and times of a partition told."""
    with KafkaPythonClient(broker.bootstrap).writer(topic) as writer:
        writer.write([Message(None, b"%d" % number, T0_MS + number) for number in range(10)])
    at = kafka.TopicPartition(topic, 0)
    assert 4 == admin.delete_records({at: 4})[at]["low_watermark"]
    wanted = {-2: 4, -1: 10, T0_MS + 6: 6, -3: 9}
    found = {spec: admin.list_partition_offsets({at: spec})[at].offset for spec in wanted}
    assert wanted == found
    with pytest.raises(kafka.errors.OffsetOutOfRangeError):
        admin.delete_records({at: 11})


def test_groups(admin: Any, broker: LivingBroker, topic: str) -> None:
    """Groups are listed and described, their offsets shown with metadata, and deleted when empty."""
    group = f"of-{topic}"
    client = KafkaPythonClient(broker.bootstrap)
    with client.writer(topic) as writer:
        writer.write([Message(None, b"x", T0_MS)])
    with client.membership(topic, group) as member:
        while not member.take().committed:
            pass
        described = admin.describe_groups([group])[group]
        assert ("Stable", "range", 1) == (
            described["group_state"],
            described["protocol_data"],
            len(described["members"]),
        )
        assert {group: "NonEmptyGroupError"} == admin.delete_groups([group])
    assert group in {each["group_id"] for each in admin.list_groups()}
    with client.reader(topic, group=group) as reader:
        reader.commit(1, "a note")
    at = kafka.TopicPartition(topic, 0)
    committed = admin.list_group_offsets([group])[group][at]
    assert (1, "a note") == (committed.offset, committed.metadata)
    assert {group: "OK"} == admin.delete_groups([group])
    assert {group: "GroupIdNotFoundError"} == admin.delete_groups([group])


def test_cluster(admin: Any, broker: LivingBroker) -> None:
    """The cluster is one broker, which is its controller."""
    described = admin.describe_cluster()
    (node,) = described["brokers"]
    assert broker.bootstrap == f"{node['host']}:{node['port']}"
    assert node["broker_id"] == described["controller_id"]


def test_negotiated_versions(admin: Any) -> None:
    """kafka-python asks in a version of ApiVersions that the broker does not know, and is told."""
    versions = {int(key): tuple(each) for key, each in admin.api_versions().items()}
    assert (4, 12) == versions[1]
    assert 68 not in versions


def test_unknown_topic(broker: LivingBroker) -> None:
    """A producer to a topic that does not exist gives up, for it gets no metadata."""
    producer = kafka.KafkaProducer(bootstrap_servers=broker.bootstrap, max_block_ms=300)
    try:
        with pytest.raises(kafka.errors.KafkaTimeoutError):
            producer.send("no-such-topic", b"x")
    finally:
        producer.close()
