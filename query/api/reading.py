"""The view reader, called from the event loop: in a thread of its own, one call after another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from query.views.store import ViewReader

T = TypeVar("T")


class ViewThread:
    """One reader, one thread, first come, first served: a reader takes one call at a time.

    A long listing is many short calls, so that everybody gets a turn between them.
    """

    def __init__(self, views: ViewReader) -> None:
        self._views = views
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="views")

    async def read(self, question: Callable[[ViewReader], T]) -> T:
        """What the reader says; its errors are raised here."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, question, self._views)

    def post(self, task: Callable[[], object]) -> None:
        """Run something after what is already asked for, and wait for nothing."""
        self._executor.submit(task)

    def close(self) -> None:
        """End the thread, after the call that runs; the reader is its owner's to close."""
        self._executor.shutdown(wait=True, cancel_futures=True)
