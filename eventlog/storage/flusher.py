"""Group commit: one flush round over every dirty partition, started by appends and never in the loop.

While a round runs, appends gather for the next one, so that the rate of flushes follows the volume's
latency and each flush pays for all that arrived during the one before.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from eventlog.clock import Clock
from eventlog.storage.disk import Disk
from eventlog.storage.partition_log import PartitionLog

SLOW_FLUSH_S = 1.0

logger = logging.getLogger(__name__)


class Flusher:
    """The flush rounds of one data directory."""

    def __init__(self, disk: Disk, clock: Clock) -> None:
        self._disk = disk
        self._clock = clock
        self._dirty: dict[PartitionLog, None] = {}
        self._wanted = asyncio.Event()
        self._round = asyncio.Lock()
        self._rounds: set[asyncio.Future[None]] = set()
        self.last_round_s = 0.0

    def wake(self, log: PartitionLog) -> None:
        """This partition has something to flush."""
        self._dirty[log] = None
        self._wanted.set()

    def forget(self, log: PartitionLog) -> None:
        """This partition is about to go."""
        self._dirty.pop(log, None)

    async def run(self) -> None:
        """Flush whenever something is dirty, until cancelled."""
        while True:
            await self._wanted.wait()
            await self.flush()

    async def flush(self) -> None:
        """One round: afterwards every append made before it is durable, or its partition has failed.

        A round that has begun is finished, also where the caller is cancelled: its threads cannot be
        stopped, and what they find must not get lost.
        """
        flushing = asyncio.ensure_future(self._flush())
        self._rounds.add(flushing)
        flushing.add_done_callback(self._rounds.discard)
        await asyncio.shield(flushing)

    async def _flush(self) -> None:
        async with self._round:
            self._wanted.clear()
            logs, self._dirty = list(self._dirty), {}
            started_s = self._clock.monotonic_s()
            if len(logs) == 1:
                await self._flush_one(logs[0])
            else:
                await asyncio.gather(*(self._flush_one(log) for log in logs))
            self.last_round_s = self._clock.monotonic_s() - started_s
            if self.last_round_s > SLOW_FLUSH_S:
                logger.warning(
                    "a flush round was slow",
                    extra={
                        "action": "flush",
                        "seconds": round(self.last_round_s, 3),
                        "partitions": len(logs),
                    },
                )

    async def _flush_one(self, log: PartitionLog) -> None:
        work = log.begin_flush()
        if work is None:
            return
        try:
            await self._disk.run(partial(work.execute, self._disk))
        except OSError as error:
            logger.error(
                "a flush failed; what it should have covered is set aside",
                extra={"action": "flush", "partition": log.name, "error": str(error)},
            )
            await log.fail_flush(error)
        else:
            log.finish_flush(work)
