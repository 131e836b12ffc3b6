"""The contracts, over librdkafka and our own broker in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.eventlog.client.broker_process import BrokerProcess
from tests.eventlog.client.contract_groups import GroupContract
from tests.eventlog.client.contract_publishing import PublishingContract
from tests.eventlog.client.contract_reading import ReadingContract
from tests.eventlog.client.place import KafkaPlace


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    process = BrokerProcess(tmp_path_factory.mktemp("broker"))
    yield process
    process.stop()


@pytest.fixture
def place(broker: BrokerProcess) -> KafkaPlace:
    return KafkaPlace(broker)


class TestPublishing(PublishingContract):
    """`PublishingContract` holds."""


class TestReading(ReadingContract):
    """`ReadingContract` holds."""


class TestGroups(GroupContract):
    """`GroupContract` holds."""
