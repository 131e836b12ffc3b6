"""Who waits for which offset to be durable."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class DurabilityWaiters:
    """Appends that wait for the high watermark, in the order of their offsets, and those who watch it."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._watchers: set[Callable[[int], None]] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    def wait(self, offset: int) -> asyncio.Future[None]:
        """A future for the moment in which every record before `offset` is durable."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._waiting:  # a duplicate of an earlier batch waits in its turn
            offset = max(offset, self._waiting[-1][0])
        self._waiting.append((offset, future))
        return future

    def watch(self, watcher: Callable[[int], None]) -> Callable[[], None]:
        """Call `watcher` with each new high watermark, -1 where the log fails or ends.

        Returns the call that ends it.
        """
        self._watchers.add(watcher)
        return lambda: self._watchers.discard(watcher)

    def release(self, high_watermark: int) -> None:
        """The high watermark has moved."""
        while self._waiting and self._waiting[0][0] <= high_watermark:
            _, future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
        for watcher in tuple(self._watchers):
            watcher(high_watermark)

    def fail(self, error: Exception) -> None:
        """Nothing that is waited for will become durable."""
        waiting, self._waiting = self._waiting, deque()
        for _, future in waiting:
            if not future.done():
                future.set_exception(error)
                future.exception()  # seen: whoever waited may have gone
        for watcher in tuple(self._watchers):
            watcher(-1)
