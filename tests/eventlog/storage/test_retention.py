"""Which segments are due: whole ones, oldest first, and never more than the settings say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.storage.retention import FOREVER, Aged, beyond_size, expired_by_age

NOW_MS = 1_700_000_000_000
sizes = st.lists(st.integers(0, 100), max_size=8)


def aged(*ages_ms: int) -> list[Aged]:
    return [Aged(1000, NOW_MS - age_ms) for age_ms in ages_ms]


@pytest.mark.parametrize(
    ("ages_ms", "count"),
    [
        ((), 0),
        ((100,), 0),
        ((101,), 1),
        ((102, 101, 100), 2),
        ((99, 500), 0),
        ((500, 99, 500), 1),
        ((-5,), 0),
    ],
)
def test_segments_older_than_the_limit_are_due(ages_ms: tuple[int, ...], count: int) -> None:
    """Older than 100 ms, from the oldest on, up to the first that is not."""
    assert count == expired_by_age(aged(*ages_ms), 100, NOW_MS)


def test_no_age_limit() -> None:
    """FOREVER keeps segments of any age; 0 keeps none that is older than now."""
    assert 0 == expired_by_age(aged(10**15, 5), FOREVER, NOW_MS)
    assert 2 == expired_by_age(aged(10**15, 1, 0), 0, NOW_MS)


@pytest.mark.parametrize(
    ("sizes_bytes", "count"),
    [
        ([], 0),
        ([500], 0),
        ([50, 50], 0),
        ([50, 50, 50], 1),
        ([49, 50, 50], 1),
        ([50, 50, 49], 0),
        ([51, 50, 50], 1),
        ([52, 50, 50], 1),
        ([50, 50, 50, 50], 2),
        ([10, 90, 10, 100], 3),
        ([60, 10, 95], 1),
        ([100, 100, 0], 1),
    ],
)
def test_segments_beyond_the_size_are_due(sizes_bytes: list[int], count: int) -> None:
    """Kept are at least 100 bytes; a segment goes only when what remains still has them."""
    assert count == beyond_size(sizes_bytes, 100)


def test_no_size_limit() -> None:
    """FOREVER keeps any size; 0 keeps the active segment only."""
    assert 0 == beyond_size([10**15] * 3, FOREVER)
    assert 2 == beyond_size([10**15] * 3, 0)


@given(sizes, st.integers(0, 300))
def test_what_remains_is_enough_and_no_more(sizes_bytes: list[int], retention_bytes: int) -> None:
    """After deleting there are the bytes to keep; with one segment more deleted there would not be."""
    count = beyond_size(sizes_bytes, retention_bytes)
    assert 0 <= count <= max(len(sizes_bytes) - 1, 0)
    if count:
        assert sum(sizes_bytes[count:]) >= retention_bytes
    if count < len(sizes_bytes) - 1:
        assert sum(sizes_bytes[count + 1 :]) < retention_bytes
