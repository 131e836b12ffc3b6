"""H1 at the broker: each mutant breaks it in one way, and the check that is meant for it must fail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import attrs

from eventlog.broker import refusal
from eventlog.broker.connection import Connection
from eventlog.broker.frame_memory import FrameMemory
from eventlog.broker.handlers import produce
from eventlog.broker.server import Broker
from eventlog.errors import DiskLowError, EventLogError
from eventlog.group.coordinator import GroupCoordinator
from eventlog.group.group import ConsumerGroup
from eventlog.group.live_group import LiveGroup
from eventlog.group.offset_log import OffsetLog
from eventlog.protocol.error_codes import ErrorCode, error_code_of
from eventlog.protocol.frames import FrameAssembler
from eventlog.record.header import BatchHeader
from eventlog.storage import partition_reader
from eventlog.storage.appended import Appended
from eventlog.storage.open_files import Lease
from eventlog.storage.partition_log import PartitionLog
from eventlog.storage.producer_state import ProducerState
from eventlog.storage.scan import Place
from eventlog.storage.segment import Segment
from eventlog.storage.segment_reader import LogRange, SegmentReader
from tests.reliability.broker.clock_steps import check_clock_steps
from tests.reliability.broker.damaged_log import check_damaged_log
from tests.reliability.broker.failing_volume import check_failing_volume
from tests.reliability.broker.full_volume import check_full_volume
from tests.reliability.broker.hostile_frames import check_frame_limits
from tests.reliability.broker.power_cuts import check_broker_power_cuts
from tests.reliability.broker.retries import check_retries
from tests.reliability.broker.slow_clients import check_stalled_requests
from tests.reliability.broker.stops import check_stop_answers
from tests.reliability.broker.storm import check_storm
from tests.reliability.mutants import SEED, Mutant


@attrs.frozen
class Check:
    """A check, and the volume that it takes to catch every mutant that is meant for it."""

    function: Callable[..., object]
    options: Mapping[str, Any]
    is_on_disk: bool = False
    """Whether it is given a folder to work in."""

    def run(self, folder: Path) -> None:
        self.function(*([folder] if self.is_on_disk else []), **self.options)


# --- answers too early --------------------------------------------------------------------------


def records_acknowledged_unflushed() -> AbstractContextManager[object]:
    return patch.object(PartitionLog, "when_durable", lambda self, appended: None)


def retry_acknowledged_unflushed() -> AbstractContextManager[object]:
    original = PartitionLog.when_durable

    def when_durable(self: PartitionLog, appended: Appended) -> asyncio.Future[None] | None:
        return None if appended.is_duplicate else original(self, appended)

    return patch.object(PartitionLog, "when_durable", when_durable)


def commit_answered_unflushed() -> AbstractContextManager[object]:
    original = OffsetLog.append

    def append(self: OffsetLog, changes: Any) -> asyncio.Future[None]:
        original(self, changes)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    return patch.object(OffsetLog, "append", append)


@attrs.frozen
class _UpToItsEnd:
    """A log as a reader would see it that knows no high watermark."""

    log: PartitionLog

    @property
    def high_watermark(self) -> int:
        return self.log.log_end_offset

    def readable_end(self, segment: Segment) -> Place:
        return segment.end

    def __getattr__(self, name: str) -> Any:
        return getattr(self.log, name)


def fetched_beyond_the_high_watermark() -> AbstractContextManager[object]:
    async def read(self: PartitionLog, offset: int, bytes_max: int) -> LogRange | None:
        seen: Any = _UpToItsEnd(self)
        return await partition_reader.read(seen, self._volume.reader, offset, bytes_max)

    return patch.object(PartitionLog, "read", read)


# --- records ------------------------------------------------------------------------------------


def idempotence_ignored() -> AbstractContextManager[object]:
    def duplicate_of(self: ProducerState, header: BatchHeader) -> None:
        """Every batch is new."""

    return patch.object(ProducerState, "duplicate_of", duplicate_of)


def first_read_not_checked() -> AbstractContextManager[object]:
    async def check(self: SegmentReader, segment: Segment, _: Lease, start: int, end: int) -> None:
        segment.checked.add(start, end)

    return patch.object(SegmentReader, "_check", check)


def full_disk_refused_for_good() -> AbstractContextManager[object]:
    def code_of(error: type[EventLogError]) -> ErrorCode:
        return ErrorCode.POLICY_VIOLATION if error is DiskLowError else error_code_of(error)

    return patch.object(refusal, "error_code_of", code_of)


def failed_flush_acknowledged() -> AbstractContextManager[object]:
    def done(self: Any, future: asyncio.Future[None]) -> None:
        future.exception()
        del self.waiting[future]
        if not self.waiting:
            self._fill()

    return patch.object(produce._Answer, "_done", done)


# --- groups -------------------------------------------------------------------------------------


def generation_not_checked() -> AbstractContextManager[object]:
    return patch.object(ConsumerGroup, "check_commit", lambda *_: None)


def strangers_commit_taken() -> AbstractContextManager[object]:
    return patch.object(GroupCoordinator, "_check_committer", lambda *_: None)


def sessions_by_the_wall_clock() -> AbstractContextManager[object]:
    return patch.object(LiveGroup, "_now_ms", lambda self: self._clock.wall_ms())


# --- connections --------------------------------------------------------------------------------


def stop_drops_answers() -> AbstractContextManager[object]:
    async def drain(self: Broker) -> None:
        for connection in tuple(self._connections):
            connection.close("the broker stops")

    return patch.object(Broker, "drain", drain)


def stop_leaves_no_mark() -> AbstractContextManager[object]:
    async def leave_clean_mark(self: PartitionLog) -> None:
        """What a stop does that is in a hurry."""

    return patch.object(PartitionLog, "_leave_clean_mark", leave_clean_mark)


def frame_limit_ignored() -> AbstractContextManager[object]:
    def length_at(self: FrameAssembler, position: int) -> int:
        return max(int.from_bytes(self._ahead[position : position + 4], "big", signed=True), 0)

    return patch.object(FrameAssembler, "_length_at", length_at)


def one_reads_and_all_wait() -> AbstractContextManager[object]:
    def may_read(self: FrameMemory, holder: Connection, when_it_may: Callable[[], None]) -> bool:
        if self.held_bytes <= self.bytes_max or next(iter(self._holders)) is holder:
            return True
        self._waiting[holder] = when_it_may
        return False

    return patch.object(FrameMemory, "may_read", may_read)


# --- the table ----------------------------------------------------------------------------------

CHECKS: dict[str, Check] = {
    "R2": Check(check_broker_power_cuts, {"seed": SEED, "cuts": 150}),
    "R4": Check(check_failing_volume, {"seed": SEED, "faults": 15}),
    "R5": Check(check_damaged_log, {"seed": SEED, "flips": 12}, is_on_disk=True),
    "R6": Check(check_full_volume, {"seed": SEED, "rounds": 1}, is_on_disk=True),
    "R7": Check(check_clock_steps, {"seed": SEED, "steps": 3}),
    "R8 frames": Check(check_frame_limits, {}),
    "R8 stalls": Check(check_stalled_requests, {}),
    "R9": Check(check_retries, {"seed": SEED, "lives": 2, "batches": 40}),
    "R11": Check(check_storm, {"seed": SEED, "seconds": 0}),
    "R16": Check(check_stop_answers, {"seed": SEED}),
}

MUTANTS = [
    Mutant("records acknowledged unflushed", records_acknowledged_unflushed, "R2"),
    Mutant("retry acknowledged unflushed", retry_acknowledged_unflushed, "R2"),
    Mutant("commit answered unflushed", commit_answered_unflushed, "R2"),
    Mutant("fetched beyond the high watermark", fetched_beyond_the_high_watermark, "R2"),
    Mutant("failed flush acknowledged", failed_flush_acknowledged, "R4"),
    Mutant("first read not checked", first_read_not_checked, "R5"),
    Mutant("full disk refused for good", full_disk_refused_for_good, "R6"),
    Mutant("sessions by the wall clock", sessions_by_the_wall_clock, "R7"),
    Mutant("frame limit ignored", frame_limit_ignored, "R8 frames"),
    Mutant("one reads and all wait", one_reads_and_all_wait, "R8 stalls"),
    Mutant("idempotence ignored", idempotence_ignored, "R9"),
    Mutant("generation not checked", generation_not_checked, "R11"),
    Mutant("a stranger's commit taken", strangers_commit_taken, "R11"),
    Mutant("stop drops answers", stop_drops_answers, "R16"),
    Mutant("stop leaves no mark", stop_leaves_no_mark, "R16"),
]
