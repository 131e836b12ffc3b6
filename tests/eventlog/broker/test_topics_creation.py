"""CreateTopics."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from eventlog.broker.topic_rules import TopicRules
from eventlog.protocol import ApiKey, ErrorCode
from eventlog.storage.settings import TopicSettings
from tests.eventlog.broker.asking import versions
from tests.eventlog.broker.topic_broker import TopicBroker
from tests.reliability.disks.faulty import Fault, Kind


def topic(name: str, partitions: int = 1, **fields: Any) -> dict[str, Any]:
    """A topic to be created."""
    return {"name": name, "num_partitions": partitions, **fields}


def outcomes(answers: Any) -> list[tuple[str, ErrorCode, str | None]]:
    return [(each.name, ErrorCode(each.error_code), each.error_message) for each in answers]


async def refusal(broker: TopicBroker, **asked: Any) -> tuple[ErrorCode, str | None]:
    """Why a topic `t` is not created."""
    answer = await broker.ask(ApiKey.CREATE_TOPICS, 7, topics=[{"name": "t", **asked}])
    ((_, code, message),) = outcomes(answer.topics)
    return code, message


@pytest.mark.parametrize("version", versions(ApiKey.CREATE_TOPICS))
async def test_create(version: int) -> None:
    """The topics are there with the answer, which tells from version 5 on what they are like."""
    broker = await TopicBroker.begin(TopicRules(default_partitions=3))
    configs = [{"name": "retention.ms", "value": "60000"}, {"name": "cleanup.policy", "value": "delete"}]
    topics = [topic("b", 2, replication_factor=1, configs=configs), topic("a", -1)]
    answer = await broker.ask(ApiKey.CREATE_TOPICS, version, topics=topics)
    assert [("b", ErrorCode.NONE, None), ("a", ErrorCode.NONE, None)] == outcomes(answer.topics)
    assert {"a": 3, "b": 2} == broker.topics
    made = broker.directory.topics.get("b")
    assert TopicSettings(retention_ms=60_000) == made.settings
    first, second = answer.topics
    if version >= 5:
        assert [(2, 1), (3, 1)] == [(each.num_partitions, each.replication_factor) for each in answer.topics]
        told = {each.name: (each.value, each.config_source, each.read_only) for each in first.configs}
        assert ("60000", 1, False) == told["retention.ms"]
        assert ("86400000", 5, False) == told["segment.ms"]
        assert ("delete", 5, True) == told["cleanup.policy"]
        assert {each.name for each in second.configs} == set(told)
    if version >= 7:
        assert made.topic_id == first.topic_id


@pytest.mark.parametrize("version", versions(ApiKey.CREATE_TOPICS))
async def test_create_only_to_validate(version: int) -> None:
    """Everything is checked, nothing is made."""
    broker = await TopicBroker.begin(there=1)
    topics = [topic("new", -1), topic("there"), topic("none", 0)]
    answer = await broker.ask(ApiKey.CREATE_TOPICS, version, topics=topics, validate_only=True)
    assert [
        ("new", ErrorCode.NONE, None),
        ("there", ErrorCode.TOPIC_ALREADY_EXISTS, "there is a topic 'there' already"),
        ("none", ErrorCode.INVALID_PARTITIONS, "0 partitions are not possible; use 1 to 10000"),
    ] == outcomes(answer.topics)
    assert {"there": 1} == broker.topics
    if version >= 5:
        assert [(1, 1), (-1, -1), (-1, -1)] == [
            (each.num_partitions, each.replication_factor) for each in answer.topics
        ]
    if version >= 7:
        assert [None] * 3 == [each.topic_id for each in answer.topics]


@pytest.mark.parametrize(
    ("asked", "code", "message"),
    [
        ({"name": "a b"}, ErrorCode.INVALID_TOPIC_EXCEPTION, "'a b' cannot be a topic name; use 1 to 249"),
        ({"name": ".."}, ErrorCode.INVALID_TOPIC_EXCEPTION, "'..' cannot be a topic name"),
        ({"num_partitions": 0}, ErrorCode.INVALID_PARTITIONS, "0 partitions are not possible"),
        ({"num_partitions": -2}, ErrorCode.INVALID_PARTITIONS, "-2 partitions are not possible"),
        ({"num_partitions": 10_001}, ErrorCode.INVALID_PARTITIONS, "10001 partitions are not possible"),
        ({"replication_factor": 3}, ErrorCode.INVALID_REPLICATION_FACTOR, "3 replicas are not possible on"),
        ({"replication_factor": 0}, ErrorCode.INVALID_REPLICATION_FACTOR, "0 replicas are not possible on"),
    ],
)
async def test_create_what_cannot_be(asked: dict[str, Any], code: ErrorCode, message: str) -> None:
    """Each refusal has a code for the program and a line for its user; the other topics are made."""
    broker = await TopicBroker.begin()
    topics = [{"name": "t", **asked}, topic("other")]
    answer = await broker.ask(ApiKey.CREATE_TOPICS, 7, topics=topics)
    refused, other = answer.topics
    assert (code, None) == (refused.error_code, refused.topic_id)
    assert refused.error_message.startswith(message)
    assert ErrorCode.NONE == other.error_code
    assert {"other": 1} == broker.topics


@pytest.mark.parametrize("version", versions(ApiKey.CREATE_TOPICS))
async def test_create_what_has_the_longest_of_names(version: int) -> None:
    """What is wrong with it is said in a string that fits the protocol, however the name is quoted."""
    broker = await TopicBroker.begin()
    name = "\x01" * 32767
    answer = await broker.ask(ApiKey.CREATE_TOPICS, version, topics=[topic(name)])
    ((found, code, message),) = outcomes(answer.topics)
    assert (name, ErrorCode.INVALID_TOPIC_EXCEPTION) == (found, code)
    assert message is not None
    assert (1000, "...") == (len(message), message[-3:])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("no.such.key", "1", "unknown topic setting 'no.such.key'; known are"),
        (
            "retention.ms",
            "soon",
            "retention.ms = 'soon': a whole number from -1 to 9007199254740992 is wanted",
        ),
        ("retention.ms", "-2", "retention.ms = -2: a whole number from -1"),
        ("retention.ms", "1_000", "retention.ms = '1_000': a whole number"),
        ("retention.ms", "9" * 5000, "retention.ms = '999"),
        ("retention.ms", None, "retention.ms comes without a value; give one"),
        ("gputail.damaged", "ignore", "gputail.damaged = 'ignore': 'refuse' or 'skip' is wanted"),
        ("cleanup.policy", "compact", "cleanup.policy = 'compact': it is always 'delete' here"),
        ("compression.type", "zstd", "compression.type = 'zstd': it is always 'producer' here"),
        ("min.insync.replicas", "2", "min.insync.replicas = '2': it is always '1' here"),
    ],
)
async def test_create_with_settings_that_cannot_be(name: str, value: str | None, message: str) -> None:
    """Settings come as strings; what is wrong with one is said by its name."""
    broker = await TopicBroker.begin()
    code, said = await refusal(broker, configs=[{"name": name, "value": value}])
    assert ErrorCode.INVALID_CONFIG is code
    assert said is not None
    assert said.startswith(message)
    assert {} == broker.topics


async def test_create_with_a_setting_twice() -> None:
    """Which of them counts is not guessed."""
    twice = [{"name": "segment.ms", "value": value} for value in ("1", "2")]
    code, message = await refusal(await TopicBroker.begin(), configs=twice)
    assert (ErrorCode.INVALID_CONFIG, "a setting is given more than once; give each once") == (code, message)


async def test_create_the_same_topic_twice() -> None:
    """Neither is made, and the name is answered once."""
    broker = await TopicBroker.begin()
    topics = [topic("t", 1), topic("u"), topic("t", 2)]
    answer = await broker.ask(ApiKey.CREATE_TOPICS, 7, topics=topics)
    message = "topic 't' is named 2 times; once is enough"
    expected = {("t", ErrorCode.INVALID_REQUEST, message), ("u", ErrorCode.NONE, None)}
    assert expected == set(outcomes(answer.topics))
    assert 2 == len(answer.topics)
    assert {"u": 1} == broker.topics


def assigned(*brokers_of: tuple[int, ...], first: int = 0) -> list[dict[str, Any]]:
    """Assignments of partitions, numbered on from `first`, to brokers."""
    return [
        {"partition_index": index, "broker_ids": broker_ids}
        for index, broker_ids in enumerate(brokers_of, first)
    ]


async def test_create_with_assignments() -> None:
    """Partitions may be assigned to the one broker that there is."""
    broker = await TopicBroker.begin()
    code, _ = await refusal(broker, assignments=list(reversed(assigned((0,), (0,)))))
    assert ErrorCode.NONE is code
    assert {"t": 2} == broker.topics


@pytest.mark.parametrize(
    ("asked", "code", "message"),
    [
        ({"assignments": assigned((0,), (1,))}, 39, "brokers [1] cannot be assigned; there is just [0]"),
        ({"assignments": assigned((0, 0))}, 39, "brokers [0, 0] cannot be assigned; there is just [0]"),
        ({"assignments": assigned(())}, 39, "brokers [] cannot be assigned; there is just [0]"),
        (
            {"assignments": assigned((0,), first=1)},
            39,
            "partitions are assigned once each, numbered from 0 without a gap",
        ),
        (
            {"assignments": assigned((0,)) * 2},
            39,
            "partitions are assigned once each, numbered from 0 without a gap",
        ),
        (
            {"assignments": assigned((0,)), "num_partitions": 1},
            42,
            "give assignments, or numbers of partitions and replicas, not both",
        ),
        (
            {"assignments": assigned((0,)), "replication_factor": 1},
            42,
            "give assignments, or numbers of partitions and replicas, not both",
        ),
    ],
)
async def test_create_with_assignments_that_cannot_be(asked: dict[str, Any], code: int, message: str) -> None:
    """To other brokers, with gaps, or besides numbers that may say something else."""
    assert (ErrorCode(code), message) == await refusal(await TopicBroker.begin(), **asked)


async def test_more_partitions_than_the_broker_has_room_for() -> None:
    """The limit is on all topics together, for new topics and for more partitions of old ones."""
    broker = await TopicBroker.begin(TopicRules(partitions_max=5), t=3)
    topics = [topic("three", 3), topic("two", 2)]
    for version in versions(ApiKey.CREATE_TOPICS):
        answer = await broker.ask(ApiKey.CREATE_TOPICS, version, topics=topics, validate_only=True)
        message = (
            "3 more partitions on top of 3 exceed this broker's limit of 5: delete topics, use fewer "
            "partitions, or raise the limit"
        )
        assert [("three", ErrorCode.POLICY_VIOLATION, message), ("two", ErrorCode.NONE, None)] == outcomes(
            answer.topics
        )
    answer = await broker.ask(ApiKey.CREATE_PARTITIONS, 3, topics=[{"name": "t", "count": 6}])
    assert [ErrorCode.POLICY_VIOLATION] == [each.error_code for each in answer.results]
    answer = await broker.ask(ApiKey.CREATE_PARTITIONS, 3, topics=[{"name": "t", "count": 5}])
    assert [ErrorCode.NONE] == [each.error_code for each in answer.results]


async def test_two_clients_and_room_for_one() -> None:
    """The limit holds, and a name is given once, whoever asks at the same time."""
    broker = await TopicBroker.begin(TopicRules(partitions_max=3))
    answers = await asyncio.gather(
        *(broker.ask(ApiKey.CREATE_TOPICS, 7, topics=[topic(name, 2)]) for name in ("a", "a", "b"))
    )
    codes = [answer.topics[0].error_code for answer in answers]
    assert [ErrorCode.NONE, ErrorCode.TOPIC_ALREADY_EXISTS, ErrorCode.POLICY_VIOLATION] == codes
    assert {"a": 2} == broker.topics


async def test_create_on_a_volume_that_refuses(caplog: pytest.LogCaptureFixture) -> None:
    """That topic fails, the next is tried; the operator gets one line."""
    broker = await TopicBroker.begin()
    broker.storage.faults.reset(Fault(Kind.MAKE_DIRECTORY, 1))
    answer = await broker.ask(ApiKey.CREATE_TOPICS, 7, topics=[topic("t"), topic("u")])
    assert [ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.NONE] == [each.error_code for each in answer.topics]
    assert answer.topics[0].error_message.startswith("t: the volume refused: [Errno 5]")
    (record,) = caplog.records
    assert ("create topic", "t") == (record.__dict__["action"], record.__dict__["item"])
