"""kafka-python as the tests' client."""

from __future__ import annotations

import contextlib
import gc
import socket
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

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

with warnings.catch_warnings():
    # It loads its schemas with importlib.resources.read_text, which Python 3.11 and 3.12 call deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaConsumer, KafkaProducer, TopicPartition
    from kafka.coordinator.assignors.range import RangePartitionAssignor
    from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
    from kafka.errors import (
        CorruptRecordError,
        IllegalStateError,
        KafkaConnectionError,
        KafkaError,
        NoOffsetForPartitionError,
        OffsetOutOfRangeError,
    )
    from kafka.net.inet import KafkaNetSocket
    from kafka.structs import OffsetAndMetadata

PROMPT = {"reconnect_backoff_ms": 20, "reconnect_backoff_max_ms": 100, "retry_backoff_ms": 20}
"""Tests restart their brokers."""

_sock_connect = KafkaNetSocket.sock_connect


async def _connected_or_closed(self: Any, net: Any, sock: socket.socket, *where: Any, **until: Any) -> Any:
    try:
        return await _sock_connect(self, net, sock, *where, **until)
    except Exception:
        sock.close()
        raise


# Where a connection is refused, kafka-python 3.0.12 leaves its socket to the collector of garbage.
KafkaNetSocket.sock_connect = _connected_or_closed

ASSIGNORS = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor}
REBALANCE_MS = 5_000
"""A poll that ends while its member waits for a rebalance may lose the assignment (kafka-python 3.0.12: the
answer to SyncGroup finds nobody who applies it, and the member neither owns anything nor joins again)."""


class KafkaPythonWriter:
    """A producer for one partition."""

    def __init__(self, producer: Any, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    def write(self, messages: Sequence[Message]) -> list[int]:
        """See `client.Writer`."""
        sent = [
            self._producer.send(
                self._topic,
                message.value,
                message.key,
                list(message.headers),
                partition=0,
                timestamp_ms=message.timestamp_ms,
            )
            for message in messages
        ]
        self._producer.flush(WAIT_S)
        return [future.get(WAIT_S).offset for future in sent]


class KafkaPythonReader:
    """An assigned consumer."""

    def __init__(self, consumer: Any, topic: str) -> None:
        self._consumer = consumer
        self._at = TopicPartition(topic, 0)

    def read(self, count: int, wait_s: float = WAIT_S) -> list[Found]:
        """See `client.Reader`."""
        found: list[Found] = []
        deadline_s = time.monotonic() + wait_s
        while len(found) < count:
            if time.monotonic() > deadline_s:
                raise NothingCameError(f"{len(found)} of {count} messages came")
            try:
                polled = self._consumer.poll(timeout_ms=50, max_records=count - len(found))
            except (NoOffsetForPartitionError, OffsetOutOfRangeError) as error:
                raise NoOffsetError(str(error)) from error
            except CorruptRecordError as error:
                raise DamagedError(str(error)) from error
            found += [_found(each) for each in polled.get(self._at, ())]
        return found

    def seek(self, offset: int) -> None:
        self._consumer.seek(self._at, offset)

    def offset_at(self, timestamp_ms: int) -> int | None:
        found = self._consumer.offsets_for_times({self._at: timestamp_ms})[self._at]
        return None if found is None else int(found.offset)

    def ends(self) -> tuple[int, int]:
        low = self._consumer.beginning_offsets([self._at])[self._at]
        return low, self._consumer.end_offsets([self._at])[self._at]

    def commit(self, offset: int, metadata: str) -> None:
        self._consumer.commit({self._at: OffsetAndMetadata(offset, metadata, -1)})

    def committed(self) -> int | None:
        found = self._consumer.committed(self._at)
        return None if found is None else int(found)


class KafkaPythonMembership:
    """A subscribed consumer."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer

    def take(self) -> Taken:
        """See `client.Membership`."""
        try:
            polled = self._consumer.poll(timeout_ms=REBALANCE_MS)
        except KafkaConnectionError:  # a broker that is down is the user's to wait for
            return Taken([], [])
        if not polled:
            return Taken([], [])
        taken = [(at.partition, record.offset) for at, records in polled.items() for record in records]
        try:
            self._consumer.commit(
                {at: OffsetAndMetadata(records[-1].offset + 1, "", -1) for at, records in polled.items()}
            )
        except KafkaError:
            for at, records in polled.items():
                with contextlib.suppress(AssertionError, IllegalStateError):  # one that it owns no more
                    self._consumer.seek(at, records[0].offset)
            return Taken([], taken)
        return Taken(taken, [])

    def owned(self) -> set[int]:
        return {at.partition for at in self._consumer.assignment()}


class KafkaPythonClient:
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
    ) -> Iterator[KafkaPythonWriter]:
        producer = KafkaProducer(
            **PROMPT,
            bootstrap_servers=self._bootstrap,
            compression_type=None if codec == "none" else codec,
            acks=acks,
            enable_idempotence=is_idempotent,
            max_request_size=request_bytes_max,
            linger_ms=5,
        )
        try:
            yield KafkaPythonWriter(producer, topic)
        finally:
            producer.close(WAIT_S)
            forget_sockets()

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
    ) -> Iterator[KafkaPythonReader]:
        consumer = KafkaConsumer(
            **PROMPT,
            bootstrap_servers=self._bootstrap,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="none" if reset == "error" else reset,
            max_partition_fetch_bytes=fetch_bytes_max,
            fetch_max_bytes=fetch_bytes_max,
            fetch_max_wait_ms=fetch_wait_ms,
        )
        try:
            consumer.assign([TopicPartition(topic, 0)])
            if offset is not None:
                consumer.seek(TopicPartition(topic, 0), offset)
            yield KafkaPythonReader(consumer, topic)
        finally:
            consumer.close()
            forget_sockets()

    @contextlib.contextmanager
    def membership(
        self, topic: str, group: str, *, assignor: str = "range", instance_id: str | None = None
    ) -> Iterator[KafkaPythonMembership]:
        consumer = KafkaConsumer(
            topic,
            **PROMPT,
            bootstrap_servers=self._bootstrap,
            group_id=group,
            group_instance_id=instance_id,
            partition_assignment_strategy=[ASSIGNORS[assignor]],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            fetch_max_wait_ms=POLL_MS,
        )
        try:
            yield KafkaPythonMembership(consumer)
        finally:
            consumer.close()
            forget_sockets()


def forget_sockets() -> None:
    """Collect the sockets that kafka-python leaves unclosed when it is closed while it connects."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def _found(record: Any) -> Found:
    message = Message(record.key, record.value, record.timestamp, tuple(record.headers))
    return Found(record.offset, message)
