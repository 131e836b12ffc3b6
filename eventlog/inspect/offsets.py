"""What groups have committed, read from the offsets log; nothing is cut, compacted or dropped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs

from eventlog.errors import EventLogError
from eventlog.group.committed import Committed
from eventlog.group.offset_file import ChangesRead, TornTail, read_offsets
from eventlog.group.offset_recovery import OffsetFiles
from eventlog.group.offset_table import OffsetTable
from eventlog.inspect.findings import Finding, Severity, gravest
from eventlog.inspect.inspector import Inspector
from eventlog.inspect.summary import log_end_offset, summarise
from eventlog.inspect.survey import Survey
from eventlog.inspect.tally import Tally
from eventlog.storage.directory_files import GROUPS_NAME
from eventlog.storage.disk import OpenMode
from eventlog.storage.scan import Damage
from eventlog.storage.segment import LOG_SUFFIX, file_name

ATTEMPTS = 5
"""A running broker may begin a new file and remove the one that was just listed."""


@attrs.define
class OffsetsReport:
    """What the offsets log says; `path` is None where there is none."""

    path: Path | None = None
    table: OffsetTable = attrs.field(factory=OffsetTable)
    batches: int = 0
    records: int = 0
    size_bytes: int = 0
    findings: list[Finding] = attrs.field(factory=list)

    @property
    def verdict(self) -> str:
        """The gravest of what was found; notes are fine."""
        decisive = gravest({finding.severity for finding in self.findings} - {Severity.NOTE})
        return "fine" if decisive is None else decisive.value


@attrs.frozen
class OffsetRow:
    """One group's offset of one partition, and how far the log goes on."""

    group_id: str
    topic: str
    partition: int
    committed: Committed
    log_end_offset: int | None
    """None where the partition's files are not there or cannot be looked at."""
    is_deleted: bool
    """The topic is gone, or another one has its name: the next start drops this offset."""

    @property
    def lag_records(self) -> int | None:
        if self.log_end_offset is None or self.is_deleted:
            return None
        return max(self.log_end_offset - self.committed.offset, 0)


def read_offsets_log(inspector: Inspector, survey: Survey) -> OffsetsReport:
    """Read the file that counts; what is wrong with it is a finding, not an error."""
    folder = survey.path / GROUPS_NAME
    for _ in range(ATTEMPTS):
        report = OffsetsReport()
        try:
            _read(inspector, survey, folder, report)
        except FileNotFoundError:
            if not survey.is_live:
                break
        except EventLogError as error:
            report.findings.append(Finding(Severity.FAILED, str(error), report.path or folder))
            return report
        else:
            return report
    return OffsetsReport()


def offset_rows(
    inspector: Inspector,
    survey: Survey,
    table: OffsetTable,
    tally: Tally,
    *,
    group: str | None,
    topic: str | None,
) -> Iterator[OffsetRow]:
    """The committed offsets by group, topic and partition, with what the partitions' files say."""
    ends = _log_ends(inspector, survey, tally)
    ids = {found.name: found.topic.topic_id for found in survey.topics if found.topic is not None}
    unknown = {found.name for found in survey.topics if found.topic is None}
    for group_id in sorted(table.group_ids()):
        if group not in {None, group_id}:
            continue
        for (name, partition), committed in sorted(table.offsets(group_id).items()):
            if topic in {None, name}:
                is_deleted = name not in unknown and ids.get(name) != committed.topic_id
                yield OffsetRow(group_id, name, partition, committed, ends.get((name, partition)), is_deleted)


def _log_ends(inspector: Inspector, survey: Survey, tally: Tally) -> dict[tuple[str | None, int | None], int]:
    ends = {}
    for place in survey.partitions:
        for partition in tally.look(inspector, place):
            summaries = list(tally.guarded(summarise(inspector.disk, partition)))
            ends[place.topic, place.number] = log_end_offset(partition, summaries)
    return ends


def _read(inspector: Inspector, survey: Survey, folder: Path, report: OffsetsReport) -> None:
    files = OffsetFiles.classify(folder, inspector.entries(folder))
    if not survey.is_live:
        for name in (*files.leftovers, *(file_name(number, LOG_SUFFIX) for number in files.numbers[:-1])):
            text = "does not count; the next start removes it"
            report.findings.append(Finding(Severity.NOTE, text, folder / name))
    if not files.numbers:
        return
    number = files.numbers[-1]
    report.path = folder / file_name(number, LOG_SUFFIX)
    file = inspector.disk.open(report.path, OpenMode.READ)
    try:
        report.size_bytes = file.size()
        for part in read_offsets(file.pread, number, report.size_bytes):
            _take(report, part, is_live=survey.is_live)
    finally:
        file.close()


def _take(report: OffsetsReport, part: ChangesRead | Damage | TornTail, *, is_live: bool) -> None:
    if isinstance(part, ChangesRead):
        report.batches += 1
        report.records += len(part.changes)
        for change in part.changes:
            report.table.apply(change)
        return
    if isinstance(part, TornTail):
        if is_live:
            return  # it is being written
        severity, damage = Severity.TORN, part.damage
        text = f"{damage.kind.value}; the next start sets aside a copy and goes on without it"
    else:
        severity, damage = Severity.CORRUPTION, part
        text = f"{damage.kind.value}; the commits in it are lost, older ones of the same partitions stand"
    report.findings.append(
        Finding(
            severity,
            text,
            report.path,
            position=damage.position,
            end_position=damage.end_position,
            offset=damage.offset,
            next_offset=damage.next_offset if severity is Severity.CORRUPTION else None,
        )
    )
