"""Offsets logs on a disk in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from eventlog.clock import SteadyClock
from eventlog.group.committed import Change, OffsetCommitted
from eventlog.group.offset_log import OffsetLog
from eventlog.storage.disk import Disk
from eventlog.storage.settings import FlushPolicy
from tests.reliability.disks.power_cut import ROOT, RecordingDisk
from tests.reliability.manual_clock import ManualClock

GROUPS = ROOT / "groups"
QUARANTINE = ROOT / "quarantine"


async def open_log(
    disk: Disk,
    *,
    policy: FlushPolicy = FlushPolicy.GROUP,
    clock: ManualClock | None = None,
    is_current: Callable[[OffsetCommitted], bool] = lambda _: True,
) -> OffsetLog:
    """The offsets log of that disk."""
    steady = SteadyClock(clock or ManualClock())
    return await OffsetLog.open(ROOT, disk=disk, clock=steady, policy=policy, is_current=is_current)


async def write(log: OffsetLog, *changes: Change) -> None:
    """Commit in one go, and wait for it."""
    done = log.append(changes)
    await log.flush()
    await done


def contents(log: OffsetLog) -> list[Change]:
    return list(log.table.snapshot())


def files(disk: RecordingDisk) -> list[str]:
    return sorted(disk.names(GROUPS))


def newest(disk: RecordingDisk) -> Path:
    """The file that counts."""
    return GROUPS / files(disk)[-1]


async def refused(futures: Sequence[asyncio.Future[None]]) -> list[str]:
    """Why each was refused; '' for one that was not."""
    outcomes = await asyncio.gather(*futures, return_exceptions=True)
    return ["" if outcome is None else str(outcome) for outcome in outcomes]
