"""What is said of the builds of a view store: lines for people, objects for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from query.views.building import ListedBuild
from query.views.model import Checkpoint, ViewStatus

_HEADING: Final = ("build", "status", "format", "offsets", "lag", "size", "created", "projections")
_IS_RIGHT: Final = (False, False, True, True, True, True, False, False)
_UNITS: Final = ("B", "KiB", "MiB", "GiB")


def status_of(listed: ListedBuild) -> str:
    """`current`, `being made`, `begun`, `part`, `kept` or `damaged`; `current, damaged` where both are so."""
    if listed.role == "damaged":
        return "current, damaged" if listed.is_current else "damaged"
    if listed.is_held and listed.role in {"next", "part"}:
        return "being made"
    if listed.role == "next":
        return "begun"
    return listed.role


def lines(listing: Sequence[ListedBuild]) -> list[str]:
    """A row for each build, and how many there are."""
    rows = [_HEADING, *map(_row, listing)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = [
        "  ".join(
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(row, widths, _IS_RIGHT, strict=True)
        ).rstrip()
        for row in rows
    ]
    return [*table, "1 build" if len(listing) == 1 else f"{len(listing):,} builds"]


def _row(listed: ListedBuild) -> tuple[str, ...]:
    build, checkpoints = listed.build, listed.checkpoints
    return (
        listed.name,
        status_of(listed),
        "-" if build is None else str(build.format_version),
        "-" if checkpoints is None else f"{_offsets(checkpoints):,}",
        "-" if checkpoints is None else f"{_lag(checkpoints):,}",
        size(listed.size_bytes),
        "-" if build is None else _time(build.created_at_ms),
        "-" if build is None else projections(build.projections),
    )


def projections(versions: Mapping[str, int]) -> str:
    """`inventory 1, latest 1, samples 2`."""
    return ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))


def extent(status: ViewStatus) -> str:
    """How far a build is: `3,000 offsets of 12 partitions`."""
    partitions = len(status.checkpoints)
    return f"{_offsets(status.checkpoints):,} offsets of {partitions:,} partition{'s' * (partitions != 1)}"


def size(size_bytes: int) -> str:
    """`640 B`, `4.1 KiB`."""
    amount = float(size_bytes)
    for unit in _UNITS[:-1]:
        if amount < 1024:
            return f"{size_bytes} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} {_UNITS[-1]}"


def listed_object(listed: ListedBuild) -> dict[str, Any]:
    """A build, as `list --json` has it."""
    build, checkpoints = listed.build, listed.checkpoints
    return {
        "type": "build",
        "build": listed.name,
        "status": status_of(listed),
        "is_current": listed.is_current,
        "format": None if build is None else build.format_version,
        "projections": None if build is None else dict(build.projections),
        "created_at": None if build is None else _time(build.created_at_ms),
        "offsets": None if checkpoints is None else _offsets(checkpoints),
        "lag_records": None if checkpoints is None else _lag(checkpoints),
        "size_bytes": listed.size_bytes,
        "checkpoints": None if checkpoints is None else list(map(_checkpoint_object, checkpoints)),
    }


def copy_object(status: ViewStatus, path: str, size_bytes: int) -> dict[str, Any]:
    """A snapshot that was made or restored."""
    return {
        "type": "snapshot",
        "path": path,
        "build": status.build.name,
        "format": status.build.format_version,
        "projections": dict(status.build.projections),
        "offsets": _offsets(status.checkpoints),
        "size_bytes": size_bytes,
        "checkpoints": list(map(_checkpoint_object, status.checkpoints)),
    }


def _checkpoint_object(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "topic": checkpoint.topic,
        "topic_id": checkpoint.topic_id,
        "partition": checkpoint.partition,
        "next_offset": checkpoint.next_offset,
        "high_watermark": checkpoint.high_watermark,
    }


def _offsets(checkpoints: Sequence[Checkpoint]) -> int:
    return sum(checkpoint.next_offset for checkpoint in checkpoints)


def _lag(checkpoints: Sequence[Checkpoint]) -> int:
    return sum(checkpoint.lag_records for checkpoint in checkpoints)


def _time(time_ms: int) -> str:
    moment = datetime.fromtimestamp(time_ms // 1000, tz=UTC)
    return moment.isoformat().replace("+00:00", "Z")
