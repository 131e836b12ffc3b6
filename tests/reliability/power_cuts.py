"""R2 and R3: power cuts at random operations of a workload, and at every operation of recovery itself."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random

import attrs

from tests.reliability.disks.power_cut import Killed, Recording, RecordingDisk
from tests.reliability.recovered import Examination, quarantined
from tests.reliability.session import Session
from tests.reliability.workload import Workload

STEPS = 40
STATES_EACH = 100
"""So many states of one workload; then another is drawn."""

KILLED_ROLL_CUTS = 50


@attrs.frozen
class Recorded:
    """A workload that was run once: its operations, and what was promised at each of them."""

    seed: int
    recording: Recording
    examination: Examination

    @classmethod
    async def run(cls, seed: int, steps: int = STEPS) -> Recorded:
        """Run a workload on a disk that loses nothing."""
        rng = Random(seed)
        disk = RecordingDisk()
        session = Session(disk, rng)
        await Workload(session, rng).run(steps)
        recording = Recording(RecordingDisk(), disk.journal)
        return cls(seed, recording, Examination(session.ledger, session.clock))

    def cut(self, number: int) -> tuple[RecordingDisk, int, str]:
        """The disk after a power cut, at which operation, and a line that says how to see it again."""
        rng = Random(f"{self.seed} {number}")
        return self.recording.cut(rng), self.recording.position, f"workload {self.seed}, state {number}"


def check_power_cuts(*, seed: int, states: int, again_each: int = 4) -> None:
    """R2: after a power cut nothing acknowledged is lost or altered, and nothing appears that was not sent.

    Every `again_each`-th state is cut and recovered a second time.
    """
    asyncio.run(_check_power_cuts(seed, states, again_each))


async def _check_power_cuts(seed: int, states: int, again_each: int) -> None:
    rng = Random(seed)
    for first in range(0, states, STATES_EACH):
        recorded = await Recorded.run(rng.getrandbits(32))
        places = sorted(
            rng.randrange(len(recorded.recording) + 1) for _ in range(min(STATES_EACH, states - first))
        )
        for number, place in enumerate(places, start=first):
            recorded.recording.to(place)
            await _check_state(recorded, number, is_repeated=number % again_each == 0)


async def _check_state(recorded: Recorded, number: int, *, is_repeated: bool) -> None:
    disk, place, name = recorded.cut(number)
    try:
        found = await recorded.examination.check(disk, place)
        if is_repeated:
            await recorded.examination.check_again(disk, found, Random(f"{name} again"))
    except Exception as error:
        error.add_note(f"{name}, after operation {place} of {len(recorded.recording)}")
        raise


def check_cuts_of_recovery(*, seed: int, images: int) -> None:
    """R3: a power cut at every operation of a recovery; the next recovery ends where the first did."""
    asyncio.run(_check_cuts_of_recovery(seed, images))


async def _check_cuts_of_recovery(seed: int, images: int) -> None:
    rng = Random(seed)
    for number in range(images):
        recorded = await Recorded.run(rng.getrandbits(32))
        recorded.recording.to(rng.randrange(len(recorded.recording) + 1))
        image, place, name = recorded.cut(number)
        try:
            first = image.with_content({})
            found = await recorded.examination.check(first, place)
            recovery = Recording(image, first.journal)
            for operation in range(len(recovery)):
                recovery.to(operation)
                after = recovery.cut(Random(f"{name} {operation}"))
                assert found == await recorded.examination.check(after, place), "another final state"
                assert quarantined(first) <= quarantined(after), "what was cut is not kept"
        except Exception as error:
            error.add_note(f"{name}, after operation {place}, then a cut in its recovery")
            raise


def check_killed_roll(*, seed: int) -> None:
    """A process is killed when it has made a new segment's file, and the next one finds a clean log.

    It takes records into that file: its name must be durable before they are acknowledged.
    """
    asyncio.run(_check_killed_roll(seed))


async def _check_killed_roll(seed: int) -> None:
    session = Session(RecordingDisk(), Random(seed))
    await session.open()
    topic = await session.create_topic("rolling", 1)
    while len(session.log.partition("rolling", 0).segments) == 1:
        await session.close()
        await session.open()
        session.recorder.operations_left = 1
        with contextlib.suppress(Killed):
            session.append_new(topic, 0)
            session.recorder.operations_left = None
            await session.flush()
            continue
        await session.bury()
        await session.open()
        break
    batch = session.append_new(topic, 0)
    await session.flush()
    assert batch.acked
    examination = Examination(session.ledger, session.clock)
    for number in range(KILLED_ROLL_CUTS):
        await examination.check(session.recorder.cut(Random(f"{seed} {number}")), session.now)
