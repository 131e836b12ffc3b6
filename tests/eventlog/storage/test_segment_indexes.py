"""Indexes of sealed segments: loaded once, healed, written out, and dropped beyond the bound."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from eventlog.storage.disk import OpenMode
from eventlog.storage.open_files import OpenFiles
from eventlog.storage.segment import Segment
from eventlog.storage.segment_index import SegmentIndex
from eventlog.storage.segment_indexes import SegmentIndexes
from tests.eventlog.storage.chains import Chain, plain_chain
from tests.eventlog.storage.sealed_segments import MODIFIED_MS, index_of, sealed_segment, write_indexes
from tests.reliability.disks.faulty import Fault, FaultyDisk, Kind
from tests.reliability.disks.power_cut import RecordingDisk

FIRST = plain_chain([1] * 9)
SECOND = plain_chain([1] * 9, base_offset=9)
THIRD = plain_chain([1] * 9, base_offset=18)
INDEX_BYTES = 8 * 12 + 9 * 24


class Shelf:
    """A disk, the indexes over it, and segments made of chains."""

    def __init__(self, bytes_max: int = 1 << 20) -> None:
        self.memory = RecordingDisk()
        self.disk = FaultyDisk(self.memory)
        self.indexes = SegmentIndexes(self.disk, OpenFiles(self.disk), bytes_max)

    def segment(self, chain: Chain, *, is_indexed: bool = False) -> Segment:
        segment = sealed_segment(self.disk, chain, interval_bytes=61)
        if is_indexed:
            write_indexes(self.disk, segment, chain)
        self.disk.reset(None)
        return segment

    def files(self, segment: Segment) -> tuple[bytes, bytes]:
        return self.memory.content(segment.index_path), self.memory.content(segment.timeindex_path)


def expected_files(chain: Chain) -> tuple[bytes, bytes]:
    index = index_of(chain, 61)
    index.seal(chain.end.offset)
    return packed(index)


def packed(index: SegmentIndex) -> tuple[bytes, bytes]:
    return bytes(index.offsets.entries.data), bytes(index.times.entries.data)


def has_index(segment: Segment) -> bool:
    return segment.index is not None


async def test_good_files_are_loaded_and_not_written() -> None:
    """The index is that of the files; the segment knows its times; nothing on the disk has changed."""
    shelf = Shelf()
    segment = shelf.segment(FIRST, is_indexed=True)
    index = await shelf.indexes.get(segment)
    assert segment.index is index
    assert expected_files(FIRST) == packed(index)
    assert (0, 0) == (shelf.disk.counts[Kind.WRITE], shelf.disk.counts[Kind.TRUNCATE])
    assert FIRST.batches[-1].max_timestamp_ms == segment.largest_timestamp_ms
    assert MODIFIED_MS + 8000 == segment.last_append_ms


async def test_missing_files_are_made_from_the_segment() -> None:
    """Both indexes come from the headers; what is not known was appended when the file was last changed."""
    shelf = Shelf()
    segment = shelf.segment(FIRST)
    index = await shelf.indexes.get(segment)
    assert list(FIRST.places[1:-1]) == list(index.offsets.after_position(0))
    assert packed(index) == shelf.files(segment)
    assert (b"", b"") == tuple(lacking for lacking, _ in index.unwritten())
    assert MODIFIED_MS == segment.last_append_ms


@pytest.mark.parametrize("kept", [0, 1, 5])
async def test_what_the_files_lack_is_written_to_them(kept: int) -> None:
    """Only the missing end of each file is written."""
    shelf = Shelf()
    segment = shelf.segment(FIRST, is_indexed=True)
    for path, size in ((segment.index_path, 12 * kept), (segment.timeindex_path, 24 * kept)):
        file = shelf.memory.open(path, OpenMode.WRITE)
        file.truncate(size)
    index = await shelf.indexes.get(segment)
    assert expected_files(FIRST)[0] == shelf.files(segment)[0]
    assert packed(index) == shelf.files(segment)
    written = [
        (operation[2], len(operation[3]))
        for operation in shelf.memory.journal[-2:]
        if operation[0] == "write"
    ]
    assert [(12 * kept, 12 * (8 - kept)), (24 * kept, 24 * (9 - kept))] == written


async def test_the_index_in_memory_is_given_again() -> None:
    """A second call reads no file."""
    shelf = Shelf()
    segment = shelf.segment(FIRST)
    index = await shelf.indexes.get(segment)
    shelf.disk.reset(None)
    assert index is await shelf.indexes.get(segment)
    assert 0 == shelf.disk.counts.total()


async def test_an_active_segments_index_is_given_and_not_counted() -> None:
    """An index that its segment keeps itself stays outside the bound."""
    shelf = Shelf(bytes_max=0)
    segment = shelf.segment(FIRST)
    segment.index = index_of(FIRST, 61)
    assert segment.index is await shelf.indexes.get(segment)
    await shelf.indexes.get(shelf.segment(SECOND))
    await shelf.indexes.get(shelf.segment(THIRD))
    assert segment.index is not None


async def test_a_rebuild_throws_the_files_away() -> None:
    """Index files full of rubbish are replaced by what the segment says."""
    shelf = Shelf()
    segment = shelf.segment(FIRST, is_indexed=True)
    before = await shelf.indexes.get(segment)
    for path in (segment.index_path, segment.timeindex_path):
        shelf.memory.open(path, OpenMode.WRITE).pwrite(b"\xff" * 999, 0)
    after = await shelf.indexes.rebuild(segment)
    assert before is not after is segment.index
    assert expected_files(FIRST)[0] == shelf.files(segment)[0]
    assert packed(after) == shelf.files(segment)


async def test_reading_goes_on_where_the_index_cannot_be_written() -> None:
    """An error of the volume costs the file, not the answer; the next load tries again."""
    shelf = Shelf(bytes_max=0)
    segment = shelf.segment(FIRST)
    shelf.disk.reset(Fault(Kind.WRITE, 1, once=False))
    index = await shelf.indexes.get(segment)
    assert list(FIRST.places[1:-1]) == list(index.offsets.after_position(0))
    assert ((b"", b""), (0, 0)) == ((shelf.memory.content(segment.index_path), b""), index.written_bytes)
    shelf.disk.reset(None)
    await shelf.indexes.get(shelf.segment(SECOND))
    assert segment.index is None
    await shelf.indexes.get(segment)
    assert expected_files(FIRST)[0] == shelf.files(segment)[0]


async def test_an_unreadable_segment_has_no_index() -> None:
    """An error while the headers are read is the reader's to hear of."""
    shelf = Shelf()
    segment = shelf.segment(FIRST)
    shelf.disk.reset(Fault(Kind.READ, 3))
    with pytest.raises(OSError, match=r"\[Errno"):
        await shelf.indexes.get(segment)
    assert segment.index is None


@pytest.mark.parametrize("has_index", [True, False])
async def test_the_active_segment_is_rebuilt_in_memory(has_index: bool) -> None:
    """Its index is read from its headers, with what was appended meanwhile; its files are left alone."""
    shelf = Shelf()
    segment = shelf.segment(FIRST)
    segment.active_file = shelf.memory.open(segment.log_path, OpenMode.WRITE)
    whole = index_of(FIRST, 61)
    segment.end = FIRST.places[5]
    segment.index = index_of(FIRST, 61) if has_index else None
    real_run = shelf.memory.run

    async def run_and_append(work: Callable[[], object]) -> object:
        done = await real_run(work)
        segment.end = FIRST.end
        return done

    shelf.disk.inner.run = run_and_append  # type: ignore[assignment,method-assign]  # an append meanwhile
    index = await shelf.indexes.rebuild(segment)
    assert segment.index is index
    assert (whole.offsets.entries.data, len(whole.times.entries)) == (
        index.offsets.entries.data,
        len(index.times.entries),
    )
    assert (MODIFIED_MS + 8000 if has_index else MODIFIED_MS) == index.append_time_ms
    assert (0, 0) == (shelf.disk.counts[Kind.WRITE], shelf.disk.counts[Kind.TRUNCATE])
    assert not await shelf.memory.exists(segment.index_path)


# --- the bound ---------------------------------------------------------------------------------


async def test_the_least_recently_used_is_dropped() -> None:
    """With room for two, the one that was not asked for the longest goes, and comes back when asked."""
    shelf = Shelf(bytes_max=2 * INDEX_BYTES)
    first, second, third = (shelf.segment(chain) for chain in (FIRST, SECOND, THIRD))
    for segment in (first, second, first, third):
        await shelf.indexes.get(segment)
    assert [True, False, True] == [segment.index is not None for segment in (first, second, third)]
    await shelf.indexes.get(second)
    assert [False, True, True] == [segment.index is not None for segment in (first, second, third)]


async def test_one_index_always_fits() -> None:
    """The index in use is kept, however small the bound."""
    shelf = Shelf(bytes_max=0)
    first, second = shelf.segment(FIRST), shelf.segment(SECOND)
    await shelf.indexes.get(first)
    assert has_index(first)
    await shelf.indexes.get(second)
    assert [False, True] == [has_index(first), has_index(second)]


async def test_an_index_counts_once() -> None:
    """Kept or rebuilt again and again, a segment takes its room once."""
    shelf = Shelf(bytes_max=2 * INDEX_BYTES)
    first, second = shelf.segment(FIRST), shelf.segment(SECOND)
    await shelf.indexes.get(first)
    await shelf.indexes.get(second)
    for _ in range(3):
        await shelf.indexes.rebuild(second)
        shelf.indexes.keep(second)
    assert first.index is not None


async def test_a_forgotten_segment_leaves_its_room() -> None:
    """What is about to be deleted no longer counts, and forgetting twice costs nothing."""
    shelf = Shelf(bytes_max=2 * INDEX_BYTES)
    first, second, third = (shelf.segment(chain) for chain in (FIRST, SECOND, THIRD))
    await shelf.indexes.get(first)
    await shelf.indexes.get(second)
    shelf.indexes.forget(first)
    shelf.indexes.forget(first)
    await shelf.indexes.get(third)
    assert [True, True] == [segment.index is not None for segment in (second, third)]
