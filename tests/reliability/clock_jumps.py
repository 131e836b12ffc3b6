"""R7: somebody sets the wall clock while the log runs; no segment goes early, and offsets stay dense."""

from __future__ import annotations

import asyncio
from random import Random

import attrs

from eventlog.storage.settings import FOREVER, TopicSettings
from tests.reliability.disks.power_cut import RecordingDisk
from tests.reliability.inventory import take_inventory
from tests.reliability.session import Session

HOUR_MS = 3_600_000
RETENTION_MS = 30 * 60_000
JUMPS_MS = (-HOUR_MS, HOUR_MS, 10 * 365 * 24 * HOUR_MS, None)
"""None is 1970."""

STEPS = 60
SETTINGS = TopicSettings(
    retention_ms=RETENTION_MS, retention_bytes=FOREVER, segment_bytes=600, index_interval_bytes=300
)


@attrs.define(eq=False)
class Jumping:
    """A log under a clock that jumps, and the true time at which each of its records was appended."""

    session: Session
    appended_s: list[float]
    off_by_ms: int = 0

    async def append(self) -> None:
        topic = self.session.topics[0]
        batch = self.session.append_new(topic, 0)
        self.appended_s += [self.session.clock.monotonic_s()] * batch.record_count
        await self.session.flush()

    async def jump(self, ms: int | None) -> None:
        """Set the wall clock; it may be set right again later."""
        clock = self.session.clock
        by_ms = -clock.wall_ms() if ms is None else ms
        clock.jump(by_ms)
        self.off_by_ms += by_ms

    async def set_right(self) -> None:
        """Somebody notices."""
        self.session.clock.jump(-self.off_by_ms)
        self.off_by_ms = 0

    async def check(self) -> None:
        """Upkeep deletes no record before its time, and what is left is dense."""
        await self.session.maintain()
        log = self.session.log.partition("jumping", 0)
        now_s = self.session.clock.monotonic_s()
        ages_ms = [(now_s - then_s) * 1000 for then_s in self.appended_s[: log.log_start_offset]]
        assert all(age_ms > RETENTION_MS for age_ms in ages_ms), f"deleted at an age of {min(ages_ms)} ms"
        self.session.ledger.check(await take_inventory(self.session.log), self.session.now)

    async def check_goes_on(self) -> None:
        """With the clock set right, what is due is deleted."""
        await self.set_right()
        self.session.clock.advance(2 * RETENTION_MS)
        await self.append()
        await self.check()
        await self.check()
        start = self.session.log.partition("jumping", 0).log_start_offset
        assert start > 0, "retention has not begun again"


def check_clock_jumps(*, seed: int, rounds: int) -> None:
    """Jumps of an hour back and forth, to 1970 and by ten years, between appends and upkeep."""
    asyncio.run(_check_clock_jumps(seed, rounds))


async def _check_clock_jumps(seed: int, rounds: int) -> None:
    for number in range(rounds):
        await _check_round(Random(f"{seed} {number}"))


async def _check_round(rng: Random) -> None:
    session = Session(RecordingDisk(), rng, topic_settings=SETTINGS)
    await session.open()
    await session.create_topic("jumping", 1)
    jumping = Jumping(session, [])
    for step in range(STEPS):
        session.clock.advance(rng.randrange(3 * 60_000))
        await jumping.append()
        if step % 10 == 5:
            await jumping.jump(rng.choice(JUMPS_MS))
        elif step % 10 == 9 and rng.random() < 0.5:
            await jumping.set_right()
        await jumping.check()
    await jumping.check_goes_on()
