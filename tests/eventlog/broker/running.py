"""The real command as a process: started, found by its log lines, stopped or killed at the end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
START_S_MAX = 30.0
STOP_S_MAX = 30.0
USUAL = {
    "--listen": "127.0.0.1:0",
    "--admin-listen": "127.0.0.1:0",
    "--log-format": "json",
    "--free-bytes-min": "0",
    "--initial-rebalance-delay-ms": "0",
}
"""What a test gets that does not choose otherwise."""


class RunningBroker:
    """A `gputail broker` on ports of its own; `lines` are its log, as parsed JSON."""

    def __init__(self, data_dir: Path, *options: str) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GPUTAIL_")}
        named = {option.partition("=")[0] for option in options}
        usual = [text for name, value in USUAL.items() if name not in named for text in (name, value)]
        self.lines: list[dict[str, Any]] = []
        self.other_output: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gputail", "broker", "--data-dir", str(data_dir), *usual, *options],
            cwd=ROOT,
            env=environment,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        self._moved = threading.Condition()
        self._is_at_end = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    # --- where it is -------------------------------------------------------------------------

    @property
    def bootstrap(self) -> str:
        """HOST:PORT for Kafka clients, once it is ready."""
        return str(self.wait_for("ready")["listen"])

    @property
    def admin_url(self) -> str:
        """Where health and metrics are, as soon as they answer."""
        return f"http://{self.wait_for('listen_admin')['admin']}"

    def wait_for(self, action: str, timeout_s: float = START_S_MAX) -> dict[str, Any]:
        """The first log line with this action; AssertionError where the process ends without one."""
        with self._moved:
            self._moved.wait_for(lambda: self._is_at_end or self._find(action) is not None, timeout_s)
            found = self._find(action)
        assert found is not None, f"no {action!r} in {self.lines} {self.other_output}"
        return found

    def actions(self) -> list[str]:
        """What was logged, in order."""
        with self._moved:
            return [line["action"] for line in self.lines]

    # --- how it ends -------------------------------------------------------------------------

    def stop(self) -> int:
        """SIGTERM, and wait; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> int:
        """SIGKILL, and wait; the exit code."""
        self.process.kill()
        return self.wait()

    def wait(self) -> int:
        """Wait for the end of the process and of its output; the exit code."""
        code = self.process.wait(STOP_S_MAX)
        self._reader.join(STOP_S_MAX)
        return code

    def close(self) -> None:
        """End it however it is."""
        if self.process.poll() is None:
            self.process.kill()
        self.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()

    # --- inside --------------------------------------------------------------------------------

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
def running_broker(data_dir: Path, *options: str, is_ready: bool = True) -> Iterator[RunningBroker]:
    """A broker process, ready to serve unless told not to wait for that; ended with the block."""
    broker = RunningBroker(data_dir, *options)
    try:
        if is_ready:
            broker.wait_for("ready")
        yield broker
    finally:
        broker.close()
