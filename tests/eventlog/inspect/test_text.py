"""Numbers, times and bytes as people read them."""

from __future__ import annotations

import pytest

from eventlog.inspect.content import BytesFormat, content
from eventlog.inspect.units import count, rfc3339, size, table, time_or_dash


@pytest.mark.parametrize(
    ("timestamp_ms", "expected"),
    [
        (-1, "-"),
        (-2, "-2 ms"),
        (0, "1970-01-01T00:00:00.000Z"),
        (1_767_225_600_007, "2026-01-01T00:00:00.007Z"),
        (2**63 - 1, "9223372036854775807 ms"),
    ],
)
def test_times(timestamp_ms: int, expected: str) -> None:
    """Every number that a producer may send is shown, a calendar date where there is one."""
    assert expected == time_or_dash(timestamp_ms)
    assert (expected if "T" in expected else None) == rfc3339(timestamp_ms)


@pytest.mark.parametrize(
    ("size_bytes", "expected"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (3 * 2**29, "1.5 GiB"), (2**50, "1024.0 TiB")],
)
def test_sizes(size_bytes: int, expected: str) -> None:
    """Sizes have a unit."""
    assert expected == size(size_bytes)


def test_counts() -> None:
    """One, many and none."""
    assert ["1 batch", "2 batches", "0 records"] == [count(1, "batch"), count(2, "batch"), count(0, "record")]


def test_tables_are_aligned() -> None:
    """Each column is as wide as its widest cell, and no line ends in blanks."""
    assert ["a    n", "bcd  10"] == table([("a", "n"), ("bcd", "10")], (False, False))
    assert ["  a  x", "bcd"] == table([("a", "x"), ("bcd", "")], (True, False))


@pytest.mark.parametrize(
    ("data", "expected", "shown"),
    [
        (None, (None, None), "-"),
        (b"", ("", "utf-8"), ""),
        (b"a b", ("a b", "utf-8"), "a b"),
        ("é".encode(), ("é", "utf-8"), "é"),
        (b"a\nb\tc\r", ("a\nb\tc\r", "utf-8"), "a\\nb\\tc\\r"),
        (b"\x1b[31m", ("1b5b33316d", "hex"), "hex:1b5b33316d"),
        (b"\xff\x00", ("ff00", "hex"), "hex:ff00"),
    ],
)
def test_bytes(data: bytes | None, expected: tuple[str | None, str | None], shown: str) -> None:
    """UTF-8 where it can be shown, on one line and without what a terminal would obey."""
    found = content(data, BytesFormat.HEX)

    assert expected == (found.text, found.encoding)
    assert shown == str(found)


def test_base64() -> None:
    """Asked for, bytes are shown shorter."""
    assert "base64:/wA=" == str(content(b"\xff\x00", BytesFormat.BASE64))
