"""`gputail up` as the demo runs it: a process of its own, read by its lines, whose children can be killed."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from gputail.data_folder import DataFolder
from gputail.endpoint import Endpoint

LINE_S_MAX: Final = 60.0
STOP_S_MAX: Final = 40.0
LOOK_S: Final = 0.05
ANY_PORT: Final = "127.0.0.1:0"
OPTIONS: Final = ["--streamers=0", "--collectors=2", f"--listen={ANY_PORT}", f"--broker-listen={ANY_PORT}"]
QUICK: Final = {"GPUTAIL_SESSION_S": "6"}
"""A killed collector is missed sooner than by default."""


class DemoError(Exception):
    """The demo cannot go on; the message says why."""


class DemoUp:
    """One run of it."""

    def __init__(self, folder: Path, process: asyncio.subprocess.Process) -> None:
        self._folder = DataFolder(folder)
        self._process = process
        self._lines: list[str] = []
        self._moved = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, folder: Path) -> Self:
        """Begin; whoever starts it stops it."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gputail", "up", "--data-dir", str(folder), *OPTIONS),
            env={**os.environ, **QUICK},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # ^C is ours: we stop it in order
        )
        return cls(folder, process)

    async def address_of(self, part: str) -> Endpoint:
        """Where `broker` or `api` listens, once it is ready; DemoError."""
        return Endpoint.parse((await self.ready(part))[1])

    async def ready(self, part: str) -> re.Match[str]:
        """The line that says that a child is ready, and where; DemoError where it does not come."""
        said = re.compile(rf"{part} is ready(?: at ([^;]+))?;")
        async with self._moved:
            with suppress(TimeoutError):
                async with asyncio.timeout(LINE_S_MAX):
                    await self._moved.wait_for(lambda: self._found(said) or self._reading.done())
            found = self._found(said)
        if found is None:
            raise DemoError(f"no {part} is ready: {self._lines[-1] if self._lines else 'nothing was said'}")
        return found

    async def kill(self, part: str) -> int:
        """SIGKILL to a child such as `broker` or `collector-1`; its process id, once another one is there."""
        pid = self._folder.children()[part]
        os.kill(pid, signal.SIGKILL)
        with suppress(TimeoutError):
            async with asyncio.timeout(LINE_S_MAX):
                while self._folder.children().get(part, pid) == pid:  # noqa: ASYNC110  # a file tells
                    await asyncio.sleep(LOOK_S)
                return pid
        raise DemoError(f"{part} was killed, and did not come back within {LINE_S_MAX:g} s")

    async def stop(self) -> None:
        """^C, and wait; it is killed, and its children end with it, where that takes too long."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGINT)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), STOP_S_MAX)
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reading

    def _found(self, said: re.Pattern[str]) -> re.Match[str] | None:
        return next((found for line in self._lines if (found := said.search(line))), None)

    async def _read(self) -> None:
        assert self._process.stdout is not None, "it is a pipe"
        async for line in self._process.stdout:
            async with self._moved:
                self._lines.append(line.decode(errors="replace").strip())
                self._moved.notify_all()
        async with self._moved:
            self._moved.notify_all()
