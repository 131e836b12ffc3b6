"""Keeps children running: starts them, starts them again when they die, stops them in order.

Each child has a pipe whose end is its SIGTERM (parent.py). That of the children that end last is also held
open by all others, so that the order of the end is kept where the supervisor was killed and can stop nobody.

A child that fails before it was ever ready ends the whole: what it says is about its options or its
surroundings, and would be the same the next time. Afterwards it is started again however it ends, sooner at
first, then at `BACKOFF_S_MAX` distance.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from gputail.child import Child, ChildSpec
from gputail.child_log import ChildLog
from gputail.data_folder import DataFolder

BACKOFF_S_MIN: Final = 0.2
BACKOFF_S_MAX: Final = 10.0
STEADY_S: Final = 30.0
"""A child that has run for so long begins again with the shortest delay when it dies."""
STOP_S_MAX: Final = 15.0
"""From SIGTERM to SIGKILL; a process ends by itself within 10 s."""


class ChildFailedError(Exception):
    """A child could not be started; the message is what it said."""


class Supervisor:
    """The children of one `gputail up`; lives in a loop."""

    def __init__(self, folder: DataFolder, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._say = say
        self._children: dict[str, Child] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._stopping = asyncio.Event()
        self._pipe, self._held = os.pipe()
        self._last_pipe, self._last_held = os.pipe()

    async def start(self, spec: ChildSpec) -> Mapping[str, Any]:
        """Start a child, keep it running from then on; the fields of its ready line.

        Raises:
            ChildFailedError: it ended before it was ready.
        """
        ready: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self._keepers[spec.name] = asyncio.create_task(self._keep(spec, ready))
        return await ready

    def pids(self) -> Mapping[str, int]:
        """The children that run, by name."""
        return {name: child.pid for name, child in self._children.items() if child.is_alive}

    def troubles(self) -> str:
        """What its children warned of last, in one line; empty where they did not."""
        found = [f"{name}: {child.trouble}" for name, child in self._children.items() if child.trouble]
        return "; ".join(found)

    async def stop(self, stages: Sequence[Sequence[str]]) -> None:
        """Stop children by name, stage by stage, those of a stage together."""
        self._stopping.set()
        for stage in stages:
            await asyncio.gather(*(self._stop(name) for name in stage))

    def kill(self) -> None:
        """End all at once, now."""
        self._stopping.set()
        for child in self._children.values():
            child.send(signal.SIGKILL)

    async def close(self) -> None:
        """Give everything back, once all have ended."""
        for keeper in self._keepers.values():
            keeper.cancel()
        await asyncio.gather(*self._keepers.values(), return_exceptions=True)
        for number in (self._pipe, self._held, self._last_pipe, self._last_held):
            os.close(number)

    # --- one child -------------------------------------------------------------------------------

    async def _keep(self, spec: ChildSpec, ready: asyncio.Future[Mapping[str, Any]]) -> None:
        """Run a child over and over; `ready` gets its first ready line, or why there will be none."""
        loop = asyncio.get_running_loop()
        delay_s = BACKOFF_S_MIN
        try:
            while not self._stopping.is_set():
                started_s = loop.time()
                end = await self._run(spec, ready)
                if end is None or self._stopping.is_set():
                    return
                if loop.time() - started_s > STEADY_S:
                    delay_s = BACKOFF_S_MIN
                self._say(f"{end}; it is started again in {delay_s:g} s")
                await asyncio.sleep(delay_s)
                delay_s = min(2 * delay_s, BACKOFF_S_MAX)
        except (ChildFailedError, OSError) as error:
            if not ready.done():  # nobody waits for it any more
                ready.set_exception(error)
        finally:
            ready.cancel()

    async def _run(self, spec: ChildSpec, ready: asyncio.Future[Mapping[str, Any]]) -> str | None:
        """Run it once; how it ended, or None where it has done its work.

        Raises:
            ChildFailedError, OSError: it was never ready, and would not be the next time.
        """
        try:
            log = ChildLog(self._folder.logs, spec.name)
            child = await Child.start(spec, log, self._inherited_by(spec), self._say)
        except OSError as error:  # no file, no process, no memory: another time there may be
            if not ready.done():
                raise
            return f"{spec.name} cannot be started ({error})"
        self._children[spec.name] = child
        with suppress(OSError):  # a full disk; it is only for whoever finds the folder in use
            self._folder.note_children(self.pids())
        child.ready.add_done_callback(lambda told: _pass_on(told, ready))
        code = await child.wait()
        log.close()
        if code == 0 and spec.ends_well:
            if not self._stopping.is_set():
                self._say(f"{spec.name} is done")
            return None
        if code > 0 and not ready.done() and not self._stopping.is_set():
            raise ChildFailedError(f"{spec.name}: {child.error or f'exit code {code}'}")
        if code < 0:
            return f"{spec.name} was ended by {signal.Signals(-code).name}"
        return f"{spec.name} has ended with {code}" + (f" ({child.error})" if child.error else "")

    def _inherited_by(self, spec: ChildSpec) -> tuple[int, ...]:
        pipes = (self._last_pipe,) if spec.ends_last else (self._pipe, self._last_held)
        return (*pipes, self._folder.lock_fd)

    async def _stop(self, name: str) -> None:
        keeper, child = self._keepers.get(name), self._children.get(name)
        if keeper is None:
            return
        if child is None or not child.is_alive:
            keeper.cancel()  # it waits to start it again
            await asyncio.gather(keeper, return_exceptions=True)
            return
        child.send(signal.SIGTERM)
        done, _ = await asyncio.wait({keeper}, timeout=STOP_S_MAX)
        if not done:
            self._say(f"{name} does not end; it is killed, and nothing that was stored is lost")
            child.send(signal.SIGKILL)
            await asyncio.wait({keeper})


def _pass_on(told: asyncio.Future[Mapping[str, Any]], ready: asyncio.Future[Mapping[str, Any]]) -> None:
    if not told.cancelled() and not ready.done():
        ready.set_result(told.result())
