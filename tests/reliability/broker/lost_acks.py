"""R9: answers get lost and the broker is killed between append and answer; a real client sends again.

The client is librdkafka with idempotence on, so that what is tried is its way of sending again. It reaches
the broker through a proxy, which is also what the broker advertises.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from typing import Any

import attrs
from confluent_kafka import KafkaError, Message, Producer

from eventlog.record.batch import decode_batch
from tests.eventlog.broker.running import RunningBroker
from tests.eventlog.broker.wire import WireClient
from tests.reliability.broker.address import Address
from tests.reliability.broker.clients import create_topic, read_partition
from tests.reliability.broker.kills import listening_port
from tests.reliability.broker.lossy_proxy import LossyProxy, lossy_proxy
from tests.reliability.broker.waiting import until

TOPIC = "retried"
PARTITIONS = 2
LOSS = 0.03
RECORDS_EACH_BATCH_MAX = 5
KILL_DELAY_S_MAX = 0.003
"""About as long as an append and its flush take."""
FLUSH_S_MAX = 120.0


@attrs.define(eq=False)
class RealProducer:
    """librdkafka in a thread: numbers each partition's records, and writes down where they are."""

    port: int
    records: int
    offsets: list[dict[int, int]] = attrs.field(factory=lambda: [{} for _ in range(PARTITIONS)])
    """For each partition, the offset of each acknowledged record."""
    errors: list[str] = attrs.field(factory=list)
    acked: int = 0

    def run(self) -> None:
        """Send all the records and wait for all the answers."""
        producer = Producer(
            {
                "bootstrap.servers": f"127.0.0.1:{self.port}",
                "enable.idempotence": True,
                "batch.num.messages": RECORDS_EACH_BATCH_MAX,
                "linger.ms": 1,
                "retry.backoff.ms": 10,
                "retry.backoff.max.ms": 50,
                "reconnect.backoff.ms": 10,
                "reconnect.backoff.max.ms": 50,
                "message.timeout.ms": 0,
                "log_level": 0,
            }
        )
        for number in range(self.records):
            self._produce(producer, number)
        left = producer.flush(FLUSH_S_MAX)
        if left:
            self.errors.append(f"{left} records without an answer")

    def _produce(self, producer: Producer, number: int) -> None:
        while True:
            try:
                producer.produce(
                    TOPIC,
                    str(number).encode(),
                    partition=number % PARTITIONS,
                    on_delivery=self._delivered,
                )
            except BufferError:
                producer.poll(0.1)
                continue
            producer.poll(0)
            return

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self.errors.append(str(error))
            return
        value, partition, offset = message.value(), message.partition(), message.offset()
        assert value is not None
        assert partition is not None
        assert offset is not None
        self.offsets[partition][int(value)] = offset
        self.acked += 1


def check_lost_acks(data_dir: Path, *, seed: int, records: int, kills: int) -> int:
    """Every record once, in order, where its answer said; returns how many answers were lost."""
    return asyncio.run(_check_lost_acks(data_dir, Random(seed), records, kills), debug=False)


async def _check_lost_acks(data_dir: Path, rng: Random, records: int, kills: int) -> int:
    address = Address()
    async with lossy_proxy(address, rng, LOSS) as proxy:
        broker = await _start(data_dir, proxy, address)
        try:
            async with await WireClient.open(await address.port()) as client:
                await create_topic(client, TOPIC, PARTITIONS)
            producer = RealProducer(proxy.port, records)
            producing = asyncio.create_task(asyncio.to_thread(producer.run))
            for number in range(kills):
                await _await_progress(producer, producing, records * (number + 1) // (kills + 1))
                await _await_produce(proxy)
                await asyncio.sleep(rng.uniform(0, KILL_DELAY_S_MAX))
                address.clear()
                await asyncio.to_thread(broker.kill)
                broker.close()
                broker = await _start(data_dir, proxy, address)
            await producing
            assert [] == producer.errors
            async with await WireClient.open(await address.port()) as client:
                for partition in range(PARTITIONS):
                    batches = await read_partition(client, TOPIC, partition, bytes_max=2**20)
                    _check_partition(batches, producer, partition)
        finally:
            broker.close()
        return proxy.lost


async def _start(data_dir: Path, proxy: LossyProxy, address: Address) -> RunningBroker:
    advertised = f"127.0.0.1:{proxy.port}"
    broker = await asyncio.to_thread(RunningBroker, data_dir, "--advertise", advertised)
    address.set(await asyncio.to_thread(listening_port, broker))
    return broker


async def _await_progress(producer: RealProducer, producing: asyncio.Task[None], acked: int) -> None:
    await until(lambda: producer.acked >= acked or producing.done(), FLUSH_S_MAX, "no more is acknowledged")


async def _await_produce(proxy: LossyProxy) -> None:
    """Wait for the next request that brings records, if there is one soon."""
    passed = asyncio.Event()
    proxy.on_produce = passed.set
    try:
        async with asyncio.timeout(1.0):
            await passed.wait()
    except TimeoutError:
        pass
    finally:
        proxy.on_produce = lambda: None


def _check_partition(batches: list[bytes], producer: RealProducer, partition: int) -> None:
    found: list[Any] = [record for batch in batches for record in decode_batch(batch)]
    numbers = [int(record.value) for record in found]
    expected = list(range(partition, producer.records, PARTITIONS))
    assert len(set(numbers)) == len(numbers), f"{len(numbers) - len(set(numbers))} records are stored twice"
    assert sorted(numbers) == expected, f"{len(set(expected) - set(numbers))} records are lost"
    assert numbers == expected, "the records are not in the order in which they were sent"
    where = {int(record.value): record.offset for record in found}
    assert producer.offsets[partition] == where, "records are not where their answers said"
