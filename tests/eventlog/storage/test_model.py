"""One partition under random use, compared with a plain list of batches after every step."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from eventlog.errors import OffsetOutOfRangeError, OutOfOrderSequenceError, StorageFailedError
from eventlog.record import Codec, patch_batch
from eventlog.storage.appended import Appended
from eventlog.storage.segment_reader import TimedOffset
from eventlog.storage.settings import TopicSettings
from tests.eventlog.storage.living_partition import FOLDER, START_MS, LivingPartition, batch
from tests.reliability.disks.faulty import Effect, Fault, Kind
from tests.reliability.ledger import split_batches

T = TypeVar("T")

SETTINGS = TopicSettings(segment_bytes=700, segment_ms=60_000, index_interval_bytes=150)
PRODUCER = 7
RETRIES = 5
"""How many batches of a producer are remembered."""

times = st.integers(0, 60).map(lambda number: START_MS + 10 * number)
several_times = st.lists(times, min_size=1, max_size=4).map(tuple)


@attrs.frozen
class StoredBatch:
    """A batch as it must be read, and as it was sent."""

    base_offset: int
    sent: bytes
    stored: bytes
    timestamps_ms: tuple[int, ...]
    sequence: int = -1

    @property
    def next_offset(self) -> int:
        return self.base_offset + len(self.timestamps_ms)


class PartitionMachine(RuleBasedStateMachine):
    """The model: every batch that must be there, where the log starts, and how far it is durable."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.partition = LivingPartition(settings=SETTINGS)
        self.batches: list[StoredBatch] = []
        self.waiting: list[Appended] = []
        self.start = self.durable = self.sent = 0

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.runner.close()

    @property
    def end(self) -> int:
        return self.batches[-1].next_offset if self.batches else 0

    @property
    def next_sequence(self) -> int:
        return max((each.sequence + len(each.timestamps_ms) for each in self.sequenced), default=0)

    @property
    def sequenced(self) -> list[StoredBatch]:
        return [each for each in self.batches if each.sequence >= 0]

    @initialize()
    def open(self) -> None:
        self.do(self.partition.open())

    # --- writing --------------------------------------------------------------------------------

    def make(self, timestamps_ms: tuple[int, ...], codec: Codec, sequence: int) -> bytearray:
        self.sent += 1
        values = [f"{self.sent}.{number} " * (1 + self.sent % 4) for number in range(len(timestamps_ms))]
        producer = (-1, -1, -1) if sequence < 0 else (PRODUCER, 0, sequence)
        return batch(*values, timestamps_ms=timestamps_ms, producer=producer, codec=codec)

    async def append(self, data: bytearray) -> Appended:
        return self.partition.log.append(data)

    @rule(
        timestamps_ms=several_times,
        codec=st.sampled_from([Codec.NONE, Codec.NONE, Codec.ZSTD]),
        is_idempotent=st.booleans(),
    )
    def append_new(self, timestamps_ms: tuple[int, ...], codec: Codec, is_idempotent: bool) -> None:
        """A new batch stands at the end."""
        sequence = self.next_sequence if is_idempotent else -1
        data = self.make(timestamps_ms, codec, sequence)
        sent, base_offset = bytes(data), self.end
        appended = self.do(self.append(data))
        assert (base_offset, False) == (appended.base_offset, appended.is_duplicate)
        stored = bytearray(sent)
        patch_batch(stored, base_offset)
        self.batches.append(StoredBatch(base_offset, sent, bytes(stored), timestamps_ms, sequence))
        assert self.end == appended.next_offset
        self.waiting.append(appended)

    @precondition(lambda self: self.sequenced)
    @rule(back=st.integers(1, RETRIES))
    def append_again(self, back: int) -> None:
        """A retry of one of the last batches is answered with its place."""
        known = self.sequenced[-back:][0]
        appended = self.do(self.append(bytearray(known.sent)))
        assert (known.base_offset, known.next_offset, True) == (
            appended.base_offset,
            appended.next_offset,
            appended.is_duplicate,
        )
        self.waiting.append(appended)

    @precondition(lambda self: self.sequenced)
    @rule(ahead=st.integers(1, 3))
    def append_out_of_order(self, ahead: int) -> None:
        """A gap in the sequence is refused."""
        data = self.make((START_MS,), Codec.NONE, self.next_sequence + ahead)
        with pytest.raises(OutOfOrderSequenceError):
            self.do(self.append(data))

    @rule(effect=st.sampled_from([Effect.ENOSPC, Effect.SHORT_THEN_ENOSPC]))
    def append_to_a_full_disk(self, effect: Effect) -> None:
        """A write that fails leaves nothing, whole or half."""
        self.partition.faults.reset(Fault(Kind.WRITE, 1, effect))
        with pytest.raises(StorageFailedError):
            self.do(self.append(self.make((START_MS,) * 4, Codec.NONE, -1)))
        self.partition.faults.reset(None)

    # --- durability -----------------------------------------------------------------------------

    async def settle_waiting(self) -> list[bool]:
        """For each append that waits, whether it was acknowledged; none may wait any longer."""
        waiting, self.waiting = self.waiting, []
        outcomes = []
        for appended in waiting:
            try:
                await asyncio.wait_for(self.partition.log.durable(appended), 0.5)
                outcomes.append(True)
            except StorageFailedError:
                outcomes.append(False)
        return outcomes

    @rule()
    def flush(self) -> None:
        """After a flush everything is durable and acknowledged."""
        self.do(self.partition.flusher.flush())
        self.durable = self.end
        assert all(self.do(self.settle_waiting()))

    @rule(kind=st.sampled_from([Kind.FLUSH, Kind.SYNC_DIRECTORY]))
    def fail_flush(self, kind: Kind) -> None:
        """After a failed flush everything since the last good one is gone, and none of it acknowledged."""
        self.partition.faults.reset(Fault(kind, 1))
        self.do(self.partition.flusher.flush())
        has_failed = self.partition.faults.failures > 0
        self.partition.faults.reset(None)
        kept = [appended.next_offset <= self.durable for appended in self.waiting]
        if has_failed:
            self.batches = [each for each in self.batches if each.next_offset <= self.durable]
            assert not any(
                acked and not was_durable
                for acked, was_durable in zip(self.do(self.settle_waiting()), kept, strict=True)
            )
        else:
            self.durable = self.end
            assert all(self.do(self.settle_waiting()))

    @rule()
    def settle(self) -> None:
        """Settling changes nothing that can be seen."""
        self.do(self.partition.log.settle())

    # --- starts ---------------------------------------------------------------------------------

    def began_again(self) -> None:
        self.waiting.clear()
        self.durable = self.end

    @rule(is_flushed=st.booleans())
    def reopen(self, is_flushed: bool) -> None:
        """A stop and a start keep everything; after a flushed stop there is nothing to do."""
        if is_flushed:
            self.flush()
        self.do(self.partition.reopen())
        plan = self.partition.log.recovered
        assert not is_flushed or plan.is_clean or plan.expired_segments
        self.began_again()

    @rule(suffixes=st.sampled_from([(), (".index",), (".timeindex", ".index"), (".producers",)]))
    def kill(self, suffixes: tuple[str, ...]) -> None:
        """A kill loses nothing of what was written; derived files may go with it.

        Snapshots are derived only while the batches that they speak of are there.
        """
        if self.start > 0:
            suffixes = tuple(suffix for suffix in suffixes if suffix != ".producers")
        for name in self.partition.names():
            if name.endswith(suffixes) and suffixes:
                self.partition.disk.remove(FOLDER / name)
        self.do(self.partition.restart())
        self.began_again()

    # --- segments -------------------------------------------------------------------------------

    @rule(ms=st.integers(1, 70_000))
    def wait(self, ms: int) -> None:
        self.partition.clock.advance(ms)

    @rule()
    def roll(self) -> None:
        self.do(self.roll_now())

    async def roll_now(self) -> None:
        self.partition.log.roll()

    @rule(retention_bytes=st.integers(0, 3000))
    def retain(self, retention_bytes: int) -> None:
        """Whole durable segments go, the oldest first, and no more than may."""
        before = list(self.partition.log.segments)
        count = self.do(self.partition.log.retain(retention_bytes))
        left = before[count:]
        assert left == list(self.partition.log.segments)
        assert count == 0 or sum(segment.size_bytes for segment in left) >= retention_bytes
        if count:
            self.start = max(self.start, left[0].base_offset)
        assert self.start <= self.durable

    @rule(part=st.integers(0, 10))
    def delete_records(self, part: int) -> None:
        """The log starts where it was told to."""
        offset = self.start + (self.durable - self.start) * part // 10
        self.start = offset
        assert offset == self.do(self.partition.log.delete_records(offset))

    # --- reading --------------------------------------------------------------------------------

    @rule(part=st.integers(0, 10), bytes_max=st.integers(0, 800))
    def read(self, part: int, bytes_max: int) -> None:
        """The batch that holds the offset comes, and those after it that fit, are durable and near."""
        offset = self.start + (self.end - self.start) * part // 10
        found = split_batches(self.do(self.partition.log.read_bytes(offset, bytes_max)))
        readable = [each for each in self.batches if offset < each.next_offset <= self.durable]
        assert [each.stored for each in readable[: len(found)]] == found
        assert bool(found) == bool(readable)
        assert len(found) <= 1 or sum(map(len, found)) <= bytes_max
        if 0 < len(found) < len(readable):
            following = readable[len(found)]
            bases = {segment.base_offset for segment in self.partition.log.segments}
            is_full = sum(map(len, found)) + len(following.stored) > bytes_max
            assert is_full or following.base_offset in bases

    @rule(timestamp_ms=times)
    def find_time(self, timestamp_ms: int) -> None:
        """The first readable record that is not older is found."""
        records = [
            TimedOffset(at, each.base_offset + number)
            for each in self.batches
            for number, at in enumerate(each.timestamps_ms)
            if self.start <= each.base_offset + number < self.durable
        ]
        expected = next((record for record in records if record.timestamp_ms >= timestamp_ms), None)
        assert expected == self.do(self.partition.log.find_time(timestamp_ms))

    @precondition(lambda self: self.start > 0)
    @rule()
    def read_before_the_start(self) -> None:
        with pytest.raises(OffsetOutOfRangeError):
            self.do(self.partition.log.read_bytes(self.start - 1, 100))

    @invariant()
    def offsets_agree(self) -> None:
        if hasattr(self.partition, "log"):
            log = self.partition.log
            assert (self.start, self.durable, self.end) == (
                log.log_start_offset,
                log.high_watermark,
                log.log_end_offset,
            )


TestPartition = PartitionMachine.TestCase
TestPartition.settings = settings(max_examples=150, stateful_step_count=40)


@pytest.mark.long
class TestPartitionLong(PartitionMachine.TestCase):  # type: ignore[misc, valid-type]
    """The same for minutes."""

    settings = settings(max_examples=2000, stateful_step_count=80)
