"""The servers under load: each a process of its own, on a free port of 127.0.0.1, in a folder of its own."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs
import psutil

from bench.programs import installed

READY_S_MAX = 20.0
STOP_S_MAX = 20.0
ASK_AGAIN_S = 0.002
REST_S = 0.5
"""A volume that discards what was removed goes on with it after `sync`."""

ASK_KAFKA = struct.pack(">ihhih", 10, 18, 0, 1, -1)
"""ApiVersions, version 0: the first thing that a client asks."""
ASK_REDIS = b"PING\r\n"
ASK_NATS = b""
"""It speaks first."""


@attrs.frozen
class Server:
    """A running server."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def cpu_s(self) -> float:
        """User and system CPU seconds so far, all threads."""
        used = psutil.Process(self.process.pid).cpu_times()
        return float(used.user + used.system)

    def resident_bytes(self) -> int:
        """Its resident memory now."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait()


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder on the volume of the working directory; afterwards nothing of it waits to be written."""
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir="."))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
        os.sync()
        time.sleep(REST_S)  # the next side of a pair begins with a volume at rest


@contextmanager
def broker(folder: Path, partitions: int = 1, port: int = 0) -> Iterator[Server]:
    """Our broker on `folder`; a topic that is asked for is made, with so many partitions."""
    port = port or free_port()
    command = [sys.executable, "-m", "gputail", "broker", "--data-dir", str(folder)]
    command += ["--listen", f"127.0.0.1:{port}", "--admin-listen", "127.0.0.1:0", "--log-level", "error"]
    command += ["--auto-create-topics", "--default-partitions", str(partitions)]
    with _running(command, port, ASK_KAFKA) as server:
        yield server


@contextmanager
def nats(folder: Path) -> Iterator[Server]:
    """NATS with JetStream as it comes: files are synced every two minutes."""
    port = free_port()
    command = [installed("nats-server"), "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(folder)]
    with _running([*command, "-l", f"{folder}/nats.log"], port, ASK_NATS) as server:
        yield server


@contextmanager
def redis(folder: Path) -> Iterator[Server]:
    """Redis with an append-only file that is synced every second, and spared dumps and rewrites."""
    port = free_port()
    command = [installed("redis-server"), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
    command += ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
    command += ["--auto-aof-rewrite-percentage", "0", "--logfile", f"{folder.resolve()}/redis.log"]
    with _running(command, port, ASK_REDIS) as server:
        yield server


@contextmanager
def _running(command: Sequence[str], port: int, ask: bytes) -> Iterator[Server]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        await_ready(process, port, ask)
        yield Server(process, port)
    finally:
        process.terminate()
        try:
            process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def await_ready(process: subprocess.Popen[bytes], port: int, ask: bytes) -> None:
    """Return as soon as the server answers."""
    deadline_s = time.monotonic() + READY_S_MAX
    while time.monotonic() < deadline_s:
        assert process.poll() is None, f"{process.args!r} ended with {process.returncode}"
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=READY_S_MAX) as connection:
                connection.sendall(ask)
                if connection.recv(1):
                    return
        except ConnectionError:
            pass
        time.sleep(ASK_AGAIN_S)
    raise AssertionError(f"{process.args!r} was not ready within {READY_S_MAX:g} s")


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
