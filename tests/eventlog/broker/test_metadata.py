"""Metadata and DescribeCluster."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from eventlog.broker.topic_rules import TopicRules
from eventlog.protocol import ApiKey, ErrorCode
from tests.eventlog.broker.asking import versions
from tests.eventlog.broker.topic_broker import TopicBroker
from tests.reliability.disks.faulty import Fault, Kind

KEY = ApiKey.METADATA
NOT_ASKED = -(2**31)


def summary(answer: Any) -> list[tuple[str | None, ErrorCode, int]]:
    """Of each topic its name, its error and how many partitions it has."""
    return [(topic.name, ErrorCode(topic.error_code), len(topic.partitions)) for topic in answer.topics]


def named(*names: str) -> list[dict[str, Any]]:
    return [{"name": name} for name in names]


@pytest.mark.parametrize("version", versions(KEY))
async def test_the_one_broker(version: int) -> None:
    """It leads everything, is the controller, and holds the only copy of each partition."""
    broker = await TopicBroker.begin(t=3)
    answer = await broker.ask(KEY, version, topics=named("t"))
    (node,) = answer.brokers
    assert (0, "broker.example", 9092, None) == (
        node.node_id,
        node.host,
        node.port,
        getattr(node, "rack", None),
    )
    assert 0 == getattr(answer, "controller_id", 0)
    assert "the-cluster" == getattr(answer, "cluster_id", "the-cluster")
    assert NOT_ASKED == getattr(answer, "cluster_authorized_operations", NOT_ASKED)
    (topic,) = answer.topics
    assert NOT_ASKED == getattr(topic, "topic_authorized_operations", NOT_ASKED)
    assert not getattr(topic, "is_internal", False)
    assert [(0, 0, 0, (0,), (0,), 0, ()), (0, 1, 0, (0,), (0,), 0, ()), (0, 2, 0, (0,), (0,), 0, ())] == [
        (
            partition.error_code,
            partition.partition_index,
            partition.leader_id,
            partition.replica_nodes,
            partition.isr_nodes,
            getattr(partition, "leader_epoch", 0),
            getattr(partition, "offline_replicas", ()),
        )
        for partition in topic.partitions
    ]


@pytest.mark.parametrize("version", versions(KEY))
async def test_all_topics(version: int) -> None:
    """No list asks for all of them; in version 0, which cannot say so, an empty one does."""
    broker = await TopicBroker.begin(b=1, a=2)
    everything = [("a", ErrorCode.NONE, 2), ("b", ErrorCode.NONE, 1)]
    assert everything == summary(await broker.ask(KEY, version, topics=None if version else ()))
    assert ([] if version else everything) == summary(await broker.ask(KEY, version, topics=()))


@pytest.mark.parametrize("version", versions(KEY))
async def test_what_there_is_not(version: int) -> None:
    """Each topic is answered for itself: a missing one, a name that cannot be, and one that is there."""
    broker = await TopicBroker.begin(t=1)
    answer = await broker.ask(KEY, version, topics=named("gone", "t", "a b"), allow_auto_topic_creation=True)
    expected = [
        ("gone", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 0),
        ("t", ErrorCode.NONE, 1),
        ("a b", ErrorCode.INVALID_TOPIC_EXCEPTION, 0),
    ]
    assert expected == summary(answer)
    assert {"t": 1} == broker.topics


async def test_a_topic_that_is_named_again_and_again() -> None:
    """It is answered once: a small request cannot ask for a large answer."""
    broker = await TopicBroker.begin(t=2)
    answer = await broker.ask(KEY, 12, topics=named("t", "u", "t", "u", "t"))
    assert ["t", "u"] == [topic.name for topic in answer.topics]


async def test_partitions_of_many_topics() -> None:
    """What the answers share does not leak from one topic into another, in whatever order they are asked."""
    broker = await TopicBroker.begin(small=1, large=5)
    for names in (["small", "large"], ["large", "small"], ["small"]):
        answer = await broker.ask(KEY, 12, topics=named(*names))
        assert [{"small": 1, "large": 5}[name] for name in names] == [
            len(topic.partitions) for topic in answer.topics
        ]


@pytest.mark.parametrize("version", [10, 11, 12])
async def test_topics_by_id(version: int) -> None:
    """A topic is found by the id that it was given, and told its name; another id is unknown."""
    broker = await TopicBroker.begin(t=2, u=1)
    topic_id, other_id = broker.directory.topics.get("t").topic_id, uuid.UUID(int=5)
    wanted = [{"topic_id": topic_id}, {"topic_id": other_id}, {"name": "t"}]
    answer = await broker.ask(KEY, version, topics=wanted)
    unnamed = None if version == 12 else ""  # before, an answer cannot be without a name
    expected = [("t", ErrorCode.NONE, 2), (unnamed, ErrorCode.UNKNOWN_TOPIC_ID, 0), ("t", ErrorCode.NONE, 2)]
    assert expected == summary(answer)
    assert [topic_id, other_id, topic_id] == [topic.topic_id for topic in answer.topics]


# --- topics that are made for who asks ---------------------------------------------------------

AUTO = TopicRules(is_auto_create_allowed=True, default_partitions=4)


@pytest.mark.parametrize("version", versions(KEY))
async def test_auto_creation(version: int) -> None:
    """Where it is allowed, the topic is there with the answer."""
    broker = await TopicBroker.begin(AUTO)
    answer = await broker.ask(KEY, version, topics=named("new"), allow_auto_topic_creation=True)
    assert [("new", ErrorCode.NONE, 4)] == summary(answer)
    assert {"new": 4} == broker.topics


@pytest.mark.parametrize("version", range(4, 13))
async def test_auto_creation_that_the_client_does_not_want(version: int) -> None:
    """From version 4 on a client says whether it wants that."""
    broker = await TopicBroker.begin(AUTO)
    answer = await broker.ask(KEY, version, topics=named("new"), allow_auto_topic_creation=False)
    assert [("new", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 0)] == summary(answer)
    assert {} == broker.topics


async def test_auto_creation_without_admin() -> None:
    """`--no-admin` refuses this change, too: the topic is just unknown."""
    broker = await TopicBroker.begin(TopicRules(is_auto_create_allowed=True, is_admin_allowed=False))
    answer = await broker.ask(KEY, 12, topics=named("new"), allow_auto_topic_creation=True)
    assert [("new", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 0)] == summary(answer)


async def test_auto_creation_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    """The topic is unknown, so that the client asks again; the volume's error is logged."""
    broker = await TopicBroker.begin(AUTO)
    broker.storage.faults.reset(Fault(Kind.MAKE_DIRECTORY, 1))
    wanted = {"topics": named("new"), "allow_auto_topic_creation": True}
    answer = await broker.ask(KEY, 12, **wanted)
    assert [("new", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 0)] == summary(answer)
    assert ["the volume refused a request"] == caplog.messages
    broker.storage.faults.reset(None)
    assert [("new", ErrorCode.NONE, 4)] == summary(await broker.ask(KEY, 12, **wanted))


# --- DescribeCluster ---------------------------------------------------------------------------


@pytest.mark.parametrize("version", versions(ApiKey.DESCRIBE_CLUSTER))
async def test_describe_cluster(version: int) -> None:
    """The same broker, in other words."""
    broker = await TopicBroker.begin()
    answer = await broker.ask(ApiKey.DESCRIBE_CLUSTER, version, endpoint_type=1)
    assert (ErrorCode.NONE, None) == (answer.error_code, answer.error_message)
    assert ("the-cluster", 0, NOT_ASKED) == (
        answer.cluster_id,
        answer.controller_id,
        answer.cluster_authorized_operations,
    )
    (node,) = answer.brokers
    assert (0, "broker.example", 9092, None) == (node.broker_id, node.host, node.port, node.rack)
    assert 1 == getattr(answer, "endpoint_type", 1)


async def test_describe_controllers() -> None:
    """There are no controllers besides the broker."""
    broker = await TopicBroker.begin()
    answer = await broker.ask(ApiKey.DESCRIBE_CLUSTER, 1, endpoint_type=2)
    assert (ErrorCode.UNSUPPORTED_ENDPOINT_TYPE, ()) == (answer.error_code, answer.brokers)
    assert "this is a broker's port: ask for the brokers" == answer.error_message
