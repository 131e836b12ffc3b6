"""A segment reader over a disk in memory with one segment, and a consumer that reads all of it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from eventlog.storage import segment_reader
from eventlog.storage.open_files import OpenFiles
from eventlog.storage.scan import Damage, DamageKind, Place, Read
from eventlog.storage.segment_indexes import SegmentIndexes
from eventlog.storage.segment_reader import LogRange, SegmentReader
from tests.eventlog.storage.chains import Chain, plain_chain
from tests.eventlog.storage.sealed_segments import sealed_segment, write_indexes
from tests.reliability.disks.power_cut import RecordingDisk

CHAIN = plain_chain([2, 1, 3, 1, 1, 2, 4, 1, 2, 2], base_offset=500)
BODY = 70


class Library:
    """A reader over a disk in memory, with one segment."""

    def __init__(
        self,
        chain: Chain = CHAIN,
        *,
        data: bytes | None = None,
        interval_bytes: int = 300,
        end: Place | None = None,
        is_indexed: bool = True,
    ) -> None:
        self.chain = chain
        self.disk = RecordingDisk()
        self.open_files = OpenFiles(self.disk)
        self.segment = sealed_segment(self.disk, chain, interval_bytes=interval_bytes, data=data, end=end)
        if is_indexed:
            write_indexes(self.disk, self.segment, chain)
        indexes = SegmentIndexes(self.disk, self.open_files, 1 << 20)
        self.reader = SegmentReader(self.disk, self.open_files, indexes)

    async def range(self, offset: int, bytes_max: int = 1 << 20, limit: Place | None = None) -> LogRange:
        found = await self.found(offset, bytes_max, limit)
        assert isinstance(found, LogRange)
        return found

    async def found(
        self, offset: int, bytes_max: int = 1 << 20, limit: Place | None = None
    ) -> LogRange | Damage | None:
        found = await self.reader.range_at(self.segment, offset, bytes_max, limit or self.segment.end)
        if isinstance(found, LogRange):
            found.release()
        return found

    async def everything(self, bytes_max: int) -> tuple[bytes, list[Damage]]:
        """As a consumer that skips damage reads it: the bytes served and the damages met."""
        served, damages = b"", []
        offset = self.chain.start.offset
        while offset < self.segment.end.offset:
            found = await self.reader.range_at(self.segment, offset, bytes_max, self.segment.end)
            if isinstance(found, Damage):
                damages.append(found)
                offset = found.next_offset
            else:
                assert found is not None
                with found:
                    served += found.read()
                offset = found.end.offset
        return served, damages


def damaged(*numbers: int, chain: Chain = CHAIN) -> bytes:
    """The chain with a flipped bit in the bodies of some batches."""
    data = bytearray(chain.data)
    for number in numbers:
        data[chain.places[number].position + BODY] ^= 1
    return bytes(data)


def damage_of(first: int, last: int, chain: Chain = CHAIN, kind: DamageKind = DamageKind.CRC) -> Damage:
    start, end = chain.places[first], chain.places[last + 1]
    return Damage(kind, start.position, start.offset, end.position, end.offset)


def batch_number(offset: int, chain: Chain = CHAIN) -> int:
    return next(n for n, place in enumerate(chain.places[1:]) if offset < place.offset)


def note_checks(patch: pytest.MonkeyPatch) -> list[tuple[Place, Place]]:
    """The stretches that are checked from now on, as they are asked for."""
    stretches: list[tuple[Place, Place]] = []
    real_check = segment_reader.check_stretch

    def check(
        read: Read, start: Place, end: Place, anchors: Sequence[Place], segment_end: Place
    ) -> tuple[list[Damage], Place]:
        stretches.append((start, end))
        return real_check(read, start, end, anchors, segment_end)

    patch.setattr(segment_reader, "check_stretch", check)
    return stretches
