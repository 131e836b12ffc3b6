"""Grids: every time of a window is in exactly one step, and there are no more steps than were asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.views.series import Grid

TIMES_MS = st.integers(-(10**14), 10**14)
LENGTHS_MS = st.integers(0, 10**12)


@given(start_ms=TIMES_MS, length_ms=LENGTHS_MS, step_ms=st.integers(1, 10**13), share=st.floats(0, 1))
def test_aligned_steps(start_ms: int, length_ms: int, step_ms: int, share: float) -> None:
    """They begin at multiples of their length, and hold the window."""
    grid = Grid.aligned(start_ms, start_ms + length_ms, step_ms)
    assert 0 == grid.origin_ms % step_ms
    time_ms = start_ms + int(length_ms * share)
    step = grid.step_of(time_ms)
    assert 0 <= step < grid.count
    assert grid.begins_ms(step) <= time_ms < grid.begins_ms(step + 1)
    assert (0, grid.count - 1) == (grid.step_of(start_ms), grid.step_of(start_ms + length_ms))


@given(start_ms=TIMES_MS, length_ms=LENGTHS_MS, count_max=st.integers(1, 10**5), share=st.floats(0, 1))
def test_shared_out_steps(start_ms: int, length_ms: int, count_max: int, share: float) -> None:
    """They begin with the window, are no more than asked for, and the last one ends with the window."""
    grid = Grid.shared_out(start_ms, start_ms + length_ms, count_max)
    assert 1 <= grid.count <= count_max
    time_ms = start_ms + int(length_ms * share)
    step = grid.step_of(time_ms)
    assert 0 <= step < grid.count
    assert grid.begins_ms(step) <= time_ms
    assert time_ms < grid.begins_ms(step + 1) or time_ms == start_ms + length_ms
    assert (0, grid.count - 1) == (grid.step_of(start_ms), grid.step_of(start_ms + length_ms))


@pytest.mark.parametrize(
    ("length_ms", "count_max", "expected"),
    [(3_600_000, 300, (12_000, 300)), (86_400_000, 300, (288_000, 300)), (10, 3, (4, 3)), (0, 300, (1, 1))],
)
def test_round_windows_have_round_steps(length_ms: int, count_max: int, expected: tuple[int, int]) -> None:
    """The millisecond at the end, which an inclusive window has more, makes no step longer."""
    grid = Grid.shared_out(0, length_ms, count_max)
    assert expected == (grid.step_ms, grid.count)
