"""A segment: its names, its appends, and the index bytes that it hands over to be written."""

from __future__ import annotations

import errno

import pytest

from eventlog.storage.disk import OpenMode
from eventlog.storage.scan import Place
from eventlog.storage.segment import IndexWrite, Segment, file_name, offset_of
from eventlog.storage.segment_index import SegmentIndex
from tests.eventlog.storage.chains import plain_chain
from tests.eventlog.storage.sealed_segments import write_file
from tests.eventlog.storage.watched_disk import WatchedDisk
from tests.reliability.disks.faulty import Effect, Fault, FaultyDisk, Kind
from tests.reliability.disks.power_cut import ROOT, RecordingDisk

CHAIN = plain_chain([2, 1, 3], base_offset=40)
BATCHES = CHAIN.batches


def active_segment(disk: FaultyDisk) -> Segment:
    segment = Segment(ROOT, 40, CHAIN.start, 0, 61, index=SegmentIndex(40, 61))
    segment.active_file = disk.open(segment.log_path, OpenMode.CREATE)
    return segment


def append(segment: Segment, number: int, append_time_ms: int = 1000) -> None:
    batch = BATCHES[number]
    data = CHAIN.data[batch.position : batch.end.position]
    segment.append(memoryview(data), batch, append_time_ms)


@pytest.fixture
def disk() -> FaultyDisk:
    return FaultyDisk(RecordingDisk())


def content(disk: FaultyDisk, segment: Segment) -> bytes:
    assert isinstance(disk.inner, RecordingDisk)
    return disk.inner.content(segment.log_path)


# --- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0, 7, 2**63 - 1])
def test_names_tell_their_offset(offset: int) -> None:
    """A name has 20 digits, and gives back the offset that it was made of."""
    name = file_name(offset, ".log")
    assert len("00000000000000000000.log") == len(name)
    assert offset == offset_of(name, ".log")


def test_names_sort_as_offsets_do() -> None:
    """The padding keeps a folder's listing in the order of the log."""
    offsets = [0, 9, 10, 99, 100, 2**40, 2**63 - 1]
    assert [file_name(offset, ".log") for offset in offsets] == sorted(
        file_name(offset, ".log") for offset in offsets
    )


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".log",
        "0.log",
        "0000000000000000000.log",
        "000000000000000000000.log",
        "00000000000000000000",
        "00000000000000000000.index",
        "0000000000000000000a.log",
        "-0000000000000000001.log",
        "0000000000000000000\N{SUPERSCRIPT TWO}.log",
        "0000000000000000000\N{ARABIC-INDIC DIGIT ONE}.log",
        "0000000000_000000000.log",
        " 0000000000000000000.log",
        "00000000000000000000.log.log",
        "09223372036854775808.log",
        "99999999999999999999.log",
    ],
)
def test_other_names_tell_none(name: str) -> None:
    """Only 20 ASCII digits below 2**63 and the suffix are a name of the log."""
    assert offset_of(name, ".log") is None


def test_the_files_of_a_segment() -> None:
    """Log and indexes are named by the base offset."""
    segment = Segment(ROOT, 40, CHAIN.end, 0, 61)
    assert ROOT / "00000000000000000040.log" == segment.log_path
    assert ROOT / "00000000000000000040.index" == segment.index_path
    assert ROOT / "00000000000000000040.timeindex" == segment.timeindex_path
    assert len(CHAIN.data) == segment.size_bytes


# --- appends -----------------------------------------------------------------------------------


def test_appends_stand_one_after_the_other(disk: FaultyDisk) -> None:
    """The file is the batches; end, checked stretch and index have grown with it."""
    segment = active_segment(disk)
    assert (False, None) == (segment.is_dirty, segment.first_append_ms)
    for number in range(3):
        append(segment, number, 1000 + number)
        assert CHAIN.places[number + 1] == segment.end
        assert segment.is_dirty
    assert CHAIN.data == content(disk, segment)
    assert segment.checked.first_gap(0, len(CHAIN.data)) is None
    assert segment.checked.first_gap(0, len(CHAIN.data) + 1) is not None
    assert segment.index is not None
    assert list(CHAIN.places[1:-1]) == list(segment.index.offsets.after_position(0))
    assert (1000, 1002) == (segment.first_append_ms, segment.index.append_time_ms)


@pytest.mark.parametrize("effect", [Effect.EIO, Effect.SHORT_THEN_ENOSPC], ids=lambda effect: effect.name)
def test_a_failed_append_changes_nothing(disk: FaultyDisk, effect: Effect) -> None:
    """Segment and file are as they were, and the next append goes on from there."""
    segment = active_segment(disk)
    append(segment, 0)
    segment.is_dirty = False
    disk.reset(Fault(Kind.WRITE, 1, effect))
    with pytest.raises(OSError, match=r"\[Errno"):
        append(segment, 1)
    assert segment.index is not None
    assert (CHAIN.places[1], False) == (segment.end, segment.is_dirty)
    assert 0 == len(segment.index.offsets.entries)
    assert CHAIN.data[: CHAIN.places[1].position] == content(disk, segment)
    disk.reset(None)
    append(segment, 1)
    assert CHAIN.data[: CHAIN.places[2].position] == content(disk, segment)


def test_what_a_failed_append_left_is_cut_before_the_next(
    disk: FaultyDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the cut fails as well, nothing is written until one succeeds."""
    segment = active_segment(disk)
    append(segment, 0)
    file = segment.active_file
    assert file is not None

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "no cut")

    monkeypatch.setattr(file, "truncate", refuse)
    disk.reset(Fault(Kind.WRITE, 1, Effect.SHORT_THEN_ENOSPC))
    with pytest.raises(OSError, match="No space"):
        append(segment, 1)
    disk.reset(None)
    with pytest.raises(OSError, match="no cut"):
        append(segment, 1)
    assert len(content(disk, segment)) > segment.size_bytes
    monkeypatch.undo()
    append(segment, 1)
    assert CHAIN.data[: CHAIN.places[2].position] == content(disk, segment)
    assert (1, False) == (disk.counts[Kind.TRUNCATE], segment.needs_trim)


def test_a_short_write_is_gone_on_with(disk: FaultyDisk) -> None:
    """A disk that takes half of a batch is given the other half."""
    segment = active_segment(disk)
    disk.reset(Fault(Kind.WRITE, 1, Effect.SHORT))
    append(segment, 0)
    assert CHAIN.data[: CHAIN.places[1].position] == content(disk, segment)
    assert 2 == disk.counts[Kind.WRITE]


def test_trim_cuts_what_stands_after_the_end(disk: FaultyDisk) -> None:
    """After it the file ends where the segment does; where it does already, nothing is done."""
    segment = active_segment(disk)
    append(segment, 0)
    segment.trim()
    assert 0 == disk.counts[Kind.TRUNCATE]
    assert segment.active_file is not None
    segment.active_file.pwrite(b"left", segment.size_bytes)
    segment.trim()
    assert CHAIN.data[: CHAIN.places[1].position] == content(disk, segment)


def test_only_the_active_segment_is_written(disk: FaultyDisk) -> None:
    """A batch in the wrong place, or for a sealed segment, is a mistake of ours."""
    segment = active_segment(disk)
    with pytest.raises(AssertionError, match="one after the other"):
        append(segment, 1)
    segment.active_file = None
    with pytest.raises(AssertionError, match="only the active segment"):
        append(segment, 0)


def test_the_times_of_the_index_are_kept(disk: FaultyDisk) -> None:
    """`note_times` takes over largest timestamp and append time for when the index is not in memory."""
    segment = active_segment(disk)
    append(segment, 0, 77)
    assert 0 == segment.last_append_ms
    segment.note_times()
    assert (77, BATCHES[0].max_timestamp_ms) == (segment.last_append_ms, segment.largest_timestamp_ms)


# --- index files -------------------------------------------------------------------------------


@pytest.mark.parametrize("durable", [True, False])
def test_index_entries_are_written_once(disk: FaultyDisk, durable: bool) -> None:
    """Each write takes what the files lack; after `done` the next one takes what came since."""
    segment = active_segment(disk)
    append(segment, 0)
    append(segment, 1)
    first = segment.index_write()
    append(segment, 2)  # the index grows while the write is under way
    first.execute(disk, durable=durable)
    first.done()
    second = segment.index_write()
    second.execute(disk, durable=durable)
    second.done()
    assert segment.index is not None
    offsets, times = segment.index.offsets.entries.data, segment.index.times.entries.data
    assert isinstance(disk.inner, RecordingDisk)
    assert offsets == disk.inner.content(segment.index_path)
    assert times == disk.inner.content(segment.timeindex_path)
    assert (12, 24) == (len(first.offsets), len(first.times)) == (len(second.offsets), len(second.times))
    assert (4 if durable else 0) == disk.counts[Kind.FLUSH]
    assert (b"", b"") == (segment.index_write().offsets, segment.index_write().times)


def test_an_index_write_that_failed_is_done_again(disk: FaultyDisk) -> None:
    """Without `done` the next write takes the same bytes; the file was closed."""
    segment = active_segment(disk)
    append(segment, 0)
    append(segment, 1)
    disk.reset(Fault(Kind.WRITE, 2))
    with pytest.raises(OSError, match=r"\[Errno"):
        segment.index_write().execute(disk, durable=False)
    again = segment.index_write()
    assert (12, 0, 24, 0) == (len(again.offsets), again.offsets_at, len(again.times), again.times_at)


def test_what_stood_after_is_cut(disk: FaultyDisk) -> None:
    """Entries of a longer index, from before a cut, do not outlive the write."""
    segment = active_segment(disk)
    for path in (segment.index_path, segment.timeindex_path):
        write_file(disk, path, b"x" * 100)
    index = SegmentIndex(40, 61)
    IndexWrite(index, segment.index_path, b"", 24, segment.timeindex_path, b"abc", 0).execute(
        disk, durable=False
    )
    assert isinstance(disk.inner, RecordingDisk)
    assert b"x" * 24 == disk.inner.content(segment.index_path)
    assert b"abc" == disk.inner.content(segment.timeindex_path)


def test_the_index_file_is_closed_after_a_failure() -> None:
    """An error of the volume does not cost a descriptor."""
    memory = WatchedDisk()
    disk = FaultyDisk(memory)
    segment = active_segment(disk)
    append(segment, 0)
    append(segment, 1)
    disk.reset(Fault(Kind.WRITE, 1))
    with pytest.raises(OSError, match=r"\[Errno"):
        segment.index_write().execute(disk, durable=True)
    assert [segment.log_path] == [file.path for file in memory.open_files]


def test_a_segment_is_equal_to_itself_only() -> None:
    """Two objects for one file are two segments: they are kept as keys."""
    assert Segment(ROOT, 0, Place(0, 0), 0, 61) != Segment(ROOT, 0, Place(0, 0), 0, 61)
