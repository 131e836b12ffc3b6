"""Rates: of now, not of the whole run."""

from __future__ import annotations

import pytest

from gputail.rate import Rate


def test_a_rate_is_growth_by_time() -> None:
    """From the second reading on."""
    rate = Rate()

    assert [0.0, 100.0, 150.0] == [rate.read(10, 50), rate.read(11, 150), rate.read(12, 350)]


def test_what_is_long_ago_is_forgotten() -> None:
    """A burst a minute ago is none now."""
    rate = Rate(span_s=10)
    rate.read(0, 0)
    rate.read(1, 1_000_000)

    assert [0.0] * 3 == [rate.read(second, 1_000_000) for second in (12, 20, 60)]


def test_a_counter_that_began_anew_is_not_negative() -> None:
    """Another process counts from 0."""
    rate = Rate()
    rate.read(0, 1_000)

    assert 0.0 == rate.read(1, 5)
    assert pytest.approx(10) == rate.read(2, 15)
