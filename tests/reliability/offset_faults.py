"""R4 for committed offsets: the n-th operation fails, once or from then on."""

from __future__ import annotations

import asyncio
from random import Random

from tests.reliability.disks.faulty import Effect, Fault, FaultyDisk, Kind
from tests.reliability.disks.power_cut import Recording, RecordingDisk
from tests.reliability.offset_cuts import check_explained
from tests.reliability.offset_session import OffsetSession, offsets_of, open_log

ROUNDS = 25
CUTS = 6
KINDS = (Kind.OPEN, Kind.WRITE, Kind.TRUNCATE, Kind.FLUSH, Kind.RENAME, Kind.UNLINK, Kind.SYNC_DIRECTORY)


def check_offset_faults(*, seed: int, stride: int = 1) -> None:
    """No answer without durability, no refused commit in the view; commits go on when the volume does."""
    asyncio.run(_check_offset_faults(seed, stride))


async def _check_offset_faults(seed: int, stride: int) -> None:
    for kind in KINDS:
        effects = (Effect.EIO, Effect.SHORT_THEN_ENOSPC) if kind is Kind.WRITE else (Effect.EIO,)
        for effect in effects:
            for once in (True, False):
                nth = 1 + seed % stride
                while await _survives(Fault(kind, nth, effect, once), seed):
                    nth += stride


async def _survives(fault: Fault, seed: int) -> bool:
    """Whether the fault came about; AssertionError where it did harm."""
    recorder = RecordingDisk()
    faulty = FaultyDisk(recorder)
    session = OffsetSession(faulty, recorder, Random(seed))
    try:
        try:
            faulty.reset(fault)
            await session.run(ROUNDS, kills=False)
        except OSError:  # a start that the volume refused
            pass
        failures = faulty.failures
        faulty.reset(None)
        await session.start()
        await session.run(1, kills=False)
        recording = Recording(RecordingDisk(), recorder.journal)
        rng = Random(f"{seed} {fault}")
        for place in sorted(rng.randrange(len(recording) + 1) for _ in range(CUTS)):
            recording.to(place)
            log = await open_log(recording.cut(rng), session.clock)
            check_explained(offsets_of(log.table), session.steps, place)
    except Exception as error:
        error.add_note(f"seed {seed}, {fault}")
        raise
    return failures > 0
