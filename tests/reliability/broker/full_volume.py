"""R6 and P8 at the broker: the volume fills up under a producer, who is told to try again, and succeeds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random

import attrs

from eventlog.protocol import ApiKey
from eventlog.protocol.error_codes import ErrorCode
from eventlog.storage.disk import Disk
from eventlog.storage.settings import FOREVER, LogSettings
from tests.eventlog.broker.wire import WireClient
from tests.reliability.broker.address import Address
from tests.reliability.broker.clients import RetryingProducer, create_topic, read_partition
from tests.reliability.broker.inside import SETTINGS, broker_inside
from tests.reliability.broker.ledger import SentPartition
from tests.reliability.broker.waiting import until
from tests.reliability.small_volume import mounted_or_counted

TOPIC = "filling"
GROUP = "reading"
VOLUME_BYTES = 1 << 20
FLOOR_BYTES = 200_000
FILL_S_MAX = 20.0
RESUME_S_MAX = 5.0
ALL_RECORDS = -1
BROKER_SETTINGS = attrs.evolve(SETTINGS, log=LogSettings(free_bytes_min=FLOOR_BYTES, settle_interval_ms=200))
"""Free space is measured five times a second; between that, appends are counted."""


@attrs.define(eq=False)
class Filling:
    """A producer that never gives up, and a client that does everything else."""

    disk: Disk
    path: Path
    client: WireClient
    producer: RetryingProducer
    producing: asyncio.Task[None]
    commits: int = 0
    start_offset: int = 0

    @property
    def sent(self) -> SentPartition:
        return self.producer.sent

    async def fill(self) -> None:
        """Wait until the producer is refused; before the disk is truly full."""
        refusals = self.producer.refusals
        await self._until(lambda: self.producer.refusals > refusals)
        space = await self.disk.space(self.path)
        assert space.free_bytes > 0, "the disk is truly full"

    async def check_goes_on(self) -> None:
        """Reading and committing go on, and the producer is still refused."""
        refusals, acked = self.producer.refusals, len(self.sent.acked)
        await self.check_log()
        await self.commit()
        await self._until(lambda: self.producer.refusals >= refusals + 3)
        assert acked == len(self.sent.acked), "records are taken on a volume that is full"

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Wait for what the producer does, or for its end."""
        await until(lambda: condition() or self.producing.done(), FILL_S_MAX, "the volume does not fill up")
        if self.producing.done():
            self.producing.result()

    async def check_log(self) -> None:
        """All that was acknowledged is there, and what was committed."""
        acked = self.sent.acked
        found = await read_partition(self.client, TOPIC, 0, start_offset=self.start_offset, bytes_max=2**20)
        self.sent.check(found, acked, start_offset=self.start_offset)

    async def commit(self) -> None:
        """Commit one more, and read it back."""
        self.commits += 1
        offset = {"partition_index": 0, "committed_offset": self.commits}
        answer = await self.client.call(
            ApiKey.OFFSET_COMMIT, 7, group_id=GROUP, topics=[{"name": TOPIC, "partitions": [offset]}]
        )
        assert answer.topics[0].partitions[0].error_code == ErrorCode.NONE, answer
        wanted = [{"name": TOPIC, "partition_indexes": [0]}]
        answer = await self.client.call(ApiKey.OFFSET_FETCH, 5, group_id=GROUP, topics=wanted)
        assert self.commits == answer.topics[0].partitions[0].committed_offset

    async def free(self) -> None:
        """Delete all records, as an operator may on a full volume."""
        wanted = [{"partition_index": 0, "offset": ALL_RECORDS}]
        answer = await self.client.call(
            ApiKey.DELETE_RECORDS, 1, topics=[{"name": TOPIC, "partitions": wanted}]
        )
        outcome = answer.topics[0].partitions[0]
        assert outcome.error_code == ErrorCode.NONE, answer
        self.start_offset = outcome.low_watermark

    async def check_resumes(self) -> None:
        """The same producer, on the same connection or another, is answered soon."""
        acked = len(self.sent.acked)
        await until(
            lambda: len(self.sent.acked) > acked,
            RESUME_S_MAX,
            f"there is room for {RESUME_S_MAX} s, and records are refused",
        )

    async def finish(self) -> None:
        """Make room until the producer, who was told to stop, has everything acknowledged."""
        async with asyncio.timeout(FILL_S_MAX):
            while not self.producing.done():
                await self.free()
                await asyncio.wait([self.producing], timeout=0.1)
        self.producing.result()


def check_full_volume(folder: Path, *, seed: int, rounds: int) -> None:
    """Fill, see that only records are refused, free, see that they are taken; so many times."""
    with mounted_or_counted(folder, VOLUME_BYTES) as (disk, path):
        asyncio.run(_check_full_volume(disk, path, seed, rounds), debug=False)


async def _check_full_volume(disk: Disk, path: Path, seed: int, rounds: int) -> None:
    async with broker_inside(path, disk, settings=BROKER_SETTINGS) as inside:
        async with await WireClient.open(inside.port) as client:
            # Nothing is deleted unasked, as it would be above the part of a volume that topics share.
            await create_topic(client, TOPIC, 1, segment_bytes=50_000, retention_bytes=FOREVER)
            producer = RetryingProducer(
                Address(inside.port), TOPIC, 0, SentPartition(), Random(seed), value_bytes_max=3000
            )
            stop = asyncio.Event()
            producing = asyncio.create_task(producer.run(stop))
            filling = Filling(disk, path, client, producer, producing)
            try:
                for _ in range(rounds):
                    await filling.fill()
                    await filling.check_goes_on()
                    await filling.free()
                    await filling.check_resumes()
                stop.set()
                await filling.finish()
                await filling.check_log()
            finally:
                producing.cancel()
                await asyncio.gather(producing, return_exceptions=True)
    async with broker_inside(path, disk, settings=BROKER_SETTINGS) as again:
        async with await WireClient.open(again.port) as client:
            await attrs.evolve(filling, client=client).check_log()
