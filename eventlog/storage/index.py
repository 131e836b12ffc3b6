"""The sparse indexes of a segment: where a batch is, and how old the records before it are.

Both are derived from the segment and may be deleted: they are rebuilt. Entries are fixed-size, in
ascending order, each with a checksum of its own, seeded with the segment's base offset, so that a
lookup trusts what it reads and an entry of another file, a torn one or a zeroed one is never believed.

`<base offset>.index`, big-endian, 12 bytes an entry; the first batch of a segment has none:

    uint32  relative offset   base offset of a batch, less the segment's
    uint32  position          of that batch in the segment
    uint32  checksum          CRC-32C of the fields before it

`<base offset>.timeindex`, big-endian, 24 bytes an entry, written in step with the offset index, and
once more when the segment is sealed or closed:

    int64   largest timestamp   of the records before the relative offset, in ms since 1970
    int64   append time         of the last of them: the broker's clock, ms since 1970
    uint32  relative offset     less the segment's base offset
    uint32  checksum            CRC-32C of the fields before it
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from operator import lt
from typing import NamedTuple

from eventlog.record.checksum import crc32c
from eventlog.storage.scan import Place

_SEED = struct.Struct(">q")
_CHECKSUM = struct.Struct(">I")
_OFFSET_FIELDS = struct.Struct(">II")
_TIME_FIELDS = struct.Struct(">qqI")
OFFSET_ENTRY_BYTES = _OFFSET_FIELDS.size + _CHECKSUM.size
TIME_ENTRY_BYTES = _TIME_FIELDS.size + _CHECKSUM.size


class IndexDamagedError(Exception):
    """An entry does not match its checksum; the index is thrown away and rebuilt. Never leaves storage."""


class TimeMark(NamedTuple):
    """Every record before `offset` has at most this timestamp and was appended at or before this time."""

    largest_timestamp_ms: int
    append_time_ms: int
    offset: int


class _Entries:
    """Fixed-size checksummed entries in memory, as they stand in the file."""

    def __init__(self, fields: struct.Struct, base_offset: int, data: bytes = b"") -> None:
        self._fields = fields
        self._whole = struct.Struct(fields.format + "I")
        self._size = self._whole.size
        self._seed = crc32c(_SEED.pack(base_offset))
        whole = len(data) - len(data) % self._size
        self.data = bytearray(memoryview(data)[:whole])

    def __len__(self) -> int:
        return len(self.data) // self._size

    def append(self, *values: int) -> None:
        packed = self._fields.pack(*values)
        self.data += packed
        self.data += _CHECKSUM.pack(crc32c(packed, self._seed))

    def get(self, number: int) -> tuple[int, ...]:
        at = number * self._size
        packed = bytes(self.data[at : at + self._fields.size])
        (checksum,) = _CHECKSUM.unpack_from(self.data, at + self._fields.size)
        if crc32c(packed, self._seed) != checksum:
            raise IndexDamagedError
        return self._fields.unpack(packed)

    def check(self) -> None:
        """Raise IndexDamagedError unless every entry is good and no field of the next one is smaller."""
        view, length, seed = memoryview(self.data).toreadonly(), self._fields.size, self._seed
        before: tuple[int, ...] = (-(2**63),) * (len(self._fields.format) - 1)
        at = 0
        for *entry, checksum in self._whole.iter_unpack(view):
            if crc32c(view[at : at + length], seed) != checksum or any(map(lt, entry, before)):
                raise IndexDamagedError
            before = tuple(entry)
            at += self._size

    def keep(self, count: int) -> None:
        del self.data[count * self._size :]

    def count_up_to(self, field: int, value: int) -> int:
        """How many entries have `field` at or below `value`; every entry that decides is checked."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self.get(middle)[field] <= value:
                low = middle + 1
            else:
                high = middle
        return low


class OffsetIndex:
    """Base offset and position of some of a segment's batches, ascending in both."""

    def __init__(self, base_offset: int, data: bytes = b"") -> None:
        self.base_offset = base_offset
        self.entries = _Entries(_OFFSET_FIELDS, base_offset, data)

    def append(self, place: Place) -> None:
        """Add the batch at `place`, which lies after every batch here."""
        self.entries.append(place.offset - self.base_offset, place.position)

    def at_or_before_offset(self, offset: int) -> Place:
        """The last known batch whose base offset is at most `offset`; the segment's start if none is."""
        return self._place(self.entries.count_up_to(0, offset - self.base_offset) - 1)

    def at_or_before_position(self, position: int) -> Place:
        """The last known batch that begins at or before `position`."""
        return self._place(self.entries.count_up_to(1, position) - 1)

    def after_position(self, position: int) -> Iterator[Place]:
        """The known batches that begin after `position`, ascending; bad entries are left out."""
        try:
            first = self.entries.count_up_to(1, position)
        except IndexDamagedError:
            first = 0
        for number in range(first, len(self.entries)):
            try:
                place = self._place(number)
            except IndexDamagedError:
                continue
            if place.position > position:
                yield place

    def last(self) -> Place:
        """The last known batch; the segment's start if none is known."""
        return self._place(len(self.entries) - 1)

    def keep_below(self, position: int) -> None:
        """Forget the batches that begin at `position` or after."""
        self.entries.keep(self.entries.count_up_to(1, position - 1))

    def keep_before(self, offset: int) -> None:
        """Forget the batches that begin at `offset` or after."""
        self.entries.keep(self.entries.count_up_to(0, offset - self.base_offset - 1))

    def check(self) -> None:
        """Raise IndexDamagedError unless every entry is good and they ascend."""
        self.entries.check()

    def _place(self, number: int) -> Place:
        if number < 0:
            return Place(0, self.base_offset)
        relative_offset, position = self.entries.get(number)
        return Place(position, self.base_offset + relative_offset)


class TimeIndex:
    """How large timestamps and append times are up to some offsets of a segment, never descending."""

    def __init__(self, base_offset: int, data: bytes = b"") -> None:
        self.base_offset = base_offset
        self.entries = _Entries(_TIME_FIELDS, base_offset, data)

    def append(self, mark: TimeMark) -> None:
        """Add what is known up to `mark.offset`, which is above that of every mark here."""
        largest, appended, offset = mark
        self.entries.append(largest, appended, offset - self.base_offset)

    def below_timestamp(self, timestamp_ms: int) -> int:
        """An offset before which every record has a smaller timestamp: where a search by time begins."""
        number = self.entries.count_up_to(0, timestamp_ms - 1)
        return self._mark(number - 1).offset if number else self.base_offset

    def last(self) -> TimeMark | None:
        """The mark that covers most of the segment, or None."""
        return self._mark(len(self.entries) - 1) if len(self.entries) else None

    def keep_up_to(self, offset: int) -> None:
        """Forget the marks that speak of records at or after `offset`."""
        self.entries.keep(self.entries.count_up_to(2, offset - self.base_offset))

    def check(self) -> None:
        """Raise IndexDamagedError unless every entry is good and they ascend."""
        self.entries.check()

    def _mark(self, number: int) -> TimeMark:
        largest, appended, relative_offset = self.entries.get(number)
        return TimeMark(largest, appended, self.base_offset + relative_offset)
