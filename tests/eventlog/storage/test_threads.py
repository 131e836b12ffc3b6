"""Threads for blocking work: outcomes come back, errors too, and an end waits for what has begun."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import closing

import pytest

from eventlog.storage.threads import Threads


async def test_outcome() -> None:
    """Work runs in another thread, and its outcome comes back."""
    with closing(Threads(2, "t")) as threads:
        assert "t-0" == await threads.run(lambda: threading.current_thread().name)


async def test_error() -> None:
    """What work raises is raised where it was asked for, and the thread goes on."""
    with closing(Threads(1, "t")) as threads:
        with pytest.raises(ZeroDivisionError):
            await threads.run(lambda: 1 // 0)
        assert 2 == await threads.run(lambda: 1 + 1)


async def test_as_many_as_needed() -> None:
    """Threads are started for work that would have to wait, up to the limit, and used again."""
    with closing(Threads(3, "t")) as threads:
        for _ in range(5):
            await threads.run(int)
        assert 1 == len(threads._threads)
        barrier = threading.Barrier(3)
        await asyncio.gather(*(threads.run(lambda: barrier.wait(10)) for _ in range(3)))
        assert 3 == len(threads._threads)
        await asyncio.gather(*(threads.run(lambda: time.sleep(0.001)) for _ in range(10)))
        assert 3 == len(threads._threads)


async def test_cancelled() -> None:
    """Who stops waiting does not stop the work; its outcome goes nowhere."""
    with closing(Threads(1, "t")) as threads:
        begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

        def work() -> None:
            begun.set()
            go_on.wait(10)
            ended.set()

        waiting = asyncio.ensure_future(threads.run(work))
        while not begun.is_set():  # noqa: ASYNC110  # set by a thread
            await asyncio.sleep(0.001)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        go_on.set()
        assert 0 == await threads.run(int)
        assert ended.is_set()


async def test_closed() -> None:
    """Closed threads have ended, and take nothing more."""
    threads = Threads(2, "t")
    await threads.run(int)
    threads.close()
    assert not any(thread.is_alive() for thread in threads._threads)
    with pytest.raises(RuntimeError, match="have ended"):
        await threads.run(int)


def test_loop_that_has_ended() -> None:
    """An outcome for which no loop is there any more is nobody's."""
    threads = Threads(1, "t")
    go_on = threading.Event()

    async def leave() -> None:
        task = asyncio.ensure_future(threads.run(lambda: go_on.wait(10)))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(leave())
    go_on.set()
    threads.close()
