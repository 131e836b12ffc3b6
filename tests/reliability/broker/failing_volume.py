"""R4 and P9 at the broker: operations of its volume fail under clients, once or for a while.

Clients are told to try again, and do; what they were told before holds, also after a power cut.
"""

from __future__ import annotations

import asyncio
from random import Random

import attrs

from eventlog.protocol import ApiKey
from eventlog.protocol.error_codes import ErrorCode
from tests.eventlog.broker.wire import WireClient
from tests.reliability.broker.address import Address
from tests.reliability.broker.clients import create_topic
from tests.reliability.broker.inside import SETTINGS, InsideBroker
from tests.reliability.broker.kills import PARTITIONS, Load
from tests.reliability.broker.late_disk import LateDisk
from tests.reliability.broker.waiting import until
from tests.reliability.disks.faulty import Effect, Fault, FaultyDisk, Kind
from tests.reliability.disks.power_cut import ROOT

DATA = ROOT / "data"
TOPIC, GROUP = "failing", "simple"
IMPATIENCE = 0.05
KINDS = (Kind.FLUSH, Kind.FLUSH, Kind.WRITE, Kind.OPEN, Kind.TRUNCATE, Kind.RENAME, Kind.SYNC_DIRECTORY)
NTH_MAX = 10
FAULT_S_MAX = 0.05
PROGRESS_BATCHES = 5
RESUME_S_MAX = 10.0
COMMIT_RETRIABLE = {ErrorCode.COORDINATOR_NOT_AVAILABLE}
BROKER_SETTINGS = attrs.evolve(
    SETTINGS, coordinator=attrs.evolve(SETTINGS.coordinator, upkeep_interval_ms=20)
)


@attrs.define(eq=False)
class PatientCommitter:
    """A simple consumer that commits ever larger offsets, each again until it is taken."""

    asked: int = 0
    answered: int = 0
    refusals: int = 0

    async def run(self, port: int) -> None:
        async with await WireClient.open(port) as client:
            while True:
                self.asked += 1
                while not await self._commit(client):
                    self.refusals += 1
                    await asyncio.sleep(0.005)
                self.answered = self.asked

    async def _commit(self, client: WireClient) -> bool:
        offset = {"partition_index": 0, "committed_offset": self.asked}
        topics = [{"name": TOPIC, "partitions": [offset]}]
        answer = await client.call(ApiKey.OFFSET_COMMIT, 7, group_id=GROUP, topics=topics)
        code = ErrorCode(int(answer.topics[0].partitions[0].error_code))
        assert code in {ErrorCode.NONE, *COMMIT_RETRIABLE}, f"a commit was refused for good: {code.name}"
        return code is ErrorCode.NONE


def check_failing_volume(*, seed: int, faults: int) -> int:
    """So many faults, one after another; returns how often clients were told to try again."""
    return asyncio.run(_check_failing_volume(Random(seed), faults), debug=False)


async def _check_failing_volume(rng: Random, faults: int) -> int:
    recorder = LateDisk(rng)
    disk = FaultyDisk(recorder)
    inside = await InsideBroker.start(DATA, disk, settings=BROKER_SETTINGS)
    committer = PatientCommitter()
    async with await WireClient.open(inside.port) as client:
        await create_topic(client, TOPIC, PARTITIONS, segment_bytes=20_000)
    load = Load.begin(Address(inside.port), rng.getrandbits(32), TOPIC, IMPATIENCE)
    for follower in load.followers:
        follower.is_patient = True
    load.tasks.append(asyncio.create_task(committer.run(inside.port)))
    try:
        for _ in range(faults):
            fault = _random_fault(rng)
            try:
                await _live_through(load, committer, disk, fault, rng)
            except AssertionError as error:
                error.add_note(f"after {fault}")
                raise
        await load.settle()
        async with await WireClient.open(inside.port) as client:
            await load.check(client, TOPIC)
        after = recorder.after_power_cut()
    finally:
        await load.cancel()
        await inside.bury()
    await _check_after_power_cut(after, load, committer)
    return committer.refusals + sum(producer.refusals for producer in load.producers)


def _random_fault(rng: Random) -> Fault:
    kind = rng.choice(KINDS)
    effect = rng.choice(list(Effect)) if kind is Kind.WRITE else Effect.EIO
    return Fault(kind, rng.randint(1, NTH_MAX), effect, once=rng.random() < 0.5)


async def _live_through(
    load: Load, committer: PatientCommitter, disk: FaultyDisk, fault: Fault, rng: Random
) -> None:
    """Let the fault happen, end it, and see that everybody is answered again."""
    disk.reset(fault)
    await asyncio.sleep(rng.uniform(0, FAULT_S_MAX))
    disk.reset(None)
    wanted = [len(sent.acked) + PROGRESS_BATCHES for sent in load.sent]
    commits = committer.answered

    def is_moving() -> bool:
        load.check_alive()
        acked = (len(sent.acked) for sent in load.sent)
        return committer.answered > commits and all(
            found >= least for found, least in zip(acked, wanted, strict=True)
        )

    await until(is_moving, RESUME_S_MAX, "the fault is over, and clients are still refused")


async def _check_after_power_cut(disk: LateDisk, load: Load, committer: PatientCommitter) -> None:
    inside = await InsideBroker.start(DATA, disk)
    try:
        async with await WireClient.open(inside.port) as client:
            await load.check(client, TOPIC)
        (committed,) = [at[3] for at in inside.broker.coordinator.committed()]
        assert committer.answered <= committed <= committer.asked
        await inside.stop()
    finally:
        await inside.bury()
