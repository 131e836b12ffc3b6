"""Watches how fast a collector sets records aside, and says when that becomes a flood, and when it ends."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from gputail.rate import Rate
from ingest.clock import Clock
from ingest.collector_counters import CollectorCounters

LOOK_S: Final = 1.0
FLOOD_PER_S: Final = 5.0
"""Poison records in a second, over the last ten, from which on it is a flood."""
OVER_PER_S: Final = 1.0
"""Below that it is over."""

logger = logging.getLogger(__name__)


class PoisonWatch:
    """Reads the counters each second."""

    def __init__(self, counters: CollectorCounters, clock: Clock) -> None:
        self._counters = counters
        self._clock = clock
        self._rate = Rate()
        self.per_s = 0.0
        """Poison records in a second, over the last ten."""
        self.is_flood = False

    async def run(self) -> None:
        """Look until it is cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Read once."""
        self.per_s = self._rate.read(self._clock.monotonic_s(), self._counters.poison)
        is_flood = self.per_s >= (OVER_PER_S if self.is_flood else FLOOD_PER_S)
        if is_flood != self.is_flood:
            self.is_flood = is_flood
            log = logger.warning if is_flood else logger.info
            log(
                "a flood of records that cannot be applied" if is_flood else "the flood is over",
                extra={
                    "action": "poison_flood",
                    "per_s": round(self.per_s, 1),
                    "poison": self._counters.poison,
                    "advice": "gputail dlq list shows what they are and where they come from",
                },
            )
