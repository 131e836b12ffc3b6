"""A disk in memory whose flushes take a while, so that a power cut can find a broker before one is done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import TypeVar

from eventlog.clock import SystemClock
from tests.reliability.disks.power_cut import RecordingDisk
from tests.reliability.disks.volume import Volume

T = TypeVar("T")

LATE_S_MAX = 0.004


class LateDisk(RecordingDisk):
    """Work of threads begins after a while; the event loop goes on meanwhile, and may be told to wait."""

    def __init__(self, rng: Random, volume: Volume | None = None) -> None:
        super().__init__(volume)
        self.modified_ms = SystemClock().wall_ms()
        self.gate = asyncio.Event()
        """No such work begins while it is clear."""
        self.gate.set()
        self._rng = rng

    async def run(self, work: Callable[[], T]) -> T:
        await asyncio.sleep(self._rng.uniform(0, LATE_S_MAX))
        await self.gate.wait()
        return work()

    def after_kill(self) -> LateDisk:
        """What the next process finds: the page cache outlives the one that was killed now."""
        return LateDisk(self._rng, self.volume.settled({}))

    def after_power_cut(self) -> LateDisk:
        """What the next start finds if the power goes now."""
        return LateDisk(self._rng, self.volume.cut(self._rng))
