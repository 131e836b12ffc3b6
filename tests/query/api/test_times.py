"""RFC 3339 times: exact on the way in, three decimals on the way out, advice for what is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.api.params import parse_window
from query.api.problems import ProblemError
from query.api.times import BadTimeError, format_time, parse_time
from query.views.store import Window

MOMENT_MS = 1_795_341_600_000


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        ("2026-11-22T10:00:00.000Z", MOMENT_MS),
        ("2026-11-22T10:00:00Z", MOMENT_MS),
        ("2026-11-22t10:00:00z", MOMENT_MS),
        ("2026-11-22T12:00:00+02:00", MOMENT_MS),
        ("2026-11-22T04:30:00.000-05:30", MOMENT_MS),
        ("2026-11-22T10:00:00.0005Z", MOMENT_MS + Fraction(1, 2)),
        ("2026-11-22T09:59:60Z", MOMENT_MS),
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.999Z", -1),
        ("0000-03-01T00:00:00Z", -62_162_035_200_000),
        ("9999-12-31T23:59:59-23:59", 253_402_387_139_000),
    ],
)
def test_times_with_an_offset_are_understood(text: str, time_ms: Fraction) -> None:
    """Any offset, any number of decimals, the leap second, and the years from 0 to 9999."""
    assert time_ms == parse_time(text)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("2026-11-22T10:00:00", "has no offset from UTC: write 2026-11-22T10:00:00.000Z"),
        ("1795341600", "a bare number"),
        ("1795341600000.5", "a bare number"),
        ("2026-11-22T10:00:00 02:00", "write %2B (2026-11-22T10:00:00%2B02:00)"),
        ("2026-11-22 10:00:00Z", "as in 2026-11-22T10:00:00.000Z"),
        ("2026-11-22", "as in 2026-11-22T10:00:00.000Z"),
        ("yesterday", "as in 2026-11-22T10:00:00.000Z"),
        ("", "as in 2026-11-22T10:00:00.000Z"),
        ("2026-02-29T10:00:00Z", "there is no such day"),
        ("2026-11-22T24:00:00Z", "there is no such time of day"),
        ("2026-11-22T10:00:61Z", "there is no such time of day"),
        ("2026-11-22T10:00:00+24:00", "there is no such time of day"),
        ("٢٠٢٦-11-22T10:00:00Z", "as in 2026-11-22T10:00:00.000Z"),
        ("2026-11-22T10:00:00Z\n", "as in 2026-11-22T10:00:00.000Z"),
    ],
)
def test_what_is_no_time_is_refused_with_advice(text: str, advice: str) -> None:
    """The message says what is wrong, and shows what is right."""
    with pytest.raises(BadTimeError) as caught:
        parse_time(text)
    assert advice in str(caught.value)


def test_a_long_text_is_not_repeated_whole() -> None:
    """An error is no echo of what was sent."""
    with pytest.raises(BadTimeError) as caught:
        parse_time("x" * 10_000)
    assert len(str(caught.value)) < 300


@given(
    st.integers(-62_135_596_800_000, 253_402_300_799_999),
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_a_formatted_time_is_read_back(time_ms: int, offset_minutes: int) -> None:
    """What goes out comes in again as the same millisecond, in any offset."""
    assert time_ms == parse_time(format_time(time_ms))
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)
    try:
        there = moment.astimezone(timezone(timedelta(minutes=offset_minutes)))
    except OverflowError:
        return
    assert time_ms == parse_time(there.isoformat(timespec="milliseconds"))


def test_a_time_has_three_decimals() -> None:
    """Always, and Z."""
    assert "2026-11-22T10:00:00.000Z" == format_time(MOMENT_MS)
    assert "1969-12-31T23:59:59.999Z" == format_time(-1)


# --- windows ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "window"),
    [
        (None, None, Window(None, None)),
        ("10:00:00.000", "10:00:00.000", Window(MOMENT_MS, MOMENT_MS)),
        ("10:00:00.0001", "10:00:00.0029", Window(MOMENT_MS + 1, MOMENT_MS + 2)),
        ("10:00:00.0001", "10:00:00.0009", None),
        ("10:00:00.001000000000", None, Window(MOMENT_MS + 1, None)),
    ],
)
def test_a_window_holds_the_milliseconds_that_lie_in_it(
    start: str | None, end: str | None, window: Window | None
) -> None:
    """Both ends inclusive; a finer start is rounded up, a finer end down."""
    assert window == parse_window(start and f"2026-11-22T{start}Z", end and f"2026-11-22T{end}Z")


def test_a_window_that_ends_before_it_starts_is_refused() -> None:
    """However small the distance; the same time twice is fine."""
    with pytest.raises(ProblemError, match=r"start_time .* is after end_time"):
        parse_window("2026-11-22T10:00:00.0000002Z", "2026-11-22T10:00:00.0000001Z")


@pytest.mark.parametrize("name", ["start_time", "end_time"])
def test_the_refusal_names_the_parameter(name: str) -> None:
    """There are two times."""
    with pytest.raises(ProblemError, match=f"{name}: '17' is a bare number"):
        parse_window(**{"start_time": None, "end_time": None, name: "17"})
