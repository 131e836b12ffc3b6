"""A PostgreSQL server with its settings as they come: flushed commits, 128 MiB of buffers."""

from __future__ import annotations

import importlib
import os
import pwd
import shutil
import signal
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from bench.measured import NotMeasuredError
from bench.servers import Server, await_ready, free_port

ASK_POSTGRES = struct.pack(">ii", 8, 80877103)
"""SSLRequest: it is answered by one byte."""
USER = "bench"
_DEBIAN = Path("/usr/lib/postgresql")


@contextmanager
def postgres() -> Iterator[Server]:
    """A server on a data folder of its own, below the temporary folder; it does not run as root."""
    folder = Path(tempfile.mkdtemp(prefix="bench-postgres-"))
    account: dict[str, Any] = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    data, port = folder / "data", free_port()
    make = [program("initdb"), "-D", str(data), "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C"]
    try:
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL, cwd=folder, **account)
        command = [
            program("postgres"),
            "-D",
            str(data),
            "-p",
            str(port),
            "-h",
            "127.0.0.1",
            "-k",
            str(folder),
        ]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **account)
        try:
            await_ready(process, port, ASK_POSTGRES)
            yield Server(process, port)
        finally:
            process.send_signal(signal.SIGINT)  # whoever is still connected is not waited for
            process.wait()
    finally:
        shutil.rmtree(folder)


def cpu_s(server: Server) -> float:
    """User and system CPU seconds so far of all its processes, and of those that have ended."""
    parent = psutil.Process(server.process.pid)
    used = parent.cpu_times()
    total = used.user + used.system + used.children_user + used.children_system
    for child in parent.children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return float(total)


def wal_bytes(server: Server) -> int:
    """Bytes of write-ahead log so far."""
    psycopg = importlib.import_module("psycopg")  # not all benchmarks need it
    with psycopg.connect(f"postgresql://{USER}@{server.address}/postgres") as connection:
        return int(connection.execute("SELECT pg_current_wal_lsn() - '0/0'").fetchone()[0])


def program(name: str) -> str:
    """The path of one of PostgreSQL's programs; NotMeasuredError where it is not installed."""
    found = sorted(_DEBIAN.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    path = shutil.which(name) or (str(found[-1]) if found else None)
    if path is None:
        raise NotMeasuredError(f"there is no {name}: apt install postgresql")
    return path
