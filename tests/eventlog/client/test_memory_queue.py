"""The contracts, over the log in this process."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest

from eventlog.client import NewRecord, TopicPartition
from tests.eventlog.client.contract_groups import GroupContract
from tests.eventlog.client.contract_publishing import PublishingContract
from tests.eventlog.client.contract_reading import ReadingContract
from tests.eventlog.client.place import MemoryPlace
from tests.eventlog.client.watching import Watcher, read_records


@pytest.fixture
def place() -> MemoryPlace:
    return MemoryPlace()


class TestPublishing(PublishingContract):
    """`PublishingContract` holds."""


class TestReading(ReadingContract):
    """`ReadingContract` holds."""


class TestGroups(GroupContract):
    """`GroupContract` holds."""


async def test_a_log_that_goes_away_during_a_hook_is_no_error(place: MemoryPlace) -> None:
    """The poll brings nothing, as librdkafka's would; the next one does when the log is back."""

    class LastWords(Watcher):
        async def on_assigned(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
            place.go_away()
            return await super().on_assigned(partitions)

    queue = place.open()
    await queue.ensure_topic(place.topic, 1)
    publisher = await queue.publisher(place.topic)
    await publisher.publish([NewRecord(b"value")]).wait()
    watcher = LastWords()
    subscription = await queue.subscribe([place.topic], place.group, watcher)
    while not watcher.told:
        assert not await subscription.poll(timeout_s=0.1)
    place.come_back()
    assert [b"value"] == [record.value for record in await read_records(subscription, 1)]
    await queue.close()
