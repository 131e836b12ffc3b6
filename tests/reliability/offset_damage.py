"""R5 for committed offsets: a file whose bits flip or whose end is cut off, opened afresh for each case."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from random import Random

import attrs

from eventlog.group.committed import Change
from eventlog.group.offset_table import OffsetTable
from tests.eventlog.group.offset_changes import commit
from tests.reliability.disks.power_cut import RecordingDisk
from tests.reliability.manual_clock import ManualClock
from tests.reliability.offset_session import (
    GROUPS,
    QUARANTINE,
    Offsets,
    offsets_of,
    open_log,
)


@attrs.frozen
class Rotting:
    """A file of the offsets log that was written in order: its batches, and what each says."""

    image: RecordingDisk
    path: Path
    data: bytes
    batches: tuple[tuple[int, int, tuple[Change, ...]], ...]
    """Position, end and changes."""

    def without(self, first: int, end: int) -> Offsets:
        """What the batches say that have no byte in `[first, end)`."""
        table = OffsetTable()
        for position, batch_end, changes in self.batches:
            if batch_end <= first or position >= end:
                for change in changes:
                    table.apply(change)
        return offsets_of(table)

    async def check(self, changed: bytes, expected: Offsets, kept: bytes) -> None:
        """Exactly the expected is served, twice, and `kept` is in quarantine."""
        disk = self.image.with_content({self.path: changed})
        for _ in range(2):
            log = await open_log(disk, ManualClock())
            assert expected == offsets_of(log.table), "wrong offsets are served"
            await log.close()
        copies = [disk.content(QUARANTINE / name) for name in disk.names(QUARANTINE)]
        assert ([kept] if kept else []) == copies, "what was left out is not kept"


async def rotting(batches: int) -> Rotting:
    """Write such a file: several partitions, each committed again and again."""
    disk = RecordingDisk()
    log = await open_log(disk, ManualClock())
    (name,) = disk.names(GROUPS)
    placed = []
    for number in range(batches):
        changes = (
            commit(number, partition=number % 3, metadata=f"of {number}"),
            commit(1000 + number, group="h", partition=number),
        )
        done = log.append(changes)
        position = log.size_bytes
        await log.flush()
        await done
        placed.append((position, log.size_bytes, changes))
    await log.close()
    path = GROUPS / name
    return Rotting(disk.with_content({}), path, disk.content(path), tuple(placed))


def check_flips_in_offsets(*, seed: int, batches: int = 6) -> None:
    """A flipped bit costs the batch it is in and nothing else; a copy of what was left out is kept."""
    asyncio.run(_check_cases(batches, _flips, Random(seed)))


def check_cut_offsets(*, seed: int, batches: int = 6) -> None:
    """A file that is cut off at any byte costs what was behind the cut."""
    asyncio.run(_check_cases(batches, _cuts, Random(seed)))


Case = tuple[str, bytes, Offsets, bytes]
"""What was done, the file then, what is to be served, and what is to be kept."""


def _flips(original: Rotting, rng: Random) -> Iterator[Case]:
    last = original.batches[-1][0]
    for at in range(len(original.data)):
        flipped = bytearray(original.data)
        flipped[at] ^= 1 << rng.randrange(8)
        # The last batch cannot be told from an interrupted write; damage before it keeps the whole file.
        kept = bytes(flipped[last:] if at >= last else flipped)
        yield f"a bit of byte {at} flipped", bytes(flipped), original.without(at, at + 1), kept


def _cuts(original: Rotting, _: Random) -> Iterator[Case]:
    size = len(original.data)
    for at in range(size):
        whole = max((end for _, end, _ in original.batches if end <= at), default=0)
        yield f"cut off at byte {at}", original.data[:at], original.without(at, size), original.data[whole:at]


async def _check_cases(batches: int, cases: object, rng: Random) -> None:
    original = await rotting(batches)
    assert callable(cases)
    for what, changed, expected, kept in cases(original, rng):
        try:
            await original.check(changed, expected, kept)
        except Exception as error:
            error.add_note(what)
            raise
