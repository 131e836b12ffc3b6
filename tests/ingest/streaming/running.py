"""Streamer processes, watched by what they print."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
WAIT_S = 60.0


class RunningStreamers:
    """Any number of streamers of one source on one broker."""

    def __init__(self, address: str, source: str, rate: float, *options: str) -> None:
        self._address = address
        self._arguments = (source, str(rate), *options)
        self._moved = threading.Condition()
        self.processes: dict[str, subprocess.Popen[str]] = {}
        self.counters: dict[str, dict[str, Any]] = {}
        """What each said last, also of those that have ended."""
        self._readers: list[threading.Thread] = []

    def start(self, name: str, *, rate: float | None = None) -> None:
        """Start one, with another rate than the others' if told so."""
        source, usual, *options = self._arguments
        arguments = (source, str(rate or usual), *options)
        process = self.processes[name] = subprocess.Popen(
            [sys.executable, "-m", "tests.ingest.streaming.process", self._address, name, *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.counters[name] = {}
        reader = threading.Thread(target=self._read, args=(name, process), daemon=True)
        reader.start()
        self._readers.append(reader)

    def told(self, name: str, counter: str) -> int:
        """What a streamer said last of a counter."""
        return int(self.counters[name].get(counter) or 0)

    def has_sent(self, name: str, count: int) -> bool:
        """Whether more than so many of its events are stored."""
        return self.told(name, "events_acknowledged") > count

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until it holds; it is looked at whenever a streamer says something."""
        with self._moved:
            assert self._moved.wait_for(condition, WAIT_S), self.counters

    def signal(self, name: str, what: signal.Signals) -> None:
        self.processes[name].send_signal(what)

    def wait(self, name: str) -> int:
        """Wait until it has ended; its exit code."""
        return self.processes[name].wait(WAIT_S)

    def close(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait(WAIT_S)
        for reader in self._readers:
            reader.join(WAIT_S)
        for process in self.processes.values():
            assert process.stdout is not None
            process.stdout.close()

    def _read(self, name: str, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if line.endswith("\n"):  # one that is killed may leave half a line
                with self._moved:
                    self.counters[name] = json.loads(line)
                    self._moved.notify_all()


@contextmanager
def running_streamers(address: str, source: str, rate: float, *options: str) -> Iterator[RunningStreamers]:
    """Streamer processes, ended with the block."""
    streamers = RunningStreamers(address, source, rate, *options)
    try:
        yield streamers
    finally:
        streamers.close()
