"""H1: the harness is tried itself. Each mutant breaks the log in a way that others have broken theirs.

`MUTANTS` says which check has to catch it, at which volume, and `test_mutants` that it does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import attrs

from eventlog.clock import SteadyClock
from eventlog.errors import StorageFailedError
from eventlog.record.checksum import crc32c
from eventlog.record.header import CRC_START, HEADER, LENGTH_OFFSET_BYTES
from eventlog.storage import atomic_file, quarantine, recovery, resync, scan, segment, topics
from eventlog.storage.appended import Appended
from eventlog.storage.disk import Disk, File
from eventlog.storage.flush_work import FlushWork
from eventlog.storage.flusher import Flusher
from eventlog.storage.free_space import FreeSpace
from eventlog.storage.partition_log import PartitionLog
from eventlog.storage.producer_state import ProducerState
from eventlog.storage.recovery import RecoveryPlan, TornTail
from eventlog.storage.repair import Repair
from eventlog.storage.scan import Damage, Place, Read
from eventlog.storage.state_file import StateFile
from eventlog.storage.state_slots import State
from tests.reliability.clock_jumps import check_clock_jumps
from tests.reliability.damage import check_flips_in_logs
from tests.reliability.disk_full import check_disk_full
from tests.reliability.disks.faulty import Kind
from tests.reliability.faults import check_faults
from tests.reliability.power_cuts import check_cuts_of_recovery, check_power_cuts

SEED = 20_250_101
"""Fixed: a mutant is caught every time."""

Patch = Callable[[], AbstractContextManager[object]]


@attrs.frozen
class Mutant:
    """One way to break the storage engine, and the check that must notice."""

    name: str
    patch: Patch
    check: str
    """A key of CHECKS."""


# --- flushing -----------------------------------------------------------------------------------


def no_flush_of_data() -> AbstractContextManager[object]:
    def execute(self: FlushWork, disk: Disk) -> None:
        if self.directory is not None:
            disk.sync_directory(self.directory)

    return patch.object(FlushWork, "execute", execute)


def no_sync_of_the_folder() -> AbstractContextManager[object]:
    def execute(self: FlushWork, disk: Disk) -> None:
        for file in self.files:
            file.flush()

    return patch.object(FlushWork, "execute", execute)


def acknowledged_before_the_flush() -> AbstractContextManager[object]:
    owed: dict[PartitionLog, FlushWork] = {}

    async def flush_one(self: Flusher, log: PartitionLog) -> None:
        """What is acknowledged now is flushed by the next round: a sync interval."""
        work = log.begin_flush()
        if work is not None:
            if log in owed:
                with suppress(OSError):
                    owed[log].execute(self._disk)
            log.finish_flush(work)
            owed[log] = work

    return patch.object(Flusher, "_flush_one", flush_one)


def failed_flush_tried_again() -> AbstractContextManager[object]:
    original = FlushWork.execute

    def execute(self: FlushWork, disk: Disk) -> None:
        try:
            original(self, disk)
        except OSError:
            original(self, disk)

    return patch.object(FlushWork, "execute", execute)


def doubtful_tail_kept() -> AbstractContextManager[object]:
    def fail_flush(self: PartitionLog, error: OSError) -> None:
        self._life += 1
        self.waiters.fail(StorageFailedError(f"{self.name}: {error}"))

    return patch.object(PartitionLog, "fail_flush", fail_flush)


def short_write_ignored() -> AbstractContextManager[object]:
    return patch.object(segment, "write_all", lambda file, data, position: file.pwrite(data, position))


def retry_acknowledged_at_once() -> AbstractContextManager[object]:
    original = PartitionLog.when_durable

    def when_durable(self: PartitionLog, appended: Appended) -> asyncio.Future[None] | None:
        return None if appended.is_duplicate else original(self, appended)

    return patch.object(PartitionLog, "when_durable", when_durable)


# --- names and small files ----------------------------------------------------------------------


async def _no_flush(disk: Disk, file: File) -> None:
    """What a program does that does not know about page caches."""


async def _no_sync(disk: Disk, path: Path) -> None:
    """What a program does that thinks that a rename is durable."""


def renamed_before_the_flush() -> AbstractContextManager[object]:
    return patch.object(atomic_file, "flush", _no_flush)


def renamed_without_a_sync() -> AbstractContextManager[object]:
    return patch.object(atomic_file, "sync_directory", _no_sync)


def topics_not_synced() -> AbstractContextManager[object]:
    return patch.object(topics, "sync_directory", _no_sync)


def start_offset_not_durable() -> AbstractContextManager[object]:
    async def flush(self: StateFile, state: State) -> None:
        self.write(state)

    return patch.object(StateFile, "flush", flush)


# --- recovery -----------------------------------------------------------------------------------


def producers_not_restored() -> AbstractContextManager[object]:
    async def plan_recovery(*args: Any, **options: Any) -> RecoveryPlan:
        plan = await recovery.plan_recovery(*args, **options)
        plan.producers = ProducerState()
        return plan

    return patch("eventlog.storage.partition_log.plan_recovery", plan_recovery)


def tail_served_before_its_flush() -> AbstractContextManager[object]:
    async def flush(self: Repair, *_: Any, **__: Any) -> None:
        """Nothing: what was found is taken for durable."""

    return patch.object(Repair, "_flush", flush)


def torn_tail_left_in_place() -> AbstractContextManager[object]:
    async def cut(self: Repair, torn: TornTail, *_: Any, **__: Any) -> list[Path]:
        path = self.folder / segment.file_name(torn.base_offset, segment.LOG_SUFFIX)
        copy = await self.quarantine.keep(self.label, path, torn.base_offset, torn.position)
        return [copy] if copy is not None else []

    return patch.object(Repair, "cut", cut)


@contextmanager
def cut_before_the_copy_is_durable() -> Iterator[None]:
    with patch.object(quarantine, "flush", _no_flush), patch.object(quarantine, "sync_directory", _no_sync):
        yield


# --- checksums ----------------------------------------------------------------------------------


class _Anything(int):
    """Equal to every checksum."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = int.__hash__


def checksum_not_checked() -> AbstractContextManager[object]:
    return patch.object(scan, "crc32c", lambda data, value=0: _Anything())


def any_good_checksum_believed() -> AbstractContextManager[object]:
    def search(read: Read, damage: Damage, anchor: Place, *ignored: Any, **options: Any) -> Place:
        stretch = memoryview(read(anchor.position - damage.position, damage.position))
        for at in resync._candidates(stretch):
            base_offset, length, _, _, crc, *_ = HEADER.unpack_from(stretch, at)
            end = at + LENGTH_OFFSET_BYTES + length
            if (
                base_offset > damage.offset
                and crc32c(stretch[at + CRC_START : max(end, at + CRC_START)]) == crc
            ):
                return Place(damage.position + at, base_offset)
        return anchor

    return patch.object(resync, "_search", search)


# --- limits and time ----------------------------------------------------------------------------


def floor_ignored() -> AbstractContextManager[object]:
    return patch.object(FreeSpace, "take", lambda self, size_bytes: None)


@contextmanager
def jumped_clock_believed() -> Iterator[None]:
    with (
        patch.object(SteadyClock, "is_steady", lambda self: True),
        patch.object(SteadyClock, "now_ms", lambda self: self.clock.wall_ms()),
    ):
        yield


# --- the table ----------------------------------------------------------------------------------


def _flush_faults() -> None:
    for seed in range(SEED, SEED + 3):
        check_faults(seed=seed, kinds=(Kind.FLUSH,), steps=2)


CHECKS: dict[str, Callable[[], object]] = {
    "R2": partial(check_power_cuts, seed=SEED, states=600, again_each=2),
    "R3": partial(check_cuts_of_recovery, seed=SEED, images=20),
    "R4 flush": _flush_faults,
    "R4 write": partial(check_faults, seed=SEED, kinds=(Kind.WRITE,), steps=1),
    "R5": partial(check_flips_in_logs, seed=SEED, parts=32),
    "R6": partial(check_disk_full, seed=SEED, rounds=1),
    "R7": partial(check_clock_jumps, seed=SEED, rounds=2),
}
"""The checks at the volume that it takes to catch every mutant."""

MUTANTS = [
    Mutant("no flush of data", no_flush_of_data, "R2"),
    Mutant("no sync of the folder", no_sync_of_the_folder, "R2"),
    Mutant("acknowledged before the flush", acknowledged_before_the_flush, "R2"),
    Mutant("renamed before the flush", renamed_before_the_flush, "R2"),
    Mutant("renamed without a sync", renamed_without_a_sync, "R2"),
    Mutant("folders of topics not synced", topics_not_synced, "R2"),
    Mutant("start offset not durable", start_offset_not_durable, "R2"),
    Mutant("producers not restored", producers_not_restored, "R2"),
    Mutant("retry acknowledged at once", retry_acknowledged_at_once, "R2"),
    Mutant("tail served before its flush", tail_served_before_its_flush, "R2"),
    Mutant("torn tail left in place", torn_tail_left_in_place, "R2"),
    Mutant("cut before the copy is durable", cut_before_the_copy_is_durable, "R3"),
    Mutant("failed flush tried again", failed_flush_tried_again, "R4 flush"),
    Mutant("doubtful tail kept", doubtful_tail_kept, "R4 flush"),
    Mutant("short write ignored", short_write_ignored, "R4 write"),
    Mutant("checksum not checked", checksum_not_checked, "R5"),
    Mutant("any good checksum believed", any_good_checksum_believed, "R5"),
    Mutant("floor of free space ignored", floor_ignored, "R6"),
    Mutant("jumped clock believed", jumped_clock_believed, "R7"),
]
