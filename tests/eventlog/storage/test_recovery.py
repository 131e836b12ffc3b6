"""What a partition's files amount to after a clean end, a kill, and damage of every file that may be read."""

from __future__ import annotations

import pytest

from eventlog.errors import DamagedRangeError, ForeignFileError, NewerFormatError, OutOfOrderSequenceError
from eventlog.record.checksum import crc32c
from eventlog.storage.settings import TopicSettings
from eventlog.storage.state_slots import SLOT_BYTES, State, newest_slot, pack_slot
from tests.eventlog.storage.living_partition import (
    FOLDER,
    STATE,
    LivingPartition,
    batch,
    index_files,
    log_file,
)

SIZE = len(batch("v0"))
SEGMENTS = TopicSettings(segment_bytes=2 * SIZE, index_interval_bytes=61)


async def filled(count: int, settings: TopicSettings = SEGMENTS) -> LivingPartition:
    """A partition with flushed batches of one record each: v0, v1, ..."""
    partition = LivingPartition(settings=settings)
    await partition.open()
    for number in range(count):
        partition.put(f"v{number}")
    await partition.flusher.flush()
    return partition


def values(count: int) -> list[str]:
    return [f"v{number}" for number in range(count)]


# --- a clean stop ------------------------------------------------------------------------------


async def test_clean_stop_leaves_a_clean_mark() -> None:
    """After a clean stop the recovery point is the log end, in both slots, and the snapshot is there."""
    partition = await filled(5)
    await partition.close()

    data = partition.disk.content(STATE)
    slots = [newest_slot(data[:SLOT_BYTES]), newest_slot(b"\0" * SLOT_BYTES + data[SLOT_BYTES:])]
    assert [State(5, 0), State(5, 0)] == [slot.state for slot in slots if slot is not None]
    assert "00000000000000000005.producers" in partition.names()
    assert [] == partition.disk.open_paths


async def test_clean_start_writes_nothing() -> None:
    """A start after a clean stop changes no byte and no name, and finds everything."""
    partition = await filled(5)
    await partition.close()
    before, files = partition.disk.operation_count, partition.disk.files()

    await partition.open()

    assert [] == partition.disk.changes_since(before)
    assert files == partition.disk.files()
    assert partition.log.recovered.is_clean
    assert values(5) == await partition.read_all()


async def test_clean_start_reads_no_bodies() -> None:
    """A start after a clean stop reads a header of the active segment, nothing of the sealed ones."""
    partition = LivingPartition(settings=TopicSettings(segment_bytes=60_000))
    await partition.open()
    for _ in range(10):
        partition.put("x" * 20_000)
    await partition.flusher.flush()
    await partition.close()
    partition.disk.reads.clear()
    active = partition.log.segments[-1]

    await partition.open()

    read = {done.path for done in partition.disk.reads}
    assert 4 < len(partition.log.segments)
    assert read <= {active.log_path}
    assert sum(done.size for done in partition.disk.reads) <= 21_000


async def test_appends_go_on_after_a_clean_start() -> None:
    """The next offset follows the last one, in the same segment."""
    partition = await filled(3)
    await partition.reopen()
    assert 3 == (await partition.keep("v3")).base_offset
    assert values(4) == await partition.read_all()
    assert 2 == len(partition.log.segments)


# --- a kill ------------------------------------------------------------------------------------


async def test_kill() -> None:
    """After a kill all that was written is there, flushed now, and not marked clean before."""
    partition = await filled(3)
    partition.put("v3")
    partition.put("v4")

    await partition.restart()

    assert not partition.log.recovered.is_clean
    assert (5, 5) == (partition.log.log_end_offset, partition.log.high_watermark)
    assert values(5) == await partition.read_all()
    assert {} == partition.quarantined()


async def test_killed_producer_is_remembered() -> None:
    """A batch that a killed process stored is a duplicate when it is sent again."""
    partition = await filled(1)
    partition.log.append(batch("a", producer=(7, 0, 0)))
    await partition.flusher.flush()
    for number in range(3):
        partition.log.append(batch("b", producer=(7, 0, 1 + number)))
    await partition.restart()

    again = partition.log.append(batch("b", producer=(7, 0, 3)))

    assert (4, True) == (again.base_offset, again.is_duplicate)
    with pytest.raises(OutOfOrderSequenceError):
        partition.log.append(batch("c", producer=(7, 0, 9)))


@pytest.mark.parametrize("damage", ["none", "newest", "all", "gone"])
async def test_producers_without_their_snapshots(damage: str) -> None:
    """Whatever becomes of the snapshots, the producers are read from the log; nothing is stored twice."""
    partition = await filled(1)
    for number in range(8):
        partition.log.append(batch("a", producer=(7 + number % 2, 0, number // 2)))
    await partition.flusher.flush()
    await partition.log.settle()
    await partition.close()
    snapshots = [name for name in partition.names() if name.endswith(".producers")]
    assert 2 == len(snapshots)
    for name in {"none": [], "newest": snapshots[-1:], "all": snapshots, "gone": snapshots}[damage]:
        data = partition.disk.content(FOLDER / name)
        partition.disk.replace(FOLDER / name, data[:-1] + bytes([data[-1] ^ 1]))
        if damage == "gone":
            partition.disk.remove(FOLDER / name)

    await partition.open()

    assert damage != "none" or partition.log.recovered.is_clean
    for number in range(8):
        again = partition.log.append(batch("a", producer=(7 + number % 2, 0, number // 2)))
        assert (1 + number, True) == (again.base_offset, again.is_duplicate)


async def test_snapshot_in_the_middle_of_a_sealed_segment() -> None:
    """Producers before the newest snapshot come from it, those after it from the segments."""
    partition = LivingPartition(settings=TopicSettings(segment_bytes=4 * SIZE))
    await partition.open()
    partition.log.append(batch("v0", producer=(7, 0, 0)))
    await partition.flusher.flush()
    await partition.reopen()
    for number in range(1, 7):
        partition.log.append(batch("v0", producer=(7 + number, 0, 0)))
    await partition.flusher.flush()
    await partition.restart()
    assert [0, 4] == [segment.base_offset for segment in partition.log.segments]
    again = [partition.log.append(batch("v0", producer=(7 + number, 0, 0))) for number in range(7)]
    assert [(number, True) for number in range(7)] == [
        (each.base_offset, each.is_duplicate) for each in again
    ]


async def test_producers_are_read_past_damage() -> None:
    """Without snapshots, a damaged batch in a sealed segment hides its own producer only."""
    partition = LivingPartition(settings=TopicSettings(segment_bytes=4 * SIZE))
    await partition.open()
    for number in range(6):
        partition.log.append(batch("v0", producer=(7 + number, 0, 0)))
    await partition.flusher.flush()
    await partition.close()
    for name in partition.names():
        if name.endswith(".producers"):
            partition.disk.remove(FOLDER / name)
    data = bytearray(partition.disk.content(log_file(0)))
    data[SIZE + 16] = 9
    partition.disk.replace(log_file(0), bytes(data))
    await partition.open()
    assert {7, 9, 10, 11, 12} == set(partition.log.producers.producers)


# --- indexes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 1], ids=["index", "timeindex"])
@pytest.mark.parametrize("damage", ["deleted", "torn", "zeroed", "foreign"])
@pytest.mark.parametrize("base_offset", [0, 10], ids=["sealed", "active"])
async def test_damaged_index(number: int, damage: str, base_offset: int) -> None:
    """An index that is gone, torn, zeroed or another segment's costs nothing: all is still found."""
    partition = await filled(14, TopicSettings(segment_bytes=10 * SIZE, index_interval_bytes=61))
    await partition.close()
    path = index_files(base_offset)[number]
    data = partition.disk.content(path)
    other = partition.disk.content(index_files(10 - base_offset)[number])
    content = {"torn": data[:-5], "zeroed": bytes(len(data)), "foreign": other}
    assert data != other
    if damage == "deleted":
        partition.disk.remove(path)
    else:
        partition.disk.replace(path, content[damage])

    await partition.open()

    assert [[f"v{offset}"] for offset in range(14)] == [
        (await partition.read(offset))[:1] for offset in range(14)
    ]
    found = await partition.log.find_time(0)
    assert found is not None
    assert 0 == found.offset
    await partition.reopen()
    assert values(14) == await partition.read_all()


async def test_index_without_its_segment() -> None:
    """Indexes of a segment that is gone are leftovers, and are removed."""
    partition = await filled(1)
    await partition.close()
    partition.disk.replace(index_files(77)[0], b"x")
    partition.disk.replace(FOLDER / "00000000000000000077.producers.tmp", b"x")
    await partition.open()
    assert [] == [name for name in partition.names() if "77" in name]
    assert values(1) == await partition.read_all()


# --- foreign files and formats -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["0.log", "notes.txt", "00000000000000000000.log.bak", "x.tmp"])
async def test_foreign_file(name: str) -> None:
    """A file that is not the log's own is named and refused, and nothing is touched."""
    partition = await filled(1)
    await partition.close()
    partition.disk.replace(FOLDER / name, b"x")
    before = partition.disk.operation_count
    with pytest.raises(ForeignFileError, match=f"{name} is not a file of the log; move it out"):
        await partition.open()
    assert [] == partition.disk.changes_since(before)
    assert [] == partition.disk.open_paths


async def test_hidden_file() -> None:
    """Hidden files are nobody's business and stay."""
    partition = await filled(1)
    await partition.close()
    partition.disk.replace(FOLDER / ".nfs0001", b"x")
    await partition.open()
    assert ".nfs0001" in partition.names()
    assert partition.log.recovered.is_clean


async def test_newer_state() -> None:
    """A state of a newer format stops the start and asks for an upgrade."""
    partition = await filled(1)
    await partition.close()
    slot = bytearray(pack_slot(99, State(1, 0)))
    slot[5] = 2
    slot[32:36] = crc32c(slot[:32]).to_bytes(4, "big")
    partition.disk.replace(STATE, bytes(slot))
    with pytest.raises(NewerFormatError, match="format 2, this gputail knows 1; upgrade"):
        await partition.open()


async def test_newer_snapshot() -> None:
    """A producer snapshot of a newer format stops the start, too."""
    partition = await filled(1)
    await partition.close()
    path = FOLDER / "00000000000000000001.producers"
    data = bytearray(partition.disk.content(path)[:-4])
    data[5] = 2
    partition.disk.replace(path, bytes(data) + crc32c(data).to_bytes(4, "big"))
    with pytest.raises(NewerFormatError, match="a producer snapshot has format 2"):
        await partition.open()


# --- a deletion that was interrupted -----------------------------------------------------------


@pytest.mark.parametrize("removed", range(4))
async def test_interrupted_retention(removed: int) -> None:
    """Segments below the log start offset, or what is left of their files, go at the next start."""
    partition = await filled(5)
    await partition.log.settle()
    doomed = {path: partition.disk.content(path) for path in (*index_files(0), log_file(0))}
    await partition.log.delete_records(3)
    await partition.close()
    for path, data in list(doomed.items())[removed:]:
        partition.disk.replace(path, data)

    await partition.open()

    assert [] == [path.name for path in doomed if path.name in partition.names()]
    assert (3, 5) == (partition.log.log_start_offset, partition.log.log_end_offset)
    assert ["v3"] == await partition.read(3)
    await partition.reopen()
    assert partition.log.recovered.is_clean


async def test_every_segment_is_gone() -> None:
    """Where no segment is left, offsets go on at the recovery point."""
    partition = await filled(3)
    await partition.close()
    for base_offset in (0, 2):
        for path in (log_file(base_offset), *index_files(base_offset)):
            partition.disk.remove(path)
    await partition.open()
    assert 3 == partition.log.log_end_offset
    assert 3 == (await partition.keep("v3")).base_offset
    with pytest.raises(DamagedRangeError, match="offsets 0 to 2 are damaged"):
        await partition.read(0)
    assert ["v3"] == await partition.read(3)
