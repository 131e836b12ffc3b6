"""Time: wall clock for what is stored, unless somebody stepped it while this process ran."""

from __future__ import annotations

import time

import pytest

from eventlog.clock import WALL_DRIFT_MS_MAX, SteadyClock, SystemClock
from tests.reliability.manual_clock import ManualClock

JUMPS = [-3_600_000, 3_600_000, -1_700_000_000_000, 315_360_000_000]


def test_the_machines_clocks() -> None:
    """Milliseconds since 1970, and seconds that never go back."""
    clock = SystemClock()
    assert abs(clock.wall_ms() - time.time() * 1000) < 5000
    first = clock.monotonic_s()
    assert first <= clock.monotonic_s() <= first + 5


def test_time_that_passes() -> None:
    """Where both clocks go on alike, the wall clock's time is stored."""
    clock = ManualClock()
    steady = SteadyClock(clock)
    clock.advance(86_400_000)
    assert (clock.wall, 0, True) == (steady.now_ms(), steady.drift_ms(), steady.is_steady())


@pytest.mark.parametrize("drift_ms", [WALL_DRIFT_MS_MAX, -WALL_DRIFT_MS_MAX, 1, -1])
def test_a_small_correction_is_followed(drift_ms: int) -> None:
    """Up to a minute, in both directions, the wall clock is right."""
    clock = ManualClock()
    steady = SteadyClock(clock)
    clock.jump(drift_ms)
    assert (clock.wall, drift_ms, True) == (steady.now_ms(), steady.drift_ms(), steady.is_steady())


@pytest.mark.parametrize("drift_ms", [WALL_DRIFT_MS_MAX + 1, -WALL_DRIFT_MS_MAX - 1, *JUMPS])
def test_a_stepped_clock_is_not_believed(drift_ms: int) -> None:
    """Time goes on from the start by what has passed, and ages are not believed until the step is undone."""
    clock = ManualClock()
    start_ms = clock.wall
    steady = SteadyClock(clock)
    clock.advance(5000)
    clock.jump(drift_ms)
    assert (start_ms + 5000, drift_ms, False) == (steady.now_ms(), steady.drift_ms(), steady.is_steady())
    clock.advance(1000)
    assert start_ms + 6000 == steady.now_ms()
    clock.jump(-drift_ms)
    assert (start_ms + 6000, 0, True) == (steady.now_ms(), steady.drift_ms(), steady.is_steady())


def test_fractions_of_a_millisecond() -> None:
    """Elapsed time is rounded, not cut."""
    clock = ManualClock()
    steady = SteadyClock(clock)
    clock.monotonic += 0.0009
    clock.jump(JUMPS[0])
    assert 1_700_000_000_001 == steady.now_ms()
