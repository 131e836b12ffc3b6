"""Reading a segment: whole checked batches from any offset or time on, and never more than was asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.storage import segment_reader
from eventlog.storage.disk import OpenMode
from eventlog.storage.scan import Place
from eventlog.storage.segment_reader import LogRange
from tests.eventlog.storage.chains import START_MS, plain_chain
from tests.eventlog.storage.library import (
    CHAIN,
    Library,
    batch_number,
    damage_of,
    damaged,
    note_checks,
)

# --- ranges ------------------------------------------------------------------------------------


@given(
    offset=st.integers(CHAIN.start.offset, CHAIN.end.offset - 1),
    bytes_max=st.integers(1, len(CHAIN.data) + 100),
    interval_bytes=st.integers(61, 800),
    limit_number=st.integers(1, 10),
)
async def test_any_range_is_whole_batches(
    offset: int, bytes_max: int, interval_bytes: int, limit_number: int
) -> None:
    """From the batch that holds the offset, as many as fit and at least one, never past the limit."""
    library = Library(interval_bytes=interval_bytes)
    limit = CHAIN.places[limit_number]
    number = batch_number(offset)
    found = await library.found(offset, bytes_max, limit)
    if offset >= limit.offset:
        assert found is None
        return
    fitting = [
        place
        for place in CHAIN.places[number + 1 : limit_number + 1]
        if place.position <= CHAIN.places[number].position + bytes_max
    ]
    assert isinstance(found, LogRange)
    assert (CHAIN.places[number], fitting[-1] if fitting else CHAIN.places[number + 1]) == (
        found.start,
        found.end,
    )
    assert library.segment.checked.first_gap(found.start.position, found.end.position) is None


async def test_a_range_reads_its_bytes() -> None:
    """The range is the stretch of the file, and its file can be asked for a descriptor's sake."""
    library = Library()
    start, end = CHAIN.places[3], CHAIN.places[6]
    limit = CHAIN.places[6]
    found = await library.reader.range_at(library.segment, start.offset, 1 << 20, limit)
    assert isinstance(found, LogRange)
    with found:
        assert CHAIN.data[start.position : end.position] == found.read()
        assert end.position - start.position == found.size_bytes
        assert library.segment.log_path == found.file.path


async def test_a_range_keeps_its_file_open() -> None:
    """A segment deleted meanwhile can be read to the range's end, and is closed by its release."""
    library = Library()
    found = await library.reader.range_at(library.segment, 500, 1 << 20, CHAIN.end)
    assert isinstance(found, LogRange)
    library.open_files.forget(library.segment.log_path)
    assert CHAIN.data == found.read()
    found.release()
    with pytest.raises(OSError, match=r"\[Errno"):
        found.read()


async def test_nothing_at_or_after_the_end() -> None:
    """At the limit there is nothing to read."""
    library = Library()
    assert await library.found(CHAIN.end.offset) is None
    assert await library.found(CHAIN.places[2].offset, limit=CHAIN.places[2]) is None


async def test_only_what_is_asked_for_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short read of a long segment leaves its far end unchecked, and a second read checks nothing again."""
    chain = plain_chain([1] * 200)
    library = Library(chain)
    await library.range(0, 100)
    gap = library.segment.checked.first_gap(0, len(chain.data))
    assert gap is not None
    assert 100 <= gap[0] <= 2000
    stretches = note_checks(monkeypatch)
    await library.range(0, 100)
    assert [] == stretches
    await library.range(150, 100)
    assert 1 == len(stretches)


async def test_a_range_beyond_the_first_check_is_checked_before_it_is_served() -> None:
    """Where the index has fewer entries than the settings promise, a range is checked all the same."""
    chain = plain_chain([1] * 40)
    size = chain.places[1].position
    library = Library(chain, interval_bytes=10 * size, data=damaged(12, chain=chain))
    library.segment.index_interval_bytes = 61  # the topic's setting was changed since
    found = await library.range(9, 7 * size)
    assert (chain.places[9], chain.places[12]) == (found.start, found.end)
    assert library.segment.checked.first_gap(found.start.position, found.end.position) is None


async def test_large_stretches_are_checked_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """One check covers CHECK_BYTES and ends at a known batch, so that others come in between."""
    chain = plain_chain([1] * 100)
    library = Library(chain, interval_bytes=200, data=damaged(40, 41, 77, chain=chain))
    monkeypatch.setattr(segment_reader, "CHECK_BYTES", 1000)
    stretches = note_checks(monkeypatch)
    served, damages = await library.everything(1 << 20)
    assert [damage_of(40, 41, chain), damage_of(77, 77, chain)] == damages
    lost = {40, 41, 77}
    whole = [batch for number, batch in enumerate(chain.batches) if number not in lost]
    assert b"".join(chain.data[batch.position : batch.end.position] for batch in whole) == served
    sizes = [end.position - start.position for start, end in stretches]
    assert len(sizes) >= len(chain.data) // 1500
    assert max(sizes) <= 1400


# --- by time -----------------------------------------------------------------------------------


async def first_at(library: Library, ms: int, offset: int = 500, limit: Place | None = None) -> int | None:
    limit = limit or library.segment.end
    found = await library.reader.first_batch_at_time(library.segment, ms, offset, limit)
    return None if found is None else library.chain.places.index(Place(found.position, found.base_offset))


@pytest.mark.parametrize("interval_bytes", [61, 300, 1 << 20])
async def test_the_first_batch_at_a_time(interval_bytes: int) -> None:
    """It is the first whose largest timestamp is not older, for every time and every first offset."""
    library = Library(interval_bytes=interval_bytes)
    batches = CHAIN.batches
    for second in range(-1, 21):
        for offset in (500, 505, CHAIN.end.offset - 1):
            expected = [
                number
                for number, batch in enumerate(batches)
                if batch.max_timestamp_ms >= START_MS + 1000 * second and batch.next_offset > offset
            ]
            assert next(iter(expected), None) == await first_at(library, START_MS + 1000 * second, offset)


async def test_a_time_beyond_the_limit_is_not_found() -> None:
    """Batches at or past the limit do not count."""
    library = Library()
    ms = CHAIN.batches[4].max_timestamp_ms
    assert 4 == await first_at(library, ms, limit=CHAIN.places[5])
    assert await first_at(library, ms, limit=CHAIN.places[4]) is None
    assert await first_at(library, ms, limit=CHAIN.start) is None


async def test_a_search_by_time_goes_past_damage() -> None:
    """The first readable batch is found behind a damaged one."""
    library = Library(data=damaged(0, 4), interval_bytes=61)
    assert 1 == await first_at(library, 0)
    assert 5 == await first_at(library, CHAIN.batches[4].max_timestamp_ms)


async def test_a_search_by_time_goes_on_over_many_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """A time index that says nothing costs reading, range by range, and not the answer."""
    library = Library(is_indexed=False, interval_bytes=1 << 20)
    monkeypatch.setattr(segment_reader, "CHECK_BYTES", 200)
    assert 8 == await first_at(library, CHAIN.batches[8].max_timestamp_ms)


async def test_a_search_by_time_begins_near_its_end() -> None:
    """What the time index knows to be older is neither read nor checked."""
    chain = plain_chain([1] * 50)
    library = Library(chain, interval_bytes=61)
    assert 45 == await first_at(library, chain.batches[45].max_timestamp_ms, 0)
    assert (0, chain.places[45].position) == library.segment.checked.first_gap(0, len(chain.data))


async def test_a_damaged_time_index_is_rebuilt() -> None:
    """A flipped bit in an entry that decides costs no answer."""
    library = Library(interval_bytes=61)
    file = library.disk.open(library.segment.timeindex_path, OpenMode.WRITE)
    file.pwrite(b"\xff", 24 * 4)
    assert 4 == await first_at(library, CHAIN.batches[4].max_timestamp_ms)


async def test_a_search_by_time_ends_where_nothing_can_be_read() -> None:
    """Where a batch changed after it was checked, the search ends without a find."""
    library = Library(interval_bytes=1 << 20)
    await library.range(500)
    library.disk.open(library.segment.log_path, OpenMode.WRITE).pwrite(b"\0", 16)
    assert await first_at(library, 0) is None
