"""Times with their zone, and durations in two ways of writing."""

from __future__ import annotations

import pytest

from eventlog.remote.moment import parse_duration, parse_moment


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        ("2026-01-01T00:00:00Z", 1_767_225_600_000),
        ("2026-01-01T02:00:00+02:00", 1_767_225_600_000),
        ("2026-01-01 00:00:00.5z", 1_767_225_600_500),
        ("1970-01-01T00:00:00Z", 0),
    ],
)
def test_a_time_with_its_zone(text: str, time_ms: int) -> None:
    """RFC 3339 is ms since 1970."""
    assert time_ms == parse_moment(text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("2026-01-01T00:00:00", "write 2026-01-01T00:00:00Z for UTC"),
        ("2026-01-01 00:00", "write 2026-01-01 00:00Z for UTC"),
        ("2026-13-01T00:00:00Z", "as in 2026-07-01T12:00:00Z"),
        ("1969-12-31T23:59:59Z", "a time since 1970"),
        ("1200", "a time since 1970"),
        ("yesterday", "'yesterday': a time with its zone is wanted"),
    ],
)
def test_no_time(text: str, complaint: str) -> None:
    """What is not a time, or not in a known zone, is refused with an example."""
    with pytest.raises(ValueError, match=r"is wanted|which zone") as refused:
        parse_moment(text)
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("text", "duration_ms"),
    [
        ("2h30m", 9_000_000),
        ("PT2H30M", 9_000_000),
        ("45s", 45_000),
        ("PT0.25S", 250),
        ("PT1.5S", 1_500),
        ("1w1d", 691_200_000),
        ("P1W", 604_800_000),
        ("P1DT12H", 129_600_000),
        ("0s", 0),
    ],
)
def test_a_duration(text: str, duration_ms: int) -> None:
    """Short or as in ISO 8601."""
    assert duration_ms == parse_duration(text)


@pytest.mark.parametrize("text", ["", "P", "PT", "P1DT", "2y", "P1M", "30m2h", "-2h", "1.5h", "2H30M", "²h"])
def test_no_duration(text: str) -> None:
    """Years and months have no fixed length, and units have an order."""
    with pytest.raises(ValueError, match="a duration is wanted, as in 2h30m"):
        parse_duration(text)
