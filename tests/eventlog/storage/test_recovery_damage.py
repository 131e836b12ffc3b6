"""Recovery of damaged logs: what is cut with a copy, what stays and is refused, and what offsets follow."""

from __future__ import annotations

import pytest

from eventlog.errors import DamagedRangeError, StorageFailedError
from eventlog.record import patch_batch
from eventlog.storage.producer_state import ProducerState, pack_snapshot
from eventlog.storage.scan import DamageKind
from eventlog.storage.settings import DamagedPolicy, TopicSettings
from tests.eventlog.storage.living_partition import (
    QUARANTINE,
    STATE,
    LivingPartition,
    batch,
    flip,
    index_files,
    log_file,
    values,
)
from tests.reliability.disks.faulty import Effect, Fault, Kind

SIZE = len(batch("v0"))
SEGMENTS = TopicSettings(segment_bytes=3 * SIZE, index_interval_bytes=61)


async def killed(flushed: int, unflushed: int = 0, settings: TopicSettings = SEGMENTS) -> LivingPartition:
    """A partition whose process was killed with batches v0, v1, ... in its files, some of them flushed."""
    partition = LivingPartition(settings=settings)
    await partition.open()
    for number in range(flushed + unflushed):
        partition.put(f"v{number}")
        if number + 1 == flushed:
            await partition.flusher.flush()
    await partition.kill()
    return partition


async def closed(count: int, settings: TopicSettings = SEGMENTS) -> LivingPartition:
    """A cleanly stopped partition with batches v0, v1, ..."""
    partition = await killed(count, settings=settings)
    await partition.restart()
    await partition.close()
    return partition


# --- torn tails --------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [SIZE + 1, SIZE + 30, SIZE + 61, 2 * SIZE - 1])
async def test_torn_write(end: int) -> None:
    """A last write that is incomplete goes to quarantine, byte for byte, and is cut."""
    partition = await killed(1, 1)
    torn = partition.disk.content(log_file(0))[:end]
    partition.disk.replace(log_file(0), torn)

    await partition.open()

    (copy,) = partition.quarantined().items()
    assert torn[SIZE:] == copy[1]
    assert copy[0].startswith(f"t-0-0-{SIZE}-")
    assert [QUARANTINE / copy[0]] == partition.log.quarantined
    assert torn[:SIZE] == partition.disk.content(log_file(0))
    assert (1, ["v0"]) == (partition.log.log_end_offset, await partition.read_all())
    tail = partition.log.recovered.torn_tail
    assert tail is not None
    assert (DamageKind.TRUNCATED, SIZE, 1, end - SIZE, ()) == (
        tail.kind,
        tail.position,
        tail.offset,
        tail.size_bytes,
        tail.removed_segments,
    )


async def test_good_batches_after_a_torn_one() -> None:
    """The first bad batch past the recovery point begins the torn tail, even if good ones follow."""
    partition = await killed(1, 2)
    torn = flip(partition, 0, 2 * SIZE - 2)

    await partition.open()

    assert [torn[SIZE:]] == list(partition.quarantined().values())
    assert (1, ["v0"]) == (partition.log.log_end_offset, await partition.read_all())
    assert 1 == (await partition.keep("again")).base_offset


async def test_zeros_after_the_end() -> None:
    """A tail of zeros, as a file system may leave it, does not stop the start."""
    partition = await killed(1, 1)
    partition.disk.replace(log_file(0), partition.disk.content(log_file(0)) + bytes(1000))
    await partition.open()
    assert [bytes(1000)] == list(partition.quarantined().values())
    assert values(0, 1) == await partition.read_all()


async def test_segments_after_a_torn_one() -> None:
    """Later segments go with the torn one, each with a copy, and the offsets are given again."""
    partition = await killed(1, 7)
    torn = flip(partition, 0, 2 * SIZE - 2)
    later = [partition.disk.content(log_file(base_offset)) for base_offset in (3, 6)]

    await partition.open()

    assert sorted([torn[SIZE:], *later]) == sorted(partition.quarantined().values())
    assert ["00000000000000000000.log"] == [name for name in partition.names() if name.endswith(".log")]
    assert ["v0"] == await partition.read_all()
    tail = partition.log.recovered.torn_tail
    assert tail is not None
    assert ((3, 6), 7 * SIZE) == (tail.removed_segments, tail.size_bytes)
    assert 1 == (await partition.keep("again")).base_offset


async def test_segment_that_does_not_follow() -> None:
    """Past the recovery point a segment that leaves offsets out is torn whole, name and all."""
    partition = await killed(1, 7)
    whole = partition.disk.content(log_file(6))
    partition.disk.remove(log_file(3))

    await partition.open()

    assert [whole] == list(partition.quarantined().values())
    assert (3, values(0, 1, 2)) == (partition.log.log_end_offset, await partition.read_all())
    tail = partition.log.recovered.torn_tail
    assert tail is not None
    assert (6, 0, 3, (6,)) == (tail.base_offset, tail.position, tail.offset, tail.removed_segments)


async def test_empty_segment_that_does_not_follow() -> None:
    """Nothing is copied of an empty segment that is torn."""
    partition = await killed(1, 1)
    partition.disk.replace(log_file(9), b"")
    await partition.open()
    assert {} == partition.quarantined()
    assert [log_file(0).name] == [name for name in partition.names() if name.endswith(".log")]
    assert values(0, 1) == await partition.read_all()


async def test_recovery_again_finds_nothing() -> None:
    """What one recovery made, another one takes as it is."""
    partition = await killed(1, 7)
    flip(partition, 0, 2 * SIZE - 2)
    await partition.open()
    files = partition.disk.files()
    await partition.restart()
    assert partition.log.recovered.is_clean
    assert files == partition.disk.files()


async def test_damaged_snapshot_beyond_the_end() -> None:
    """A damaged snapshot proves nothing, and goes with the batches that it spoke of."""
    partition = await killed(1, 7)
    path = STATE.with_name("00000000000000000006.producers")
    partition.disk.replace(path, b"of a log that is gone")
    torn = flip(partition, 0, 2 * SIZE - 2)
    await partition.open()
    assert path.name not in partition.names()
    assert torn[SIZE:] in partition.quarantined().values()
    assert 1 == partition.log.log_end_offset


async def test_snapshot_newer_than_the_state() -> None:
    """A whole snapshot proves that what it covers was flushed: a bad batch there is damage, and stays."""
    partition = await killed(1, 7)
    partition.disk.replace(STATE.with_name("00000000000000000006.producers"), pack_snapshot(ProducerState()))
    damaged = flip(partition, 0, 2 * SIZE - 2)
    await partition.open()
    assert ({}, 8) == (partition.quarantined(), partition.log.log_end_offset)
    assert damaged == partition.disk.content(log_file(0))
    with pytest.raises(DamagedRangeError, match="offsets 1 to 1"):
        await partition.read(1)


# --- damage below the recovery point -----------------------------------------------------------


@pytest.mark.parametrize("position", [0, 8, 12, 16, 17, 40, SIZE - 1], ids=lambda at: f"byte-{at}")
@pytest.mark.parametrize("is_clean", [True, False], ids=["closed", "killed"])
async def test_damage_stays_in_place(position: int, is_clean: bool) -> None:
    """One damaged batch below the recovery point is refused and stays; all others are read."""
    partition = await closed(8)
    if not is_clean:
        partition.disk.remove(STATE.with_name("00000000000000000008.producers"))
    damaged = flip(partition, 3, SIZE + position)

    await partition.open()

    with pytest.raises(DamagedRangeError) as refused:
        await partition.read(4)
    assert (4, 5) == (refused.value.first_offset, refused.value.next_offset)
    assert values(0, 1, 2, 3) == [value for offset in (0, 3) for value in await partition.read(offset)]
    assert values(5, 6, 7) == await partition.read_all(5)
    assert damaged == partition.disk.content(log_file(3))
    assert ({}, 8) == (partition.quarantined(), partition.log.log_end_offset)


async def test_damage_in_the_active_segment() -> None:
    """Damage before the end of the active segment stays, and appends go on behind it."""
    partition = await closed(2)
    damaged = flip(partition, 0, SIZE - 1)
    for path in index_files(0):
        partition.disk.remove(path)
    await partition.open()
    assert 2 == (await partition.keep("v2")).base_offset
    with pytest.raises(DamagedRangeError, match="offsets 0 to 0"):
        await partition.read(0)
    assert values(1, 2) == await partition.read_all(1)
    assert damaged == partition.disk.content(log_file(0))[: 2 * SIZE]


@pytest.mark.parametrize("position", [0, 16], ids=["offset", "magic"])
async def test_damaged_header_is_passed_on_the_way_to_the_recovery_point(position: int) -> None:
    """Where the index is lost too, the place of the recovery point is found behind a damaged header."""
    partition = await closed(3)
    flip(partition, 0, SIZE + position)
    for path in index_files(0):
        partition.disk.remove(path)
    await partition.open()
    assert (3, 1) == (partition.log.log_end_offset, len(partition.log.segments))
    assert ["v0"] == await partition.read(0)
    assert ["v2"] == await partition.read(2)


# --- the end of a cleanly closed log -----------------------------------------------------------


@pytest.mark.parametrize("size", [2 * SIZE, 2 * SIZE + 20], ids=["boundary", "middle"])
async def test_truncated_after_a_clean_stop(size: int) -> None:
    """Offsets below the recovery point are never given again: a new segment begins there."""
    partition = await closed(3, TopicSettings())
    partition.disk.replace(log_file(0), partition.disk.content(log_file(0))[:size])

    await partition.open()

    assert (3, [0, 3]) == (
        partition.log.log_end_offset,
        [segment.base_offset for segment in partition.log.segments],
    )
    assert 3 == (await partition.keep("v3")).base_offset
    assert values(0, 1) == await partition.read(0)
    with pytest.raises(DamagedRangeError, match="offsets 2 to 2 are damaged"):
        await partition.read(2)
    assert ["v3"] == await partition.read(3)
    assert {} == partition.quarantined()
    await partition.reopen()
    with pytest.raises(DamagedRangeError, match="offsets 2 to 2 are damaged"):
        await partition.read(2)
    assert ["v3"] == await partition.read(3)


@pytest.mark.parametrize("policy", DamagedPolicy)
async def test_emptied_after_a_clean_stop(policy: DamagedPolicy) -> None:
    """A log file that is empty is missing records, and says so instead of letting readers wait."""
    partition = await closed(3, TopicSettings(damaged=policy))
    partition.disk.replace(log_file(0), b"")
    await partition.open()
    await partition.keep("v3")
    if policy is DamagedPolicy.SKIP:
        assert ["v3"] == await partition.read(0)
    else:
        with pytest.raises(DamagedRangeError, match="offsets 0 to 2 are damaged"):
            await partition.read(0)


@pytest.mark.parametrize("size", [2 * SIZE, 2 * SIZE + 20], ids=["boundary", "middle"])
async def test_truncated_below_its_index(size: int) -> None:
    """Index entries of bytes that are gone do no harm."""
    partition = await closed(6, TopicSettings(index_interval_bytes=61))
    partition.disk.replace(log_file(0), partition.disk.content(log_file(0))[:size])
    await partition.open()
    assert values(0, 1) == await partition.read(0)
    for offset in (2, 5):
        with pytest.raises(DamagedRangeError, match="offsets 2 to 5 are damaged"):
            await partition.read(offset)


async def test_segments_after_a_truncated_one() -> None:
    """What follows a segment that lost its flushed end cannot follow it; it is set aside and cut."""
    partition = await killed(2, 0, TopicSettings())
    await partition.restart()
    partition.log.roll()
    partition.put("v2")
    await partition.kill()
    partition.disk.replace(log_file(0), partition.disk.content(log_file(0))[:SIZE])
    later = partition.disk.content(log_file(2))
    # The state still names 2 as the recovery point; a segment at 3 follows nothing.
    partition.disk.remove(log_file(2))
    partition.disk.replace(log_file(3), later)

    await partition.open()

    assert [later] == list(partition.quarantined().values())
    assert (2, [0, 2]) == (
        partition.log.log_end_offset,
        [segment.base_offset for segment in partition.log.segments],
    )


async def test_bad_bytes_at_the_end_of_a_clean_log() -> None:
    """A flipped bit in the last batch's header makes it damage, not a torn tail; its offset stays taken."""
    partition = await closed(2, TopicSettings())
    damaged = flip(partition, 0, SIZE + 16)
    await partition.open()
    assert 2 == (await partition.keep("v2")).base_offset
    assert ["v0"] == await partition.read(0)
    with pytest.raises(DamagedRangeError, match="offsets 1 to 1"):
        await partition.read(1)
    assert ["v2"] == await partition.read(2)
    assert damaged == partition.disk.content(log_file(0))


async def test_missing_middle_segment() -> None:
    """The offsets of a segment that is gone are refused by name; those before and after are read."""
    partition = await closed(8)
    for path in (log_file(3), *index_files(3)):
        partition.disk.remove(path)
    await partition.open()
    assert values(0, 1, 2) == await partition.read(0)
    with pytest.raises(DamagedRangeError, match=r"offsets 3 to 5 are damaged \(the records are not in any"):
        await partition.read(4)
    assert values(6, 7) == await partition.read(6)
    assert 8 == partition.log.log_end_offset


# --- what a failed write may leave -------------------------------------------------------------


async def test_batch_within_a_failed_write() -> None:
    """A batch inside a record whose write failed never becomes a batch of the log."""
    partition = await killed(1)
    await partition.restart()
    following, planted = batch("v1"), batch("planted")
    patch_batch(planted, 2)
    padding = bytes(len(following) - batch(bytes(500)).index(bytes(500)))
    large = batch(padding + bytes(planted) + bytes(500))
    assert len(following) == large.index(planted)
    partition.faults.reset(Fault(Kind.WRITE, 1, Effect.SHORT_THEN_ENOSPC))
    with pytest.raises(StorageFailedError):
        partition.log.append(large)

    partition.log.append(following)
    await partition.restart()

    assert values(0, 1) == await partition.read_all()


async def test_a_length_that_ends_the_last_batch_early() -> None:
    """A shortened last batch is damage, though it ends just at the recovery point: nothing is cut."""
    partition = await closed(3, TopicSettings())
    path = log_file(0)
    data = bytearray(partition.disk.content(path))
    at = 2 * SIZE + 8
    length = int.from_bytes(data[at : at + 4], "big")
    data[at : at + 4] = (length - 4).to_bytes(4, "big")
    partition.disk.replace(path, bytes(data))
    await partition.open()
    assert bytes(data) == partition.disk.content(path)
    assert ({}, 3) == (partition.quarantined(), partition.log.log_end_offset)
    assert ["v0", "v1"] == await partition.read(0)
