"""Committed offsets as people and programs read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eventlog.inspect.content import BytesFormat, content
from eventlog.inspect.offsets import OffsetRow, OffsetsReport
from eventlog.inspect.units import count, rfc3339, size, table, time_or_dash

_HEADING = ("group", "topic", "partition", "offset", "log end", "lag", "committed at", "metadata")


def offset_table(rows: Sequence[OffsetRow]) -> list[str]:
    """A row for each offset, and their number."""
    cells: list[tuple[str, ...]] = [_HEADING]
    for row in rows:
        lag = "deleted" if row.is_deleted else _number(row.lag_records)
        cells.append(
            (
                _text(row.group_id),
                row.topic,
                str(row.partition),
                str(row.committed.offset),
                _number(row.log_end_offset),
                lag,
                time_or_dash(row.committed.committed_ms),
                _text(row.committed.metadata) if row.committed.metadata else "-",
            )
        )
    lags = sum(row.lag_records or 0 for row in rows)
    total = count(len({row.group_id for row in rows}), "group")
    cells.append((total, "", "", count(len(rows), "offset"), "", f"{lags:,}", "", ""))
    return table(cells, (False, False, True, True, True, True, False, False))


def offset_json(row: OffsetRow) -> dict[str, Any]:
    """An offset as an object; null for what is not known."""
    committed = row.committed
    return {
        "type": "offset",
        "group": row.group_id,
        "topic": row.topic,
        "topic_id": str(committed.topic_id),
        "partition": row.partition,
        "offset": committed.offset,
        "leader_epoch": committed.leader_epoch,
        "metadata": committed.metadata,
        "committed_at": rfc3339(committed.committed_ms),
        "committed_at_ms": committed.committed_ms,
        "log_end_offset": row.log_end_offset,
        "lag_records": row.lag_records,
        "is_deleted": row.is_deleted,
    }


def report_line(report: OffsetsReport) -> str:
    """The offsets log at a glance."""
    offsets = sum(len(report.table.offsets(group_id)) for group_id in report.table.group_ids())
    groups = count(len(report.table.group_ids()), "group")
    return (
        f"committed offsets: {count(offsets, 'offset')} of {groups} in {count(report.batches, 'batch')}, "
        f"{size(report.size_bytes)}: {report.verdict}"
    )


def report_json(report: OffsetsReport) -> dict[str, Any]:
    """The same for programs."""
    return {
        "type": "offsets_log",
        "path": None if report.path is None else str(report.path),
        "verdict": report.verdict,
        "groups": len(report.table.group_ids()),
        "batches": report.batches,
        "records": report.records,
        "size_bytes": report.size_bytes,
        "findings": len(report.findings),
    }


def _number(number: int | None) -> str:
    return "-" if number is None else str(number)


def _text(text: str) -> str:
    return str(content(text.encode(), BytesFormat.HEX))
