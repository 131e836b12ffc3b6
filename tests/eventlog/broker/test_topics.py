"""DeleteTopics, CreatePartitions and DeleteRecords, and what of it without admin."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from eventlog.broker.topic_rules import TopicRules
from eventlog.errors import StorageFailedError
from eventlog.protocol import ApiKey, ErrorCode
from tests.eventlog.broker.asking import versions
from tests.eventlog.broker.topic_broker import TopicBroker
from tests.eventlog.storage.open_directory import TOPICS
from tests.reliability.disks.faulty import Fault, Kind

FORBIDDEN = "this broker takes no changes of topics (--no-admin): ask its operator"


def topic(name: str, partitions: int = 1, **fields: Any) -> dict[str, Any]:
    """A topic to be created."""
    return {"name": name, "num_partitions": partitions, **fields}


def outcomes(answers: Any) -> list[tuple[str, ErrorCode, str | None]]:
    return [(each.name, ErrorCode(each.error_code), each.error_message) for each in answers]


# --- DeleteTopics ------------------------------------------------------------------------------


def to_delete(*names: str) -> dict[str, Any]:
    """The fields of a request in the words of all versions."""
    return {"topic_names": names, "topics": [{"name": name} for name in names]}


@pytest.mark.parametrize("version", versions(ApiKey.DELETE_TOPICS))
async def test_delete(version: int) -> None:
    """The topics are gone with the answer, and whoever keeps something by their names is told."""
    broker = await TopicBroker.begin(a=1, b=2, c=1)
    answer = await broker.ask(ApiKey.DELETE_TOPICS, version, **to_delete("b", "gone", "b", "a"))
    assert [("b", ErrorCode.NONE), ("gone", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION), ("a", ErrorCode.NONE)] == [
        (each.name, each.error_code) for each in answer.responses
    ]
    assert {"c": 1} == broker.topics
    assert ["b", "a"] == broker.deleted
    if version >= 5:
        assert [None, "there is no topic 'gone'", None] == [each.error_message for each in answer.responses]


async def test_delete_by_id() -> None:
    """From version 6 on a topic may be named by its id; the answer has both."""
    broker = await TopicBroker.begin(t=1, u=1)
    topic_id, other_id = broker.directory.topics.get("t").topic_id, uuid.UUID(int=5)
    wanted = [{"topic_id": topic_id}, {"topic_id": other_id}, {"name": "u", "topic_id": topic_id}, {}]
    answer = await broker.ask(ApiKey.DELETE_TOPICS, 6, topics=wanted)
    assert [
        ("t", topic_id, ErrorCode.NONE, None),
        (None, other_id, ErrorCode.UNKNOWN_TOPIC_ID, f"there is no topic with the id {other_id}"),
        ("u", topic_id, ErrorCode.INVALID_REQUEST, "give either a topic's name or its id"),
        (None, None, ErrorCode.INVALID_REQUEST, "give either a topic's name or its id"),
    ] == [(each.name, each.topic_id, each.error_code, each.error_message) for each in answer.responses]
    assert {"u": 1} == broker.topics


async def test_delete_on_a_volume_that_refuses() -> None:
    """The topic is still there, and nobody is told otherwise."""
    broker = await TopicBroker.begin(t=1)
    broker.storage.faults.reset(Fault(Kind.RENAME, 1))
    answer = await broker.ask(ApiKey.DELETE_TOPICS, 6, topics=[{"name": "t"}])
    assert [ErrorCode.KAFKA_STORAGE_ERROR] == [each.error_code for each in answer.responses]
    assert ({"t": 1}, []) == (broker.topics, broker.deleted)


async def test_delete_that_may_not_be_durable() -> None:
    """The topic is gone and told to be, but not acknowledged, where the volume fails after the rename."""
    broker = await TopicBroker.begin(t=1)
    broker.storage.faults.reset(Fault(Kind.SYNC_DIRECTORY, 1))
    answer = await broker.ask(ApiKey.DELETE_TOPICS, 6, topics=[{"name": "t"}])
    assert [ErrorCode.KAFKA_STORAGE_ERROR] == [each.error_code for each in answer.responses]
    assert ({}, ["t"]) == (broker.topics, broker.deleted)


@pytest.mark.parametrize("failure", [OSError("full"), StorageFailedError("full")])
async def test_delete_while_others_cannot_forget(
    failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """The deletion has succeeded all the same; what is left behind is logged."""
    broker = await TopicBroker.begin(t=1)
    broker.failure = failure
    answer = await broker.ask(ApiKey.DELETE_TOPICS, 6, topics=[{"name": "t"}])
    assert [ErrorCode.NONE] == [each.error_code for each in answer.responses]
    assert ["what is kept of a deleted topic could not be cleared"] == caplog.messages


# --- CreatePartitions --------------------------------------------------------------------------


@pytest.mark.parametrize("version", versions(ApiKey.CREATE_PARTITIONS))
async def test_create_partitions(version: int) -> None:
    """Partitions can only become more."""
    broker = await TopicBroker.begin(a=1, b=2, c=3)
    counts = {"a": 4, "b": 2, "c": 1, "d": 1, "e": 0}
    topics = [{"name": name, "count": count} for name, count in counts.items()]
    answer = await broker.ask(ApiKey.CREATE_PARTITIONS, version, topics=topics)
    only_more = "partitions already; they can only become more"
    assert [
        ("a", ErrorCode.NONE, None),
        ("b", ErrorCode.INVALID_PARTITIONS, f"topic 'b' has 2 {only_more}"),
        ("c", ErrorCode.INVALID_PARTITIONS, f"topic 'c' has 3 {only_more}"),
        ("d", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "there is no topic 'd'"),
        ("e", ErrorCode.INVALID_PARTITIONS, "0 partitions are not possible; use 1 to 10000"),
    ] == outcomes(answer.results)
    assert {"a": 4, "b": 2, "c": 3} == broker.topics


@pytest.mark.parametrize("version", versions(ApiKey.CREATE_PARTITIONS))
async def test_create_partitions_only_to_validate(version: int) -> None:
    """Everything is checked, nothing is made."""
    broker = await TopicBroker.begin(a=1, b=1)
    topics = [{"name": "a", "count": 2}, {"name": "b", "count": 1}]
    answer = await broker.ask(ApiKey.CREATE_PARTITIONS, version, topics=topics, validate_only=True)
    assert [ErrorCode.NONE, ErrorCode.INVALID_PARTITIONS] == [each.error_code for each in answer.results]
    assert {"a": 1, "b": 1} == broker.topics


@pytest.mark.parametrize(
    ("count", "brokers_of", "code", "message"),
    [
        (3, [(0,), (0,)], 0, None),
        (3, [(0,)], 39, "1 assignments are given for 2 more partitions"),
        (3, [(0,), (1,)], 39, "brokers [1] cannot be assigned; there is just [0]"),
        (1, [], 37, "topic 't' has 1 partitions already; they can only become more"),
    ],
)
async def test_create_partitions_with_assignments(
    count: int, brokers_of: list[tuple[int, ...]], code: int, message: str | None
) -> None:
    """One for each new partition, to the one broker."""
    broker = await TopicBroker.begin(t=1)
    assignments = [{"broker_ids": broker_ids} for broker_ids in brokers_of]
    topics = [{"name": "t", "count": count, "assignments": assignments}]
    answer = await broker.ask(ApiKey.CREATE_PARTITIONS, 3, topics=topics)
    assert [("t", ErrorCode(code), message)] == outcomes(answer.results)
    assert {"t": 1 if code else count} == broker.topics


async def test_create_partitions_of_one_topic_twice() -> None:
    """Which number counts is not guessed."""
    broker = await TopicBroker.begin(t=1)
    topics = [{"name": "t", "count": 2}, {"name": "t", "count": 3}]
    answer = await broker.ask(ApiKey.CREATE_PARTITIONS, 3, topics=topics)
    message = "topic 't' is named 2 times; once is enough"
    assert [("t", ErrorCode.INVALID_REQUEST, message)] == outcomes(answer.results)
    assert {"t": 1} == broker.topics


# --- DeleteRecords -----------------------------------------------------------------------------


def until(*offsets: int, topic: str = "t", first: int = 0) -> list[dict[str, Any]]:
    """The topics of a request to delete, in partition after partition, what lies before an offset."""
    partitions = [{"partition_index": index, "offset": offset} for index, offset in enumerate(offsets, first)]
    return [{"name": topic, "partitions": partitions}]


def low_watermarks(answer: Any) -> list[tuple[int, ErrorCode, int]]:
    return [
        (each.partition_index, ErrorCode(each.error_code), each.low_watermark)
        for found in answer.topics
        for each in found.partitions
    ]


@pytest.mark.parametrize("version", versions(ApiKey.DELETE_RECORDS))
async def test_delete_records(version: int) -> None:
    """The log begins where it is asked to; -1 is its high watermark; what lies outside is refused."""
    broker = await TopicBroker.begin(t=5)
    for number in range(5):
        await broker.storage.keep("t", number, "a", "b", "c")
    answer = await broker.ask(ApiKey.DELETE_RECORDS, version, topics=until(2, -1, 0, 4, -2, 0))
    out_of_range = (ErrorCode.OFFSET_OUT_OF_RANGE, -1)
    assert [
        (0, ErrorCode.NONE, 2),
        (1, ErrorCode.NONE, 3),
        (2, ErrorCode.NONE, 0),
        (3, *out_of_range),
        (4, *out_of_range),
        (5, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1),
    ] == low_watermarks(answer)
    starts = [broker.directory.partition("t", number).log_start_offset for number in range(5)]
    assert [2, 3, 0, 0, 0] == starts


async def test_delete_records_that_are_gone() -> None:
    """A lower offset moves nothing; the answer has the present beginning."""
    broker = await TopicBroker.begin(t=1)
    await broker.storage.keep("t", 0, "a", "b", "c")
    for offset in (2, 1):
        answer = await broker.ask(ApiKey.DELETE_RECORDS, 2, topics=until(offset))
        assert [(0, ErrorCode.NONE, 2)] == low_watermarks(answer)


async def test_delete_records_on_a_volume_that_refuses() -> None:
    """Without a durable beginning there is no success."""
    broker = await TopicBroker.begin(t=1)
    await broker.storage.keep("t", 0, "a")
    broker.storage.faults.reset(Fault(Kind.FLUSH, 1, once=False))
    answer = await broker.ask(ApiKey.DELETE_RECORDS, 2, topics=until(1))
    assert [(0, ErrorCode.KAFKA_STORAGE_ERROR, -1)] == low_watermarks(answer)


# --- without admin -----------------------------------------------------------------------------


async def test_no_admin() -> None:
    """Every change is refused, also a mere validation, and nothing is changed."""
    broker = await TopicBroker.begin(TopicRules(is_admin_allowed=False), t=1)
    await broker.storage.keep("t", 0, "a")
    refused = ErrorCode.TOPIC_AUTHORIZATION_FAILED
    for validate_only in (False, True):
        fields = {"validate_only": validate_only}
        created = await broker.ask(ApiKey.CREATE_TOPICS, 7, topics=[topic("u", 0)], **fields)
        assert [("u", refused, FORBIDDEN)] == outcomes(created.topics)
        grown = await broker.ask(ApiKey.CREATE_PARTITIONS, 3, topics=[{"name": "t", "count": 2}], **fields)
        assert [("t", refused, FORBIDDEN)] == outcomes(grown.results)
    deleted = await broker.ask(ApiKey.DELETE_TOPICS, 6, **to_delete("t"))
    assert [("t", refused, FORBIDDEN)] == outcomes(deleted.responses)
    emptied = await broker.ask(ApiKey.DELETE_RECORDS, 2, topics=until(1))
    assert [(0, refused, -1)] == low_watermarks(emptied)
    assert ({"t": 1}, ["a"]) == (broker.topics, await broker.storage.read("t", 0))
    assert ["t"] == broker.storage.disk.listing(TOPICS)
