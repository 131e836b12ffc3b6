"""A clock that goes when it is told to, and jumps when a test wants it to."""

from __future__ import annotations

import attrs


@attrs.define
class ManualClock:
    """Wall and monotonic time, moved by hand; implements `eventlog.clock.Clock`."""

    wall: int = 1_700_000_000_000
    monotonic: float = 1000.0

    def wall_ms(self) -> int:
        return self.wall

    def monotonic_s(self) -> float:
        return self.monotonic

    def advance(self, ms: int) -> None:
        """Time passes."""
        self.wall += ms
        self.monotonic += ms / 1000

    def jump(self, ms: int) -> None:
        """Somebody sets the wall clock."""
        self.wall += ms
