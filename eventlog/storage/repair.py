"""Carrying out a recovery plan: set aside, cut, flush, and only then call it the log's end.

Every step can be interrupted and the whole begun again: what is cut is durable in quarantine first,
segments go last to first, and the recovery point moves when everything that it covers has been flushed.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import partial
from pathlib import Path

import attrs

from eventlog.storage.atomic_file import replace_file
from eventlog.storage.disk import Disk, File, OpenMode, sync_directory, write_all
from eventlog.storage.partition_files import SNAPSHOT_SUFFIX, segment_names
from eventlog.storage.producer_state import pack_snapshot
from eventlog.storage.quarantine import Quarantine
from eventlog.storage.recovery import RecoveryPlan, TornTail
from eventlog.storage.scan import Place
from eventlog.storage.segment import LOG_SUFFIX, Segment, file_name
from eventlog.storage.segment_index import SegmentIndex
from eventlog.storage.state_file import StateFile
from eventlog.storage.state_slots import State

SNAPSHOTS_KEPT = 2
REWRITE_BYTES = 1024 * 1024

logger = logging.getLogger(__name__)


@attrs.frozen
class Repair:
    """Brings a partition's folder into the state that a plan describes."""

    disk: Disk
    folder: Path
    label: str
    quarantine: Quarantine
    index_interval_bytes: int

    async def run(self, plan: RecoveryPlan, state_file: StateFile, now_ms: int) -> list[Path]:
        """Do what the plan asks for and leave the last segment open for appends.

        Returns the files that went to quarantine. `plan.segments` ends with the active segment.
        """
        kept = []
        if plan.slot is None and plan.files.segments:
            logger.warning(
                "the recovery point was lost; the whole partition was read",
                extra={
                    "action": "recover",
                    "partition": self.label,
                    "end_offset": plan.end_offset,
                    "damaged_ranges": sum(len(segment.damages) for segment in plan.segments),
                },
            )
        if plan.torn_tail is not None:
            kept = await self.cut(plan.torn_tail)
            self._report(plan.torn_tail, kept)
        if plan.expired_segments:  # what is kept must have its name for good before what is below it goes
            await sync_directory(self.disk, self.folder)
        await self._remove([*plan.files.leftovers, *self._names(plan.expired_segments)])
        beyond = [offset for offset in plan.files.snapshot_offsets if offset > plan.end_offset]
        await self._remove([file_name(offset, SNAPSHOT_SUFFIX) for offset in beyond])
        if plan.begins_segment:
            plan.segments.append(self._begin_segment(plan.end_offset, now_ms))
        active = plan.segments[-1]
        if not plan.is_clean:
            await self._flush_kept(plan, state_file)
            await sync_directory(self.disk, self.folder)
            await state_file.fill(State(plan.end_offset, plan.log_start_offset))
            await self.save_snapshot(plan.end_offset, pack_snapshot(plan.producers))
        elif not active.size_bytes:  # a process that was killed while it rolled may not have synced the name
            await sync_directory(self.disk, self.folder)
        active.active_file = self.disk.open(active.log_path, OpenMode.WRITE)
        return kept

    async def cut(self, torn: TornTail) -> list[Path]:
        """Copy the torn tail to quarantine, then take it off the log."""
        kept = []
        cuts = [(torn.base_offset, torn.position)] if torn.base_offset not in torn.removed_segments else []
        for base_offset, position in cuts + [(base_offset, 0) for base_offset in torn.removed_segments]:
            path = self.folder / file_name(base_offset, LOG_SUFFIX)
            copy = await self.quarantine.keep(self.label, path, base_offset, position)
            if copy is not None:
                kept.append(copy)
        for base_offset in reversed(torn.removed_segments):
            await self._remove(self._names((base_offset,)))
        for base_offset, position in cuts:
            file = self.disk.open(self.folder / file_name(base_offset, LOG_SUFFIX), OpenMode.WRITE)
            try:
                file.truncate(position)
                await self.disk.run(file.flush)
            finally:
                file.close()
        await sync_directory(self.disk, self.folder)
        return kept

    async def remove_segment(self, base_offset: int) -> None:
        """Delete a segment's files, the log last: an index without its segment is known for a leftover."""
        await self._remove(self._names((base_offset,)))

    async def save_snapshot(self, offset: int, data: bytes) -> None:
        """Write a producer snapshot and forget all but the newest two."""
        await replace_file(self.disk, self.folder / file_name(offset, SNAPSHOT_SUFFIX), data)
        names = [entry.name for entry in await self.disk.list(self.folder)]
        snapshots = sorted(name for name in names if name.endswith(SNAPSHOT_SUFFIX))
        await self._remove(snapshots[:-SNAPSHOTS_KEPT])

    def _report(self, torn: TornTail, kept: list[Path]) -> None:
        logger.warning(
            "a torn tail was set aside and cut",
            extra={
                "action": "recover",
                "partition": self.label,
                "reason": torn.kind.value,
                "end_offset": torn.offset,
                "cut_bytes": torn.size_bytes,
                "quarantine": [str(path) for path in kept],
            },
        )

    async def _flush_kept(self, plan: RecoveryPlan, state_file: StateFile) -> None:
        """Make what the scan kept durable; where that fails, the next recovery must write it anew."""
        scanned = plan.segments[plan.scanned_from :]
        rewrites = plan.slot is not None and plan.slot.state.unflushed
        try:
            for segment in scanned:
                tail_position = plan.tail_position if segment is scanned[0] else 0
                await self._flush(
                    segment,
                    is_active=segment is plan.segments[-1],
                    rewrite_from=tail_position if rewrites else None,
                )
        except OSError:
            if plan.recovery_point is not None and plan.slot is not None and not plan.slot.state.distrusted:
                unflushed = State(plan.recovery_point, plan.log_start_offset, unflushed=True)
                with suppress(OSError):
                    state_file.write(unflushed)
            raise

    async def _flush(self, segment: Segment, *, is_active: bool, rewrite_from: int | None) -> None:
        """Make what the scan kept of a segment durable, and its index."""
        file = self.disk.open(segment.log_path, OpenMode.WRITE)
        try:
            if rewrite_from is not None:
                await self.disk.run(partial(_write_anew, file, rewrite_from, segment.size_bytes))
            await self.disk.run(file.flush)
        finally:
            file.close()
        assert segment.index is not None, "what the scan looked into has its index"
        if not is_active:
            segment.index.seal(segment.end.offset)
        write = segment.index_write()
        await self.disk.run(lambda: write.execute(self.disk, durable=True))
        write.done()

    def _begin_segment(self, base_offset: int, now_ms: int) -> Segment:
        segment = Segment(self.folder, base_offset, Place(0, base_offset), now_ms, self.index_interval_bytes)
        segment.index = SegmentIndex(base_offset, self.index_interval_bytes)
        self.disk.open(segment.log_path, OpenMode.CREATE).close()
        return segment

    async def _remove(self, names: list[str]) -> None:
        for name in names:
            if await self.disk.exists(self.folder / name):
                await self.disk.unlink(self.folder / name)

    def _names(self, base_offsets: tuple[int, ...]) -> list[str]:
        return [name for base_offset in base_offsets for name in reversed(segment_names(base_offset))]


def _write_anew(file: File, position: int, end_position: int) -> None:
    """Write the same bytes once more, so that the next flush has to bring them to the disk."""
    while position < end_position:
        data = file.pread(min(REWRITE_BYTES, end_position - position), position)
        write_all(file, data, position)
        position += len(data)
