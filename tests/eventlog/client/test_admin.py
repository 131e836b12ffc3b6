"""The admin port, against our own broker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from eventlog.client import NewRecord
from eventlog.client.address import KafkaAddress
from eventlog.client.admin import KafkaAdmin
from eventlog.client.description import Watermarks
from eventlog.client.errors import (
    BrokerUnavailableError,
    GroupActiveError,
    InvalidTopicError,
    TopicExistsError,
    UnknownGroupError,
    UnknownTopicError,
)
from tests.eventlog.client.broker_process import BrokerProcess
from tests.eventlog.client.place import KafkaPlace
from tests.eventlog.client.watching import read_until


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    process = BrokerProcess(tmp_path_factory.mktemp("broker"))
    yield process
    process.stop()


@pytest.fixture
def place(broker: BrokerProcess) -> KafkaPlace:
    return KafkaPlace(broker)


def test_topics_come_change_and_go(place: KafkaPlace) -> None:
    """Create, describe, list, alter, grow, delete; and each error of its own kind."""
    admin, name = place.admin(), place.topic
    admin.create_topic(name, 2, {"retention.ms": "1000"})
    with pytest.raises(TopicExistsError):
        admin.create_topic(name, 2)
    with pytest.raises(InvalidTopicError):
        admin.create_topic("not/a/name", 1)
    found = admin.describe_topic(name)
    assert (name, 2, False) == (found.name, found.partitions, found.is_internal)
    assert found in admin.list_topics()
    admin.alter_topic(name, {"gputail.damaged": "skip"})
    settings = admin.topic_settings(name)
    assert ("1000", "skip") == (settings["retention.ms"], settings["gputail.damaged"])
    admin.add_partitions(name, 3)
    assert (found.topic_id, 3) == (admin.describe_topic(name).topic_id, admin.describe_topic(name).partitions)
    admin.delete_topic(name)
    for call in (admin.describe_topic, admin.delete_topic, admin.topic_settings):
        with pytest.raises(UnknownTopicError):
            call(name)
    admin.create_topic(name, 1)
    assert found.topic_id != admin.describe_topic(name).topic_id


async def test_offsets_of_partitions(place: KafkaPlace) -> None:
    """Watermarks follow what is published and deleted; times find offsets."""
    queue, admin = place.open(), place.admin()
    await queue.ensure_topic(place.topic, 1)
    publisher = await queue.publisher(place.topic)
    await publisher.publish([NewRecord(b"x", partition=0, timestamp_ms=1_000 + n) for n in range(5)]).wait()
    at = place.at(0)
    assert {at: 3} == admin.offsets_for_time([at], 1_003)
    assert {at: None} == admin.offsets_for_time([at], 2_000)
    assert {at: 2} == admin.delete_records({at: 2})
    assert {at: Watermarks(2, 5)} == admin.watermarks([at])
    assert {} == admin.watermarks([])
    await queue.close()


async def test_groups_are_seen_and_changed_when_empty(place: KafkaPlace) -> None:
    """Members, commits and lag; an active group is left alone, an empty one can be set and deleted."""
    queue, admin = place.open(), place.admin()
    await queue.ensure_topic(place.topic, 2)
    publisher = await queue.publisher(place.topic)
    await publisher.publish([NewRecord(b"x", partition=n % 2) for n in range(10)]).wait()
    with pytest.raises(UnknownGroupError):
        admin.describe_group(place.group)
    member = await queue.subscribe([place.topic], place.group)
    await read_until(lambda: len(member.assignment) == 2, member)
    await member.commit({place.at(0): 2})
    (described,) = admin.describe_group(place.group).members
    assert (place.at(0), place.at(1)) == described.assignment
    assert [(2, 3), (None, None)] == [(each.committed, each.lag_records) for each in admin.lag(place.group)]
    with pytest.raises(GroupActiveError):
        admin.alter_committed(place.group, {place.at(0): 0})
    with pytest.raises(GroupActiveError):
        admin.delete_group(place.group)
    await queue.close()
    assert "Empty" == admin.describe_group(place.group).state
    admin.alter_committed(place.group, {place.at(0): 1, place.at(1): 4})
    assert {place.at(0): 1, place.at(1): 4} == admin.committed(place.group)
    assert place.group in {group.group_id for group in admin.list_groups()}
    admin.delete_group(place.group)
    assert {} == admin.committed(place.group)


def test_nobody_there_is_one_line() -> None:
    """Each call ends in its time, says what it tried and where, and may be tried again."""
    admin = KafkaAdmin(KafkaAddress("127.0.0.1:1"), timeout_s=0.3)
    for call in (
        admin.describe_cluster,
        admin.list_topics,
        admin.list_groups,
        lambda: admin.create_topic("a", 1),
        lambda: admin.committed("a"),
    ):
        with pytest.raises(BrokerUnavailableError, match=r"127\.0\.0\.1:1") as caught:
            call()
        assert "\n" not in str(caught.value)
        assert caught.value.retriable
