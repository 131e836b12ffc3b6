"""R1: the broker process is killed at random times under producers and a consumer."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import attrs

from tests.eventlog.broker.running import RunningBroker
from tests.eventlog.broker.wire import WireClient
from tests.reliability.broker.address import Address
from tests.reliability.broker.clients import Follower, RetryingProducer, create_topic, read_partition
from tests.reliability.broker.ledger import SentPartition
from tests.reliability.broker.waiting import until

PRODUCERS = 4
PARTITIONS = 2
TOPIC = "killed"
LIFE_S_MAX = 0.3
ACKED_EACH = 3
"""So many batches at least for each broker; most machines do a hundred times that."""
IMPATIENCE = 0.02
SETTLE_S_MAX = 60.0


@attrs.define(eq=False)
class Load:
    """Four producers over two partitions, a consumer of each, and the ledger of what they were told."""

    address: Address
    sent: list[SentPartition]
    producers: list[RetryingProducer]
    followers: list[Follower]
    stop: asyncio.Event
    tasks: list[asyncio.Task[None]]

    @classmethod
    def begin(cls, address: Address, seed: int, topic: str, impatience: float = IMPATIENCE) -> Load:
        sent = [SentPartition() for _ in range(PARTITIONS)]
        producers = [
            RetryingProducer(
                address, topic, n % PARTITIONS, sent[n % PARTITIONS], Random(f"{seed} {n}"), impatience
            )
            for n in range(PRODUCERS)
        ]
        followers = [Follower(address, topic, number) for number in range(PARTITIONS)]
        stop = asyncio.Event()
        tasks = [asyncio.create_task(producer.run(stop)) for producer in producers]
        tasks += [asyncio.create_task(follower.run()) for follower in followers]
        return cls(address, sent, producers, followers, stop, tasks)

    def check_alive(self) -> None:
        """No client has given up."""
        for task in self.tasks:
            if task.done():
                task.result()

    async def wait_for(self, acked: int) -> None:
        """Wait until more batches than this are acknowledged."""

        def is_there() -> bool:
            self.check_alive()
            return self.acked_count > acked

        await until(is_there, SETTLE_S_MAX, "hardly anything is acknowledged")

    async def settle(self) -> None:
        """Let the producers have everything acknowledged, and end."""
        self.stop.set()
        async with asyncio.timeout(SETTLE_S_MAX):
            await asyncio.gather(*self.tasks[: len(self.producers)])
        await self.cancel()

    async def cancel(self) -> None:
        """Let every client go; those that have failed have been asked before."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def check(self, client: WireClient, topic: str) -> None:
        """The whole log against the ledger, and against what the consumers were shown."""
        for number, sent in enumerate(self.sent):
            found = await read_partition(client, topic, number, bytes_max=2**20)
            sent.check(found)
            self.followers[number].check(found)

    @property
    def acked_count(self) -> int:
        return sum(len(sent.acked) for sent in self.sent)


def check_kills(data_dir: Path, *, seed: int, cycles: int) -> int:
    """Kill it so many times; returns how many batches were acknowledged."""
    return asyncio.run(_check_kills(data_dir, seed, cycles), debug=False)


async def _check_kills(data_dir: Path, seed: int, cycles: int) -> int:
    rng = Random(seed)
    address = Address()
    load: Load | None = None
    for number in range(cycles):
        broker = await asyncio.to_thread(RunningBroker, data_dir)
        try:
            if number % 5 == 4:  # while it recovers, or shortly after
                await asyncio.sleep(rng.uniform(0.1, 0.5))
            else:
                port = await asyncio.to_thread(listening_port, broker)
                if load is None:
                    async with await WireClient.open(port) as client:
                        await create_topic(client, TOPIC, PARTITIONS, segment_bytes=200_000)
                    load = Load.begin(address, seed, TOPIC)
                address.set(port)
                await asyncio.sleep(rng.uniform(0.05, LIFE_S_MAX))
                await load.wait_for(ACKED_EACH * (number + 2))  # the next one's too, which may take none
        finally:
            address.clear()
            await asyncio.to_thread(broker.kill)
            broker.close()
        assert load is not None, "the first cycle makes it"
        load.check_alive()
    assert load is not None
    broker = await asyncio.to_thread(RunningBroker, data_dir)
    try:
        address.set(await asyncio.to_thread(listening_port, broker))
        await load.settle()
        async with await WireClient.open(await address.port()) as client:
            await load.check(client, TOPIC)
    finally:
        await load.cancel()
        broker.close()
    return load.acked_count


def listening_port(broker: RunningBroker) -> int:
    """Where a broker listens, once it is ready."""
    return int(broker.bootstrap.rpartition(":")[2])
