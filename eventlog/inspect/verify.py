"""Whether a partition's files are whole: every batch, every index entry, every small file beside them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import attrs

from eventlog.errors import EventLogError, NewerFormatError
from eventlog.inspect.course import (
    BatchFound,
    Course,
    DamageFound,
    SegmentBegun,
    SegmentEnded,
    SegmentVanished,
    Standing,
    read_whole,
)
from eventlog.inspect.findings import Finding, Severity, gravest
from eventlog.inspect.index_check import IndexCheck
from eventlog.inspect.inspector import Inspector
from eventlog.inspect.partition import LogFile, Partition, PartitionPlace
from eventlog.inspect.small_files import check_snapshots, check_state
from eventlog.storage.disk import Disk
from eventlog.storage.recovery import TornTail
from eventlog.storage.resync import UNKNOWN_OFFSET
from eventlog.storage.scan import Damage, DamageKind, Place, Read
from eventlog.storage.segment import INDEX_SUFFIX, LOG_SUFFIX, TIMEINDEX_SUFFIX, file_name

FINDINGS_MAX = 1000
"""More of one partition are counted, not kept."""


@attrs.define
class PartitionReport:
    """What the check of one partition, or of one file, came to."""

    place: PartitionPlace
    path: Path
    partition: Partition | None = None
    segments: int = 0
    batches: int = 0
    records: int = 0
    size_bytes: int = 0
    index_entries: int = 0
    end_offset: int = 0
    writing_bytes: int = 0
    """Bytes past the recovery point of a log that is being written."""
    findings: list[Finding] = attrs.field(factory=list)
    omitted: int = 0
    severities: set[Severity] = attrs.field(factory=set)

    @property
    def verdict(self) -> Severity | None:
        """The gravest severity; None where nothing is wrong."""
        return gravest(self.severities)

    def add(self, severity: Severity, text: str, path: Path | None = None, **where: int | None) -> None:
        """Note a finding; `where` are the positions and offsets of `Finding`."""
        self.severities.add(severity)
        if len(self.findings) < FINDINGS_MAX:
            place = self.place
            self.findings.append(
                Finding(severity, text, path or self.path, place.topic, place.number, **where)
            )
        else:
            self.omitted += 1


def verify_place(inspector: Inspector, place: PartitionPlace) -> PartitionReport:
    """Check a partition's folder; what cannot be understood is a finding, not an error."""
    report = _verify(inspector, place)
    if not place.is_live and report.verdict not in {None, Severity.NOTE} and inspector.is_locked(place):
        report = _verify(inspector, attrs.evolve(place, is_live=True))  # a writer has started meanwhile
    return report


def verify_partition(disk: Disk, partition: Partition) -> PartitionReport:
    """Check a partition that was looked at: every byte of it is read."""
    path = partition.logs[0].path if partition.is_lone_file else partition.place.folder
    return _Verification(disk, partition, PartitionReport(partition.place, path, partition)).run()


def _verify(inspector: Inspector, place: PartitionPlace) -> PartitionReport:
    report = PartitionReport(place, place.folder)
    try:
        return verify_partition(inspector.disk, inspector.look(place, with_plan=True))
    except EventLogError as error:
        report.add(Severity.FAILED, str(error))
    except OSError as error:
        is_gone = isinstance(error, FileNotFoundError | NotADirectoryError)
        if place.is_live and is_gone:
            report.add(Severity.NOTE, "was deleted while it was read")
        else:
            report.add(Severity.FAILED, f"{error.filename or place.folder}: {error.strerror or error}")
    return report


class _Verification:
    """One pass over a partition's files."""

    def __init__(self, disk: Disk, partition: Partition, report: PartitionReport) -> None:
        self._disk = disk
        self._partition = partition
        self._report = report
        self._check: IndexCheck | None = None
        self._read: Read | None = None
        self._end: Place | None = None

    def run(self) -> PartitionReport:
        partition, report = self._partition, self._report
        report.end_offset = max(partition.log_start_offset, partition.recovery_point or 0)
        with closing(Course(self._disk, partition).steps()) as steps:
            for step in steps:
                if isinstance(step, BatchFound):
                    self._batch(step)
                elif isinstance(step, SegmentBegun):
                    self._begin(step)
                elif isinstance(step, DamageFound):
                    self._damage(step)
                elif isinstance(step, SegmentEnded):
                    self._finish(step)
                else:
                    self._vanished(step)
        if partition.torn_tail is not None:
            self._torn(partition.torn_tail)
        if not partition.is_lone_file:
            self._small_files()
        return report

    def _begin(self, step: SegmentBegun) -> None:
        log = step.log
        self._report.segments += 1
        self._read, self._end = step.read, None
        offsets, times = (read_whole(self._disk, log, suffix) for suffix in (INDEX_SUFFIX, TIMEINDEX_SUFFIX))
        trusted = None if self._is_settled(log) else self._partition.recovery_point
        self._check = None
        if not self._partition.is_torn(log, 0):
            self._check = IndexCheck(log, offsets, times, trusted)
            self._report.index_entries += self._check.entries

    def _batch(self, step: BatchFound) -> None:
        _, batch, standing = step
        report = self._report
        if standing is Standing.TORN:
            return
        report.batches += 1
        report.records += batch.next_offset - batch.base_offset
        report.size_bytes += batch.size_bytes
        report.end_offset = max(report.end_offset, batch.next_offset)
        if standing is Standing.WRITING:
            report.writing_bytes += batch.size_bytes
        if self._check is not None:
            self._check.batch(batch)

    def _damage(self, step: DamageFound) -> None:
        damage, log = step.damage, step.log
        severity, size_bytes = step.severity(self._partition), damage.end_position - damage.position
        if severity is None:
            self._report.writing_bytes += size_bytes
            return
        if severity is not Severity.TORN or self._partition.is_lone_file:
            text = damage.kind.value + (", below the log start offset" if severity is Severity.NOTE else "")
            self._report.add(severity, text, None if log is None else log.path, **_where(damage))
            self._report.size_bytes += size_bytes
        if self._check is not None:
            self._check.damaged(damage)
        if damage.kind is DamageKind.MISSING:
            self._end = Place(damage.end_position, damage.next_offset)

    def _finish(self, step: SegmentEnded) -> None:
        assert self._read is not None
        if self._check is None:
            return
        log, end = step.log, self._end or step.end
        complaints = self._check.finish(
            self._read, end, self._partition.place.index_interval_bytes, is_sealed=self._is_settled(log)
        )
        for path, complaint in complaints.items():
            self._report.add(Severity.NOTE, complaint, path)

    def _vanished(self, step: SegmentVanished) -> None:
        if self._partition.place.is_live:
            self._report.add(Severity.NOTE, "was removed while it was read", step.log.path)
        else:
            self._report.add(Severity.FAILED, f"{step.log.path} was removed while it was read")

    def _is_settled(self, log: LogFile) -> bool:
        """Whether the segment and its indexes are as complete as they will ever be."""
        partition = self._partition
        plan = partition.plan
        if partition.place.is_live or partition.is_lone_file or plan is None:
            return False
        point = partition.recovery_point
        if log.end_offset != UNKNOWN_OFFSET:
            return point is not None and log.end_offset <= point
        return point == plan.end_offset and point in partition.snapshot_offsets and plan.torn_tail is None

    def _torn(self, torn: TornTail) -> None:
        path = self._partition.place.folder / file_name(torn.base_offset, LOG_SUFFIX)
        more = f" and {len(torn.removed_segments)} segments" if torn.removed_segments else ""
        self._report.add(
            Severity.TORN,
            f"{torn.kind.value}; the next start sets aside and cuts {torn.size_bytes} bytes{more}",
            path,
            position=torn.position,
            offset=torn.offset,
        )

    def _small_files(self) -> None:
        partition, report = self._partition, self._report
        for finding in self._small_findings():
            report.add(*finding)
        for log in partition.expired:
            report.add(Severity.NOTE, "is below the log start offset; the next start removes it", log.path)
        for name in partition.leftovers if not partition.place.is_live else ():
            report.add(
                Severity.NOTE, "was never finished; the next start removes it", partition.place.folder / name
            )
        kept = partition.plan.end_offset - (partition.recovery_point or 0) if partition.plan else 0
        if partition.state is not None and kept > 0:
            text = f"{kept} records past the recovery point are whole; the next start keeps them"
            report.add(Severity.NOTE, text)

    def _small_findings(self) -> Iterator[tuple[Severity, str, Path]]:
        yield from check_state(self._partition)
        try:
            yield from check_snapshots(self._disk, self._partition)
        except NewerFormatError as error:
            yield Severity.FAILED, str(error), self._partition.place.folder


def _where(damage: Damage) -> dict[str, int | None]:
    return {
        "position": damage.position,
        "end_position": damage.end_position,
        "offset": None if damage.offset == UNKNOWN_OFFSET else damage.offset,
        "next_offset": None if damage.next_offset == UNKNOWN_OFFSET else damage.next_offset,
    }
