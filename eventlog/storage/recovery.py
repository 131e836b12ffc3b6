"""What a partition's files amount to after any end: the scan, plus this policy. Nothing is written here.

* Below the recovery point every byte had been flushed. What is bad there is damage: it stays where it
  is, is never rewritten, and reading refuses it by name (`segment_reader`).
* At or past the recovery point bodies are read, and the first batch that is not good begins the torn
  tail, even if good batches follow: nothing after it was ever acknowledged. `repair` copies it to
  quarantine and cuts it.
* Where the log is shorter than its recovery point, or damaged at its very end, offsets are not given
  twice: a new segment begins at the recovery point.
* Where the state itself is lost, no recovery point is known. Then a bad batch is damage if a chain of
  good ones leads on from it to an anchor (`resync`), and a torn tail only if nothing follows.

Headers are read only after the newest producer snapshot, bodies only past the recovery point: a cleanly
closed partition starts in the same time whatever its size.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import attrs

from eventlog.storage.disk import Disk, OpenMode
from eventlog.storage.index import IndexDamagedError
from eventlog.storage.partition_files import (
    SNAPSHOT_SUFFIX,
    STATE_NAME,
    PartitionFiles,
    SegmentFile,
    classify,
)
from eventlog.storage.producer_state import ProducerState, unpack_snapshot
from eventlog.storage.resync import UNKNOWN_OFFSET, bound
from eventlog.storage.scan import Damage, DamageKind, Place, Read, walk
from eventlog.storage.segment import Segment, file_name
from eventlog.storage.segment_index import SegmentIndex
from eventlog.storage.state_slots import Slot, State, newest_slot

T = TypeVar("T")


@attrs.frozen
class TornTail:
    """What recovery cuts: a segment's bytes from `position` on, and the removed segments whole.

    `offset` is the log's end after the cut, `size_bytes` all that goes to quarantine. Where nothing of the
    segment can stay, it is among the removed ones itself.
    """

    kind: DamageKind
    base_offset: int
    position: int
    offset: int
    size_bytes: int
    removed_segments: tuple[int, ...]


@attrs.define
class RecoveryPlan:
    """What the files say, and what has to be done before the log can be written again."""

    files: PartitionFiles
    slot: Slot | None
    log_start_offset: int
    segments: list[Segment] = attrs.field(factory=list)
    producers: ProducerState = attrs.field(factory=ProducerState)
    snapshot_offset: int = -1
    end_offset: int = 0
    torn_tail: TornTail | None = None
    expired_segments: tuple[int, ...] = ()
    """Segments below the log start whose producers a snapshot knows: an interrupted deletion."""
    begins_segment: bool = False
    """Whether the next append needs a new segment, at `end_offset`."""
    recovery_point: int | None = None
    """What is known to be flushed: what the state says, or a newer snapshot proves."""
    scanned_from: int = 0
    """The first segment (its number in `segments`) with bytes past the recovery point."""
    tail_position: int = 0
    """Where those bytes begin in it."""

    @property
    def is_clean(self) -> bool:
        """Whether the log was closed in order and nothing has to be done."""
        return (
            self.slot is not None
            and not self.slot.state.distrusted
            and not self.slot.state.unflushed
            and self.slot.state.recovery_point == self.end_offset == self.snapshot_offset
            and self.torn_tail is None
            and not self.begins_segment
            and not self.files.leftovers
            and not self.expired_segments
        )


async def plan_recovery(
    disk: Disk, folder: Path, index_interval_bytes: int, known: State | None = None
) -> RecoveryPlan:
    """Read what must be read of a partition's folder, in threads, and decide; see the module.

    `known` is the state where the running log knows better than its file.
    """
    files = classify(folder, await disk.list(folder))
    slot = newest_slot(await disk.read(folder / STATE_NAME)) if files.has_state else None
    if known is not None:
        slot = Slot(0, 0, known)
    plan = RecoveryPlan(files, slot, slot.state.log_start_offset if slot else 0)
    await _load_snapshot(disk, plan)
    ends = [*(segment.base_offset for segment in files.segments[1:]), None]
    kept = [
        segment
        for segment, end in zip(files.segments, ends, strict=False)
        if end is None or end > min(plan.log_start_offset, plan.snapshot_offset)
    ]
    plan.expired_segments = tuple(segment.base_offset for segment in files.segments if segment not in kept)
    if slot is None and kept:
        plan.log_start_offset = kept[0].base_offset
    if slot is not None:  # a snapshot is written after the flush of what it covers
        plan.recovery_point = max(slot.state.recovery_point, plan.snapshot_offset)
    if not kept:
        plan.end_offset = max(plan.recovery_point or 0, plan.log_start_offset)
        plan.begins_segment = True
        return plan
    scan = _Scan(disk, plan, kept, index_interval_bytes)
    await scan.run()
    if plan.end_offset < plan.log_start_offset:  # records were deleted that had not been flushed
        plan.end_offset, plan.begins_segment = plan.log_start_offset, True
    return plan


async def _load_snapshot(disk: Disk, plan: RecoveryPlan) -> None:
    """Take the producers of the newest snapshot that is whole."""
    for offset in reversed(plan.files.snapshot_offsets):
        data = await disk.read(plan.files.folder / file_name(offset, SNAPSHOT_SUFFIX))
        state = unpack_snapshot(data)
        if state is not None:
            plan.producers, plan.snapshot_offset = state, offset
            return


class _Scan:
    """One pass over the segments that recovery has to look into."""

    def __init__(
        self,
        disk: Disk,
        plan: RecoveryPlan,
        kept: list[SegmentFile],
        index_interval_bytes: int,
    ) -> None:
        self._disk = disk
        self._plan = plan
        self._recovery_point = plan.recovery_point
        self._anchors: list[Place] = []
        self._distrusted = plan.slot is not None and plan.slot.state.distrusted
        ends = [*(segment.base_offset for segment in kept[1:]), UNKNOWN_OFFSET]
        plan.segments = [
            Segment(
                plan.files.folder,
                found.base_offset,
                Place(found.size_bytes, end),
                found.modified_ms,
                index_interval_bytes,
            )
            for found, end in zip(kept, ends, strict=True)
        ]

    async def run(self) -> None:
        """Scan; leaves the plan complete."""
        plan, point = self._plan, self._recovery_point
        number = 0
        if point is not None:
            flushed = [n for n, segment in enumerate(plan.segments) if segment.base_offset <= point]
            number = flushed[-1] if flushed else 0
            await self._fold_sealed(number)
        plan.scanned_from = number
        plan.end_offset = plan.segments[number].base_offset
        while number < len(plan.segments):
            segment = plan.segments[number]
            if segment.base_offset != plan.end_offset and point is not None:
                self._tear(
                    number, Damage(DamageKind.OFFSET, 0, plan.end_offset, 0, plan.end_offset), whole=True
                )
                return
            plan.end_offset = segment.base_offset
            if not await self._scan_segment(number):
                return
            number += 1

    async def _fold_sealed(self, until: int) -> None:
        """Fold the producers of sealed segments that the snapshot does not cover."""
        for segment in self._plan.segments[:until]:
            if segment.end.offset > self._plan.snapshot_offset:
                await self._with_file(segment, partial(self._fold, segment=segment))

    async def _scan_segment(self, number: int) -> bool:
        """Scan one segment from its recovery point on; False where it is the last one that counts."""
        plan, segment = self._plan, self._plan.segments[number]
        index = segment.index = await self._load_index(segment)
        point = self._recovery_point
        if point is None:
            return await self._with_file(segment, lambda read: self._scan_without_state(read, number))
        place = Place(0, segment.base_offset)
        if segment.base_offset < point:
            reached = await self._with_file(segment, lambda read: self._find(read, segment, index, point))
            if reached is None:  # the file ends, or is damaged to its end, before the recovery point
                segment.end = Place(segment.end.position, point)
                plan.end_offset, plan.begins_segment = point, True
                if number + 1 < len(plan.segments):
                    self._tear(number + 1, Damage(DamageKind.OFFSET, 0, point, 0, point), whole=True)
                return False
            place = reached
        return await self._with_file(segment, lambda read: self._scan_tail(read, number, place))

    async def _load_index(self, segment: Segment) -> SegmentIndex:
        """The index up to the recovery point; empty where an entry that decides is not good.

        The others are checked when a read uses them: `SegmentIndexes.rebuild`.
        """
        pieces = [
            await self._disk.read(path) if await self._disk.exists(path) else b""
            for path in (segment.index_path, segment.timeindex_path)
        ]
        index = SegmentIndex(segment.base_offset, segment.index_interval_bytes, *pieces)
        self._anchors = list(index.offsets.after_position(0)) if self._recovery_point is None else []
        point = segment.base_offset if self._recovery_point is None else self._recovery_point
        try:
            index.offsets.keep_below(segment.size_bytes)
            index.keep_before(max(point, segment.base_offset))
        except IndexDamagedError:
            index.clear()
        return index

    def _fold(self, read: Read, segment: Segment) -> None:
        """Take the producers of one sealed segment from its headers, going on past damage."""
        place = Place(0, segment.base_offset)
        while place.position < segment.end.position:
            for found in walk(read, place, segment.end.position, bodies=False):
                if isinstance(found, Damage):
                    damage = bound(read, found, (), segment.end)
                    place = Place(damage.end_position, damage.next_offset)
                    break
                if found.base_offset >= self._plan.snapshot_offset:
                    self._plan.producers.appended(found, segment.modified_ms)
                place = found.end

    def _find(self, read: Read, segment: Segment, index: SegmentIndex, point: int) -> Place | None:
        """The place of the recovery point, completing index and producers on the way; None without one."""
        size_bytes = segment.end.position
        place = index.resume()
        snapshot_offset = self._plan.snapshot_offset
        if snapshot_offset < place.offset:
            place = index.offsets.at_or_before_offset(max(snapshot_offset, segment.base_offset))
        last = None
        while place.offset < point:
            for found in walk(read, place, size_bytes, bodies=False):
                if isinstance(found, Damage):
                    place = _past(read, found, index, Place(size_bytes, point))
                    break
                index.add(found, segment.modified_ms)
                if found.base_offset >= snapshot_offset:
                    self._plan.producers.appended(found, segment.modified_ms)
                place, last = found.end, found
                if place.offset >= point:
                    break
            else:
                return None
        if last is not None and place == last.end and place.position < size_bytes:
            # What follows is judged as a torn tail: only a whole batch can say where that begins.
            start = Place(last.position, last.base_offset)
            found = next(walk(read, start, size_bytes, bodies=True))
            if isinstance(found, Damage):
                place = _past(read, found, index, Place(size_bytes, point))
        return place if place.offset == point else None

    def _scan_tail(self, read: Read, number: int, place: Place) -> bool:
        """Scan what was not known to be flushed; what is not good there is torn."""
        segment = self._plan.segments[number]
        assert segment.index is not None
        self._plan.end_offset = place.offset
        if number == self._plan.scanned_from:
            self._plan.tail_position = place.position
        if self._distrusted and (
            place.position < segment.size_bytes or number + 1 < len(self._plan.segments)
        ):
            self._tear(number, Damage(DamageKind.DISTRUSTED, *place, *place))
            return False
        start = place
        for found in walk(read, place, segment.end.position, bodies=True):
            if isinstance(found, Damage):
                self._tear(number, found)
                return False
            segment.index.add(found, segment.modified_ms)
            self._plan.producers.appended(found, segment.modified_ms)
            place = found.end
        self._plan.end_offset = place.offset
        segment.end = place
        segment.checked.add(start.position, place.position)
        return True

    def _scan_without_state(self, read: Read, number: int) -> bool:
        """Scan a whole segment where no recovery point is known: only a bad end is torn."""
        segment = self._plan.segments[number]
        assert segment.index is not None
        place, is_last = Place(0, segment.base_offset), number + 1 == len(self._plan.segments)
        while place.position < segment.end.position:
            for found in walk(read, place, segment.end.position, bodies=True):
                if isinstance(found, Damage):
                    anchors = [anchor for anchor in self._anchors if anchor.position > found.position]
                    damage = bound(read, found, anchors, segment.end)
                    if damage.next_offset == UNKNOWN_OFFSET:
                        self._tear(number, found)
                        return False
                    segment.damages.append(damage)
                    place = Place(damage.end_position, damage.next_offset)
                    break
                segment.index.add(found, segment.modified_ms)
                if found.base_offset >= self._plan.snapshot_offset:
                    self._plan.producers.appended(found, segment.modified_ms)
                place = found.end
        if not is_last and place.offset != segment.end.offset:
            segment.damages.append(Damage(DamageKind.MISSING, *place, *segment.end))
        segment.checked.add(0, segment.end.position)
        segment.end = place if is_last else segment.end
        self._plan.end_offset = segment.end.offset
        return True

    def _tear(self, number: int, damage: Damage, *, whole: bool = False) -> None:
        """Everything from the damage on is torn; `whole`: also the segment's name."""
        plan, segment = self._plan, self._plan.segments[number]
        torn = plan.segments[number if whole else number + 1 :]
        cut_bytes = 0 if whole else segment.size_bytes - damage.position
        plan.torn_tail = TornTail(
            damage.kind,
            segment.base_offset,
            damage.position,
            damage.offset,
            cut_bytes + sum(found.size_bytes for found in torn),
            tuple(found.base_offset for found in torn),
        )
        if not whole:
            segment.end = Place(damage.position, damage.offset)
        plan.segments = plan.segments[: len(plan.segments) - len(torn)]
        plan.end_offset = damage.offset

    async def _with_file(self, segment: Segment, work: Callable[[Read], T]) -> T:
        file = self._disk.open(segment.log_path, OpenMode.READ)
        try:
            return await self._disk.run(lambda: work(file.pread))
        finally:
            file.close()


def _past(read: Read, found: Damage, index: SegmentIndex, end: Place) -> Place:
    """Where reading resumes after damage below the recovery point; UNKNOWN_OFFSET where it does not.

    In a log that was closed in order the file ends at `end`; else more may follow, up to the same position.
    """
    anchors = list(index.offsets.after_position(found.position))
    damage = bound(read, found, anchors, end)
    if damage.end_position == end.position:
        damage = bound(read, found, anchors, Place(end.position, UNKNOWN_OFFSET))
    return Place(damage.end_position, damage.next_offset)
