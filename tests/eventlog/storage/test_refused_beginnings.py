"""A producer whose first batches are refused for now, or cut off: nothing is taken before the first of them.

It has several batches on their way; those behind the first come while it is still to be sent again.
"""

from __future__ import annotations

from collections import deque

import pytest

from eventlog.errors import (
    DiskLowError,
    EventLogError,
    OutOfOrderSequenceError,
    ProducerFencedError,
    StorageFailedError,
)
from eventlog.storage.appended import Appended
from eventlog.storage.producer_state import EXPIRY_MS, Producer, ProducerState, SequencedBatch
from eventlog.storage.settings import FlushPolicy, LogSettings
from tests.eventlog.storage.living_partition import LivingPartition, batch
from tests.reliability.disks.faulty import Effect, Fault, Kind

PRODUCER = 7


async def opened(flush: FlushPolicy = FlushPolicy.GROUP) -> LivingPartition:
    """A partition with one durable record of nobody's."""
    partition = LivingPartition(log_settings=LogSettings(flush=flush, free_bytes_min=0))
    await partition.open()
    await partition.keep("before")
    return partition


def send(partition: LivingPartition, sequence: int, *, epoch: int = 0) -> Appended:
    """The producer's batch of one record with this number."""
    return partition.log.append(batch(f"{sequence}", producer=(PRODUCER, epoch, sequence)))


def is_out_of_order(partition: LivingPartition, sequence: int, expected: int) -> bool:
    """Whether a batch is refused because another has to come before it."""
    with pytest.raises(OutOfOrderSequenceError, match=f"sequence {sequence} where {expected} was expected"):
        send(partition, sequence)
    return True


async def set_room(partition: LivingPartition, free_bytes: int) -> None:
    """The volume has so much room from now on."""
    partition.faults.capacity_bytes = partition.faults.used_bytes + free_bytes
    await partition.volume.free_space.refresh()


async def lose_flush(partition: LivingPartition) -> None:
    """The flush of all that is dirty fails; what it left in doubt is cut off."""
    partition.faults.reset(Fault(Kind.FLUSH, 1))
    await partition.flusher.flush()
    partition.faults.reset(None)


async def refuse_first(partition: LivingPartition, sequence: int, error: type[EventLogError]) -> None:
    """Have the producer's batch refused for now, and the volume well again."""
    if error is DiskLowError:
        await set_room(partition, 10)
    else:
        partition.faults.reset(Fault(Kind.WRITE, 1, Effect.ENOSPC))
    with pytest.raises(error):
        send(partition, sequence)
    partition.faults.reset(None)
    await set_room(partition, 100_000)


@pytest.mark.parametrize("error", [DiskLowError, StorageFailedError])
@pytest.mark.parametrize("first", [0, 1000])
async def test_a_refused_beginning(error: type[EventLogError], first: int) -> None:
    """The second is not taken as the first, wherever the producer is in its sequence."""
    partition = await opened()
    await refuse_first(partition, first, error)
    assert is_out_of_order(partition, first + 1, first)
    assert [1, 2] == [send(partition, first + number).base_offset for number in (0, 1)]
    assert send(partition, first).is_duplicate
    await partition.flusher.flush()
    assert ["before", f"{first}", f"{first + 1}"] == await partition.read_all()


async def test_the_first_of_several_counts() -> None:
    """Each is refused, and the first of them is the beginning."""
    partition = await opened()
    await set_room(partition, 10)
    with pytest.raises(DiskLowError):
        send(partition, 0)
    assert is_out_of_order(partition, 1, 0)
    await set_room(partition, 100_000)
    assert is_out_of_order(partition, 2, 0)
    assert 1 == send(partition, 0).base_offset


async def test_a_beginning_while_the_log_has_failed() -> None:
    """What comes between a failed flush and its repair is refused, and is the beginning afterwards."""
    partition = await opened()
    partition.put("doubtful")
    work = partition.log.begin_flush()
    assert work is not None
    partition.log.fail_flush(OSError(5, "refused"))
    with pytest.raises(StorageFailedError):
        send(partition, 0)
    assert await partition.log.restore()
    assert is_out_of_order(partition, 1, 0)
    assert 1 == send(partition, 0).base_offset


@pytest.mark.parametrize("count", [1, 2, 5])
async def test_a_beginning_that_was_cut_off(count: int) -> None:
    """Stored and lost before it was acknowledged: all are sent again, in their order."""
    partition = await opened()
    for sequence in range(count):
        send(partition, sequence)
    await lose_flush(partition)
    assert is_out_of_order(partition, count, 0)
    assert list(range(1, count + 1)) == [send(partition, sequence).base_offset for sequence in range(count)]
    assert 1 + count == send(partition, count).base_offset


async def test_a_beginning_that_is_cut_off_twice() -> None:
    """It is still known at the second failure, and after a refusal."""
    partition = await opened()
    send(partition, 0)
    await lose_flush(partition)
    partition.put("another")
    await lose_flush(partition)
    assert is_out_of_order(partition, 1, 0)
    await refuse_first(partition, 0, StorageFailedError)
    assert is_out_of_order(partition, 1, 0)
    assert 1 == send(partition, 0).base_offset


async def test_a_part_that_was_cut_off() -> None:
    """Who has batches left goes on behind them."""
    partition = await opened()
    send(partition, 0)
    await partition.flusher.flush()
    send(partition, 1)
    await lose_flush(partition)
    assert is_out_of_order(partition, 2, 1)
    assert 2 == send(partition, 1).base_offset


async def test_more_than_is_remembered_was_cut_off() -> None:
    """Nobody has six on their way; where it began is not known any more, so it may begin anywhere."""
    partition = await opened()
    for sequence in range(6):
        send(partition, sequence)
    await lose_flush(partition)
    assert 1 == send(partition, 4).base_offset


async def test_what_was_acknowledged_is_not_waited_for() -> None:
    """Under the `os` policy a batch is acknowledged at once; lost, it is never sent again."""
    partition = await opened(FlushPolicy.OS)
    send(partition, 0)
    await lose_flush(partition)
    assert 1 == send(partition, 1).base_offset


async def test_what_was_refused_is_waited_for_under_the_os_policy_too() -> None:
    """Nobody was told that it is stored."""
    partition = await opened(FlushPolicy.OS)
    await refuse_first(partition, 0, StorageFailedError)
    partition.put("doubtful")
    await lose_flush(partition)
    assert is_out_of_order(partition, 1, 0)


async def test_a_later_epoch_begins_at_0() -> None:
    """A producer that gave its batch up says so by its epoch; the earlier one is over."""
    partition = await opened()
    await refuse_first(partition, 5, StorageFailedError)
    assert 1 == send(partition, 0, epoch=1).base_offset
    with pytest.raises(ProducerFencedError):
        send(partition, 5)


async def test_a_restart_forgets() -> None:
    """With the process its connections end, and on the next one the first batch comes first."""
    partition = await opened()
    await refuse_first(partition, 0, StorageFailedError)
    await partition.reopen()
    assert {} == partition.log.producers.producers
    assert 1 == send(partition, 1).base_offset


async def test_it_is_forgotten_after_a_day() -> None:
    """Like every producer that does not write."""
    partition = await opened()
    await refuse_first(partition, 0, StorageFailedError)
    partition.clock.advance(EXPIRY_MS)
    await partition.log.settle()
    assert is_out_of_order(partition, 1, 0)
    partition.clock.advance(1)
    await partition.log.settle()
    assert 1 == send(partition, 1).base_offset


async def test_who_is_nobody_is_not_noted() -> None:
    """Only idempotent producers have an order to keep."""
    partition = await opened()
    partition.faults.reset(Fault(Kind.WRITE, 1, Effect.ENOSPC))
    with pytest.raises(StorageFailedError):
        partition.put("x")
    assert {} == partition.log.producers.producers


@pytest.mark.parametrize(
    ("lost", "begins_again"),
    [
        (Producer(0, 9, deque([SequencedBatch(3, 4, 50)]), first_sequence=3), True),
        (Producer(0, 9, deque([SequencedBatch(3, 4, 49)]), first_sequence=3), False),
        (Producer(0, 9, deque([SequencedBatch(3, 4, 50)]), first_sequence=2), False),
        (Producer(0, 9, deque([SequencedBatch(3, 4, 50)])), False),
        (Producer(0, 9, deque(), first_sequence=3), True),
    ],
    ids=["all cut", "acknowledged once", "began earlier", "of a snapshot", "refused"],
)
def test_who_begins_again(lost: Producer, begins_again: bool) -> None:
    """A producer with nothing left in a log that was cut off at offset 50."""
    before, state = ProducerState(), ProducerState()
    before.producers = {PRODUCER: lost}
    state.cut_off(before, 50)
    if begins_again:
        assert {PRODUCER: Producer(0, 9)} == state.producers
        assert 3 == state.producers[PRODUCER].next_sequence
    else:
        assert {} == state.producers


def test_who_is_left_is_left() -> None:
    """What the log still has of a producer is what counts."""
    before, state = ProducerState(), ProducerState()
    before.producers = {PRODUCER: Producer(0, 9, deque([SequencedBatch(3, 4, 50)]), first_sequence=3)}
    state.producers = {PRODUCER: Producer(0, 8, deque([SequencedBatch(1, 2, 40)]))}
    state.cut_off(before, 50)
    assert 3 == state.producers[PRODUCER].next_sequence
    assert 8 == state.producers[PRODUCER].last_write_ms
