"""From librdkafka's messages to runs of records, with every jump in their offsets noticed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any

from confluent_kafka import KafkaError, Message

from eventlog.client.batch import Batch, Gap, Refusal
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
from eventlog.client.record import Record
from eventlog.client.run import Run


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

    def batch(self, slices: Iterable[list[Message]]) -> Batch:
        """The runs, gaps and refusals; UnauthorizedError, and errors that end the client."""
        runs: list[Run] = []
        gaps: list[Gap] = []
        refusals: list[Refusal] = []
        for messages in slices:
            if any(map(Message.error, messages)):
                refusals += self._refusals(messages)
                messages = [message for message in messages if message.error() is None]  # noqa: PLW2901
            for run in _runs(messages):
                expected, first, last = self._expected.get(run.at), run.offsets[0], run.offsets[-1]
                if expected is None:
                    expected = first
                if first != expected or last - first != len(run) - 1:
                    gaps += _gaps(run, expected)
                self._expected[run.at] = last + 1
                runs.append(run)
        return Batch(runs, tuple(gaps), tuple(refusals))

    def _refusals(self, messages: Iterable[Message]) -> Iterator[Refusal]:
        """What is told for the first time by those messages that are errors."""
        for message in messages:
            error = message.error()
            refusal = None if error is None else _refusal(message, error)
            if refusal is not None and self._refused.get(refusal.at, -1) != refusal.offset:
                self._refused[refusal.at] = refusal.offset
                yield refusal


def _runs(messages: list[Message]) -> Iterator[Run]:
    """Messages that are no errors, as runs.

    A column is read by one call for all of them: a look at each message costs more than what it tells.
    """
    topics, partitions = map(Message.topic, messages), map(Message.partition, messages)
    begin = 0
    for (topic, partition), group in groupby(zip(topics, partitions, strict=True)):
        end = begin + len(list(group))
        some = messages if end - begin == len(messages) else messages[begin:end]
        begin = end
        assert topic is not None
        assert partition is not None
        at = TopicPartition(topic, partition)
        offsets: list[int] = list(map(Message.offset, some))  # type: ignore[arg-type]  # None only with an error
        yield Run(at, offsets, list(map(Message.value, some)), partial(_record, at, some))


def _record(at: TopicPartition, messages: Sequence[Message], place: int) -> Record:
    message = messages[place]
    offset: int = message.offset()  # type: ignore[assignment]  # None only with an error
    headers: Any = message.headers()
    return Record(
        at.topic,
        at.partition,
        offset,
        message.timestamp()[1],
        message.key(),
        message.value(),
        tuple(headers) if headers else (),
    )


def _gaps(run: Run, expected: int) -> Iterator[Gap]:
    """Where offsets are missing before a record of the run."""
    for offset in run.offsets:
        if offset != expected:
            yield Gap(run.at, expected, offset)
        expected = offset + 1


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
