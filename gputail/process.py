"""The course of a process beside the broker: started, told from outside how it is, stopped in order.

A start: the admin listener, then the process's own work, which says when it is ready. A stop (SIGTERM,
SIGINT): the work is asked to end in good order and has `DRAIN_S_MAX` for it. A second signal ends the
process at once; nothing is lost by that, for whoever comes next goes on from the log and the view.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final

from eventlog.errors import EventLogError
from gputail import __version__
from gputail.admin import AdminListener
from gputail.cli import describe
from gputail.endpoint import Endpoint
from gputail.exposition import Numbers, metrics_route
from gputail.garbage import look_less_often
from gputail.health import Readiness, health_routes
from gputail.listening import begin, warn_of_open
from gputail.logs import task_failed
from gputail.loop_lag import LoopLag
from gputail.process_options import ProcessOptions
from gputail.terminal_line import TerminalLine
from ingest.errors import IngestError
from query.views.errors import ViewError

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
DRAIN_S_MAX: Final = 10.0
PROGRESS_S: Final = 0.5

logger = logging.getLogger(__name__)


class Phase(enum.Enum):
    """Where a process is."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"


class Process(ABC):
    """One run of a process, from start to exit code."""

    noun: str
    """What it is called, such as `streamer`."""

    def __init__(self, options: ProcessOptions, line: TerminalLine | None = None) -> None:
        self._process = options
        self._line = line
        self._phase = Phase.STARTING
        self._waits_for = ""
        self._stop_wanted = asyncio.Event()
        self._lag = LoopLag()
        self._admin: Endpoint

    async def run(self) -> int:
        """Work until it is done, or a signal or a failure ends it; the exit code."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(task_failed)
        look_less_often()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._on_signal, number)
        listener = AdminListener(
            {**health_routes(loop, self.readiness), "/metrics": metrics_route(loop, self._take)}
        )
        try:
            logger.info(
                "the process starts",
                extra={"action": "start", "role": self.noun, "version": __version__, "pid": os.getpid()},
            )
            self._admin = begin(listener, self._process.admin_listen)
            warn_of_open(self._admin)
            return await self._until_stopped()
        except (EventLogError, IngestError, ViewError, OSError) as error:
            self._fail(error)
        except Exception:
            logger.critical("the process has failed", extra={"action": "fail"}, exc_info=True)
        finally:
            listener.stop()
        return 1

    def stop(self) -> None:
        """Ask for the end, in good order; `run` returns then."""
        self._phase = Phase.STOPPING
        self._stop_wanted.set()

    def readiness(self) -> Readiness:
        """Whether it does what it is for, and what an operator asks first."""
        facts = {"version": __version__, "role": self.noun, "instance_id": self._process.name}
        match self._phase:
            case Phase.READY:
                return Readiness(None, facts | dict(self.facts()))
            case Phase.STARTING:
                reason = f"the {self.noun} {self._waits_for or 'starts'}"
            case Phase.STOPPING:
                reason = f"the {self.noun} stops"
        return Readiness(reason, facts)

    # --- what each process adds ------------------------------------------------------------------

    @abstractmethod
    async def work(self) -> int:
        """All that it does, until there is no more or `drain` was called; the exit code."""

    @abstractmethod
    def drain(self) -> bool:
        """Let `work` return as soon as what was begun is done; False: it has nothing that needs time."""

    @abstractmethod
    def facts(self) -> Mapping[str, Any]:
        """What `/health/ready` says of it while it is ready."""

    @abstractmethod
    def progress(self) -> str:
        """What it does now, for a line on a terminal."""

    @abstractmethod
    def measure(self) -> Numbers:
        """Its numbers, copied now."""

    # --- its course ------------------------------------------------------------------------------

    def _ready(self, **facts: object) -> None:
        if self._phase is Phase.STARTING:
            self._phase = Phase.READY
        logger.info(
            "the process is ready",
            extra={
                "action": "ready",
                "role": self.noun,
                "version": __version__,
                "admin": str(self._admin),
                **facts,
            },
        )

    def _fail(self, error: Exception) -> None:
        text = " ".join(describe(error).split())
        logger.error("the process cannot run", extra={"action": "fail", "error": text})

    async def _until_stopped(self) -> int:
        work = asyncio.create_task(self.work())
        asked = asyncio.create_task(self._stop_wanted.wait())
        aside = [asyncio.create_task(each) for each in (self._lag.run(), self._show_progress())]
        try:
            await asyncio.wait({work, asked}, return_when=asyncio.FIRST_COMPLETED)
            code = await self._drained(work)
            logger.info("the process has stopped", extra={"action": "stop", "exit_code": code})
            return code
        finally:
            await _end(asked, *aside)
            if self._line is not None:
                self._line.end()

    async def _drained(self, work: asyncio.Task[int]) -> int:
        """The exit code of work that has ended, or is asked to."""
        is_late = False
        if not work.done() and self.drain():
            await asyncio.wait({work}, timeout=DRAIN_S_MAX)
            is_late = not work.done()
        if is_late:
            logger.error(
                "the process was not done in time; who comes next goes on where it was",
                extra={"action": "drain", "drain_s_max": DRAIN_S_MAX},
            )
        work.cancel()
        await asyncio.wait({work}, timeout=DRAIN_S_MAX)
        if work.done() and not work.cancelled():
            return work.result()
        return int(is_late)

    async def _show_progress(self) -> None:
        while self._line is not None:
            await asyncio.sleep(PROGRESS_S)
            if self._phase is Phase.READY:
                self._line.show(self.progress())

    async def _take(self) -> Numbers:
        return self.measure()

    def _on_signal(self, number: signal.Signals) -> None:
        logger.info("asked to stop", extra={"action": "signal", "signal": number.name})
        loop = asyncio.get_running_loop()
        for each in SIGNALS:  # the next one ends the process at once
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)
        self.stop()


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
