"""Both indexes of a segment: kept in step, resumed from what the files hold, and never wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.record import Record
from eventlog.storage.index import OFFSET_ENTRY_BYTES, TIME_ENTRY_BYTES, IndexDamagedError, TimeMark
from eventlog.storage.scan import Damage, DamageKind, Place, Read
from eventlog.storage.segment_index import NO_TIMESTAMP, SegmentIndex
from tests.eventlog.storage.chains import START_MS, Chain, chain_of, plain_chain, reading
from tests.eventlog.storage.sealed_segments import MODIFIED_MS, index_of

CHAIN = plain_chain([2, 1, 3, 1, 1, 2, 4, 1], base_offset=500)
INTERVAL_BYTES = 200
LATER_MS = MODIFIED_MS + 99_000


def packed(index: SegmentIndex) -> tuple[bytes, bytes]:
    return bytes(index.offsets.entries.data), bytes(index.times.entries.data)


def loaded(offsets: bytes, times: bytes, chain: Chain = CHAIN) -> SegmentIndex:
    return SegmentIndex(chain.start.offset, INTERVAL_BYTES, offsets, times)


def check_answers(index: SegmentIndex, chain: Chain) -> None:
    """Every lookup leads to a true batch at or before the target, or to the segment's start."""
    batches = chain.batches
    for place in chain.places[:-1]:
        found = index.offsets.at_or_before_offset(place.offset)
        assert found in chain.places
        assert found.offset <= place.offset
        assert index.offsets.at_or_before_position(place.position) == found
    for batch in batches:
        begin = index.times.below_timestamp(batch.max_timestamp_ms)
        assert all(b.max_timestamp_ms < batch.max_timestamp_ms for b in batches if b.next_offset <= begin)


def test_an_entry_for_each_interval() -> None:
    """A batch gets an entry when the interval lies between it and the last one that has."""
    expected, last = [], 0
    for place in CHAIN.places[:-1]:
        if place.position - last >= INTERVAL_BYTES:
            expected.append(place)
            last = place.position
    index = index_of(CHAIN, INTERVAL_BYTES)
    assert expected == list(index.offsets.after_position(0))
    assert 2 <= len(expected) < len(CHAIN.places) - 2


def test_an_entry_exactly_at_the_interval() -> None:
    """An interval of a batch's own size gives every batch after the first an entry."""
    chain = plain_chain([1, 1, 1])
    assert list(chain.places[1:-1]) == list(
        index_of(chain, chain.places[1].position).offsets.after_position(0)
    )
    assert [chain.places[2]] == list(index_of(chain, chain.places[1].position + 1).offsets.after_position(0))


def test_a_mark_with_each_entry() -> None:
    """A mark tells largest timestamp and append time of the batches before its offset, not of its own."""
    index = index_of(CHAIN, INTERVAL_BYTES)
    offsets = [place.offset for place in index.offsets.after_position(0)]
    expected = []
    for offset in offsets:
        before = [batch for batch in CHAIN.batches if batch.base_offset < offset]
        largest = max(batch.max_timestamp_ms for batch in before)
        expected.append(TimeMark(largest, MODIFIED_MS + 1000 * (len(before) - 1), offset))
    assert expected == [index.times._mark(number) for number in range(len(index.times.entries))]


def test_times_never_go_back() -> None:
    """A late record and a stepped clock leave largest timestamp and append time where they were."""
    index = SegmentIndex(500, INTERVAL_BYTES)
    assert (NO_TIMESTAMP, 0) == (index.largest_timestamp_ms, index.append_time_ms)
    first, second = CHAIN.batches[:2]
    index.add(second, 9)
    index.add(first, 5)
    assert (second.max_timestamp_ms, 9) == (index.largest_timestamp_ms, index.append_time_ms)


def test_a_seal_covers_every_record_once() -> None:
    """The last mark speaks of the whole segment; sealing again adds nothing."""
    index = index_of(CHAIN, INTERVAL_BYTES)
    index.seal(CHAIN.end.offset)
    sealed = packed(index)
    index.seal(CHAIN.end.offset)
    expected = TimeMark(START_MS + 14_000, MODIFIED_MS + 7000, CHAIN.end.offset)
    assert expected == index.times.last()
    assert sealed == packed(index)


def test_an_empty_segment_has_no_mark() -> None:
    """Sealing a segment without batches says nothing of times."""
    index = SegmentIndex(500, INTERVAL_BYTES)
    index.seal(500)
    assert index.times.last() is None
    assert 0 == index.size_bytes


def test_the_memory_of_both() -> None:
    """`size_bytes` counts the entries of both indexes."""
    index = index_of(CHAIN, INTERVAL_BYTES)
    offsets, times = packed(index)
    assert len(offsets) + len(times) == index.size_bytes > 0


# --- from files --------------------------------------------------------------------------------


@given(
    offset_entries=st.integers(0, 20),
    time_entries=st.integers(0, 20),
    torn_bytes=st.integers(0, 11),
    interval_bytes=st.integers(61, 700),
)
def test_whatever_the_files_lack_is_completed(
    offset_entries: int, time_entries: int, torn_bytes: int, interval_bytes: int
) -> None:
    """Files that end anywhere, each for itself, give an index whose every answer is right."""
    whole = index_of(CHAIN, interval_bytes)
    whole.seal(CHAIN.end.offset)
    offsets, times = packed(whole)
    index = SegmentIndex(
        500,
        interval_bytes,
        offsets[: offset_entries * OFFSET_ENTRY_BYTES + torn_bytes],
        times[: time_entries * TIME_ENTRY_BYTES + torn_bytes],
    )
    assert CHAIN.end == index.complete(reading(CHAIN.data), len(CHAIN.data), LATER_MS)
    index.seal(CHAIN.end.offset)
    assert offsets == packed(index)[0]
    check_answers(index, CHAIN)
    mark = index.times.last()
    assert mark is not None
    assert (whole.largest_timestamp_ms, CHAIN.end.offset) == (mark.largest_timestamp_ms, mark.offset)
    assert whole.append_time_ms <= mark.append_time_ms <= LATER_MS
    index.offsets.check()
    index.times.check()


def test_whole_files_need_only_the_last_headers() -> None:
    """With a seal at the end nothing before the last entry is read."""
    whole = index_of(CHAIN, INTERVAL_BYTES)
    whole.seal(CHAIN.end.offset)
    index = loaded(*packed(whole))
    positions: list[int] = []
    assert CHAIN.end == index.complete(_noting(positions), len(CHAIN.data), LATER_MS)
    assert whole.offsets.last().position == min(positions)
    assert packed(whole) == packed(index)
    assert ((b"", len(packed(whole)[0])), (b"", len(packed(whole)[1]))) == index.unwritten()


def test_without_marks_every_header_is_read() -> None:
    """A lost time index is found again from the segment's start."""
    positions: list[int] = []
    index = loaded(packed(index_of(CHAIN, INTERVAL_BYTES))[0], b"")
    index.complete(_noting(positions), len(CHAIN.data), LATER_MS)
    assert 0 == min(positions)
    assert max(batch.max_timestamp_ms for batch in CHAIN.batches) == index.largest_timestamp_ms


def _noting(positions: list[int]) -> Read:
    def read(size: int, position: int) -> bytes:
        positions.append(position)
        return CHAIN.data[position : position + size]

    return read


@pytest.mark.parametrize("which", [0, 1], ids=["offsets", "times"])
def test_a_damaged_last_entry_starts_both_anew(which: int) -> None:
    """What cannot be resumed is built from the segment, and both files are written from their start."""
    whole = index_of(CHAIN, INTERVAL_BYTES)
    files = [bytearray(data) for data in packed(whole)]
    files[which][-1] ^= 1
    index = loaded(bytes(files[0]), bytes(files[1]))
    assert CHAIN.end == index.complete(reading(CHAIN.data), len(CHAIN.data), LATER_MS)
    assert packed(whole)[0] == packed(index)[0]
    assert [(packed(index)[0], 0), (packed(index)[1], 0)] == list(index.unwritten())


def test_completion_stops_at_damage() -> None:
    """The damage is returned, and nothing behind it is in the index."""
    place = CHAIN.places[4]
    data = CHAIN.overwritten(place.position + 16, b"\x00")
    index = SegmentIndex(500, 61)
    expected = Damage(DamageKind.MAGIC, place.position, place.offset, place.position, place.offset)
    assert expected == index.complete(reading(data), len(data), LATER_MS)
    assert CHAIN.places[3] == index.offsets.last()


def test_what_lies_behind_damage_has_an_age_as_well() -> None:
    """Where not one batch can be read, the segment is as old as its file, not as old as time."""
    index = SegmentIndex(500, 61)
    assert isinstance(index.complete(reading(bytes(100)), 100, LATER_MS), Damage)
    assert LATER_MS == index.append_time_ms


def test_a_young_record_among_old_ones_is_not_lost() -> None:
    """Where the time index is shorter than the offset index, the batches between them are read again."""
    ages = [5, 4, 3, 9, 2, 1, 0]
    records = [[Record(b"k", b"v", (), START_MS + 1000 * age)] for age in ages]
    chain = chain_of(records, base_offset=500)
    offsets, times = packed(index_of(chain, 61))
    index = SegmentIndex(500, 61, offsets, times[: 2 * TIME_ENTRY_BYTES])
    index.complete(reading(chain.data), len(chain.data), LATER_MS)
    index.seal(chain.end.offset)
    mark = index.times.last()
    assert mark is not None
    assert START_MS + 9000 == mark.largest_timestamp_ms


def test_entries_beyond_the_segments_end_are_forgotten() -> None:
    """An index of a longer log, from before a cut, is shortened, in memory and in what counts as written."""
    index = loaded(*packed(index_of(CHAIN, INTERVAL_BYTES)))
    place = CHAIN.places[4]
    assert place == index.complete(reading(CHAIN.data[: place.position]), place.position, LATER_MS)
    assert index.offsets.last().position < place.position
    assert len(index.offsets.entries.data) == index.written_bytes[0]


@pytest.mark.parametrize("number", range(len(CHAIN.places) - 1))
def test_a_whole_segment_is_completed_past_damage(number: int) -> None:
    """Every batch but the damaged one has its entry, with its age, and is found from either side."""
    data = CHAIN.overwritten(CHAIN.places[number].position + 16, b"\x00")
    index = SegmentIndex(500, 61)
    index.complete_segment(reading(data), CHAIN.end, LATER_MS)
    index.seal(CHAIN.end.offset)
    expected = [place for n, place in enumerate(CHAIN.places[:-1]) if n not in {0, number}]
    assert expected == list(index.offsets.after_position(0))
    readable = [batch for n, batch in enumerate(CHAIN.batches) if n != number]
    expected_mark = TimeMark(readable[-1].max_timestamp_ms, LATER_MS, CHAIN.end.offset)
    assert expected_mark == index.times.last()


def test_known_entries_are_anchors_past_damage() -> None:
    """Where two batches are damaged, what lies between them is found from the entries that the files have."""
    data = bytearray(CHAIN.data)
    for number in (2, 5):
        data[CHAIN.places[number].position + 16] = 0
    offsets = packed(index_of(CHAIN, 61))[0]
    with_files, without = SegmentIndex(500, 61, offsets), SegmentIndex(500, 61)
    for index in (with_files, without):
        index.complete_segment(reading(bytes(data)), CHAIN.end, LATER_MS)
    assert offsets == packed(with_files)[0]
    expected = [CHAIN.places[n] for n in (1, 6, 7)]
    assert expected == list(without.offsets.after_position(0))


def test_an_undamaged_segment_is_completed_as_a_log_is() -> None:
    """Then both ways give the same index."""
    one, two = SegmentIndex(500, 200), SegmentIndex(500, 200)
    one.complete_segment(reading(CHAIN.data), CHAIN.end, LATER_MS)
    two.complete(reading(CHAIN.data), len(CHAIN.data), LATER_MS)
    assert packed(one) == packed(two)


def test_an_empty_log_completes_at_its_start() -> None:
    """Without batches the place reached is the segment's start."""
    assert Place(0, 500) == SegmentIndex(500, 61).complete(reading(b""), 0, LATER_MS)


# --- cut and written ---------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(len(CHAIN.places)))
def test_a_cut_log_forgets_and_goes_on(number: int) -> None:
    """After `keep_before` and the same appends again, the index is that of a log never cut."""
    place = CHAIN.places[number]
    index = index_of(CHAIN, INTERVAL_BYTES)
    index.seal(CHAIN.end.offset)
    index.keep_before(place.offset)
    reached = index.complete(reading(CHAIN.data[: place.position]), place.position, MODIFIED_MS)
    assert place == reached
    for batch in CHAIN.batches[number:]:
        index.add(batch, LATER_MS)
    assert packed(index_of(CHAIN, INTERVAL_BYTES))[0] == packed(index)[0]
    check_answers(index, CHAIN)
    index.times.check()


def test_a_cut_past_damage_is_refused() -> None:
    """Where an entry that decides is damaged, `keep_before` says so instead of guessing."""
    offsets, times = packed(index_of(CHAIN, 61))
    index = SegmentIndex(500, 61, b"\xff" * len(offsets), times)
    with pytest.raises(IndexDamagedError):
        index.keep_before(CHAIN.places[2].offset)


def test_only_what_the_files_lack_is_unwritten() -> None:
    """Entries behind `written_bytes` are given with their position, and a cut takes that back."""
    index = index_of(CHAIN, 61)
    offsets, times = packed(index)
    assert ((offsets, 0), (times, 0)) == index.unwritten()
    index.written_bytes = (2 * OFFSET_ENTRY_BYTES, TIME_ENTRY_BYTES)
    expected = (
        (offsets[2 * OFFSET_ENTRY_BYTES :], 2 * OFFSET_ENTRY_BYTES),
        (times[TIME_ENTRY_BYTES:], TIME_ENTRY_BYTES),
    )
    assert expected == index.unwritten()
    index.keep_before(CHAIN.places[2].offset)
    assert (OFFSET_ENTRY_BYTES, TIME_ENTRY_BYTES) == index.written_bytes
    assert (
        (b"", OFFSET_ENTRY_BYTES),
        (times[TIME_ENTRY_BYTES : 2 * TIME_ENTRY_BYTES], TIME_ENTRY_BYTES),
    ) == (index.unwritten())


def test_a_cleared_index_is_a_new_one() -> None:
    """Nothing is left of entries, times or what was written."""
    index = index_of(CHAIN, 61)
    index.written_bytes = (12, 24)
    index.clear()
    fresh = SegmentIndex(500, 61)
    for batch in CHAIN.batches:
        fresh.add(batch, LATER_MS)
        index.add(batch, LATER_MS)
    assert (packed(fresh), fresh.unwritten()) == (packed(index), index.unwritten())
