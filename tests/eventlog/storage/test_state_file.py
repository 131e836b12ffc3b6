"""The open state file: cheap writes to one slot, and the turn passes only with a flush."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.storage.disk import OpenMode
from eventlog.storage.state_file import StateFile
from eventlog.storage.state_slots import SLOT_BYTES, Slot, State, newest_slot, pack_slot
from tests.eventlog.storage.watched_disk import WatchedDisk
from tests.reliability.disks.faulty import Fault, FaultyDisk, Kind
from tests.reliability.disks.power_cut import ROOT, RecordingDisk

PATH = ROOT / "state"
T = TypeVar("T")


class SlowDisk(RecordingDisk):
    """A disk whose flushes take as long as the test wants."""

    def __init__(self) -> None:
        super().__init__()
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def run(self, work: Callable[[], T]) -> T:
        await self.may_go_on.wait()
        return work()


def newest(disk: RecordingDisk) -> Slot | None:
    return newest_slot(disk.content(PATH))


def durable(disk: RecordingDisk) -> set[Slot | None]:
    """The newest slot after each of many power cuts."""
    disk.sync_directory(ROOT)
    return {newest(disk.cut(Random(seed))) for seed in range(60)}


def test_a_write_is_in_the_file_and_not_durable() -> None:
    """A killed process finds it, a power cut may lose it."""

    async def write(disk: RecordingDisk) -> None:
        file = await StateFile.open(disk, PATH, None)
        file.write(State(5, 0))
        file.close()

    disk = RecordingDisk()
    asyncio.run(write(disk))
    assert Slot(0, 1, State(5, 0)) == newest(disk)
    assert {None, Slot(0, 1, State(5, 0))} == durable(disk)


async def test_writes_stay_in_one_slot_until_a_flush() -> None:
    """Any number of them leaves the other slot alone; after the flush it has the turn."""
    disk = RecordingDisk()
    file = await StateFile.open(disk, PATH, None)
    for point in range(1, 4):
        file.write(State(point, 0))
        assert Slot(0, point, State(point, 0)) == newest(disk)
    assert SLOT_BYTES == len(disk.content(PATH))
    await file.flush(State(4, 0))
    assert {Slot(0, 4, State(4, 0))} == durable(disk)
    file.write(State(5, 0))
    assert Slot(1, 5, State(5, 0)) == newest(disk)
    assert {Slot(0, 4, State(4, 0)), Slot(1, 5, State(5, 0))} == durable(disk)


async def test_the_same_state_is_written_once() -> None:
    """Neither a write nor a flush of what stands there already touches the disk."""
    disk = RecordingDisk()
    file = await StateFile.open(disk, PATH, None)
    file.write(State(5, 0))
    before = disk.operation_count
    file.write(State(5, 0))
    assert before == disk.operation_count
    await file.flush(State(5, 0))
    before = disk.operation_count
    await file.flush(State(5, 0))
    file.write(State(5, 0))
    assert before == disk.operation_count


@pytest.mark.parametrize(("number", "following"), [(0, 1), (1, 0)])
async def test_an_opened_file_goes_on_with_the_other_slot(number: int, following: int) -> None:
    """The newest slot of the last run is flushed first, and only then may the other be overwritten."""
    disk = RecordingDisk()
    slot = Slot(number, 41, State(9, 2))
    found = disk.open(PATH, OpenMode.CREATE)
    found.pwrite(pack_slot(41, slot.state), SLOT_BYTES * number)
    file = await StateFile.open(disk, PATH, slot)
    assert {slot} == durable(disk)
    file.write(State(10, 2))
    assert Slot(following, 42, State(10, 2)) == newest(disk)


async def test_a_file_that_cannot_be_flushed_is_not_opened() -> None:
    """The error reaches the caller and the file is closed."""
    memory = WatchedDisk()
    with pytest.raises(OSError, match=r"\[Errno"):
        await StateFile.open(FaultyDisk(memory, Fault(Kind.FLUSH, 1)), PATH, None)
    assert [] == memory.open_files


async def test_nothing_is_written_while_a_flush_runs() -> None:
    """A state noted meanwhile waits, and goes to the other slot as soon as the flush is done."""
    disk = SlowDisk()
    file = await StateFile.open(disk, PATH, None)
    disk.may_go_on.clear()
    flushing = asyncio.create_task(file.flush(State(1, 0)))
    await asyncio.sleep(0)
    file.write(State(2, 0))
    file.write(State(3, 0))
    assert Slot(0, 1, State(1, 0)) == newest(disk)
    disk.may_go_on.set()
    await flushing
    assert Slot(1, 2, State(3, 0)) == newest(disk)
    assert {Slot(0, 1, State(1, 0)), Slot(1, 2, State(3, 0))} == durable(disk)


async def test_two_flushes_take_turns() -> None:
    """The second waits for the first and uses the other slot."""
    disk = SlowDisk()
    file = await StateFile.open(disk, PATH, None)
    disk.may_go_on.clear()
    flushes = [asyncio.create_task(file.flush(State(point, 0))) for point in (1, 2)]
    await asyncio.sleep(0)
    disk.may_go_on.set()
    await asyncio.gather(*flushes)
    content = disk.content(PATH)
    assert pack_slot(1, State(1, 0)) == content[:SLOT_BYTES]
    assert Slot(1, 2, State(2, 0)) == newest(disk)


async def test_after_a_failed_flush_the_slot_is_written_anew() -> None:
    """The page cache may have dropped what it could not flush: it is written and flushed again."""
    memory = RecordingDisk()
    disk = FaultyDisk(memory)
    file = await StateFile.open(disk, PATH, None)
    await file.flush(State(1, 0))
    disk.reset(Fault(Kind.FLUSH, 1))
    with pytest.raises(OSError, match=r"\[Errno"):
        await file.flush(State(2, 0))
    assert {Slot(0, 1, State(1, 0)), Slot(1, 2, State(2, 0))} == durable(memory)
    disk.reset(None)
    await file.flush(State(2, 0))
    assert {Slot(1, 3, State(2, 0))} == durable(memory)
    file.write(State(3, 0))
    assert Slot(0, 4, State(3, 0)) == newest(memory)


async def test_after_a_torn_write_the_slot_is_written_anew() -> None:
    """A slot that a failed write has torn is not counted durable by the next flush."""
    disk = RecordingDisk()
    file = await StateFile.open(disk, PATH, None)
    await file.fill(State(1, 0))
    file.write(State(2, 0))
    tearing = disk.open(PATH, OpenMode.WRITE)
    real_pwrite = type(tearing).pwrite

    def tear(self: object, data: memoryview, position: int) -> int:
        if len(data) == SLOT_BYTES:
            return real_pwrite(tearing, data[:20], position)
        raise OSError("no more")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(tearing), "pwrite", tear)
        with pytest.raises(OSError, match="no more"):
            file.write(State(3, 0))
    await file.flush(State(2, 0))
    assert State(2, 0) in {slot.state for slot in durable(disk) if slot is not None}


async def test_fill_makes_both_slots_durable() -> None:
    """Damage to either of them costs nothing then."""
    disk = RecordingDisk()
    file = await StateFile.open(disk, PATH, None)
    await file.flush(State(5, 1))
    await file.fill(State(5, 1))
    assert 1 == len(durable(disk))
    content = disk.content(PATH)
    for broken in (bytes(SLOT_BYTES) + content[SLOT_BYTES:], content[:SLOT_BYTES] + bytes(SLOT_BYTES)):
        slot = newest_slot(broken)
        assert slot is not None
        assert State(5, 1) == slot.state


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=8), st.integers(0, 2**32))
async def test_a_power_cut_at_any_time_leaves_a_true_state(steps: list[tuple[bool, int]], seed: int) -> None:
    """After any writes and flushes the state found is one that was written, not before the last flushed."""
    disk = RecordingDisk()
    file = await StateFile.open(disk, PATH, None)
    disk.sync_directory(ROOT)
    allowed: list[State | None] = [None]
    state = State(0, 0)
    for is_flush, growth in steps:
        state = State(state.recovery_point + growth, 0)
        if is_flush:
            await file.flush(state)
            allowed = [state]
        else:
            file.write(state)
            allowed.append(state)
    rng = Random(seed)
    for _ in range(5):
        slot = newest(disk.cut(rng))
        assert (None if slot is None else slot.state) in allowed
