"""Time, read in this one module of the package.

`wall_ms` is what gets stored (`observed_at`); `monotonic_s` measures durations. Timeouts use the loop's time.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What the pipeline needs to know of time."""

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
