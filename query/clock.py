"""Time, read in this one module of the package; it is what gets stored, never what is waited for."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What views need to know of time."""

    def wall_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC, as the machine believes."""
        ...


class SystemClock:
    """The machine's own clock."""

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000
