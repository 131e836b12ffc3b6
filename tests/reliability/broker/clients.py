"""Clients that outlive brokers: they connect again, send again, and write down what they were told."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from random import Random

import attrs

from eventlog.protocol import ApiKey
from eventlog.protocol.error_codes import ErrorCode
from eventlog.record.batch import encode_batch
from eventlog.record.record import Record
from tests.eventlog.broker.wire import WireClient, produce_frame
from tests.reliability.broker.address import Address
from tests.reliability.broker.ledger import SentBatch, SentPartition
from tests.reliability.ledger import next_offset_of, split_batches

IN_FLIGHT_MAX = 5
"""What a broker remembers of a producer is so many batches."""
FETCH_BYTES = 16 * 1024
"""Small enough for a disk in memory, which cannot be sent from by the kernel."""
RETRY_S = 0.01
GONE = (OSError, asyncio.IncompleteReadError)
"""What a client sees of a broker that dies: connections refused, reset, or ended."""
RETRIABLE = {ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.REQUEST_TIMED_OUT}


class RefusedError(Exception):
    """The broker asks to send again."""


class SilentError(AssertionError):
    """The broker is there, and does not answer."""


@attrs.define(eq=False)
class RetryingProducer:
    """An idempotent producer of one partition: five batches in flight, all sent again until acknowledged.

    `impatience` is the chance with which it hangs up on a batch under way, and sends that again at once.
    """

    address: Address
    topic: str
    partition: int
    sent: SentPartition
    rng: Random
    impatience: float = 0.0
    value_bytes_max: int = 300
    producer_id: int | None = None
    next_sequence: int = 0
    unsettled: deque[SentBatch] = attrs.field(factory=deque)
    refusals: int = 0
    to_make: float = math.inf
    """How many more batches it is to send."""

    async def run(self, stop: asyncio.Event | None = None) -> None:
        """Send new batches until told to stop, then see all of them acknowledged."""
        while self.unsettled or self._goes_on(stop):
            try:
                async with await WireClient.open(await self.address.port()) as client:
                    await self._exchange(client, stop)
            except RefusedError:
                self.refusals += 1
                await asyncio.sleep(RETRY_S)
            except TimeoutError as error:
                raise SilentError(f"{self.topic}-{self.partition}") from error
            except GONE:
                await asyncio.sleep(RETRY_S)

    async def send(self, count: int) -> None:
        """Send so many batches, and see them acknowledged."""
        self.to_make = count
        await self.run()

    def _goes_on(self, stop: asyncio.Event | None) -> bool:
        return self.to_make > 0 and not (stop is not None and stop.is_set())

    async def _exchange(self, client: WireClient, stop: asyncio.Event | None) -> None:
        """Send what is unsettled, then more, until the connection ends or nothing is left to do."""
        if self.producer_id is None:
            answer = await client.call(ApiKey.INIT_PRODUCER_ID, 4)
            self.producer_id = answer.producer_id
        in_flight: deque[SentBatch] = deque()
        waiting = deque(self.unsettled)
        while True:
            while len(in_flight) < IN_FLIGHT_MAX and (waiting or self._goes_on(stop)):
                batch = waiting.popleft() if waiting else self._make()
                client.send(produce_frame(batch.number, self.topic, self.partition, batch.data))
                in_flight.append(batch)
            if not in_flight:
                return
            if self.impatience and self.rng.random() < self.impatience:
                await asyncio.sleep(0)  # the bytes are on their way
                return
            self._settle(await client.answer(ApiKey.PRODUCE, 9), in_flight)

    def _settle(self, answered: tuple[int, object], in_flight: deque[SentBatch]) -> None:
        correlation_id, answer = answered
        outcome = answer.responses[0].partition_responses[0]  # type: ignore[attr-defined]
        batch = in_flight.popleft()
        assert batch.number == correlation_id, "answers come in the order of the requests"
        code = ErrorCode(int(outcome.error_code))
        if code in RETRIABLE:
            raise RefusedError(code.name)
        assert code is ErrorCode.NONE, f"batch {batch.number} was refused for good: {code.name}"
        assert batch is self.unsettled.popleft()
        batch.acked_offset = outcome.base_offset

    def _make(self) -> SentBatch:
        assert self.producer_id is not None, "it was asked for"
        self.to_make -= 1
        count = self.rng.choice((1, 1, 1, 2, 4))
        data = encode_batch(
            [
                Record(b"key", self.rng.randbytes(self.rng.randrange(16, self.value_bytes_max)), (), 0)
                for _ in range(count)
            ],
            producer_id=self.producer_id,
            producer_epoch=0,
            base_sequence=self.next_sequence,
        )
        batch = SentBatch(bytes(data), self, len(self.sent.batches))
        self.next_sequence += count
        self.sent.batches.append(batch)
        self.unsettled.append(batch)
        return batch


@attrs.define(eq=False)
class Follower:
    """A consumer of one partition that writes down every batch it was given, by its base offset."""

    address: Address
    topic: str
    partition: int
    seen: list[bytes] = attrs.field(factory=list)
    next_offset: int = 0
    is_patient: bool = False
    """Whether the volume may refuse a read; it asks again."""

    async def run(self) -> None:
        """Read on and on, until cancelled."""
        while True:
            try:
                async with await WireClient.open(await self.address.port()) as client:
                    while True:
                        await self._read(client)
                        await asyncio.sleep(0.002)
            except TimeoutError as error:
                raise SilentError(f"{self.topic}-{self.partition}") from error
            except GONE:
                await asyncio.sleep(RETRY_S)

    async def _read(self, client: WireClient) -> None:
        (found,) = await client.fetch(self.topic, (self.partition, self.next_offset), bytes_max=FETCH_BYTES)
        if self.is_patient and found.error_code == ErrorCode.KAFKA_STORAGE_ERROR:
            return
        assert found.error_code == ErrorCode.NONE, f"at {self.next_offset}: {found.error_code.name}"
        for batch in split_batches(found.records or b""):
            self.seen.append(batch)
            self.next_offset = next_offset_of(batch)

    def check(self, found: list[bytes]) -> None:
        """Everything that was seen is there for good: a consumer is ahead of no crash."""
        assert self.seen == found[: len(self.seen)], "a consumer saw what is not in the log"


async def read_partition(
    client: WireClient, topic: str, partition: int, *, start_offset: int = 0, bytes_max: int = FETCH_BYTES
) -> list[bytes]:
    """Every batch of a partition from an offset to its high watermark."""
    found: list[bytes] = []
    offset = start_offset
    while True:
        (answer,) = await client.fetch(topic, (partition, offset), bytes_max=bytes_max)
        assert answer.error_code == ErrorCode.NONE, f"{topic}-{partition} at {offset}: {answer.error_code}"
        batches = split_batches(answer.records or b"")
        if not batches:
            assert offset == answer.high_watermark, f"nothing at {offset}, below {answer.high_watermark}"
            return found
        found += batches
        offset = next_offset_of(batches[-1])


async def create_topic(client: WireClient, name: str, partitions: int, **settings: int) -> None:
    """Make a topic; settings by Kafka's names, with _ for the dots."""
    configs = [{"name": key.replace("_", "."), "value": str(value)} for key, value in settings.items()]
    topic = {"name": name, "num_partitions": partitions, "replication_factor": 1, "configs": configs}
    answer = await client.call(ApiKey.CREATE_TOPICS, 5, topics=[topic])
    assert answer.topics[0].error_code == ErrorCode.NONE, answer
