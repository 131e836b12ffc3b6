"""Group commit: one flush round over every dirty partition, started by appends and never in the loop.

While a round runs, appends gather for the next one, so that the rate of flushes follows the volume's
latency and each flush pays for all that arrived during the one before.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from eventlog.clock import Clock
from eventlog.storage.disk import Disk
from eventlog.storage.partition_log import PartitionLog

SLOW_FLUSH_S = 1.0

FLUSHES_AT_ONCE = 8
"""Eight files in threads flush twice as fast as one after another; the disk has threads left for reads."""

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Flusher:
    """The flush rounds of one data directory."""

    def __init__(self, disk: Disk, clock: Clock) -> None:
        self._disk = disk
        self._clock = clock
        self._dirty: dict[PartitionLog, None] = {}
        self._wanted = asyncio.Event()
        self._round = asyncio.Lock()
        self._at_once = asyncio.Semaphore(FLUSHES_AT_ONCE)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_flushing = False
        """Whether `run` is in the middle of a round."""
        self.on_round: Callable[[float], None] = lambda _: None
        """Told how many seconds each round took."""

    def wake(self, log: PartitionLog) -> None:
        """This partition has something to flush."""
        self._dirty[log] = None
        self._wanted.set()

    async def end(self, log: PartitionLog, ending: Callable[[], Awaitable[None]]) -> None:
        """Await the ending of a partition's log between two rounds, for a round uses its open files."""
        async with self._round:
            await ending()
            self._dirty.pop(log, None)

    async def run(self) -> None:
        """Flush whenever something is dirty, until cancelled."""
        ended = asyncio.Event()
        rounds = self._begin(self._rounds(ended))  # one task for all, which ends between two of them
        try:
            await asyncio.shield(rounds)
        finally:
            ended.set()
            if not self._is_flushing:
                rounds.cancel()

    async def _rounds(self, ended: asyncio.Event) -> None:
        while not ended.is_set():
            await self._wanted.wait()
            self._is_flushing = True
            try:
                failed = await self._flush()
            finally:
                self._is_flushing = False
            for log in failed:
                self._begin(log.restore())  # the other partitions' rounds go on meanwhile

    async def flush(self) -> None:
        """One round: afterwards every append made before it is durable, or its partition has failed.

        A failed one has been restored then, where the volume let it.
        """
        await self._finish(self._flush_and_restore())

    def _begin(self, work: Coroutine[None, None, T]) -> asyncio.Task[T]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _finish(self, work: Coroutine[None, None, T]) -> T:
        """Await work that is finished also where the caller is cancelled.

        Its threads cannot be stopped, and what they find must not get lost.
        """
        return await asyncio.shield(self._begin(work))

    async def _flush_and_restore(self) -> None:
        for log in await self._flush():
            await log.restore()

    async def _flush(self) -> list[PartitionLog]:
        """One round; returns the partitions that failed."""
        async with self._round:
            self._wanted.clear()
            logs, self._dirty = list(self._dirty), {}
            started_s = self._clock.monotonic_s()
            if len(logs) == 1:
                done = [await self._flush_one(logs[0])]
            else:
                done = await asyncio.gather(*(self._flush_one(log) for log in logs))
            round_s = self._clock.monotonic_s() - started_s
            self.on_round(round_s)
            if round_s > SLOW_FLUSH_S:
                logger.warning(
                    "a flush round was slow",
                    extra={
                        "action": "flush",
                        "seconds": round(round_s, 3),
                        "partitions": len(logs),
                    },
                )

            return [log for log, is_done in zip(logs, done, strict=True) if not is_done]

    async def _flush_one(self, log: PartitionLog) -> bool:
        """Flush one partition; False where the volume refused."""
        work = log.begin_flush()
        if work is None:
            return True
        try:
            async with self._at_once:
                await self._disk.run(partial(work.execute, self._disk))
        except OSError as error:
            logger.error(
                "a flush failed; what it should have covered is set aside",
                extra={"action": "flush", "partition": log.name, "error": str(error)},
            )
            log.fail_flush(error)
            return False
        log.finish_flush(work)
        return True
