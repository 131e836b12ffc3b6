"""aiokafka as the tests' client: each producer and consumer in a loop of its own, which runs during calls."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import IllegalStateError, KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError
from aiokafka.structs import OffsetAndMetadata

from tests.clients.client import (
    HEARTBEAT_MS,
    POLL_MS,
    SESSION_MS,
    WAIT_S,
    Found,
    Message,
    NoOffsetError,
    NothingCameError,
    Taken,
)

ASSIGNORS = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor}


class AiokafkaWriter:
    """A producer for one partition."""

    def __init__(self, runner: asyncio.Runner, producer: Any, topic: str) -> None:
        self._runner = runner
        self._producer = producer
        self._topic = topic

    def write(self, messages: Sequence[Message]) -> list[int]:
        """See `client.Writer`."""
        return self._runner.run(asyncio.wait_for(self._write(messages), WAIT_S))

    async def _write(self, messages: Sequence[Message]) -> list[int]:
        sent = [
            await self._producer.send(
                self._topic,
                message.value,
                message.key,
                0,
                timestamp_ms=message.timestamp_ms,
                headers=list(message.headers),
            )
            for message in messages
        ]
        delivered = await asyncio.gather(*sent)
        return [each.offset for each in delivered if each is not None]


class AiokafkaReader:
    """An assigned consumer."""

    def __init__(self, runner: asyncio.Runner, consumer: Any, topic: str) -> None:
        self._runner = runner
        self._consumer = consumer
        self._at = TopicPartition(topic, 0)

    def read(self, count: int, wait_s: float = WAIT_S) -> list[Found]:
        """See `client.Reader`."""
        found: list[Found] = []
        try:
            self._runner.run(asyncio.wait_for(self._read(count, found), wait_s))
        except TimeoutError:
            raise NothingCameError(f"{len(found)} of {count} messages came") from None
        except (NoOffsetForPartitionError, OffsetOutOfRangeError) as error:
            raise NoOffsetError(str(error)) from error
        return found

    async def _read(self, count: int, found: list[Found]) -> None:
        while len(found) < count:
            batches = await self._consumer.getmany(timeout_ms=50, max_records=count - len(found))
            found += [_found(each) for each in batches.get(self._at, ())]

    def seek(self, offset: int) -> None:
        self._consumer.seek(self._at, offset)

    def offset_at(self, timestamp_ms: int) -> int | None:
        found = self._runner.run(self._consumer.offsets_for_times({self._at: timestamp_ms}))[self._at]
        return None if found is None else int(found.offset)

    def ends(self) -> tuple[int, int]:
        low = self._runner.run(self._consumer.beginning_offsets([self._at]))[self._at]
        return low, self._runner.run(self._consumer.end_offsets([self._at]))[self._at]

    def commit(self, offset: int, metadata: str) -> None:
        self._runner.run(self._consumer.commit({self._at: OffsetAndMetadata(offset, metadata)}))

    def committed(self) -> int | None:
        found = self._runner.run(self._consumer.committed(self._at))
        return None if found is None else int(found)


class AiokafkaMembership:
    """A subscribed consumer. It rebalances in the background, but not between a read and its commit."""

    def __init__(self, runner: asyncio.Runner, consumer: Any, is_committing: asyncio.Lock) -> None:
        self._runner = runner
        self._consumer = consumer
        self._is_committing = is_committing

    def take(self) -> Taken:
        """See `client.Membership`."""
        return self._runner.run(self._take())

    async def _take(self) -> Taken:
        try:
            batches = await self._consumer.getmany(timeout_ms=POLL_MS)
        except KafkaError as error:
            if not error.retriable:
                raise
            return Taken([], [])  # a broker that is down is the user's to wait for
        if not batches:
            return Taken([], [])
        taken = [(at.partition, record.offset) for at, records in batches.items() for record in records]
        async with self._is_committing:  # free, so that nothing comes between the read and this
            try:
                await self._consumer.commit({at: each[-1].offset + 1 for at, each in batches.items()})
            except KafkaError:
                for at, records in batches.items():
                    with contextlib.suppress(IllegalStateError):  # one that it owns no more
                        self._consumer.seek(at, records[0].offset)
                return Taken([], taken)
        return Taken(taken, [])

    def owned(self) -> set[int]:
        return {at.partition for at in self._consumer.assignment()}


class _NoRebalance(ConsumerRebalanceListener):  # type: ignore[misc]
    """Holds a rebalance back until what was read is committed."""

    def __init__(self, is_committing: asyncio.Lock) -> None:
        self._is_committing = is_committing

    async def on_partitions_revoked(self, revoked: object) -> None:
        async with self._is_committing:
            pass

    def on_partitions_assigned(self, assigned: object) -> None:
        pass


class AiokafkaClient:
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
    ) -> Iterator[AiokafkaWriter]:
        async def start() -> Any:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._bootstrap,
                compression_type=None if codec == "none" else codec,
                acks=acks,
                enable_idempotence=is_idempotent,
                max_request_size=request_bytes_max,
                linger_ms=5,
                retry_backoff_ms=20,
            )
            await producer.start()
            return producer

        with asyncio.Runner() as runner:
            producer = runner.run(start())
            try:
                yield AiokafkaWriter(runner, producer, topic)
            finally:
                runner.run(producer.stop())

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
    ) -> Iterator[AiokafkaReader]:
        async def start() -> Any:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._bootstrap,
                group_id=group,
                enable_auto_commit=False,
                auto_offset_reset="none" if reset == "error" else reset,
                max_partition_fetch_bytes=fetch_bytes_max,
                fetch_max_bytes=fetch_bytes_max,
                fetch_max_wait_ms=fetch_wait_ms,
                retry_backoff_ms=20,
            )
            await consumer.start()
            consumer.assign([TopicPartition(topic, 0)])
            if offset is not None:
                consumer.seek(TopicPartition(topic, 0), offset)
            return consumer

        with asyncio.Runner() as runner:
            consumer = runner.run(start())
            try:
                yield AiokafkaReader(runner, consumer, topic)
            finally:
                runner.run(consumer.stop())

    @contextlib.contextmanager
    def membership(
        self, topic: str, group: str, *, assignor: str = "range", instance_id: str | None = None
    ) -> Iterator[AiokafkaMembership]:
        async def start() -> tuple[Any, asyncio.Lock]:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._bootstrap,
                group_id=group,
                group_instance_id=instance_id,
                partition_assignment_strategy=[ASSIGNORS[assignor]],
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                session_timeout_ms=SESSION_MS,
                heartbeat_interval_ms=HEARTBEAT_MS,
                fetch_max_wait_ms=POLL_MS,
                retry_backoff_ms=20,
            )
            is_committing = asyncio.Lock()
            consumer.subscribe([topic], listener=_NoRebalance(is_committing))
            await consumer.start()
            return consumer, is_committing

        with asyncio.Runner() as runner:
            consumer, is_committing = runner.run(start())
            try:
                yield AiokafkaMembership(runner, consumer, is_committing)
            finally:
                runner.run(consumer.stop())


def _found(record: Any) -> Found:
    message = Message(record.key, record.value, record.timestamp, tuple(record.headers))
    return Found(record.offset, message)
