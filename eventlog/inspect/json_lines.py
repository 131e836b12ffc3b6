"""What an inspection says to programs: objects for JSON, one a line, each with its `type`.

Times come twice, as ms since 1970 (`…_ms`, -1 = none) and as RFC 3339 in UTC (null = none).
"""

from __future__ import annotations

from typing import Any

from eventlog.inspect.content import BytesFormat, Content, content
from eventlog.inspect.course import DamageFound, SegmentBegun, SegmentVanished, Standing
from eventlog.inspect.dump import DumpedBatch, Item, Undecodable
from eventlog.inspect.explain import Explanation
from eventlog.inspect.findings import Finding
from eventlog.inspect.partition import LogFile, Partition, PartitionPlace
from eventlog.inspect.summary import SegmentSummary, log_end_offset
from eventlog.inspect.survey import FoundTopic
from eventlog.inspect.units import rfc3339
from eventlog.inspect.verify import PartitionReport
from eventlog.record.record import Record
from eventlog.storage.resync import UNKNOWN_OFFSET

Object = dict[str, Any]


def item(found: Item, place: PartitionPlace, bytes_format: BytesFormat) -> Object | None:
    """One step of a dump; None for what only people need."""
    where = {"topic": place.topic, "partition": place.number}
    if isinstance(found, Record):
        return {"type": "record", **where, **_record(found, bytes_format)}
    if isinstance(found, DumpedBatch):
        return {"type": "batch", **where, **_batch(found)}
    if isinstance(found, Undecodable):
        file = {"file": str(found.log.path), "position": found.position}
        offsets = {"offset": found.header.base_offset, "next_offset": found.header.next_offset}
        return {"type": "undecodable", **where, **file, **offsets, "reason": found.reason}
    if isinstance(found, DamageFound):
        kind = "being_written" if found.standing is Standing.WRITING else "damage"
        return {"type": kind, **where, **_damage(found, place)}
    if isinstance(found, SegmentVanished):
        return {"type": "vanished", **where, "file": str(found.log.path)}
    assert isinstance(found, SegmentBegun)
    return None


def topic(found: FoundTopic, partitions: list[tuple[Partition, list[SegmentSummary]]]) -> Object:
    """A topic with its partitions."""
    known = found.topic
    return {
        "type": "topic",
        "topic": found.name,
        "topic_id": None if known is None else str(known.topic_id),
        "partition_count": None if known is None else known.partitions,
        "settings": None if known is None else known.settings.to_mapping(),
        "size_bytes": sum(s.log.size_bytes for _, segments in partitions for s in segments),
        "partitions": [
            {
                "partition": partition.place.number,
                "log_start_offset": partition.log_start_offset,
                "log_end_offset": log_end_offset(partition, segments),
                "recovery_point": partition.recovery_point,
                "segments": len(segments),
                "size_bytes": sum(segment.log.size_bytes for segment in segments),
            }
            for partition, segments in partitions
        ],
    }


def segment(summary: SegmentSummary, place: PartitionPlace) -> Object:
    """A segment."""
    return {
        "type": "segment",
        "topic": place.topic,
        "partition": place.number,
        "file": str(summary.log.path),
        "base_offset": _offset(summary.log.base_offset),
        "next_offset": _offset(summary.end_offset),
        "size_bytes": summary.log.size_bytes,
        "is_active": summary.is_active,
        "index_entries": summary.index_entries,
        "timeindex_entries": summary.timeindex_entries,
        **_time("first_timestamp", summary.first_timestamp_ms),
        **_time("largest_timestamp", summary.largest_timestamp_ms),
        **_time("last_append", summary.last_append_ms),
    }


def partition_report(report: PartitionReport, explanation: Explanation | None) -> Object:
    """What the check of one partition came to; its findings follow as objects of their own."""
    said: Object = {
        "type": "partition",
        "topic": report.place.topic,
        "partition": report.place.number,
        "path": str(report.path),
        "verdict": "fine" if report.verdict is None else report.verdict.value,
        "segments": report.segments,
        "batches": report.batches,
        "records": report.records,
        "size_bytes": report.size_bytes,
        "index_entries": report.index_entries,
        "being_written_bytes": report.writing_bytes,
        "log_start_offset": report.partition.log_start_offset if report.partition else None,
        "log_end_offset": report.end_offset,
        "findings": len(report.findings) + report.omitted,
    }
    if explanation is not None:
        said["recovery"] = {"steps": list(explanation.steps), "log_end_offset": explanation.end_offset}
    return said


def finding(found: Finding) -> Object:
    """A finding."""
    return {
        "type": "finding",
        "severity": found.severity.value,
        "topic": found.topic,
        "partition": found.partition,
        "path": None if found.path is None else str(found.path),
        "position": found.position,
        "end_position": found.end_position,
        "offset": found.offset,
        "next_offset": found.next_offset,
        "text": found.text,
    }


def _record(record: Record, bytes_format: BytesFormat) -> Object:
    return {
        "offset": record.offset,
        **_time("timestamp", record.timestamp_ms),
        **_content("key", content(record.key, bytes_format)),
        **_content("value", content(record.value, bytes_format)),
        "headers": [
            {"name": name, **_content("value", content(value, bytes_format))}
            for name, value in record.headers
        ],
    }


def _batch(found: DumpedBatch) -> Object:
    header, log = found.header, found.log
    return {
        "file": str(log.path),
        "position": found.position,
        "size_bytes": header.size_bytes,
        "base_offset": header.base_offset,
        "next_offset": header.next_offset,
        "records": header.record_count,
        "codec": found.codec_name,
        "crc": f"{header.crc:08x}",
        "crc_state": "ok",
        "producer_id": header.producer_id,
        "producer_epoch": header.producer_epoch,
        "base_sequence": header.base_sequence,
        "last_sequence": header.last_sequence,
        "timestamps": "append" if header.uses_append_time else "create",
        **_time("base_timestamp", header.base_timestamp_ms),
        **_time("max_timestamp", header.max_timestamp_ms),
        "standing": found.standing.value,
    }


def _damage(found: DamageFound, place: PartitionPlace) -> Object:
    damage = found.damage
    return {
        "file": str(_file(found.log, place)),
        "position": damage.position,
        "end_position": damage.end_position,
        "offset": _offset(damage.offset),
        "next_offset": _offset(damage.next_offset),
        "kind": damage.kind.name.lower(),
        "text": damage.kind.value,
        "standing": found.standing.value,
    }


def _file(log: LogFile | None, place: PartitionPlace) -> object:
    return place.folder if log is None else log.path


def _offset(offset: int) -> int | None:
    return None if offset == UNKNOWN_OFFSET else offset


def _time(name: str, timestamp_ms: int) -> Object:
    return {name: rfc3339(timestamp_ms), f"{name}_ms": timestamp_ms}


def _content(name: str, shown: Content) -> Object:
    return {name: shown.text, f"{name}_encoding": shown.encoding}
