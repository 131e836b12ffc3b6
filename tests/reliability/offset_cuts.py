"""R2, R3 for committed offsets: a power cut at any operation of commits, compaction and starts."""

from __future__ import annotations

import asyncio
from random import Random

from tests.reliability.disks.power_cut import Recording, RecordingDisk
from tests.reliability.offset_session import (
    QUARANTINE,
    Offsets,
    OffsetSession,
    Step,
    folds,
    offsets_of,
    open_log,
)

ROUNDS = 40
STATES_EACH = 200
"""So many states of one history; then another is drawn."""


async def _record(seed: int) -> tuple[OffsetSession, Recording]:
    disk = RecordingDisk()
    session = OffsetSession(disk, disk, Random(seed))
    await session.run(ROUNDS)
    return session, Recording(RecordingDisk(), disk.journal)


def check_offset_cuts(*, seed: int, states: int) -> None:
    """No answered commit is lost, none comes from nowhere; a second cut changes nothing."""
    asyncio.run(_check_offset_cuts(seed, states))


async def _check_offset_cuts(seed: int, states: int) -> None:
    rng = Random(seed)
    for first in range(0, states, STATES_EACH):
        history = rng.getrandbits(32)
        session, recording = await _record(history)
        places = sorted(rng.randrange(len(recording) + 1) for _ in range(min(STATES_EACH, states - first)))
        for number, place in enumerate(places):
            recording.to(place)
            chance = Random(f"{history} {number}")
            try:
                image = recording.cut(chance)
                found = await _recovered(image, session, place)
                kept = image.names(QUARANTINE)
                after = image.cut(chance)
                assert found == await _recovered(after, session, place), "a second start found something else"
                assert kept == after.names(QUARANTINE), "a second start set something aside"
            except Exception as error:
                error.add_note(f"history {history}, state {number}, operation {place} of {len(recording)}")
                raise


def check_cuts_of_offset_starts(*, seed: int, images: int) -> None:
    """Wherever a start is interrupted, the next one ends in the same state."""
    asyncio.run(_check_cuts_of_starts(seed, images))


async def _check_cuts_of_starts(seed: int, images: int) -> None:
    rng = Random(seed)
    for _ in range(images):
        history = rng.getrandbits(32)
        session, recording = await _record(history)
        place = rng.randrange(len(recording) + 1)
        recording.to(place)
        image = recording.cut(rng)
        first = image.with_content({})
        found = await _recovered(first, session, place)
        start = Recording(image, first.journal)
        for operation in range(len(start)):
            start.to(operation)
            after = start.cut(Random(f"{history} {operation}"))
            try:
                assert found == await _recovered(after, session, place), "another final state"
                kept = {name for name in after.names(QUARANTINE) if not name.endswith(".tmp")}
                assert first.names(QUARANTINE) <= kept, "what was cut is not kept"
            except Exception as error:
                error.add_note(f"history {history}, operation {place}, then {operation} of the start")
                raise


async def _recovered(disk: RecordingDisk, session: OffsetSession, cut_at: int) -> Offsets:
    log = await open_log(disk, session.clock)
    found = offsets_of(log.table)
    check_explained(found, session.steps, cut_at)
    return found


def check_explained(found: Offsets, steps: list[Step], cut_at: int) -> None:
    """What was found is a fold of what had been asked by then, and of all that had been answered."""
    assert any(found == fold for fold in folds(steps, cut_at)), "offsets that no history explains"
