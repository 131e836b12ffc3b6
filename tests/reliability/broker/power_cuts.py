"""R2 at the broker: power is cut under clients, and what they were told over the wire holds.

A killed process cannot show that an answer came before its flush, since the page cache outlives it. So this
broker runs on a disk in memory that can lose power. Cuts are taken while it goes on, of which it notices
nothing, and each is recovered and held against what the clients knew in that instant.
"""

from __future__ import annotations

import asyncio
from random import Random

import attrs

from eventlog.broker.server import Broker
from eventlog.clock import SystemClock
from eventlog.protocol import ApiKey
from eventlog.protocol.error_codes import ErrorCode
from tests.eventlog.broker.wire import WireClient
from tests.reliability.broker.address import Address
from tests.reliability.broker.clients import create_topic
from tests.reliability.broker.inside import SETTINGS, broker_inside
from tests.reliability.broker.kills import PARTITIONS, Load
from tests.reliability.broker.late_disk import LateDisk
from tests.reliability.broker.ledger import SentBatch
from tests.reliability.disks.power_cut import ROOT, RecordingDisk
from tests.reliability.inventory import take_inventory

TOPIC = "cut"
DATA = ROOT / "data"
GROUP = "simple"
IMPATIENCE = 0.2
BETWEEN_CUTS_S_MAX = 0.006
BATCHES_MAX = 400
"""A recovery takes longer the more there is; after so many batches another broker is begun."""


@attrs.define(eq=False)
class Committer:
    """A consumer without a group's membership that commits ever larger offsets."""

    asked: int = 0
    answered: int = 0

    async def run(self, port: int) -> None:
        async with await WireClient.open(port) as client:
            while True:
                self.asked += 1
                offset = {"partition_index": 0, "committed_offset": self.asked}
                topics = [{"name": TOPIC, "partitions": [offset]}]
                answer = await client.call(ApiKey.OFFSET_COMMIT, 7, group_id=GROUP, topics=topics)
                assert answer.topics[0].partitions[0].error_code == ErrorCode.NONE, answer
                self.answered = self.asked


@attrs.frozen
class Known:
    """What clients know in the instant of a cut."""

    acked: list[list[SentBatch]]
    seen: list[list[bytes]]
    committed: int


def check_broker_power_cuts(*, seed: int, cuts: int) -> None:
    """So many power cuts under producers, consumers and commits; each state is recovered by a broker."""
    asyncio.run(_check_cuts(seed, cuts), debug=False)


async def _check_cuts(seed: int, cuts: int) -> None:
    done = 0
    while done < cuts:
        done += await _check_one_broker(Random(f"{seed} {done}"), cuts - done)


async def _check_one_broker(rng: Random, cuts: int) -> int:
    """Cut the power of one broker, again and again, until its log is large; returns how often."""
    disk = LateDisk(rng)
    done = 0
    async with broker_inside(DATA, disk) as inside:
        async with await WireClient.open(inside.port) as client:
            await create_topic(client, TOPIC, PARTITIONS, segment_bytes=20_000)
        load = Load.begin(Address(inside.port), rng.getrandbits(32), TOPIC, IMPATIENCE)
        committer = Committer()
        committing = asyncio.create_task(committer.run(inside.port))
        load.tasks.append(committing)
        try:
            while done < cuts and load.acked_count < BATCHES_MAX:
                await asyncio.sleep(rng.uniform(0, BETWEEN_CUTS_S_MAX))
                load.check_alive()
                acked, seen = [sent.acked for sent in load.sent], [list(each.seen) for each in load.followers]
                known = Known(acked, seen, committer.answered)
                await _check_recovered(disk.cut(rng), load, known, committer.asked)
                done += 1
        finally:
            await load.cancel()
    return done


async def _check_recovered(disk: RecordingDisk, load: Load, known: Known, asked: int) -> None:
    """What a broker finds that starts after the cut."""
    broker = await Broker.open(DATA, disk=disk, clock=SystemClock(), settings=SETTINGS)
    found = (await take_inventory(broker.directory))[TOPIC]
    committed = {at[1:3]: at[3] for at in broker.coordinator.committed()}
    for number, sent in enumerate(load.sent):
        batches, seen = list(found[number].batches), known.seen[number]
        sent.check(batches, known.acked[number])
        assert seen == batches[: len(seen)], "a consumer saw what a power cut took back"
    offset = committed.get((TOPIC, 0), 0)
    assert known.committed <= offset <= asked, f"committed {known.committed}, found {offset}"
