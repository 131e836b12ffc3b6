"""The processes of the pipeline, each on its own, and what CPU time each has used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import attrs
import psutil

READY_S_MAX = 60.0
STOP_S_MAX = 30.0
LOOK_S = 0.02


@attrs.frozen
class GputailProcess:
    """One running process; `log` is what it says."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def ready(self) -> dict[str, Any]:
        """The fields of its ready line, as soon as it is there."""
        deadline_s = time.monotonic() + READY_S_MAX
        while time.monotonic() < deadline_s:
            lines = self.log.read_text(encoding="utf-8").splitlines()
            for line in lines:
                if '"action": "ready"' in line:
                    found: dict[str, Any] = json.loads(line)
                    return found
            assert self.process.poll() is None, f"{self.name} has ended: {lines[-1:]}"
            time.sleep(LOOK_S)
        raise AssertionError(f"{self.name} was not ready within {READY_S_MAX:g} s")

    def cpu_s(self) -> float:
        """User and system CPU seconds so far, all threads."""
        used = psutil.Process(self.process.pid).cpu_times()
        return float(used.user + used.system)

    def resident_bytes(self) -> int:
        """Its resident memory now."""
        return int(psutil.Process(self.process.pid).memory_info().rss)


class Pipeline:
    """A broker and what is around it, in a folder."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self.processes: dict[str, GputailProcess] = {}
        self.views = f"sqlite:///{(folder / 'views').absolute()}"

    def start(self, name: str, verb: str, *options: str) -> GputailProcess:
        """Run `gputail VERB`; it need not be ready."""
        log = self._folder / f"{name}.log"
        command = [sys.executable, "-m", "gputail", verb, "--admin-listen", "127.0.0.1:0", *options]
        environment = {each: value for each, value in os.environ.items() if not each.startswith("GPUTAIL_")}
        with log.open("wb") as out:
            process = subprocess.Popen(command, stderr=out, stdin=subprocess.DEVNULL, env=environment)
        started = self.processes[name] = GputailProcess(name, process, log)
        self._stack.callback(_end, process)
        return started

    def broker(self) -> str:
        """Start it; where it listens."""
        options = ["--data-dir", str(self._folder / "log"), "--listen", "127.0.0.1:0"]
        options += ["--initial-rebalance-delay-ms", "0"]
        return str(self.start("broker", "broker", *options).ready()["listen"])

    def api(self) -> tuple[str, int]:
        """Start it; host and port."""
        told = self.start("api", "serve", "--views", self.views, "--listen", "127.0.0.1:0").ready()
        host, _, port = str(told["listen"]).rpartition(":")
        return host, int(port)

    def cpu_s(self) -> Mapping[str, float]:
        """CPU seconds of each process so far."""
        return {name: process.cpu_s() for name, process in self.processes.items()}


@contextmanager
def pipeline(folder: Path) -> Iterator[Pipeline]:
    """Processes that end with the block, the last started first."""
    with ExitStack() as stack:
        yield Pipeline(folder, stack)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
