"""One `gputail` process: started, found by its log lines, stopped, paused or killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from tests.documents import ROOT

READY_S_MAX = 60.0
END_S_MAX = 40.0
NO_VARIABLES: Mapping[str, str] = MappingProxyType({})


def environment(**added: str) -> dict[str, str]:
    """This process's environment without settings of gputail and of the loop's debug mode, and with these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GPUTAIL_")}
    kept.pop("PYTHONASYNCIODEBUG", None)  # a slow machine would be told by warnings
    return kept | added


def command(*arguments: str) -> list[str]:
    """A command line of `gputail`."""
    return [sys.executable, "-m", "gputail", *arguments]


class RunningProcess:
    """`gputail VERB` with any free port for what is not asked for; `lines` are its log, as parsed JSON."""

    def __init__(self, verb: str, *options: str, variables: Mapping[str, str] = NO_VARIABLES) -> None:
        admin = [] if "--admin-listen" in options else ["--admin-listen", "127.0.0.1:0"]
        self.lines: list[dict[str, Any]] = []
        self.other_output: list[str] = []
        self.process = subprocess.Popen(
            command(verb, *admin, "--log-format", "json", *options),
            cwd=ROOT,
            env=environment(**variables),
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        self._moved = threading.Condition()
        self._is_at_end = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, action: str, timeout_s: float = READY_S_MAX) -> dict[str, Any]:
        """The first log line with this action; AssertionError where the process ends without one."""
        with self._moved:
            self._moved.wait_for(lambda: self._is_at_end or self._find(action) is not None, timeout_s)
            found = self._find(action)
        assert found is not None, f"no {action!r} in {self.lines} {self.other_output}"
        return found

    @property
    def admin_url(self) -> str:
        """Where health and metrics are."""
        return f"http://{self.wait_for('listen_admin')['admin']}"

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def stop(self) -> int:
        """SIGTERM, and wait; the exit code."""
        self.send(signal.SIGTERM)
        return self.wait()

    def kill(self) -> int:
        """SIGKILL, and wait; the exit code."""
        self.send(signal.SIGKILL)
        return self.wait()

    def wait(self, timeout_s: float = END_S_MAX) -> int:
        """Wait for the end of the process and of its output; the exit code."""
        code = self.process.wait(timeout_s)
        self._reader.join(timeout_s)
        return code

    def close(self) -> None:
        """End it however it is."""
        if self.process.poll() is None:
            self.process.kill()
        self.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def _find(self, action: str) -> dict[str, Any] | None:
        return next((line for line in self.lines if line["action"] == action), None)

    def _read(self) -> None:
        assert self.process.stderr is not None
        for text in self.process.stderr:
            with self._moved:
                try:
                    self.lines.append(json.loads(text))
                except ValueError:
                    self.other_output.append(text)
                self._moved.notify_all()
        with self._moved:
            self._is_at_end = True
            self._moved.notify_all()


@contextlib.contextmanager
def running(verb: str, *options: str, is_ready: bool = True) -> Iterator[RunningProcess]:
    """A process, ready unless told not to wait for that; ended with the block."""
    process = RunningProcess(verb, *options)
    try:
        if is_ready:
            process.wait_for("ready")
        yield process
    finally:
        process.close()
