"""Lengths of time in parameters."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.api.durations import DURATION_PATTERN, BadDurationError, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1ms", 1),
        ("250ms", 250),
        ("30s", 30_000),
        ("5m", 300_000),
        ("1h", 3_600_000),
        ("2d", 172_800_000),
        ("1w", 604_800_000),
        ("999999999w", 999_999_999 * 604_800_000),
    ],
)
def test_a_number_and_a_unit(text: str, expected: int) -> None:
    """In whole milliseconds."""
    assert expected == parse_duration(text)


@pytest.mark.parametrize(
    "text",
    ["", "30", "0s", "-1s", "1.5s", "1h30m", "PT30S", "30 s", "30S", "1M", "01s", "1y", "9999999999s", "٣s"],
)
def test_everything_else_is_refused(text: str) -> None:
    """The message shows what was given, and right ones."""
    with pytest.raises(BadDurationError, match=re.escape(repr(text)) + ".*as in 30s, 5m, 1h"):
        parse_duration(text)


def test_a_long_text_is_shown_in_part() -> None:
    """So that no answer repeats what was sent."""
    with pytest.raises(BadDurationError) as caught:
        parse_duration("1" * 1_000)
    assert 200 > len(str(caught.value))


@given(length_ms=st.integers(1, 10**9))
def test_a_length_comes_back(length_ms: int) -> None:
    """As it was written, and as the document's pattern has it."""
    text = format_duration(length_ms)
    assert re.search(DURATION_PATTERN, text)
    assert length_ms == parse_duration(text)
