"""R7 at the broker: somebody sets the wall clock while clients work, and none of them notices."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

import attrs

from eventlog.clock import SystemClock
from eventlog.group.coordinator_settings import CoordinatorSettings
from eventlog.group.settings import GroupSettings
from eventlog.protocol.error_codes import ErrorCode
from tests.eventlog.broker.wire import WireClient
from tests.reliability.broker.address import Address
from tests.reliability.broker.clients import GONE, RetryingProducer, create_topic, read_partition
from tests.reliability.broker.inside import SETTINGS, InsideBroker, broker_inside
from tests.reliability.broker.ledger import SentPartition
from tests.reliability.broker.members import Member, committed
from tests.reliability.clock_jumps import HOUR_MS, JUMPS_MS
from tests.reliability.disks.power_cut import ROOT, RecordingDisk

KEPT, DUE = "kept", "due"
"""Topics whose records are kept for an hour, and for an instant."""
DUE_MS = 200
SESSION_MS = 60_000
"""Far less than the clock is set by, and more than a slow machine stands still."""
SILENT_MS = 300
HEARTBEAT_S = 0.05
BETWEEN_STEPS_S = 0.1
SOON_S = 60.0
BROKER_SETTINGS = attrs.evolve(
    SETTINGS,
    coordinator=CoordinatorSettings(
        group=GroupSettings(session_timeout_ms_min=1, initial_rebalance_delay_ms=20),
        offsets_retention_ms=HOUR_MS,
        expiry_interval_ms=50,
        upkeep_interval_ms=50,
    ),
)


@attrs.define
class SteppedClock:
    """The machine's clocks, with a wall clock that a test sets; implements `eventlog.clock.Clock`."""

    off_by_ms: int = 0
    system: SystemClock = attrs.field(factory=SystemClock)

    def wall_ms(self) -> int:
        return self.system.wall_ms() + self.off_by_ms

    def monotonic_s(self) -> float:
        return self.system.monotonic_s()

    def step(self, by_ms: int | None) -> None:
        """Set it by so much; None: to 1970."""
        self.off_by_ms += -self.wall_ms() if by_ms is None else by_ms


def check_clock_steps(*, seed: int, steps: int) -> None:
    """So many steps by an hour back and forth, by ten years and to 1970, under records and members."""
    asyncio.run(_check_clock_steps(Random(seed), steps), debug=False)


async def _check_clock_steps(rng: Random, steps: int) -> None:
    clock = SteppedClock()
    async with broker_inside(ROOT / "data", RecordingDisk(), clock=clock, settings=BROKER_SETTINGS) as inside:
        async with await WireClient.open(inside.port) as client:
            await create_topic(client, KEPT, 1, segment_bytes=600, retention_ms=HOUR_MS)
            await create_topic(client, DUE, 1, segment_bytes=600, retention_ms=DUE_MS)
            await Member("tool", SESSION_MS).commit(client, KEPT, {0: 7})
            await _check_under_steps(inside, clock, rng, steps, client)
            assert [7] == await committed(client, "tool", KEPT, 1), "a committed offset went early"


async def _check_under_steps(
    inside: InsideBroker, clock: SteppedClock, rng: Random, steps: int, client: WireClient
) -> None:
    kept, due = (
        RetryingProducer(Address(inside.port), topic, 0, SentPartition(), Random(rng.random()))
        for topic in (KEPT, DUE)
    )
    member = Member("stays", SESSION_MS)
    assert await member.join(client, 1) is ErrorCode.NONE
    beating = asyncio.create_task(_beat(inside.port, member))
    try:
        for _ in range(steps):
            await kept.send(3)
            await due.send(1)
            clock.step(rng.choice(JUMPS_MS))
            await asyncio.sleep(BETWEEN_STEPS_S)
            if beating.done():
                beating.result()
            kept.sent.check(await read_partition(client, KEPT, 0))
        await _check_silence_is_noticed(inside, clock, client)
        clock.off_by_ms = 0
        await _check_retention_goes_on(inside, due)
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
    assert 0 == inside.broker.directory.partition(KEPT, 0).log_start_offset, "a segment went early"


async def _beat(port: int, member: Member) -> None:
    """A member that lives is never told otherwise."""
    async with await WireClient.open(port) as client:
        while True:
            try:
                code = await member.heartbeat(client)
            except GONE:
                raise AssertionError("a member that lives was hung up on") from None
            assert code is ErrorCode.NONE, f"a member that lives was told {code.name}"
            await asyncio.sleep(HEARTBEAT_S)


async def _check_silence_is_noticed(inside: InsideBroker, clock: SteppedClock, client: WireClient) -> None:
    """A member that says nothing is given up in its time, though the wall clock goes back."""

    def members() -> int:
        return len(inside.broker.coordinator.describe("silent").members)

    silent = Member("silent", SILENT_MS)
    while not members():  # a slow machine may have given it up before the clock is set
        await silent.join(client, 1)
    clock.step(-HOUR_MS)

    async def is_given_up() -> bool:
        return not members()

    await _soon(is_given_up, "a silent member is kept for as long as the wall clock was set back")


async def _check_retention_goes_on(inside: InsideBroker, due: RetryingProducer) -> None:
    """With the clock set right, what is due is deleted."""
    log = inside.broker.directory.partition(DUE, 0)

    async def is_deleting() -> bool:
        await due.send(1)
        return log.log_start_offset > 0

    await _soon(is_deleting, "retention has not begun again")


async def _soon(condition: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + SOON_S
    while not await condition():
        assert loop.time() < deadline_s, otherwise
        await asyncio.sleep(0.02)
