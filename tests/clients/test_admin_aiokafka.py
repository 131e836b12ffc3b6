"""What an operator asks through aiokafka's AIOKafkaAdminClient, which speaks old versions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    IncompatibleBrokerVersion,
    InvalidPartitionsError,
    KafkaTimeoutError,
    OffsetOutOfRangeError,
    UnknownTopicOrPartitionError,
)
from aiokafka.structs import OffsetAndMetadata

from eventlog.protocol import ErrorCode
from tests.clients.living_broker import LivingBroker

T0_MS = 1_700_000_000_000


@asynccontextmanager
async def admin_of(broker: LivingBroker) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def test_topics(broker: LivingBroker) -> None:
    """Create, refuse to create again, describe, grow, delete, and refuse to delete again."""
    async with admin_of(broker) as admin:
        new = [NewTopic("aio-made", 3, 1, topic_configs={"retention.ms": "3600000"})]
        codes = [(await admin.create_topics(new)).topic_errors[0][1] for _ in range(2)]
        assert [ErrorCode.NONE, ErrorCode.TOPIC_ALREADY_EXISTS] == codes
        await admin.create_partitions({"aio-made": NewPartitions(5)})
        with pytest.raises(InvalidPartitionsError):
            await admin.create_partitions({"aio-made": NewPartitions(2)})
        (described,) = await admin.describe_topics(["aio-made"])
        assert [0, 1, 2, 3, 4] == [each["partition"] for each in described["partitions"]]
        codes = [(await admin.delete_topics(["aio-made"])).topic_error_codes[0][1] for _ in range(2)]
        assert [ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION] == codes
        assert "aio-made" not in await admin.list_topics()


async def test_configs(broker: LivingBroker, topic: str) -> None:
    """A topic's settings are shown; to replace them all at once is not offered, and told so."""
    async with admin_of(broker) as admin:
        resource = ConfigResource(ConfigResourceType.TOPIC, topic)
        (response,) = await admin.describe_configs([resource])
        assert "604800000" == dict(each[:2] for each in response.resources[0][4])["retention.ms"]
        with pytest.raises(IncompatibleBrokerVersion):
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {"retention.ms": 1})])


async def test_records(broker: LivingBroker, topic: str) -> None:
    """Records are deleted up to an offset, but not past the end."""
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap)
    await producer.start()
    for number in range(10):
        await producer.send_and_wait(topic, b"%d" % number)
    await producer.stop()
    at = TopicPartition(topic, 0)
    async with admin_of(broker) as admin:
        assert {at: 4} == await admin.delete_records({at: RecordsToDelete(4)})
        with pytest.raises(OffsetOutOfRangeError):
            await admin.delete_records({at: RecordsToDelete(11)})


async def test_groups(broker: LivingBroker, topic: str) -> None:
    """Groups are listed and described, and their offsets shown with metadata."""
    group, at = f"of-{topic}", TopicPartition(topic, 0)
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=broker.bootstrap, group_id=group)
    await consumer.start()
    async with admin_of(broker) as admin:
        await consumer.commit({at: OffsetAndMetadata(7, "a note")})
        (response,) = await admin.describe_consumer_groups([group])
        _, name, state, protocol_type, protocol, members, *_ = response.groups[0]
        assert (group, "Stable", "consumer", "roundrobin", 1) == (
            name,
            state,
            protocol_type,
            protocol,
            len(members),
        )
        assert (group, "consumer") in await admin.list_consumer_groups()
        assert {at: OffsetAndMetadata(7, "a note")} == await admin.list_consumer_group_offsets(group)
        assert 0 == await admin.find_coordinator(group)
        await consumer.stop()


async def test_cluster(broker: LivingBroker) -> None:
    """The cluster is one broker, which is its controller."""
    async with admin_of(broker) as admin:
        described = await admin.describe_cluster()
        (node,) = described["brokers"]
        assert broker.bootstrap == f"{node['host']}:{node['port']}"
        assert node["node_id"] == described["controller_id"]


async def test_unknown_topic(broker: LivingBroker) -> None:
    """A producer to a topic that does not exist gives up, for it gets no metadata."""
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap)
    await producer.start()
    producer.client._request_timeout_ms = 300  # it gives up soon, now that it is connected
    try:
        with pytest.raises((UnknownTopicOrPartitionError, KafkaTimeoutError)):
            await producer.send_and_wait("no-such-topic", b"x")
    finally:
        await producer.stop()
