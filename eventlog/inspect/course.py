"""One partition's batches and damage, in their order: the storage's walk, led on past all that is bad.

Where recovery stops and cuts, an inspector goes on and shows what stands there. How much a batch is worth
is said beside it: flushed, whole but not known to be flushed, being written at this moment, or torn, that
is, cut by the next recovery.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import attrs

from eventlog.inspect.findings import Severity
from eventlog.inspect.partition import LogFile, Partition
from eventlog.storage.disk import Disk, OpenMode
from eventlog.storage.index import OffsetIndex
from eventlog.storage.resync import UNKNOWN_OFFSET, bound
from eventlog.storage.scan import Damage, DamageKind, Place, Read, ScannedBatch, walk


class Standing(enum.Enum):
    """What becomes of a batch at the next start; the value is the phrase that people read."""

    FLUSHED = "flushed"
    UNFLUSHED = "not known to be flushed"
    WRITING = "being written"
    TORN = "torn"


@attrs.frozen
class SegmentBegun:
    """The steps that follow are of this file; `read` is good until the next file begins."""

    log: LogFile
    read: Read


class BatchFound(NamedTuple):
    """A batch whose checksum holds, in its place."""

    log: LogFile
    batch: ScannedBatch
    standing: Standing


@attrs.frozen
class DamageFound:
    """Bytes that are no good batch, or records that are not there; `log` is None where no segment is."""

    log: LogFile | None
    damage: Damage
    standing: Standing

    def severity(self, partition: Partition) -> Severity | None:
        """How grave it is; None for what is only being written."""
        if self.standing is Standing.WRITING:
            return None
        if self.standing is Standing.TORN:
            return Severity.TORN
        is_deleted = UNKNOWN_OFFSET < self.damage.next_offset <= partition.log_start_offset
        return Severity.NOTE if is_deleted else Severity.CORRUPTION


@attrs.frozen
class SegmentEnded:
    """The file was read to its end, or to the place where it is being written."""

    log: LogFile
    end: Place


@attrs.frozen
class SegmentVanished:
    """The file was removed while the others were read: retention, or the deletion of its topic."""

    log: LogFile


Step: TypeAlias = SegmentBegun | BatchFound | DamageFound | SegmentEnded | SegmentVanished
Seek: TypeAlias = Callable[[LogFile], Place]
"""The place in a segment at which to begin; see `dump`."""


def read_whole(disk: Disk, log: LogFile, suffix: str) -> bytes | None:
    """A small file beside a segment, or None where there is none."""
    try:
        file = disk.open(log.path.with_suffix(suffix), OpenMode.READ)
    except FileNotFoundError:
        return None
    try:
        return file.pread(file.size(), 0)
    finally:
        file.close()


class Course:
    """The steps through one partition; `until_offset` leaves out the segments that begin there or later."""

    def __init__(
        self,
        disk: Disk,
        partition: Partition,
        *,
        from_offset: int = 0,
        until_offset: int | None = None,
        seek: Seek | None = None,
    ) -> None:
        self._disk = disk
        self._partition = partition
        self._from_offset = from_offset
        self._until_offset = until_offset
        self._seek = seek
        self._reached = UNKNOWN_OFFSET
        self._is_over = False

    def steps(self) -> Generator[Step]:
        """Everything that stands in the partition's files; blocks for each read."""
        yield from self._missing_before()
        logs = self._partition.logs
        for number, log in enumerate(logs):
            if UNKNOWN_OFFSET < log.end_offset <= self._from_offset:
                continue
            if self._is_over or (self._until_offset is not None and log.base_offset >= self._until_offset):
                return
            try:
                file = self._disk.open(log.path, OpenMode.READ)
            except FileNotFoundError:
                self._reached = log.end_offset
                yield SegmentVanished(log)
                continue
            try:
                yield SegmentBegun(log, file.pread)
                yield from self._segment(log, file.pread, file.size(), logs[number + 1 : number + 2])
            finally:
                file.close()
        if not self._is_over:
            yield from self._missing_after()

    def _segment(
        self, log: LogFile, read: Read, size_bytes: int, following: Sequence[LogFile]
    ) -> Iterator[Step]:
        end = Place(size_bytes, log.end_offset)
        place = self._start(log, read, end)
        standing_of = self._standings(log)
        while place.position < size_bytes:
            damage: Damage | None = None
            for found in walk(read, place, size_bytes, bodies=True):
                if isinstance(found, Damage):
                    damage = found
                    break
                yield BatchFound(log, found, standing_of(found))
                place = found.end
            if damage is None:
                break
            if self._is_being_written(damage.offset):
                self._is_over = True
                yield DamageFound(log, attrs.evolve(damage, end_position=size_bytes), Standing.WRITING)
                yield SegmentEnded(log, place)
                return
            damage = self._bounded(log, read, damage, end)
            yield DamageFound(log, damage, self._standing_of_damage(log, damage))
            place = Place(damage.end_position, damage.next_offset)
        self._reached = place.offset
        if UNKNOWN_OFFSET not in {log.end_offset, place.offset} and place.offset != log.end_offset:
            yield from self._gap_after(log, place, following)
        yield SegmentEnded(log, place)

    def _start(self, log: LogFile, read: Read, end: Place) -> Place:
        """Where to begin; a place that turns out not to be a batch boundary is not taken."""
        if self._seek is None:
            return log.start
        place = self._seek(log)
        first = next(walk(read, place, end.position, bodies=False), None)
        return place if isinstance(first, ScannedBatch) else log.start

    def _bounded(self, log: LogFile, read: Read, damage: Damage, end: Place) -> Damage:
        index = OffsetIndex(log.base_offset, read_whole(self._disk, log, log.index_path.suffix) or b"")
        anchors = [place for place in index.after_position(damage.position) if place.position < end.position]
        point = self._partition.recovery_point
        found = bound(read, damage, anchors, end, is_shown_only=point is None)
        if found.next_offset == UNKNOWN_OFFSET and point is not None and damage.offset < point:
            return attrs.evolve(found, next_offset=point)
        return found

    def _gap_after(self, log: LogFile, place: Place, following: Sequence[LogFile]) -> Iterator[Step]:
        """The next segment does not begin where this one ends."""
        point = self._partition.recovery_point
        if self._is_being_written(place.offset):
            return
        is_unflushed = point is None or place.offset >= point
        is_torn = is_unflushed and bool(following) and self._partition.is_torn(following[0], 0)
        kind = DamageKind.MISSING if place.offset < log.end_offset else DamageKind.OFFSET
        damage = Damage(kind, *place, place.position, log.end_offset)
        yield DamageFound(log, damage, Standing.TORN if is_torn else Standing.FLUSHED)

    def _missing_before(self) -> Iterator[Step]:
        logs, start = self._partition.logs, self._partition.log_start_offset
        if logs and start < logs[0].base_offset and not self._is_being_written(start):
            damage = Damage(DamageKind.MISSING, 0, start, 0, logs[0].base_offset)
            yield DamageFound(logs[0], damage, Standing.FLUSHED)

    def _missing_after(self) -> Iterator[Step]:
        """The log ends before its recovery point: what had been flushed is gone."""
        partition, point = self._partition, self._partition.recovery_point
        if partition.logs and partition.logs[-1].end_offset != UNKNOWN_OFFSET:
            return  # one segment alone, and others follow it
        last = partition.logs[-1] if partition.logs else None
        reached = partition.log_start_offset if last is None else self._reached
        if point is not None and reached != UNKNOWN_OFFSET and reached < point:
            position = 0 if last is None else last.size_bytes
            damage = Damage(DamageKind.MISSING, position, reached, position, point)
            yield DamageFound(last, damage, Standing.FLUSHED)

    def _is_being_written(self, offset: int) -> bool:
        point = self._partition.recovery_point
        return self._partition.place.is_live and point is not None and offset >= point

    def _standings(self, log: LogFile) -> Callable[[ScannedBatch], Standing]:
        """How the batches of a segment stand: nothing flushed is torn, so most are told by their offset."""
        partition, point = self._partition, self._partition.recovery_point or 0
        beyond = Standing.WRITING if partition.place.is_live else Standing.UNFLUSHED
        if partition.torn_tail is None or not partition.is_torn(log, log.size_bytes):
            return lambda batch: Standing.FLUSHED if batch.next_offset <= point else beyond

        def told(batch: ScannedBatch) -> Standing:
            if partition.is_torn(log, batch.position):
                return Standing.TORN
            return Standing.FLUSHED if batch.next_offset <= point else beyond

        return told

    def _standing_of_damage(self, log: LogFile, damage: Damage) -> Standing:
        """Torn where recovery would cut it; of a lone file, where nothing good follows."""
        if self._partition.is_lone_file:
            return Standing.TORN if damage.next_offset == UNKNOWN_OFFSET else Standing.UNFLUSHED
        return Standing.TORN if self._partition.is_torn(log, damage.position) else Standing.FLUSHED
