"""The small files of a partition: its state, which is not derived from anything, and producer snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from eventlog.inspect.findings import Severity
from eventlog.inspect.partition import Partition
from eventlog.storage.disk import Disk, OpenMode
from eventlog.storage.partition_files import SNAPSHOT_SUFFIX, STATE_NAME
from eventlog.storage.producer_state import unpack_snapshot
from eventlog.storage.segment import file_name
from eventlog.storage.state_slots import FILE_BYTES, SLOT_BYTES, SLOTS, Slot, newest_slot


def slots(data: bytes) -> list[Slot | None]:
    """Each slot of a state file for itself, None where it is not good."""
    return [newest_slot(bytes(at) + data[at : at + SLOT_BYTES]) for at in range(0, FILE_BYTES, SLOT_BYTES)]


def check_state(partition: Partition) -> Iterator[tuple[Severity, str, Path]]:
    """A lost state is corruption: nothing says any more how far the log was flushed, and where it starts."""
    path, data, place = partition.place.folder / STATE_NAME, partition.state_data, partition.place
    if place.is_live:  # the slot whose turn it is may be half written
        return
    if data is None:
        if any(log.size_bytes for log in partition.logs):
            severity = Severity.NOTE if place.topic is None else Severity.CORRUPTION
            yield severity, "is missing: nothing says how far the log had been flushed", path
        return
    found = slots(data)
    bad = [number for number, slot in enumerate(found) if slot is None]
    if len(bad) == SLOTS:
        yield Severity.CORRUPTION, "is damaged: nothing says how far the log had been flushed", path
    elif bad:
        yield Severity.NOTE, f"slot {bad[0]} is damaged or was never written; the other one counts", path
    elif len(data) != FILE_BYTES:
        yield Severity.NOTE, f"has {len(data)} bytes instead of {FILE_BYTES}; its slots are good", path


def check_snapshots(disk: Disk, partition: Partition) -> Iterator[tuple[Severity, str, Path]]:
    """A damaged snapshot is a note: an older one is taken, or the log's headers are read."""
    for offset in partition.snapshot_offsets:
        path = partition.place.folder / file_name(offset, SNAPSHOT_SUFFIX)
        try:
            file = disk.open(path, OpenMode.READ)
        except FileNotFoundError:  # a running writer keeps the newest two
            continue
        try:
            state = unpack_snapshot(file.pread(file.size(), 0))
        finally:
            file.close()
        if state is None:
            yield Severity.NOTE, "is damaged; the next start takes an older snapshot or reads the log", path
        elif partition.plan is not None and offset > partition.plan.end_offset:
            yield Severity.NOTE, "is ahead of the log; the next start removes it", path
