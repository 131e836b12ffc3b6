"""Recovery where the state file is damaged or gone: the log itself says what is good."""

from __future__ import annotations

import pytest

from eventlog.errors import DamagedRangeError
from eventlog.storage.settings import TopicSettings
from eventlog.storage.state_slots import SLOT_BYTES, State, newest_slot
from tests.eventlog.storage.living_partition import (
    STATE,
    LivingPartition,
    batch,
    flip,
    index_files,
    log_file,
    values,
)

SIZE = len(batch("v0"))
SEGMENTS = TopicSettings(segment_bytes=3 * SIZE, index_interval_bytes=61)


async def closed(count: int) -> LivingPartition:
    """A cleanly stopped partition with batches v0, v1, ..."""
    partition = LivingPartition(settings=SEGMENTS)
    await partition.open()
    for number in range(count):
        await partition.keep(f"v{number}")
    await partition.close()
    return partition


async def test_one_damaged_slot() -> None:
    """After a clean stop either slot alone is enough for a clean start."""
    for number in range(2):
        partition = await closed(8)
        data = bytearray(partition.disk.content(STATE))
        data[number * SLOT_BYTES + 20] ^= 1
        partition.disk.replace(STATE, bytes(data))
        await partition.open()
        assert partition.log.recovered.is_clean
        assert values(*range(8)) == await partition.read_all()


@pytest.mark.parametrize("content", [None, b"", bytes(2 * SLOT_BYTES), b"x" * 2 * SLOT_BYTES])
async def test_lost_state(content: bytes | None) -> None:
    """Without a state the whole log is read, nothing good is lost, and a new state is made."""
    partition = await closed(8)
    if content is None:
        partition.disk.remove(STATE)
    else:
        partition.disk.replace(STATE, content)
    await partition.open()
    assert values(*range(8)) == await partition.read_all()
    slot = newest_slot(partition.disk.content(STATE))
    assert slot is not None
    assert (State(8, 0), {}) == (slot.state, partition.quarantined())


async def test_lost_state_and_a_bad_end() -> None:
    """Without a state a bad batch with nothing good after it is a torn tail."""
    partition = await closed(8)
    partition.disk.remove(STATE)
    torn = flip(partition, 6, 2 * SIZE - 2)
    await partition.open()
    assert [torn[SIZE:]] == list(partition.quarantined().values())
    assert (7, values(*range(7))) == (partition.log.log_end_offset, await partition.read_all())


@pytest.mark.parametrize("base_offset", [3, 6], ids=["sealed", "last"])
async def test_lost_state_and_damage(base_offset: int) -> None:
    """Without a state a bad batch that good ones follow is damage: it stays, and is refused."""
    partition = await closed(9)
    partition.disk.remove(STATE)
    damaged = flip(partition, base_offset, 2 * SIZE - 2)
    await partition.open()
    assert ({}, 9) == (partition.quarantined(), partition.log.log_end_offset)
    with pytest.raises(DamagedRangeError, match=f"offsets {base_offset + 1} to {base_offset + 1} are"):
        await partition.read(base_offset + 1)
    assert values(*range(base_offset + 2, 9)) == await partition.read_all(base_offset + 2)
    assert damaged == partition.disk.content(log_file(base_offset))


async def test_lost_state_and_a_missing_segment() -> None:
    """Without a state, too, a gap between segments is named; the log starts at its first segment."""
    partition = await closed(12)
    for path in (log_file(0), *index_files(0), log_file(6), *index_files(6), STATE):
        partition.disk.remove(path)
    await partition.open()
    assert (3, 12) == (partition.log.log_start_offset, partition.log.log_end_offset)
    assert values(3, 4, 5) == await partition.read(3)
    with pytest.raises(DamagedRangeError, match="offsets 6 to 8 are damaged"):
        await partition.read(6)
    assert values(9, 10, 11) == await partition.read_all(9)
