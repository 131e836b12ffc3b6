"""The one thread in which a librdkafka client is called, and how it reaches the loop.

librdkafka's calls block and run its callbacks in the calling thread. So each client has a thread: the
loop hands it jobs, and a callback hands coroutines to the loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class Worker:
    """A daemon thread that does jobs one after another. Made in a running loop.

    It is a daemon so that a call that never returns cannot keep the program from ending. It holds
    `client` as long as it lives: librdkafka ends a forgotten client where the last reference goes, with
    callbacks that would wait there for the loop.
    """

    def __init__(self, name: str, client: object) -> None:
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._put_off: deque[_Job] = deque()
        self._stopping = False
        threading.Thread(target=self._work, args=(client,), name=name, daemon=True).start()

    def call(self, job: Callable[[], T], *, in_callback: bool = False) -> asyncio.Future[T]:
        """Do a job in the thread; the future has its outcome. Called in the loop.

        `in_callback`: it may be done while one of the client's callbacks waits for the loop. Polling and
        closing may not: they would run further callbacks inside of it, or wait for it for ever.
        """
        future: asyncio.Future[T] = self._loop.create_future()

        def run() -> None:
            try:
                result = job()
            except Exception as error:  # noqa: BLE001  # it goes to whoever waits for the job
                self.post(_fail, future, error)
            else:
                self.post(_fulfil, future, result)

        self._jobs.put(_Job(run, in_callback))
        return future

    def again(self, job: Callable[[], object]) -> None:
        """Do a job once more, after those that wait already. Called in the thread."""
        self._jobs.put(_Job(job, in_callback=False))

    def post(self, callback: Callable[..., object], *arguments: object) -> None:
        """Have the loop call this. Called in the thread; a closed loop hears nothing more."""
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            if not self._loop.is_closed():
                raise

    def run_in_loop(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop and wait for it. Called in the thread, from the client's callbacks.

        The coroutine may itself ask for jobs: those that may be are done meanwhile, so that nobody waits
        for ever. The others are put off until the callback has returned.
        """
        done = threading.Event()
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError:  # the loop is closed: it was left with a call that took too long
            coroutine.close()
            raise

        def wake(_: object) -> None:
            done.set()
            self._jobs.put(_Job(_nothing, in_callback=True))

        future.add_done_callback(wake)
        while not done.is_set():
            job = self._jobs.get()
            if job.in_callback:
                job.run()
            else:
                self._put_off.append(job)
        return future.result()

    def stop(self) -> None:
        """End the thread when it has done what it was given. Called in the loop, or from a job."""

        def end() -> None:
            self._stopping = True

        self._jobs.put(_Job(end, in_callback=True))

    def _work(self, client: object) -> None:  # noqa: ARG002  # holds it
        while self._put_off or not self._stopping:
            job = self._put_off.popleft() if self._put_off else self._jobs.get()
            job.run()


class _Job(NamedTuple):
    run: Callable[[], object]
    in_callback: bool


def _nothing() -> None:
    return None


def _fulfil(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
