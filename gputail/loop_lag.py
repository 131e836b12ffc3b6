"""How late the event loop is: what everything that it does has to wait for."""

from __future__ import annotations

import asyncio
from collections import deque

SAMPLE_S = 0.25
KEPT_S = 60.0
"""The largest lag of this time is told, so that scrapes a minute apart miss none of it."""


class LoopLag:
    """Sleeps for a known time over and over, and notes by how much it overslept."""

    def __init__(self) -> None:
        self._samples_s: deque[float] = deque([0.0], maxlen=round(KEPT_S / SAMPLE_S))

    @property
    def max_s(self) -> float:
        """The largest lag of the last minute, in seconds."""
        return max(self._samples_s)

    async def run(self) -> None:
        """Sample until cancelled."""
        now_s = asyncio.get_running_loop().time
        while True:
            due_s = now_s() + SAMPLE_S
            await asyncio.sleep(SAMPLE_S)
            self._samples_s.append(max(0.0, now_s() - due_s))
