"""Numbers as people read them. Offsets and positions stay plain, so that they can be copied."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def rfc3339(timestamp_ms: int) -> str | None:
    """UTC with milliseconds; None for no time (-1) and for those beyond the year 9999."""
    if timestamp_ms < 0:
        return None
    try:
        moment = _EPOCH + timedelta(milliseconds=timestamp_ms)
    except OverflowError:
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def time_or_dash(timestamp_ms: int) -> str:
    """The same for people: `-` for no time, the bare number for one that no calendar has."""
    return rfc3339(timestamp_ms) or ("-" if timestamp_ms == -1 else f"{timestamp_ms} ms")


def size(size_bytes: int) -> str:
    """`640 B`, `4.1 KiB`, `1.2 GiB`."""
    amount = float(size_bytes)
    for unit in _UNITS[:-1]:
        if amount < 1024:
            return f"{size_bytes} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} {_UNITS[-1]}"


def count(number: int, noun: str) -> str:
    """`1 record`, `10,000 records`, `2 batches`."""
    if number == 1:
        return f"1 {noun}"
    plural = f"{noun}es" if noun.endswith(("ch", "x")) else f"{noun}s"
    return f"{number:,} {plural}"


def table(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> list[str]:
    """Rows with their columns aligned, to the right where `right` says so; the first row is the heading."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [line(row, widths, right) for row in rows]


def line(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    """One row of a table whose widths are known beforehand."""
    cells = [
        cell.rjust(width) if is_right else cell.ljust(width)
        for cell, width, is_right in zip(row, widths, right, strict=True)
    ]
    return "  ".join(cells).rstrip()
