"""R11: a rebalance storm. Members join, leave, vanish, stall and come back; the broker dies now and then."""

from __future__ import annotations

import asyncio
import itertools
from random import Random

import attrs

from eventlog.protocol.error_codes import ErrorCode
from tests.eventlog.broker.wire import WireClient
from tests.reliability.broker.address import Address
from tests.reliability.broker.clients import GONE, RETRY_S, create_topic
from tests.reliability.broker.inside import InsideBroker
from tests.reliability.broker.late_disk import LateDisk
from tests.reliability.broker.members import Member, committed
from tests.reliability.broker.storm_judge import Judge
from tests.reliability.broker.waiting import until
from tests.reliability.disks.power_cut import ROOT

DATA = ROOT / "data"
TOPIC, GROUP = "owned", "storm"
PARTITIONS = 8
MEMBERS = 6
SESSION_MS = 300
PLANNED_MS = 60_000
"""Who is to write at once is not given up on a slow machine; who does not join again in time is."""
STEP_S = 0.01
LIFE_S = (1.5, 3.0)
"""How long a broker lives."""
STORM_S_MAX = 120.0
"""How much longer it may take a slow machine to have a rebalance in every two seconds of storm."""


@attrs.define(eq=False)
class Storm:
    """The broker, its deaths, and the members."""

    rng: Random
    disk: LateDisk
    inside: InsideBroker
    address: Address
    judge: Judge = attrs.field(factory=lambda: Judge(TOPIC))

    @classmethod
    async def begin(cls, rng: Random) -> Storm:
        disk = LateDisk(rng)
        inside = await InsideBroker.start(DATA, disk)
        async with await WireClient.open(inside.port) as client:
            await create_topic(client, TOPIC, PARTITIONS)
        return cls(rng, disk, inside, Address(inside.port))

    async def restart(self, how: str) -> None:
        """Stop the broker, kill it or cut its power, and start another: it knows what was committed."""
        self.address.clear()
        if how == "stop":
            await self.inside.stop()
        else:
            self.inside.hang_up()
            self.disk = self.disk.after_kill() if how == "kill" else self.disk.after_power_cut()
            await self.inside.bury()
        self.inside = await InsideBroker.start(DATA, self.disk)
        async with await WireClient.open(self.inside.port) as client:
            self.judge.check_committed(await committed(client, GROUP, TOPIC, PARTITIONS))
        self.address.set(self.inside.port)

    async def rage(self, seconds: float) -> None:
        """Members live and the broker dies for so long, and until that was a storm; a complaint ends it."""
        tasks = [asyncio.create_task(self.live()) for _ in range(MEMBERS)]
        tasks.append(asyncio.create_task(self.die_now_and_then()))
        try:
            await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
            await until(
                lambda: len(self.judge.owners) > seconds / 2 or any(task.done() for task in tasks),
                STORM_S_MAX,
                "there was no storm",
            )
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def die_now_and_then(self) -> None:
        """For ever."""
        for number in itertools.count():
            await asyncio.sleep(self.rng.uniform(*LIFE_S))
            await self.restart(("stop", "kill", "cut")[number % 3])

    async def live(self) -> None:
        """One member's life, for ever: it joins, works, stalls, leaves or vanishes, and joins again."""
        member, life = Member(GROUP, SESSION_MS), 0
        while True:
            try:
                async with await WireClient.open(await self.address.port()) as client:
                    present = self.address.life
                    await self._come_back(client, member, life, is_stranger=life != present)
                    life = present
                    await self._work(client, member, life)
            except TimeoutError as error:
                raise AssertionError("a member was not answered") from error
            except GONE:
                await asyncio.sleep(RETRY_S)

    async def _come_back(self, client: WireClient, member: Member, life: int, *, is_stranger: bool) -> None:
        """Write as if nothing had been; the member of a broker that is gone may not, and joins anew."""
        if member.partitions:
            code = await self.judge.write(client, member, life)
            assert not (is_stranger and code is ErrorCode.NONE), "a member of the broker before wrote"
        if is_stranger:
            member.member_id, member.generation, member.partitions = "", -1, ()

    async def _work(self, client: WireClient, member: Member, life: int) -> None:
        while True:
            if not member.partitions and not await self._join(client, member, life):
                continue
            await asyncio.sleep(STEP_S)
            chance = self.rng.random()
            if chance < 0.02:
                await member.leave(client)
            elif chance < 0.03:
                return  # hangs up, says nothing, and comes back in its old standing
            elif chance < 0.04:
                member.member_id, member.generation, member.partitions = "", -1, ()  # forgets who it was
            elif chance < 0.07:
                await self._stall(client, member, life)
            elif chance < 0.6:
                self._heed(member, await self.judge.write(client, member, life))
            else:
                self._heed(member, await member.heartbeat(client))

    async def _join(self, client: WireClient, member: Member, life: int) -> bool:
        if await member.join(client, PARTITIONS) is ErrorCode.NONE:
            self.judge.assigned(member, life)
        if not member.partitions:  # refused, or a member too many
            await asyncio.sleep(STEP_S)
        return bool(member.partitions)

    async def _stall(self, client: WireClient, member: Member, life: int) -> None:
        """Say nothing for longer than a session, then write as if nothing had been."""
        await asyncio.sleep(self.rng.uniform(1, 6) * SESSION_MS / 1000)
        self._heed(member, await self.judge.write(client, member, life))

    def _heed(self, member: Member, code: ErrorCode) -> None:
        """Join again where that is the answer."""
        if code is not ErrorCode.NONE:
            member.partitions = ()
            if code is not ErrorCode.REBALANCE_IN_PROGRESS:
                member.member_id, member.generation = "", -1


def check_storm(*, seed: int, seconds: float) -> Judge:
    """A zombie by plan, then so many seconds of storm; what happened is returned."""
    return asyncio.run(_check_storm(Random(seed), seconds), debug=False)


async def _check_storm(rng: Random, seconds: float) -> Judge:
    storm = await Storm.begin(rng)
    try:
        await _check_zombie(storm)
        await storm.rage(seconds)
        await storm.restart("cut")
    finally:
        await storm.inside.bury()
    return storm.judge


async def _check_zombie(storm: Storm) -> None:
    """One member stalls until another owns everything; then it may not write, nor after a restart."""
    port, life = await storm.address.port(), storm.address.life
    async with await WireClient.open(port) as first, await WireClient.open(port) as second:
        zombie, heir = Member(GROUP, PLANNED_MS), Member(GROUP, PLANNED_MS)
        assert await zombie.join(first, PARTITIONS) is ErrorCode.NONE
        storm.judge.assigned(zombie, life)
        assert await storm.judge.write(first, zombie, life) is ErrorCode.NONE
        assert await heir.join(second, PARTITIONS) is ErrorCode.NONE  # when the zombie is waited for no more
        storm.judge.assigned(heir, life)
        assert PARTITIONS == len(heir.partitions), "a member that is silent still owns something"
        assert await storm.judge.write(second, heir, life) is ErrorCode.NONE
        assert await storm.judge.write(first, zombie, life) is not ErrorCode.NONE, "a zombie wrote"
    await storm.restart("kill")
    async with await WireClient.open(await storm.address.port()) as client:
        assert await storm.judge.write(client, heir, life) is not ErrorCode.NONE, "a stranger wrote"
