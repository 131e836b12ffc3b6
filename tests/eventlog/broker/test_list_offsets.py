"""ListOffsets: the ends of a partition, and its records by time."""

from __future__ import annotations

from typing import Any

import pytest

from eventlog.broker.handlers.list_offsets import EARLIEST, LARGEST_TIMESTAMP, LATEST
from eventlog.protocol import ApiKey, ErrorCode
from eventlog.storage.partition_log import PartitionLog
from tests.eventlog.broker.asking import versions
from tests.eventlog.broker.topic_broker import TopicBroker
from tests.eventlog.record.forge import forge
from tests.eventlog.storage.living_partition import START_MS, batch
from tests.eventlog.storage.open_directory import TOPICS
from tests.reliability.disks.faulty import Fault, Kind

KEY = ApiKey.LIST_OFFSETS
EVERY_VERSION = pytest.mark.parametrize("version", versions(KEY))


async def filled(*times_ms: int) -> TopicBroker:
    """Partition t-1 with a flushed batch for each time since START_MS: one record at it, one 3 ms before."""
    broker = await TopicBroker.begin(t=2)
    log = broker.directory.partition("t", 1)
    for time_ms in times_ms:
        log.append(batch("a", "b", timestamps_ms=(START_MS + time_ms, START_MS + time_ms - 3)))
    await broker.directory.flush()
    return broker


async def where(broker: TopicBroker, timestamp_ms: int, version: int = 7, **fields: Any) -> tuple[int, ...]:
    """Error, offset, timestamp and leader epoch of the answer for one partition: t-1."""
    asked = {"partition_index": 1, "timestamp": timestamp_ms, **fields}
    topics = [{"name": "t", "partitions": [asked]}]
    answer = await broker.ask(KEY, version, topics=topics)
    ((topic,),) = (answer.topics,)
    (found,) = topic.partitions
    assert ("t", 1) == (topic.name, found.partition_index)
    epoch = getattr(found, "leader_epoch", -1 if found.offset == -1 else 0)
    return found.error_code, found.offset, found.timestamp, epoch


@EVERY_VERSION
async def test_both_ends(version: int) -> None:
    """The earliest offset is the log start, the latest the high watermark: what is durable."""
    broker = await filled(10, 20, 30)
    log = broker.directory.partition("t", 1)
    log.append(batch("not flushed"))
    await log.delete_records(2)
    assert (ErrorCode.NONE, 2, -1, 0) == await where(broker, EARLIEST, version)
    assert (ErrorCode.NONE, 6, -1, 0) == await where(broker, LATEST, version)


@EVERY_VERSION
async def test_by_time(version: int) -> None:
    """The first record that is not older, exactly: its offset and its own timestamp."""
    broker = await filled(10, 20, 30)
    assert (ErrorCode.NONE, 0, START_MS + 10, 0) == await where(broker, 0, version)
    assert (ErrorCode.NONE, 2, START_MS + 20, 0) == await where(broker, START_MS + 11, version)
    assert (ErrorCode.NONE, 2, START_MS + 20, 0) == await where(broker, START_MS + 20, version)


@EVERY_VERSION
async def test_after_all_records(version: int) -> None:
    """No such record is no error."""
    broker = await filled(10)
    assert (ErrorCode.NONE, -1, -1, -1) == await where(broker, START_MS + 11, version)


@EVERY_VERSION
async def test_what_there_is_not(version: int) -> None:
    """Each partition is answered for itself, in the order of the request."""
    broker = await TopicBroker.begin(t=2)
    topics = [
        {"name": name, "partitions": [{"partition_index": index, "timestamp": -1} for index in indexes]}
        for name, indexes in (("gone", [0]), ("t", [2, 0, -1, 1]))
    ]
    answer = await broker.ask(KEY, version, topics=topics)
    unknown, fine = (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1), (ErrorCode.NONE, 0)
    assert {"gone": [(0, unknown)], "t": [(2, unknown), (0, fine), (-1, unknown), (1, fine)]} == {
        topic.name: [
            (found.partition_index, (ErrorCode(found.error_code), found.offset)) for found in topic.partitions
        ]
        for topic in answer.topics
    }


async def test_a_partition_that_is_asked_for_twice() -> None:
    """It is refused, also where two entries of one topic name it; the others are answered."""
    broker = await TopicBroker.begin(t=2)
    twice = {"partition_index": 1, "timestamp": LATEST}
    once = {"partition_index": 0, "timestamp": LATEST}
    for topics in (
        [{"name": "t", "partitions": [twice, once, twice]}],
        [{"name": "t", "partitions": [twice, once]}, {"name": "t", "partitions": [twice]}],
    ):
        answer = await broker.ask(KEY, 7, topics=topics)
        answered = [(each.partition_index, each.error_code) for t in answer.topics for each in t.partitions]
        refused = (1, ErrorCode.INVALID_REQUEST)
        assert [refused, (0, ErrorCode.NONE), refused] == answered


@pytest.mark.parametrize("version", range(4, 8))
async def test_leader_epochs(version: int) -> None:
    """The epoch is 0 for ever: a client that has seen a later one has seen another log."""
    broker = await filled(10)
    for epoch, expected in ((-1, ErrorCode.NONE), (0, ErrorCode.NONE), (1, ErrorCode.UNKNOWN_LEADER_EPOCH)):
        error, *_ = await where(broker, LATEST, version, current_leader_epoch=epoch)
        assert expected == error


async def test_other_offsets_that_newer_brokers_have() -> None:
    """Those of tiered storage, say, are told not to be known."""
    broker = await filled(10)
    for timestamp_ms in (-4, -5, -(2**63)):
        assert (ErrorCode.UNSUPPORTED_VERSION, -1, -1, -1) == await where(broker, timestamp_ms)


async def test_a_volume_that_cannot_be_read() -> None:
    """A search by time that cannot read says so; it does not say that there is nothing."""
    broker = await filled(10)
    await broker.storage.reopen()
    broker.storage.faults.reset(Fault(Kind.READ, 1, once=False))
    fresh = TopicBroker.over(broker.storage)
    assert (ErrorCode.KAFKA_STORAGE_ERROR, -1, -1, -1) == await where(fresh, 0)


# --- the largest timestamp ---------------------------------------------------------------------


@EVERY_VERSION
@pytest.mark.parametrize(
    ("times_ms", "offset", "largest_ms"),
    [
        ((10, 20, 30), 4, 30),
        ((30, 20, 10), 0, 30),
        ((10, 86_400_000, 20, 30), 2, 86_400_000),
        ((20, 30, 30, 10), 2, 30),
        ((0, 1, 2, 4, 8, 15, 31, 7), 12, 31),
        ((40, 41, 39), 2, 41),
    ],
)
async def test_largest_timestamp(
    version: int, times_ms: tuple[int, ...], offset: int, largest_ms: int
) -> None:
    """The first record of those with the largest timestamp, wherever it stands."""
    broker = await filled(*times_ms)
    assert (ErrorCode.NONE, offset, START_MS + largest_ms, 0) == await where(
        broker, LARGEST_TIMESTAMP, version
    )


async def test_largest_timestamp_of_what_is_durable() -> None:
    """Records beyond the high watermark and before the log start do not count."""
    broker = await filled(90, 20, 30)
    log = broker.directory.partition("t", 1)
    await log.delete_records(1)
    log.append(batch("not flushed", timestamps_ms=(START_MS + 99,)))
    assert (ErrorCode.NONE, 1, START_MS + 87, 0) == await where(broker, LARGEST_TIMESTAMP)


async def test_largest_timestamp_of_nothing() -> None:
    """An empty partition has none, and neither have records without timestamps."""
    broker = await filled()
    assert (ErrorCode.NONE, -1, -1, -1) == await where(broker, LARGEST_TIMESTAMP)
    broker.directory.partition("t", 1).append(batch("a", timestamps_ms=(-1,)))
    await broker.directory.flush()
    assert (ErrorCode.NONE, -1, -1, -1) == await where(broker, LARGEST_TIMESTAMP)


async def test_largest_timestamp_that_a_header_only_claims() -> None:
    """What counts are the records."""
    broker = await filled(10, 20)
    claiming = bytearray(batch("a", timestamps_ms=(START_MS + 5,)))
    records = bytes(claiming[61:])
    broker.directory.partition("t", 1).append(
        bytearray(forge(records, base_timestamp_ms=START_MS + 5, max_timestamp_ms=START_MS + 500))
    )
    await broker.directory.flush()
    assert (ErrorCode.NONE, 2, START_MS + 20, 0) == await where(broker, LARGEST_TIMESTAMP)


async def test_largest_timestamp_before_damage() -> None:
    """Where the end of the log is damaged, the largest of what can be read."""
    broker = await filled(10, 30, 20, 40)
    await broker.directory.close()
    path = TOPICS / "t" / "1" / f"{0:020d}.log"
    data = bytearray(broker.storage.disk.content(path))
    data[-1] ^= 1
    broker.storage.disk.replace(path, bytes(data))
    await broker.storage.open()
    fresh = TopicBroker.over(broker.storage)
    assert (ErrorCode.NONE, 2, START_MS + 30, 0) == await where(fresh, LARGEST_TIMESTAMP)


async def test_largest_timestamp_while_the_high_watermark_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A last batch that is no longer there is just no guess to begin with."""
    broker = await filled(10, 30, 20)

    async def nothing(_: PartitionLog, offset: int, bytes_max: int) -> None:
        assert (5, 1) == (offset, bytes_max)

    monkeypatch.setattr(PartitionLog, "read", nothing)
    assert (ErrorCode.NONE, 2, START_MS + 30, 0) == await where(broker, LARGEST_TIMESTAMP)
