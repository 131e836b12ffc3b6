"""Consumers of a group come and go: every partition has one owner, every record is read once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from tests.clients.aiokafka_client import AiokafkaClient
from tests.clients.client import Client, Message
from tests.clients.confluent_client import ConfluentClient
from tests.clients.fed_group import PARTITIONS, fed_group
from tests.clients.kafka_python_client import KafkaPythonClient
from tests.clients.living_broker import LivingBroker

CreateTopic: TypeAlias = Callable[..., str]


@pytest.mark.parametrize("assignor", ["range", "cooperative-sticky"])
def test_ten_members(broker: LivingBroker, create_topic: CreateTopic, assignor: str) -> None:
    """One consumer becomes ten and one again, while records come: eager, and cooperative."""
    client = ConfluentClient(broker.bootstrap)
    with fed_group(broker, create_topic(PARTITIONS)) as group:
        for count in (1, 3, 10):
            while len(group.members) < count:
                group.join(client, assignor)
            group.wait_until_shared()
        for count in (6, 2, 1):
            group.leave(len(group.members) - count)
            group.wait_until_shared()


@pytest.mark.parametrize("make", [AiokafkaClient, KafkaPythonClient])
def test_four_members(broker: LivingBroker, create_topic: CreateTopic, make: type[Client]) -> None:
    """The same with four members of the libraries in Python."""
    client = make(broker.bootstrap)
    with fed_group(broker, create_topic(PARTITIONS)) as group:
        for count in (1, 2, 4):
            while len(group.members) < count:
                group.join(client)
            group.wait_until_shared()
        for count in (3, 1):
            group.leave(len(group.members) - count)
            group.wait_until_shared()


def test_members_of_three_libraries(broker: LivingBroker, create_topic: CreateTopic) -> None:
    """Different libraries share one topic, whichever of them leads the group."""
    with fed_group(broker, create_topic(PARTITIONS)) as group:
        for make in (KafkaPythonClient, AiokafkaClient, ConfluentClient):
            client: Client = make(broker.bootstrap)
            group.join(client, "roundrobin")
            group.wait_until_shared()
        for _ in range(2):
            group.leave(1)
            group.wait_until_shared()


def test_static_member_comes_back(broker: LivingBroker, create_topic: CreateTopic, client: Client) -> None:
    """A member with an instance id that is gone for less than its session gets its partitions back,
    without a rebalance."""
    with fed_group(broker, create_topic(PARTITIONS)) as group:
        for instance_id in ("one", "two"):
            group.join(client, instance_id=instance_id)
        group.wait_until_shared()
        generation = broker.generation(group.name)
        owned = sorted(map(sorted, group.ledger.owned.values()))
        group.leave(1)
        group.join(client, instance_id="one")
        group.wait_until_shared()
        assert owned == sorted(map(sorted, group.ledger.owned.values()))
        assert generation == broker.generation(group.name)


def test_stranger_does_not_commit(client: Client, topic: str) -> None:
    """While a group has members, nobody else moves its offsets."""
    group = f"of-{topic}"
    with client.writer(topic) as writer:
        writer.write([Message(None, b"x", 1_700_000_000_000)])
    with client.membership(topic, group) as member, client.reader(topic, group=group) as stranger:
        while not member.take().committed:
            pass
        with pytest.raises(Exception, match=r"UNKNOWN_MEMBER_ID|UnknownMemberId|CommitFailed"):
            stranger.commit(0, "")
        assert 1 == stranger.committed()
