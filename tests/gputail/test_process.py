"""The course of a process: its end in good order, its end that takes too long, its failures."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import pytest

from gputail import process
from gputail.endpoint import Endpoint
from gputail.exposition import Numbers
from gputail.process import Process
from gputail.process_options import ProcessOptions
from ingest.errors import SourceError

OPTIONS = ProcessOptions(admin_listen=Endpoint("127.0.0.1", 0), instance_id="i")


class Waiting(Process):
    """Works until it is drained, or fails, or does not care."""

    noun = "waiter"

    def __init__(self, *, failure: Exception | None = None, heeds: bool = True) -> None:
        super().__init__(OPTIONS)
        self._failure = failure
        self._heeds = heeds
        self._may_end = asyncio.Event()
        self.is_cancelled = False

    async def work(self) -> int:
        if self._failure is not None:
            raise self._failure
        self._ready()
        try:
            await self._may_end.wait()
        except asyncio.CancelledError:
            self.is_cancelled = True
            raise
        return 0

    def drain(self) -> bool:
        if self._heeds:
            self._may_end.set()
        return True

    def facts(self) -> Mapping[str, Any]:
        return {"waits": True}

    def progress(self) -> str:
        return "waiting"

    def measure(self) -> Numbers:
        return lambda: ()


async def started(it: Waiting) -> asyncio.Task[int]:
    """Its run, once it is ready."""
    running = asyncio.create_task(it.run())
    async with asyncio.timeout(20):
        while it.readiness().reason is not None:  # noqa: ASYNC110  there is no event for it
            await asyncio.sleep(0.01)
    return running


async def test_work_that_is_drained_ends_well() -> None:
    """It is not cancelled; on the way it is not ready, and says why."""
    it = Waiting()
    running = await started(it)
    assert {"waits": True, "role": "waiter", "instance_id": "i"}.items() <= it.readiness().facts.items()

    it.stop()
    assert "the waiter stops" == it.readiness().reason
    assert 0 == await running
    assert not it.is_cancelled


async def test_work_that_takes_too_long_is_cancelled(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is an error, for something may not be done."""
    monkeypatch.setattr(process, "DRAIN_S_MAX", 0.05)
    it = Waiting(heeds=False)
    running = await started(it)
    it.stop()

    assert 1 == await running
    assert it.is_cancelled
    assert "the process was not done in time; who comes next goes on where it was" in caplog.messages


@pytest.mark.parametrize(
    ("failure", "level"),
    [(SourceError("no\nsource"), logging.ERROR), (ZeroDivisionError(), logging.CRITICAL)],
)
async def test_a_failure_is_one_event(
    caplog: pytest.LogCaptureFixture, failure: Exception, level: int
) -> None:
    """What a user can cause is one line; a bug has its traceback."""
    assert 1 == await Waiting(failure=failure).run()

    (found,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert level == found.levelno
    if level == logging.ERROR:
        assert "no source" == found.__dict__["error"]
    else:
        assert found.exc_info is not None
