"""The sparse indexes: they answer as a sorted map does, and no damaged entry is believed."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.record import crc32c
from eventlog.storage.index import (
    OFFSET_ENTRY_BYTES,
    TIME_ENTRY_BYTES,
    IndexDamagedError,
    OffsetIndex,
    TimeIndex,
    TimeMark,
)
from eventlog.storage.scan import Place

BASE = 2**40
steps = st.lists(st.tuples(st.integers(1, 50), st.integers(61, 900)), max_size=20)
marks = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 9)), max_size=20)


def places_of(steps: list[tuple[int, int]]) -> list[Place]:
    offsets = accumulate((step[0] for step in steps), initial=BASE)
    positions = accumulate((step[1] for step in steps), initial=0)
    return [Place(position, offset) for position, offset in zip(positions, offsets, strict=True)]


def offset_index(places: list[Place]) -> OffsetIndex:
    """An index of these batches; the first, the segment's start, has no entry."""
    index = OffsetIndex(BASE)
    for place in places[1:]:
        index.append(place)
    return index


def marks_of(steps: list[tuple[int, int, int]]) -> list[TimeMark]:
    columns = [list(accumulate(column)) for column in zip(*steps, strict=True)]
    return [TimeMark(largest, at, BASE + offset) for largest, at, offset in zip(*columns, strict=True)]


def time_index(marks: list[TimeMark]) -> TimeIndex:
    index = TimeIndex(BASE)
    for mark in marks:
        index.append(mark)
    return index


def beside(values: list[int]) -> list[int]:
    """Each value, and one less and one more."""
    return [value + step for value in [*values, 0] for step in (-1, 0, 1)]


SOME_PLACES = places_of([(3, 100), (1, 61), (7, 400), (2, 90)])
SOME_MARKS = marks_of([(5, 9, 3), (0, 1, 1), (2, 0, 7)])


def flips(data: bytes) -> list[bytes]:
    return [_flip(data, bit) for bit in range(8 * len(data))]


def _flip(data: bytes, bit: int) -> bytes:
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


# --- offsets -----------------------------------------------------------------------------------


@given(steps)
def test_offsets_as_a_sorted_map(steps: list[tuple[int, int]]) -> None:
    """Lookups by offset and by position give the last entry at or below, as a bisection of the list does."""
    places = places_of(steps)
    offsets, positions = [place.offset for place in places], [place.position for place in places]
    for index in (offset_index(places), OffsetIndex(BASE, bytes(offset_index(places).entries.data))):
        index.check()
        assert (len(places) - 1, places[-1]) == (len(index.entries), index.last())
        for offset in beside(offsets):
            expected = places[max(bisect_right(offsets, offset) - 1, 0)]
            assert expected == index.at_or_before_offset(offset)
        for position in beside(positions):
            expected = places[max(bisect_right(positions, position) - 1, 0)]
            assert expected == index.at_or_before_position(position)
            after = [place for place in places[1:] if place.position > position]
            assert after == list(index.after_position(position))


@given(steps)
def test_offsets_are_forgotten_from_an_offset_or_position_on(steps: list[tuple[int, int]]) -> None:
    """What is left are the batches that begin before it, as the index of a shorter log has them."""
    places = places_of(steps)
    for offset in beside([place.offset for place in places]):
        index = offset_index(places)
        index.keep_before(offset)
        kept = [places[0], *(place for place in places[1:] if place.offset < offset)]
        assert offset_index(kept).entries.data == index.entries.data
    for position in beside([place.position for place in places]):
        index = offset_index(places)
        index.keep_below(position)
        kept = [places[0], *(place for place in places[1:] if place.position < position)]
        assert offset_index(kept).entries.data == index.entries.data


def test_an_index_without_entries_knows_the_segments_start() -> None:
    """Whatever is asked, the first batch is where to begin."""
    start, index = Place(0, BASE), OffsetIndex(BASE)
    assert [start] * 3 == [index.at_or_before_offset(BASE + 9), index.at_or_before_position(9), index.last()]
    assert [] == list(index.after_position(0))


def test_the_bytes_of_an_offset_entry() -> None:
    """An entry is its relative offset, its position and their checksum, seeded with the base offset."""
    index = OffsetIndex(BASE)
    index.append(Place(0x01020304, BASE + 0x0A0B0C0D))
    fields = bytes.fromhex("0a0b0c0d01020304")
    checksum = crc32c(fields, crc32c(BASE.to_bytes(8, "big")))
    assert fields + checksum.to_bytes(4, "big") == index.entries.data
    assert OFFSET_ENTRY_BYTES == len(index.entries.data)


def test_the_largest_offset_entry() -> None:
    """Relative offsets and positions go up to 2**32 - 1."""
    place = Place(2**32 - 1, BASE + 2**32 - 1)
    index = OffsetIndex(BASE)
    index.append(place)
    assert place == index.last()


# --- times -------------------------------------------------------------------------------------


@given(marks)
def test_times_as_a_sorted_map(steps: list[tuple[int, int, int]]) -> None:
    """A search by time begins after the last mark that is wholly older, and never later."""
    marks = marks_of(steps)
    for index in (time_index(marks), TimeIndex(BASE, bytes(time_index(marks).entries.data))):
        index.check()
        assert (marks[-1] if marks else None) == index.last()
        for timestamp_ms in beside([mark.largest_timestamp_ms for mark in marks]):
            older = [mark.offset for mark in marks if mark.largest_timestamp_ms < timestamp_ms]
            assert max(older, default=BASE) == index.below_timestamp(timestamp_ms)


@given(marks)
def test_times_are_forgotten_beyond_an_offset(steps: list[tuple[int, int, int]]) -> None:
    """`keep_up_to` leaves the marks that speak only of records before the offset."""
    marks = marks_of(steps)
    for offset in beside([mark.offset for mark in marks]):
        index = time_index(marks)
        index.keep_up_to(offset)
        kept = [mark for mark in marks if mark.offset <= offset]
        assert time_index(kept).entries.data == index.entries.data


def test_the_bytes_of_a_time_entry() -> None:
    """An entry is both times, the relative offset and their checksum, seeded with the base offset."""
    index = TimeIndex(BASE)
    index.append(TimeMark(-1, 2, BASE + 3))
    fields = bytes.fromhex("ffffffffffffffff 0000000000000002 00000003")
    checksum = crc32c(fields, crc32c(BASE.to_bytes(8, "big")))
    assert fields + checksum.to_bytes(4, "big") == index.entries.data
    assert TIME_ENTRY_BYTES == len(index.entries.data)


# --- damage ------------------------------------------------------------------------------------


def test_every_flipped_bit_of_the_offsets() -> None:
    """`check` refuses it, and a lookup answers as before or refuses too."""
    good = offset_index(SOME_PLACES)
    for data in flips(bytes(good.entries.data)):
        index = OffsetIndex(BASE, data)
        with pytest.raises(IndexDamagedError):
            index.check()
        for place in SOME_PLACES:
            try:
                found = index.at_or_before_offset(place.offset), index.at_or_before_position(place.position)
            except IndexDamagedError:
                continue
            assert (place, place) == found


def test_every_flipped_bit_of_the_times() -> None:
    """`check` refuses it, and a search by time begins where it did or is refused too."""
    good = time_index(SOME_MARKS)
    for data in flips(bytes(good.entries.data)):
        index = TimeIndex(BASE, data)
        with pytest.raises(IndexDamagedError):
            index.check()
        for timestamp_ms in range(10):
            try:
                found = index.below_timestamp(timestamp_ms)
            except IndexDamagedError:
                continue
            assert good.below_timestamp(timestamp_ms) == found


@pytest.mark.parametrize("data", [bytes(12), bytes(24)], ids=["one", "two"])
def test_zeroed_entries_are_not_good(data: bytes) -> None:
    """Space that was allocated and never written holds no entries, whatever the base offset."""
    for base_offset in (0, BASE):
        with pytest.raises(IndexDamagedError):
            OffsetIndex(base_offset, data).last()
    with pytest.raises(IndexDamagedError):
        TimeIndex(0, bytes(24)).last()


def test_entries_of_another_segment_are_not_good() -> None:
    """The checksum knows which segment an entry belongs to."""
    data = bytes(offset_index(SOME_PLACES).entries.data)
    with pytest.raises(IndexDamagedError):
        OffsetIndex(BASE + 1, data).last()
    with pytest.raises(IndexDamagedError):
        TimeIndex(BASE + 1, bytes(time_index(SOME_MARKS).entries.data)).last()


@pytest.mark.parametrize("torn_bytes", range(1, OFFSET_ENTRY_BYTES))
def test_a_torn_entry_at_the_end_is_none(torn_bytes: int) -> None:
    """What a power cut left of the last entry does not count."""
    data = bytes(offset_index(SOME_PLACES).entries.data)
    index = OffsetIndex(BASE, data[: -OFFSET_ENTRY_BYTES + torn_bytes])
    assert (SOME_PLACES[-2], len(SOME_PLACES) - 2) == (index.last(), len(index.entries))
    index.append(SOME_PLACES[-1])
    assert data == index.entries.data, "the next one takes its place"


@pytest.mark.parametrize("number", range(len(SOME_PLACES) - 1))
def test_bad_entries_are_left_out_of_the_anchors(number: int) -> None:
    """The places after a position are those of the good entries, whichever entry is bad."""
    data = bytes(offset_index(SOME_PLACES).entries.data)
    index = OffsetIndex(BASE, _flip(data, 8 * number * OFFSET_ENTRY_BYTES))
    for first, place in enumerate(SOME_PLACES):
        expected = [later for n, later in enumerate(SOME_PLACES) if n > first and n != number + 1]
        assert expected == list(index.after_position(place.position))


@pytest.mark.parametrize("field", ["offset", "position"])
def test_places_that_descend_are_refused(field: str) -> None:
    """Good checksums in the wrong order are not an index."""
    places = [Place(100, BASE + 5), Place(99, BASE + 6) if field == "position" else Place(101, BASE + 4)]
    index = offset_index([Place(0, BASE), *places])
    with pytest.raises(IndexDamagedError):
        index.check()


@pytest.mark.parametrize(("largest", "appended", "offset"), [(-1, 0, 0), (0, -1, 0), (0, 0, -1)])
def test_marks_that_descend_are_refused(largest: int, appended: int, offset: int) -> None:
    """Largest timestamp, append time and offset never get smaller; standing still is fine."""
    first = TimeMark(5, 5, BASE + 5)
    time_index([first, first]).check()
    with pytest.raises(IndexDamagedError):
        time_index([first, TimeMark(5 + largest, 5 + appended, BASE + 5 + offset)]).check()


def test_the_map_that_these_tests_ask_ascends() -> None:
    """The entries under damage are in order to begin with."""
    assert all(a.position < b.position and a.offset < b.offset for a, b in pairwise(SOME_PLACES))
    offset_index(SOME_PLACES).check()
    time_index(SOME_MARKS).check()
