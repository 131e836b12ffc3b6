"""One partition: the log that is appended to, flushed, read, rolled, retained and recovered.

Everything between two awaits happens in the event loop and at once; there are no locks around appends.
`log_end_offset` is the next offset to be given, `recovery_point` the end known to be flushed, and
`high_watermark` the end of what consumers may read: equal to the recovery point under the `group` flush
policy, to the log end under `os`.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from eventlog.errors import (
    BatchTooLargeError,
    DiskLowError,
    EventLogError,
    OffsetOutOfRangeError,
    StorageFailedError,
    UnknownTopicError,
)
from eventlog.record.batch import check_batch, patch_batch
from eventlog.record.header import BatchHeader
from eventlog.storage import partition_reader
from eventlog.storage.appended import Appended
from eventlog.storage.durability import DurabilityWaiters
from eventlog.storage.flush_work import FlushWork
from eventlog.storage.partition_files import STATE_NAME
from eventlog.storage.producer_state import ProducerState, pack_snapshot
from eventlog.storage.recovery import RecoveryPlan, plan_recovery
from eventlog.storage.repair import Repair
from eventlog.storage.retention import beyond_size
from eventlog.storage.scan import Place, ScannedBatch
from eventlog.storage.segment import Segment
from eventlog.storage.segment_chain import SegmentChain
from eventlog.storage.segment_reader import LogRange, TimedOffset
from eventlog.storage.settings import DamagedPolicy, FlushPolicy, TopicSettings
from eventlog.storage.state_file import StateFile
from eventlog.storage.state_slots import State
from eventlog.storage.volume import Volume

RELATIVE_OFFSET_MAX = 2**32 - 1
UP_TO_HIGH_WATERMARK = -1


class PartitionLog:
    """The log of one partition; made by `open`."""

    def __init__(
        self, volume: Volume, name: str, settings: TopicSettings, repair: Repair, state_file: StateFile
    ) -> None:
        self.name = name
        self.settings = settings
        self.waiters = DurabilityWaiters()
        self.failure: OSError | None = None
        self.quarantined: list[Path] = []
        self.on_append: Callable[[PartitionLog], None] = lambda _: None
        self.recovered: RecoveryPlan
        self.producers: ProducerState
        self.log_start_offset: int
        self._chain: SegmentChain
        self._volume = volume
        self._repair = repair
        self._state_file = state_file
        self._life = 0
        self._is_closed = False
        self._upkeep = asyncio.Lock()

    @classmethod
    async def open(
        cls, volume: Volume, topic: str, number: int, folder: Path, settings: TopicSettings
    ) -> PartitionLog:
        """Recover the partition in `folder` and open it for appends; an empty folder is a new partition."""
        name = f"{topic}-{number}"
        repair = Repair(volume.disk, folder, name, volume.quarantine, settings.index_interval_bytes)
        plan = await plan_recovery(volume.disk, folder, settings.index_interval_bytes)
        state_file = await StateFile.open(volume.disk, folder / STATE_NAME, plan.slot)
        log = cls(volume, name, settings, repair, state_file)
        try:
            await log._begin(plan)
        except BaseException:
            state_file.close()
            raise
        return log

    # --- what is known -----------------------------------------------------------------------

    @property
    def segments(self) -> Sequence[Segment]:
        return self._chain.segments

    @property
    def log_end_offset(self) -> int:
        return self._chain.end.offset

    @property
    def recovery_point(self) -> int:
        return self._chain.durable_end.offset

    @property
    def high_watermark(self) -> int:
        return self.log_end_offset if self._follows_append else self.recovery_point

    @property
    def damaged_policy(self) -> DamagedPolicy:
        return self.settings.damaged

    @property
    def size_bytes(self) -> int:
        return sum(segment.size_bytes for segment in self.segments)

    def readable_end(self, segment: Segment) -> Place:
        """How far consumers may read in a segment."""
        if self._follows_append or segment.end.offset <= self.recovery_point:
            return segment.end
        if segment is self._chain.durable_segment:
            return self._chain.durable_end
        return Place(0, segment.base_offset)

    @property
    def _follows_append(self) -> bool:
        return self._volume.settings.flush is FlushPolicy.OS

    # --- append ------------------------------------------------------------------------------

    def append(self, data: bytearray | memoryview) -> Appended:
        """Write one record batch, patching its base offset in place; it is durable only later.

        Raises CorruptBatchError, InvalidBatchError, UnsupportedBatchError, BatchTooLargeError,
        OutOfOrderSequenceError, ProducerFencedError, and, retriable, DiskLowError and StorageFailedError.
        After an error the log is as it was.
        """
        header = check_batch(data)
        if header.size_bytes > self.settings.max_message_bytes:
            raise BatchTooLargeError(
                f"{self.name}: a batch of {header.size_bytes} bytes exceeds max.message.bytes = "
                f"{self.settings.max_message_bytes}; send smaller batches or raise it"
            )
        now_ms = self._volume.clock.now_ms()
        try:
            self._refuse_if_failed()
            if header.is_idempotent and (original := self.producers.duplicate_of(header)) is not None:
                next_offset = original.base_offset + header.record_count
                return Appended(original.base_offset, next_offset, -1, is_duplicate=True, life=self._life)
            batch = self._store(data, header, now_ms)
        except (DiskLowError, StorageFailedError):
            self.producers.refused(header, now_ms)
            raise
        self.producers.appended(batch, now_ms)
        self.on_append(self)
        if self._follows_append:
            self.waiters.release(batch.next_offset)
        return Appended(batch.base_offset, batch.next_offset, now_ms, is_duplicate=False, life=self._life)

    def when_durable(self, appended: Appended) -> asyncio.Future[None] | None:
        """A future for the moment in which the batch is durable; None where it already is.

        The future fails, or StorageFailedError is raised, where the batch will not be.
        """
        if appended.life != self._life:
            raise StorageFailedError(f"{self.name}: offset {appended.base_offset} was cut off; send it anew")
        if appended.next_offset <= self.high_watermark:
            return None
        return self.waiters.wait(appended.next_offset)

    async def durable(self, appended: Appended) -> None:
        """Wait until the batch is durable; StorageFailedError where it never will be."""
        future = self.when_durable(appended)
        if future is not None:
            await future

    def roll(self) -> None:
        """Begin a new segment; nothing happens where the active one is empty."""
        self._refuse_if_failed()
        if self._chain.active.size_bytes:
            try:
                self._roll(self._volume.clock.now_ms())
            except OSError as error:
                raise StorageFailedError(f"{self.name}: no segment could be begun: {error}") from error

    def _refuse_if_failed(self) -> None:
        if self.failure is not None:
            raise StorageFailedError(f"{self.name}: {self.failure}; writing waits for the volume")

    def _refuse_if_closed(self) -> None:
        if self._is_closed:
            raise UnknownTopicError(f"{self.name}: the log was closed, or its topic deleted")

    def _must_roll(self, header: BatchHeader, now_ms: int) -> bool:
        active = self._chain.active
        first_ms = active.first_append_ms
        return first_ms is not None and (
            active.size_bytes + header.size_bytes > self.settings.segment_bytes
            or now_ms - first_ms >= self.settings.segment_ms
            or active.end.offset + header.record_count - active.base_offset > RELATIVE_OFFSET_MAX
        )

    def _roll(self, now_ms: int) -> None:
        self._chain.roll(now_ms, pack_snapshot(self.producers))
        self.on_append(self)

    def _store(self, data: bytearray | memoryview, header: BatchHeader, now_ms: int) -> ScannedBatch:
        self._volume.free_space.take(header.size_bytes)
        try:
            if self._must_roll(header, now_ms):
                self._roll(now_ms)
            batch = ScannedBatch.at(self._chain.end, header)
            patch_batch(data, batch.base_offset)
            self._chain.append(memoryview(data), batch, now_ms)
        except OSError as error:
            raise StorageFailedError(f"{self.name}: the batch could not be written: {error}") from error
        return batch

    # --- read --------------------------------------------------------------------------------

    async def read(self, offset: int, bytes_max: int) -> LogRange | None:
        """Checked whole batches from `offset` on; see `partition_reader.read`."""
        self._refuse_if_closed()
        return await partition_reader.read(self, self._volume.reader, offset, bytes_max)

    async def read_bytes(self, offset: int, bytes_max: int) -> bytes:
        """The bytes of such a range, empty at the high watermark."""
        found = await self.read(offset, bytes_max)
        if found is None:
            return b""
        with found:
            try:
                return await self._volume.disk.run(found.read)
            except OSError as error:
                raise StorageFailedError(f"{self.name}: offset {offset} cannot be read: {error}") from error

    async def find_time(self, timestamp_ms: int) -> TimedOffset | None:
        """The first record at or after a time (ms since 1970); see `partition_reader.find_time`."""
        self._refuse_if_closed()
        return await partition_reader.find_time(self, self._volume.reader, timestamp_ms)

    # --- flush -------------------------------------------------------------------------------

    def begin_flush(self) -> FlushWork | None:
        """Take what a flush has to cover, as the log stands now; None where nothing is dirty."""
        return None if self.failure is not None else self._chain.begin_flush()

    def finish_flush(self, work: FlushWork) -> None:
        """The work is done: acknowledge everything that it covers."""
        self._chain.finish_flush(work)
        with suppress(OSError):  # any older state is true as well; `settle` reports a volume that fails
            self._state_file.write(self._state())
        self.waiters.release(self.high_watermark)

    def fail_flush(self, error: OSError) -> None:
        """A flush failed: distrust everything past the last good one, until `restore` has cut it off."""
        self.failure = error
        self._life += 1
        with suppress(OSError):  # `restore` tries again
            self._state_file.write(self._state())
        self.waiters.fail(StorageFailedError(f"{self.name}: the volume refused a flush: {error}"))

    async def restore(self) -> bool:
        """After a failed flush: set aside what it left in doubt, cut it, begin a new segment.

        False where the volume still refuses; to be tried again later.
        """
        async with self._upkeep:
            if self.failure is None or self._is_closed:
                return self.failure is None
            distrusted, producers, acknowledged_end = self._state(), self.producers, self.high_watermark
            try:
                self._state_file.write(distrusted)
                self._chain.close()
                folder, interval = self._repair.folder, self.settings.index_interval_bytes
                plan = await plan_recovery(self._volume.disk, folder, interval, known=distrusted)
                plan.begins_segment |= bool(plan.segments) and plan.segments[-1].size_bytes > 0
                await self._begin(plan)
            except OSError as error:
                self.failure = error
                return False
            self.producers.cut_off(producers, acknowledged_end)
            self.failure = None
            return True

    # --- upkeep ---

    async def settle(self) -> None:
        """Write out what only speeds up the next start: index entries, producer snapshots, the state.

        Raises OSError where the volume refuses; nothing is lost by it.
        """
        async with self._upkeep:
            if self.failure is None:
                await self._settle()
                await self._drop_below_start()

    async def delete_records(self, offset: int) -> int:
        """Move the log start offset up to `offset` (UP_TO_HIGH_WATERMARK: all of it); returns the new one."""
        async with self._upkeep:
            self._refuse_if_failed()
            target = self.high_watermark if offset == UP_TO_HIGH_WATERMARK else offset
            if not 0 <= target <= self.high_watermark:
                raise OffsetOutOfRangeError(
                    f"{self.name}: cannot delete up to {offset}, the high watermark is {self.high_watermark}"
                )
            await self._advance_start(target)
            return self.log_start_offset

    async def retain(self, retention_bytes: int) -> int:
        """Delete the segments that are due by age or beyond `retention_bytes`; returns how many."""
        async with self._upkeep:
            if self.failure is not None:
                return 0
            count = beyond_size([segment.size_bytes for segment in self.segments], retention_bytes)
            if self._volume.clock.is_steady():
                retention_ms, now_ms = self.settings.retention_ms, self._volume.clock.now_ms()
                if self._chain.is_active_expired(retention_ms, now_ms):
                    self._roll(now_ms)  # to go next time, when it is flushed
                count = max(count, await self._chain.count_expired(retention_ms, now_ms))
            deletable = self._chain.deletable()[:count]
            if deletable:
                await self._advance_start(deletable[-1].end.offset)
            return len(deletable)

    async def close(self) -> None:
        """Leave a clean mark and close the files; without the mark where something is not flushed."""
        async with self._upkeep:
            try:
                if self.failure is None and self.recovery_point == self.log_end_offset:
                    await self._leave_clean_mark()
            finally:
                self._end(StorageFailedError(f"{self.name}: the log was closed"))

    async def discard(self) -> None:
        """Close the files of a log that is to be deleted."""
        async with self._upkeep:
            self._end(UnknownTopicError(f"{self.name}: the topic was deleted"))

    def _end(self, reason: EventLogError) -> None:
        """Close the files; who waits, appends or asks from now on gets an error."""
        self._is_closed = True
        self._life += 1
        self.failure = OSError(errno.ESHUTDOWN, "the log is closed")
        self.waiters.fail(reason)
        self._chain.close()
        self._state_file.close()

    async def _leave_clean_mark(self) -> None:
        active = self._chain.active
        assert active.index is not None
        active.trim()
        active.index.seal(active.end.offset)
        await self._settle()
        await self._drop_below_start()
        await self._chain.write_index(active, durable=True)
        await self._repair.save_snapshot(self.log_end_offset, pack_snapshot(self.producers))
        await self._state_file.fill(self._state())

    async def _settle(self) -> None:
        while (rolled := self._chain.next_to_settle()) is not None:
            segment, snapshot = rolled
            await self._chain.write_index(segment, durable=True)
            await self._repair.save_snapshot(segment.end.offset, snapshot)
            self._chain.settled(segment)
        await self._chain.write_index(self._chain.active, durable=False)
        self.producers.expire(self._volume.clock.now_ms())
        await self._state_file.flush(self._state())

    async def _advance_start(self, offset: int) -> None:
        """Make a higher log start offset durable, then delete the segments wholly below it."""
        with suppress(OSError):  # a snapshot should know the producers of what goes; space comes first
            await self._settle()
        self.log_start_offset = max(offset, self.log_start_offset)
        await self._state_file.flush(self._state())
        await self._drop_below_start()

    async def _drop_below_start(self) -> None:
        for segment in self._chain.deletable():
            if segment.end.offset > self.log_start_offset:
                break
            self._chain.drop_first()
            await self._repair.remove_segment(segment.base_offset)
            self._volume.open_files.forget(segment.log_path)  # a reader may have opened it meanwhile

    async def _begin(self, plan: RecoveryPlan) -> None:
        """Carry out a recovery plan and take its outcome as the log."""
        self.quarantined += await self._repair.run(plan, self._state_file, self._volume.clock.now_ms())
        active = plan.segments[-1]
        active.first_append_ms = active.modified_ms if active.size_bytes else None
        self._chain = SegmentChain(self._volume, self._repair.folder, plan.segments)
        self.recovered, self.producers = plan, plan.producers
        self.log_start_offset = plan.log_start_offset

    def _state(self) -> State:
        return State(self.recovery_point, self.log_start_offset, distrusted=self.failure is not None)
