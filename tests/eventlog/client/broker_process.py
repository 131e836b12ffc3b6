"""A broker in a process of its own, which a test can freeze, kill and start again."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from tests.lasting_port import lasting_port

ROOT = Path(__file__).parents[3]
STOP_S_MAX = 60.0


class BrokerProcess:
    """Serves `data_dir`; a restart keeps the port, so that clients find it again."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.port = lasting_port()
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.eventlog.client.serve", str(self.data_dir), str(self.port)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the broker did not start"
        self.port = int(line)

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self._end(kill=False)

    def kill(self) -> None:
        self._end(kill=True)

    def _end(self, *, kill: bool) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if kill:
            self._process.kill()
        self._process.stdin.close()
        try:
            self._process.wait(STOP_S_MAX)
        finally:
            self._process.kill()
            self._process.wait(STOP_S_MAX)
            self._process.stdout.close()
