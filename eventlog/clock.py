"""Time, read in this one module of the package.

`wall_ms` is what gets stored (append times, retention); `monotonic_s` measures durations.
`SteadyClock` tells when the two part company: a stepped wall clock must not delete data.
"""

from __future__ import annotations

import time
from typing import Protocol

import attrs

WALL_DRIFT_MS_MAX = 60_000
"""Beyond this distance between wall and monotonic time, stored ages are not believed."""


class Clock(Protocol):
    """What the log needs to know of time."""

    def wall_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC, as the machine believes."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never go back, from an arbitrary start."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()


@attrs.define
class SteadyClock:
    """A clock that knows when the wall clock was stepped while this process ran.

    The distance is measured against the pair (wall, monotonic) taken at construction.
    """

    clock: Clock
    _wall_start_ms: int = attrs.field(init=False)
    _monotonic_start_s: float = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._wall_start_ms = self.clock.wall_ms()
        self._monotonic_start_s = self.clock.monotonic_s()

    def now_ms(self) -> int:
        """The time to store: wall time, or elapsed time from the start where the wall was stepped."""
        wall_ms = self.clock.wall_ms()
        steady_ms = self._steady_ms()
        return wall_ms if abs(wall_ms - steady_ms) <= WALL_DRIFT_MS_MAX else steady_ms

    def drift_ms(self) -> int:
        """How far the wall clock has left the monotonic one; positive when it is ahead."""
        return self.clock.wall_ms() - self._steady_ms()

    def is_steady(self) -> bool:
        """Whether ages computed from stored times can be believed."""
        return abs(self.drift_ms()) <= WALL_DRIFT_MS_MAX

    def _steady_ms(self) -> int:
        elapsed_ms = round((self.clock.monotonic_s() - self._monotonic_start_s) * 1000)
        return self._wall_start_ms + elapsed_ms
