"""One child of the supervisor: a `gputail` process in a session of its own, read by its log lines."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import attrs

from gputail.child_log import ChildLog
from gputail.parent import VARIABLE as PARENT_PIPE

LINE_BYTES_MAX: Final = 256 * 1024
TOLD: Final = frozenset({"disk_low", "poison_flood"})
"""The actions of its log lines that whoever sits before the terminal has to know of at once."""


@attrs.frozen
class ChildSpec:
    """What to run."""

    name: str
    """Names it in lines and files, such as `collector-2`."""
    arguments: Sequence[str]
    """What follows `gputail`."""
    ends_well: bool = False
    """Whether it may end by itself with 0, for its work is done then."""
    ends_last: bool = False
    """Whether the others need it to end well themselves."""


class Child:
    """A running child. Its last error and what it said when it was ready are kept."""

    def __init__(
        self, spec: ChildSpec, process: asyncio.subprocess.Process, log: ChildLog, say: Callable[[str], None]
    ) -> None:
        self.spec = spec
        self._say = say
        self._process = process
        self._log = log
        self.ready: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        """The fields of its ready line; cancelled where it ends before."""
        self.error = ""
        """What it said last of why it cannot go on."""
        self.trouble = ""
        """What it last warned of, or could not do."""
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(
        cls, spec: ChildSpec, log: ChildLog, inherited: Sequence[int], say: Callable[[str], None]
    ) -> Child:
        """Run it; `inherited` are file descriptors that it holds open, the first one the parent pipe.

        `say` gets what must not stay in a log, a line each.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gputail",
            *spec.arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, PARENT_PIPE: str(inherited[0])},
            pass_fds=inherited,
            start_new_session=True,
            limit=LINE_BYTES_MAX,
        )
        return cls(spec, process, log, say)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended yet, as far as is known."""
        return self._process.returncode is None

    async def wait(self) -> int:
        """Its exit code, or minus the signal that ended it, once its last line is read."""
        code = await self._process.wait()
        await self._reading
        return code

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it is still there."""
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        lines = self._process.stdout
        while True:
            try:
                line = await lines.readline()
            except ValueError:  # too long, and dropped
                continue
            if not line:
                break
            with suppress(OSError):  # a full disk takes no log lines, and stops nobody
                self._log.write(line)
            self._note(line)
        if not self.ready.done():
            self.ready.cancel()

    def _note(self, line: bytes) -> None:
        try:
            said = json.loads(line)
        except ValueError:
            said = None
        if not isinstance(said, dict):  # a traceback, or a usage error
            self.error = line.decode(errors="replace").strip().removeprefix("gputail: ") or self.error
            return
        if said.get("action") == "ready" and not self.ready.done():
            self.ready.set_result(said)
        if said.get("action") in TOLD:
            self._say(f"{self.spec.name}: {said.get('event')}")
            self.trouble = ""  # which a warning sets anew
        if said.get("level") in {"warning", "error", "critical"}:
            self.trouble = " ".join(f"{said.get('event')} {said.get('error', '')}".split())
        if said.get("level") in {"error", "critical"}:
            self.error = str(said.get("error") or said.get("event"))
            exception = said.get("exception")
            if exception:
                self.error += f": {str(exception).strip().splitlines()[-1]}"
