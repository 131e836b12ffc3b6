"""The view's background work, compaction and retention, in a thread and with a writer of its own."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from ingest.applying import OpenWriter
from ingest.clock import Clock
from ingest.retrying import StartRetrying
from query.views.errors import ViewUnavailableError
from query.views.store import ViewWriter


class Upkeep:
    """Calls `maintain` again and again; a lease in the view lets one process work at a time."""

    def __init__(
        self, open_writer: OpenWriter, pause_s: float, start_retrying: StartRetrying, clock: Clock
    ) -> None:
        self._open_writer = open_writer
        self._pause_s = pause_s
        self._start_retrying = start_retrying
        self._clock = clock
        self._writer: ViewWriter | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="upkeep")

    async def run(self) -> None:
        """Until it is cancelled; a view that is away is waited for."""
        loop = asyncio.get_running_loop()
        retrying = self._start_retrying("maintain")
        while True:
            try:
                has_more = await loop.run_in_executor(self._thread, self._maintain)
            except ViewUnavailableError as error:
                await retrying.after(error)
            else:
                retrying.succeeded()
                await asyncio.sleep(0 if has_more else self._pause_s)

    def _maintain(self) -> bool:
        if self._writer is None:
            self._writer = self._open_writer()
        return self._writer.maintain(self._clock.wall_ms())

    async def close(self) -> None:
        """Close the writer when the piece of work in hand is done."""

        def close() -> None:
            if self._writer is not None:
                self._writer.close()

        await asyncio.get_running_loop().run_in_executor(self._thread, close)
        self._thread.shutdown(wait=False)
