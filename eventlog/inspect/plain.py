"""What an inspection says to people: lines of text, aligned, with units and totals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import wrap

from eventlog.inspect.content import BytesFormat, content
from eventlog.inspect.course import DamageFound, SegmentBegun, SegmentVanished, Standing
from eventlog.inspect.dump import DumpedBatch, Item, Undecodable
from eventlog.inspect.explain import Explanation
from eventlog.inspect.findings import Finding
from eventlog.inspect.partition import Partition, PartitionPlace
from eventlog.inspect.summary import SegmentSummary, log_end_offset
from eventlog.inspect.survey import FoundTopic, Survey
from eventlog.inspect.units import count, line, size, table, time_or_dash
from eventlog.inspect.verify import PartitionReport
from eventlog.record.header import BatchHeader
from eventlog.record.record import Record
from eventlog.storage.resync import UNKNOWN_OFFSET
from eventlog.storage.scan import Damage

_PARTITION = ("partition", "log start", "log end", "records", "segments", "size")
_SEGMENT = (
    "partition",
    "base offset",
    "next offset",
    "records",
    "size",
    "index",
    "largest timestamp",
    "last append",
)
_REPORT = ("partition", "segments", "batches", "records", "size", "index", "log start", "log end", "verdict")
_REPORT_RIGHT = (False, True, True, True, True, True, True, True, False)


def label(place: PartitionPlace) -> str:
    """`topic-0`, as file names and log lines have it; a copy's own name where there is no topic."""
    return place.folder.name if place.topic is None else f"{place.topic}-{place.number}"


def heading(survey: Survey) -> str:
    """The first line over a data directory."""
    use = "a process is writing to it" if survey.is_live else "no process is writing to it"
    return f"{survey.path}: cluster {survey.cluster_id or 'unknown'}, {use}"


# --- topics and segments -----------------------------------------------------------------------


def topic(found: FoundTopic, partitions: list[tuple[Partition, list[SegmentSummary]]]) -> Iterator[str]:
    """A topic, its settings, and a row for each partition."""
    yield found.name
    if found.topic is not None:
        yield f"  topic id  {found.topic.topic_id}"
        settings = ", ".join(f"{key}={value}" for key, value in found.topic.settings.to_mapping().items())
        yield from wrap(settings, 100, initial_indent="  settings  ", subsequent_indent=" " * 12)
    rows = [_PARTITION]
    totals = [0, 0, 0]
    for partition, segments in partitions:
        start, end = partition.log_start_offset, log_end_offset(partition, segments)
        amounts = (end - start, len(segments), sum(segment.log.size_bytes for segment in segments))
        totals = [total + amount for total, amount in zip(totals, amounts, strict=True)]
        rows.append((str(partition.place.number), str(start), str(end), *_amounts(*amounts)))
    rows.append(("total", "", "", *_amounts(*totals)))
    yield from (f"  {row}" for row in table(rows, (False, *[True] * 5)))


def segments(summaries: Iterable[tuple[PartitionPlace, SegmentSummary]]) -> list[str]:
    """A table of segments with their total."""
    rows: list[tuple[str, ...]] = [_SEGMENT]
    records = size_bytes = entries = 0
    for place, summary in summaries:
        records += summary.records
        size_bytes += summary.log.size_bytes
        indexed = summary.index_entries + summary.timeindex_entries
        entries += indexed
        rows.append(
            (
                label(place),
                _offset(summary.log.base_offset),
                _offset(summary.end_offset) + ("" if summary.is_whole else "?"),
                f"{summary.records:,}",
                size(summary.log.size_bytes),
                f"{indexed:,}",
                time_or_dash(summary.largest_timestamp_ms),
                time_or_dash(summary.last_append_ms),
            )
        )
    total = count(len(rows) - 1, "segment")
    rows.append((total, "", "", f"{records:,}", size(size_bytes), f"{entries:,}", "", ""))
    return table(rows, (False, True, True, True, True, True, False, False))


def _amounts(records: int, segments: int, size_bytes: int) -> tuple[str, str, str]:
    return f"{records:,}", f"{segments:,}", size(size_bytes)


# --- dump --------------------------------------------------------------------------------------


def item(found: Item, place: PartitionPlace, bytes_format: BytesFormat) -> Iterator[str]:
    """One step of a dump: a heading for each file, a line for each batch, an indented one for each record."""
    if isinstance(found, Record):
        yield f"  {found.offset:>10}  {time_or_dash(found.timestamp_ms):<24}  {_content(found, bytes_format)}"
    elif isinstance(found, DumpedBatch):
        standing = "" if found.standing is Standing.FLUSHED else f"  ({found.standing.value})"
        yield f"batch {_batch(found)}{standing}"
    elif isinstance(found, SegmentBegun):
        yield f"{label(place)}: {found.log.path.name}"
    elif isinstance(found, DamageFound):
        file = place.folder if found.log is None else found.log.path
        if found.standing is Standing.WRITING:
            place_of_end = f"byte {found.damage.position}, offset {found.damage.offset}"
            yield f"{file.name}: being written from {place_of_end} on"
        else:
            kind = "TORN TAIL" if found.standing is Standing.TORN else "DAMAGE"
            yield f"{kind} in {file.name}: {_damage(found.damage)}"
    elif isinstance(found, Undecodable):
        yield f"  the records cannot be decoded: {found.reason}"
    else:
        assert isinstance(found, SegmentVanished)
        yield f"{label(place)}: {found.log.path.name} was removed while it was read"


def _batch(found: DumpedBatch) -> str:
    header = found.header
    offsets = f"{header.base_offset} to {header.last_offset}"
    times = f"{time_or_dash(header.base_timestamp_ms)} to {time_or_dash(header.max_timestamp_ms)}"
    stamped = "append time " if header.uses_append_time else ""
    return (
        f"{offsets:<15}  position {found.position:<8}  {header.size_bytes:>7,} B  "
        f"{count(header.record_count, 'record'):>11}  {found.codec_name:<6}  CRC ok  "
        f"{stamped}{times}  {_producer(header)}"
    )


def _producer(header: BatchHeader) -> str:
    if not header.is_idempotent:
        return "no producer id"
    sequences = f"{header.base_sequence} to {header.last_sequence}"
    return f"producer {header.producer_id} epoch {header.producer_epoch} sequence {sequences}"


def _content(record: Record, bytes_format: BytesFormat) -> str:
    shown = f"{content(record.key, bytes_format)}  {content(record.value, bytes_format)}"
    if record.headers:
        headers = [f"{_name(name)}={content(value, bytes_format)}" for name, value in record.headers]
        shown += f"  [{', '.join(headers)}]"
    return shown


def _name(name: str) -> str:
    return str(content(name.encode(), BytesFormat.HEX))


def _damage(damage: Damage) -> str:
    offsets = _range(damage.offset, damage.next_offset)
    return f"{_bytes(damage.position, damage.end_position)}, offsets {offsets}: {damage.kind.value}"


# --- verify ------------------------------------------------------------------------------------


class ReportTable:
    """Rows of reports that are printed as they come: the widths are known beforehand."""

    def __init__(self, labels: Iterable[str]) -> None:
        self._widths = (max(map(len, ("12,345 partitions", *labels))), 8, 9, 13, 9, 9, 11, 11, 0)
        self._counts = [0, 0, 0, 0, 0]
        self._partitions = 0

    def heading(self) -> str:
        """The names of the columns."""
        return line(_REPORT, self._widths, _REPORT_RIGHT)

    def row(self, report: PartitionReport) -> str:
        """One partition."""
        amounts = (report.segments, report.batches, report.records, report.size_bytes, report.index_entries)
        self._partitions += 1
        self._counts = [total + amount for total, amount in zip(self._counts, amounts, strict=True)]
        start = "-" if report.partition is None else _offset(report.partition.log_start_offset)
        verdict = "fine" if report.verdict is None else report.verdict.value
        name = report.path.name if report.place.topic is None else label(report.place)
        cells = (name, *_cells(amounts), start, _offset(report.end_offset), verdict)
        return line(cells, self._widths, _REPORT_RIGHT)

    def totals(self) -> dict[str, int]:
        """The same as numbers, by name."""
        names = ("partitions", "segments", "batches", "records", "size_bytes", "index_entries")
        return dict(zip(names, (self._partitions, *self._counts), strict=True))

    def total(self) -> str:
        """The last row."""
        cells = (count(self._partitions, "partition"), *_cells(self._counts), "", "", "")
        return line(cells, self._widths, _REPORT_RIGHT)


def finding(found: Finding) -> str:
    """A finding, with its place."""
    where = [] if found.path is None else [found.path.name]
    if found.position is not None:
        where.append(_bytes(found.position, found.end_position))
    if found.offset is not None:
        where.append(f"offsets {_range(found.offset, found.next_offset)}")
    return f"  {found.severity.value}: {', '.join(where)}{': ' if where else ''}{found.text}"


def more_findings(report: PartitionReport) -> str:
    """What is said of findings that are only counted."""
    return f"  and {count(report.omitted, 'finding')} more"


def explanation(found: Explanation) -> Iterator[str]:
    """What the next start would do."""
    if not found.steps:
        yield "  recovery: nothing to do, the log was closed in order"
    elif found.end_offset is None:
        yield f"  recovery: {found.steps[0]}"
    else:
        yield f"  recovery would, and the log would end at offset {found.end_offset}:"
        yield from (f"    {step}" for step in found.steps)


def _cells(amounts: Iterable[int]) -> Iterator[str]:
    for number, amount in enumerate(amounts):
        yield size(amount) if number == 3 else f"{amount:,}"


def _bytes(position: int, end_position: int | None) -> str:
    if end_position in {None, position}:
        return f"byte {position}"
    return f"bytes {position} to {end_position}"


def _range(offset: int, next_offset: int | None) -> str:
    if offset == UNKNOWN_OFFSET:
        return "unknown"
    if next_offset is None or next_offset == UNKNOWN_OFFSET:
        return f"from {offset}"
    return str(offset) if next_offset == offset + 1 else f"{offset} to {next_offset - 1}"


def _offset(offset: int) -> str:
    return "-" if offset == UNKNOWN_OFFSET else str(offset)
