"""The contracts, over librdkafka and our own broker in a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventlog.client import open_queue
from eventlog.client.errors import BrokerUnavailableError, InvalidTopicError
from tests.eventlog.client.broker_process import BrokerProcess
from tests.eventlog.client.contract_groups import GroupContract
from tests.eventlog.client.contract_publishing import PublishingContract
from tests.eventlog.client.contract_reading import ReadingContract
from tests.eventlog.client.place import LASTING, KafkaPlace

ANSWER_S_MAX = 30.0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    process = BrokerProcess(tmp_path_factory.mktemp("broker"))
    yield process
    process.stop()


class LastingPlace(KafkaPlace):
    settings = LASTING


@pytest.fixture
def place(broker: BrokerProcess) -> KafkaPlace:
    return LastingPlace(broker)


class TestPublishing(PublishingContract):
    """`PublishingContract` holds."""


class TestReading(ReadingContract):
    """`ReadingContract` holds."""


class TestGroups(GroupContract):
    """`GroupContract` holds."""


async def test_a_setting_of_ours_is_left_out_where_it_is_not_known(place: KafkaPlace) -> None:
    """Another cluster knows none of them; its own settings are still refused by their names."""
    queue = place.open()
    settings = {"gputail.not-known": "1", "retention.ms": "60000"}
    assert 2 == (await queue.ensure_topic(place.topic, 2, settings)).partitions
    with pytest.raises(InvalidTopicError):
        await queue.ensure_topic(f"{place.topic}-other", 2, {"no.such": "1"})
    await queue.close()


async def test_a_group_can_be_asked_for_again_after_the_broker_was_killed(tmp_path: Path) -> None:
    """By the same queue, which has asked before; again and again."""
    broker = BrokerProcess(tmp_path)
    queue = open_queue(f"kafka://127.0.0.1:{broker.port}")
    try:
        assert {} == await queue.committed("nobody")
        for _ in range(2):
            broker.kill()
            broker.start()
            async with asyncio.timeout(ANSWER_S_MAX):
                while True:
                    try:
                        assert {} == await queue.committed("nobody")
                    except BrokerUnavailableError:
                        continue
                    break
    finally:
        await queue.close()
        broker.stop()
