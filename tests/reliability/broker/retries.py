"""R9, inside the test's process: answers get lost, connections end, and producers send again."""

from __future__ import annotations

import asyncio
from random import Random

from tests.eventlog.broker.wire import WireClient
from tests.reliability.broker.address import Address
from tests.reliability.broker.clients import RetryingProducer, create_topic, read_partition
from tests.reliability.broker.inside import InsideBroker
from tests.reliability.broker.kills import SETTLE_S_MAX
from tests.reliability.broker.late_disk import LateDisk
from tests.reliability.broker.ledger import SentPartition
from tests.reliability.broker.lossy_proxy import lossy_proxy
from tests.reliability.disks.power_cut import ROOT

DATA = ROOT / "data"
TOPIC = "retried"
PRODUCERS = 3
LOSS = 0.15
IMPATIENCE = 0.1


def check_retries(*, seed: int, lives: int, batches: int) -> None:
    """Three producers of one partition send so many batches each to each of so many brokers."""
    asyncio.run(_check_retries(Random(seed), lives, batches), debug=False)


async def _check_retries(rng: Random, lives: int, batches: int) -> None:
    disk, address, sent = LateDisk(rng), Address(), SentPartition()
    async with lossy_proxy(address, rng, LOSS) as proxy:
        through = Address(proxy.port)
        producers = [
            RetryingProducer(through, TOPIC, 0, sent, Random(rng.random()), IMPATIENCE)
            for _ in range(PRODUCERS)
        ]
        for life in range(lives):
            inside = await InsideBroker.start(DATA, disk)
            try:
                async with await WireClient.open(inside.port) as client:
                    if life == 0:
                        await create_topic(client, TOPIC, 1, segment_bytes=5_000)
                    address.set(inside.port)
                    async with asyncio.timeout(SETTLE_S_MAX):
                        await asyncio.gather(*(producer.send(batches) for producer in producers))
                    sent.check(await read_partition(client, TOPIC, 0))
                address.clear()
                inside.hang_up()
                disk = disk.after_kill()
            finally:
                await inside.bury()
