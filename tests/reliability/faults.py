"""R4 and P9: the n-th operation of a kind fails: no ack without durability, and writing resumes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from random import Random

import attrs

from eventlog.errors import EventLogError
from tests.reliability.disks.faulty import Effect, Fault, FaultyDisk, Kind
from tests.reliability.disks.power_cut import RecordingDisk
from tests.reliability.inventory import take_inventory
from tests.reliability.recovered import Examination
from tests.reliability.session import Session
from tests.reliability.workload import Workload

STEPS = 5
"""Before a clean restart, and as many again before a kill."""


@attrs.define(eq=False)
class Broken:
    """A workload on a disk that fails once, or from some operation on."""

    recorder: RecordingDisk
    disk: FaultyDisk
    session: Session
    errors: list[Exception]

    @classmethod
    async def run(cls, seed: int, fault: Fault | None, steps: int) -> Broken:
        """Live through the fault; every error is one of ours or the system's."""
        rng = Random(seed)
        recorder = RecordingDisk()
        disk = FaultyDisk(recorder, fault)
        session = Session(recorder, rng, disk)
        workload = Workload(session, rng, tolerant=True)
        await workload.run(steps)
        await workload.attempt(workload.reopen)
        await workload.go_on(steps)
        await workload.attempt(workload.append)
        recorder.operations_left = 0
        await workload.go_on(2)
        return cls(recorder, disk, session, workload.errors)

    async def check(self) -> None:
        """Every promise, after a power cut, after a kill, and in the broker that lives on."""
        for error in self.errors:
            assert str(error), f"an error without a word: {error!r}"
            assert "\n" not in str(error), f"an error of more than one line: {error}"
        self.disk.reset(None)
        self.recorder.operations_left = None
        rng = Random(self.session.now)
        await self._examine(self.recorder.cut(rng), "a power cut after the fault")
        await self._check_resumes()
        await self._examine(self.recorder.cut(rng), "a power cut after writing had resumed")
        await self._examine(self.recorder.with_content({}), "a kill")

    async def _examine(self, disk: RecordingDisk, what: str) -> None:
        try:
            await Examination(self.session.ledger, self.session.clock).check(disk, self.session.now)
        except AssertionError as error:
            error.add_note(f"after {what}")
            raise

    async def _check_resumes(self) -> None:
        """Without a restart, unless the broker could not even start: every partition takes records again."""
        session = self.session
        try:
            if session.directory is None:
                await session.open()
            await session.maintain()
            sent = [session.append_new(topic, number) for topic, number in session.partitions()]
            await session.flush()
            found = await take_inventory(session.log)
        except (EventLogError, OSError) as error:
            raise AssertionError(f"the fault is over, and still: {error}") from error
        assert all(batch.acked for batch in sent), "the fault is over, and still appends are refused"
        session.ledger.check(found, session.now)


def faults(kind: Kind, count: int) -> Iterator[Fault]:
    """Every single fault of a kind in a workload with so many operations of it."""
    effects = list(Effect) if kind is Kind.WRITE else [Effect.EIO]
    for nth in range(1, count + 1):
        for effect in effects:
            for once in (True, False):
                yield Fault(kind, nth, effect, once)


def check_faults(*, seed: int, kinds: tuple[Kind, ...], steps: int = STEPS) -> int:
    """R4 for every operation of some kinds in one workload; returns how many faults were tried."""
    return asyncio.run(_check_faults(seed, kinds, steps))


async def _check_faults(seed: int, kinds: tuple[Kind, ...], steps: int) -> int:
    counts = (await Broken.run(seed, None, steps)).disk.counts
    tried = 0
    for kind in kinds:
        for fault in faults(kind, counts[kind]):
            tried += 1
            await _check_fault(seed, fault, steps)
    return tried


async def _check_fault(seed: int, fault: Fault, steps: int) -> None:
    try:
        broken = await Broken.run(seed, fault, steps)
        await broken.check()
    except Exception as error:
        error.add_note(f"workload {seed}, {fault}")
        raise
