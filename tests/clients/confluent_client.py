"""confluent-kafka, which is librdkafka, as the tests' client."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka import Message as Delivered

from tests.clients.client import (
    HEARTBEAT_MS,
    POLL_MS,
    SESSION_MS,
    WAIT_S,
    DamagedError,
    Found,
    Message,
    NoOffsetError,
    NothingCameError,
    Taken,
)

PROMPT = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 100, "log_level": 0}
"""Tests restart their brokers, which librdkafka would tell at the terminal."""
PROMPT_CONSUMER = {**PROMPT, "enable.auto.commit": False, "fetch.queue.backoff.ms": 10}
_ERRORS: dict[int, type[Exception]] = {
    KafkaError._AUTO_OFFSET_RESET: NoOffsetError,
    KafkaError.OFFSET_OUT_OF_RANGE: NoOffsetError,
    KafkaError.INVALID_MSG: DamagedError,
    KafkaError._BAD_MSG: DamagedError,
}


class ConfluentWriter:
    """A producer for one partition."""

    def __init__(self, producer: Producer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    def write(self, messages: Sequence[Message]) -> list[int]:
        """See `client.Writer`."""
        delivered: list[int] = []
        failed: list[KafkaError] = []

        def note(error: KafkaError | None, message: Delivered) -> None:
            if error is not None:
                failed.append(error)
            elif (offset := message.offset()) is not None:
                delivered.append(offset)

        for message in messages:
            self._producer.produce(
                self._topic,
                message.value,
                message.key,
                partition=0,
                timestamp=message.timestamp_ms,
                headers=list(message.headers),
                on_delivery=note,
            )
        assert self._producer.flush(WAIT_S) == 0, "messages are left"
        if failed:
            raise KafkaException(failed[0])
        return delivered


class ConfluentReader:
    """An assigned consumer."""

    def __init__(self, consumer: Consumer, topic: str) -> None:
        self._consumer = consumer
        self._topic = topic

    def read(self, count: int, wait_s: float = WAIT_S) -> list[Found]:
        """See `client.Reader`."""
        found: list[Found] = []
        deadline_s = time.monotonic() + wait_s
        while len(found) < count:
            if time.monotonic() > deadline_s:
                raise NothingCameError(f"{len(found)} of {count} messages came")
            for message in self._consumer.consume(count - len(found), 0.05):
                error = message.error()
                if error is None:
                    found.append(_found(message))
                elif error.code() in _ERRORS:
                    raise _ERRORS[error.code()](error.str())
        return found

    def seek(self, offset: int) -> None:
        self._consumer.seek(self._at(offset))

    def offset_at(self, timestamp_ms: int) -> int | None:
        (found,) = self._consumer.offsets_for_times([self._at(timestamp_ms)], WAIT_S)
        assert found.error is None
        return None if found.offset < 0 else found.offset

    def ends(self) -> tuple[int, int]:
        low, high = self._consumer.get_watermark_offsets(self._at(), WAIT_S)
        return low, high

    def commit(self, offset: int, metadata: str) -> None:
        at = TopicPartition(self._topic, 0, offset, metadata)
        committed = self._consumer.commit(offsets=[at], asynchronous=False)
        assert committed is not None
        assert committed[0].error is None

    def committed(self) -> int | None:
        (found,) = self._consumer.committed([self._at()], WAIT_S)
        assert found.error is None
        return None if found.offset < 0 else found.offset

    def _at(self, offset: int = 0) -> TopicPartition:
        return TopicPartition(self._topic, 0, offset)


class ConfluentMembership:
    """A subscribed consumer."""

    def __init__(self, consumer: Consumer, topic: str) -> None:
        self._consumer = consumer
        self._topic = topic

    def take(self) -> Taken:
        """See `client.Membership`."""
        taken: list[tuple[int, int]] = []
        for message in self._consumer.consume(500, POLL_MS / 1000):
            error, partition, offset = message.error(), message.partition(), message.offset()
            if error is None and partition is not None and offset is not None:
                taken.append((partition, offset))
        if not taken:
            return Taken([], [])
        nexts = {partition: offset + 1 for partition, offset in taken}
        try:
            self._consumer.commit(
                offsets=[TopicPartition(self._topic, *each) for each in nexts.items()], asynchronous=False
            )
        except KafkaException:
            for partition, offset in dict(reversed(taken)).items():
                with contextlib.suppress(KafkaException):  # one that it owns no more
                    self._consumer.seek(TopicPartition(self._topic, partition, offset))
            return Taken([], taken)
        return Taken(taken, [])

    def owned(self) -> set[int]:
        return {each.partition for each in self._consumer.assignment()}


class ConfluentClient:
    """See `client.Client`."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    @contextlib.contextmanager
    def writer(
        self,
        topic: str,
        *,
        codec: str = "none",
        acks: int = -1,
        is_idempotent: bool = False,
        request_bytes_max: int = 1_000_000,
    ) -> Iterator[ConfluentWriter]:
        settings: dict[str, Any] = {
            **PROMPT,
            "bootstrap.servers": self._bootstrap,
            "compression.type": codec,
            "acks": acks,
            "enable.idempotence": is_idempotent,
            "message.max.bytes": request_bytes_max,
            "linger.ms": 5,
            "retry.backoff.ms": 20,
            "topic.metadata.propagation.max.ms": 500,
        }
        producer = Producer(settings)
        yield ConfluentWriter(producer, topic)
        producer.flush(WAIT_S)

    @contextlib.contextmanager
    def reader(
        self,
        topic: str,
        *,
        offset: int | None = 0,
        reset: str = "error",
        group: str = "readers",
        fetch_bytes_max: int = 1_048_576,
        fetch_wait_ms: int = 100,
    ) -> Iterator[ConfluentReader]:
        settings: dict[str, Any] = {
            **PROMPT_CONSUMER,
            "bootstrap.servers": self._bootstrap,
            "group.id": group,
            "auto.offset.reset": reset,
            "fetch.message.max.bytes": fetch_bytes_max,
            "fetch.max.bytes": fetch_bytes_max,
            "fetch.wait.max.ms": fetch_wait_ms,
            "message.max.bytes": fetch_bytes_max,
            "check.crcs": True,
        }
        consumer = Consumer(settings)
        try:
            at = TopicPartition(topic, 0) if offset is None else TopicPartition(topic, 0, offset)
            consumer.assign([at])
            yield ConfluentReader(consumer, topic)
        finally:
            consumer.close()

    @contextlib.contextmanager
    def membership(
        self, topic: str, group: str, *, assignor: str = "range", instance_id: str | None = None
    ) -> Iterator[ConfluentMembership]:
        settings: dict[str, Any] = {
            **PROMPT_CONSUMER,
            "bootstrap.servers": self._bootstrap,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "partition.assignment.strategy": assignor,
            "session.timeout.ms": SESSION_MS,
            "heartbeat.interval.ms": HEARTBEAT_MS,
            "fetch.wait.max.ms": POLL_MS,
        }
        if instance_id is not None:
            settings["group.instance.id"] = instance_id
        consumer = Consumer(settings)
        try:
            consumer.subscribe([topic])
            yield ConfluentMembership(consumer, topic)
        finally:
            consumer.close()


def _found(message: Delivered) -> Found:
    offset = message.offset()
    assert offset is not None
    _, timestamp_ms = message.timestamp()
    headers: Any = message.headers() or []
    return Found(offset, Message(message.key(), message.value(), timestamp_ms, tuple(headers)))
