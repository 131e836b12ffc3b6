"""From librdkafka's messages to records, with every jump in their offsets noticed."""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import KafkaError, Message

from eventlog.client.description import TopicPartition
from eventlog.client.errors import (
    BrokerUnavailableError,
    CorruptRangeError,
    EventLogError,
    OffsetOutOfRangeError,
    RebalanceInProgressError,
    StaleGenerationError,
    UnauthorizedError,
)
from eventlog.client.kafka_errors import translate
from eventlog.client.record import Batch, Gap, Record, Refusal


class Reading:
    """Where each partition is expected to go on; turns messages into a batch. Used in the client's thread."""

    def __init__(self) -> None:
        self._expected: dict[TopicPartition, int] = {}
        self._refused: dict[TopicPartition, int | None] = {}
        """Where each partition stands still; librdkafka says so again at each try."""

    def expect(self, at: TopicPartition, offset: int | None) -> None:
        """The next record of a partition has this offset; None: it is not known."""
        self._refused.pop(at, None)
        if offset is None:
            self._expected.pop(at, None)
        else:
            self._expected[at] = offset

    def is_refused(self, at: TopicPartition) -> bool:
        """Whether a partition stands still."""
        return at in self._refused

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """These are not read any more."""
        for at in partitions:
            self._expected.pop(at, None)
            self._refused.pop(at, None)

    def batch(self, messages: list[Message]) -> Batch:
        """The records, gaps and refusals; UnauthorizedError, and errors that end the client."""
        records: list[Record] = []
        gaps: list[Gap] = []
        refusals: list[Refusal] = []
        take, new = records.append, tuple.__new__
        at: TopicPartition | None = None
        topic: str | None = None
        partition: int | None = None
        expected = -1
        for message in messages:
            error = message.error()
            if error is not None:
                refusal = _refusal(message, error)
                if refusal is not None and self._refused.get(refusal.at, -1) != refusal.offset:
                    self._refused[refusal.at] = refusal.offset
                    refusals.append(refusal)
                continue
            offset: int = message.offset()  # type: ignore[assignment]  # None only with an error
            if message.partition() != partition or message.topic() != topic:
                if at is not None:
                    self._expected[at] = expected
                topic, partition = message.topic(), message.partition()
                assert topic is not None
                assert partition is not None
                at = TopicPartition(topic, partition)
                expected = self._expected.get(at, offset)
            if offset != expected:
                assert at is not None
                gaps.append(Gap(at, expected, offset))
            expected = offset + 1
            headers = message.headers()
            # Past the named tuple's own constructor, which is slower and checks nothing either.
            fields = (
                topic,
                partition,
                offset,
                message.timestamp()[1],
                message.key(),
                message.value(),
                tuple(headers) if headers else (),
            )
            take(new(Record, fields))
        if at is not None:
            self._expected[at] = expected
        return Batch(records, tuple(gaps), tuple(refusals))


def _refusal(message: Message, error: KafkaError) -> Refusal | None:
    """The partition's trouble; None for what librdkafka mends by itself."""
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    found = translate(error, f"reading {topic}/{partition} at offset {offset}")
    if error.fatal():
        raise found
    if topic is not None and partition is not None and partition >= 0 and _stands_still(found):
        at = TopicPartition(topic, partition)
        return Refusal(at, None if offset is None or offset < 0 else offset, found)
    # librdkafka connects and joins again by itself; what was lost meanwhile, `on_lost` tells.
    if isinstance(found, BrokerUnavailableError | RebalanceInProgressError | StaleGenerationError):
        return None
    raise found


def _stands_still(error: EventLogError) -> bool:
    return isinstance(error, OffsetOutOfRangeError | CorruptRangeError | UnauthorizedError)
