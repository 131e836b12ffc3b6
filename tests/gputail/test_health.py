"""Health: live is about the event loop alone, ready about whether clients are served."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gputail.admin import Request
from gputail.health import LoopSilentError, Readiness, ask, health_routes


class LoopThread:
    """An event loop in a thread of its own, as the one that is asked about."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()

    def end(self) -> None:
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join()
            if tasks := asyncio.all_tasks(self.loop):
                self.loop.run_until_complete(asyncio.wait(tasks))
            self.loop.close()


@pytest.fixture
def asked() -> Iterator[LoopThread]:
    thread = LoopThread()
    yield thread
    thread.end()


async def get(
    asked: LoopThread, path: str, readiness: Readiness, s_max: float = 10.0
) -> tuple[int, dict[str, Any]]:
    answer = await health_routes(asked.loop, lambda: readiness, s_max)[path](Request())
    return answer.status, json.loads(answer.body)


@pytest.mark.parametrize("reason", [None, "the log is being recovered"])
async def test_live_is_about_the_loop_alone(asked: LoopThread, reason: str | None) -> None:
    """Whoever is not ready lives all the same."""
    assert (200, {"live": True}) == await get(asked, "/health/live", Readiness(reason, {}))


async def test_ready_says_why_not(asked: LoopThread) -> None:
    """503 with the reason, or 200 without one; the facts are told either way."""
    waiting = await get(asked, "/health/ready", Readiness("the broker stops", {"flush": "os"}))
    ready = await get(asked, "/health/ready", Readiness(None, {"flush": "os"}))

    assert (503, {"ready": False, "reason": "the broker stops", "flush": "os"}) == waiting
    assert (200, {"ready": True, "reason": None, "flush": "os"}) == ready


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
async def test_a_loop_that_hangs_is_neither(asked: LoopThread, path: str) -> None:
    """The answer comes all the same, and says so."""
    release = threading.Event()
    asked.loop.call_soon_threadsafe(release.wait)
    try:
        status, body = await get(asked, path, Readiness(None, {}), s_max=0.1)
    finally:
        release.set()

    assert (503, "the event loop did not answer within 0.1 s") == (status, body["reason"])


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
async def test_a_loop_that_has_ended_is_neither(asked: LoopThread, path: str) -> None:
    """So does one that is closed."""
    asked.end()
    status, body = await get(asked, path, Readiness(None, {}))

    assert (503, "the event loop has ended") == (status, body["reason"])


async def test_an_answer_comes_from_the_other_loop(asked: LoopThread) -> None:
    """The question runs there; what it raises is raised here."""

    async def where() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    async def fail() -> None:
        raise ZeroDivisionError

    assert asked.loop is await ask(asked.loop, where)
    with pytest.raises(ZeroDivisionError):
        await ask(asked.loop, fail)


async def test_a_question_that_takes_too_long_is_given_up(asked: LoopThread) -> None:
    """It is cancelled there as well."""
    cancelled = threading.Event()

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()

    with pytest.raises(LoopSilentError):
        await ask(asked.loop, wait, 0.1)
    assert await asyncio.to_thread(cancelled.wait, 10)
