"""The one thread in which a librdkafka client is called, and how it reaches the loop.

librdkafka's calls block and run its callbacks in the calling thread. So each client has a thread: the
loop hands it jobs, and a callback hands coroutines to the loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class Worker:
    """A daemon thread that does jobs one after another. Made in a running loop.

    It is a daemon so that a call that never returns cannot keep the program from ending. It holds
    `client` as long as it lives: librdkafka ends a forgotten client where the last reference goes, with
    callbacks that would wait there for the loop.
    """

    def __init__(self, name: str, client: object) -> None:
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._stopping = False
        threading.Thread(target=self._work, args=(client,), name=name, daemon=True).start()

    def call(self, job: Callable[[], T]) -> asyncio.Future[T]:
        """Do a job in the thread; the future has its outcome. Called in the loop."""
        future: asyncio.Future[T] = self._loop.create_future()

        def run() -> None:
            try:
                result = job()
            except Exception as error:  # noqa: BLE001  # it goes to whoever waits for the job
                self.post(_fail, future, error)
            else:
                self.post(_fulfil, future, result)

        self._jobs.put(run)
        return future

    def again(self, job: Callable[[], object]) -> None:
        """Do a job once more, after those that wait already. Called in the thread."""
        self._jobs.put(job)

    def post(self, callback: Callable[..., object], *arguments: object) -> None:
        """Have the loop call this. Called in the thread; a closed loop hears nothing more."""
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            if not self._loop.is_closed():
                raise

    def run_in_loop(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop and wait for it, doing jobs meanwhile. Called in the thread.

        The coroutine may itself ask for jobs: they are done here, so that nobody waits for ever.
        """
        done = threading.Event()
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)

        def wake(_: object) -> None:
            done.set()
            self._jobs.put(_nothing)

        future.add_done_callback(wake)
        while not done.is_set():
            self._jobs.get()()
        return future.result()

    def stop(self) -> None:
        """End the thread when it has done what it was given. Called in the loop, or from a job."""

        def end() -> None:
            self._stopping = True

        self._jobs.put(end)

    def _work(self, client: object) -> None:  # noqa: ARG002  # holds it
        while not self._stopping:
            self._jobs.get()()


def _nothing() -> None:
    return None


def _fulfil(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
