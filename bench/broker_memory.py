"""Resident memory of a broker with a backlog, a stalled consumer, and readers who ask and do not read."""

from __future__ import annotations

import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

from bench.measured import Figure
from bench.programs import client, command_of, run_client
from bench.servers import Server, broker, scratch_folder

BACKLOG_BYTES = 2**30
RECORD_BYTES = 1000
READERS = 50
REQUESTS_EACH = 100
FETCH_BYTES = 50 * 2**20
LIVE_RATE = 20_000
LIVE_S = 15
MEBIBYTES_MAX = 256


def run() -> Iterator[Figure]:
    """Measure; the gate is the largest resident memory of all samples."""
    program = client("produce_kafka", "rdkafka")
    with scratch_folder() as folder, broker(folder / "log") as server:
        while sum(file.stat().st_size for file in folder.glob("log/topics/bench/0/*.log")) < BACKLOG_BYTES:
            run_client(program, server.address, "bench", 1, RECORD_BYTES, 1.0, 0, "linger.ms=5")
        after_backlog = server.resident_bytes()
        with ExitStack() as readers:
            for number in range(READERS):
                connection = readers.enter_context(socket.create_connection(("127.0.0.1", server.port)))
                # Half of them stand at the start of the backlog, half wait for what comes.
                _ask(connection, 0 if number % 2 else BACKLOG_BYTES // RECORD_BYTES)
            samples = _under_load(server, program)
    yield Figure("after a backlog of 1 GiB", after_backlog / 2**20, "MiB", MEBIBYTES_MAX)
    early = max(samples[: len(samples) // 2]) / 2**20
    note = f"{READERS} readers who do not read, {LIVE_RATE} records/s; {early:.0f} MiB in the first half"
    yield Figure("with stalled readers, under load", max(samples) / 2**20, "MiB", MEBIBYTES_MAX, note)


def _under_load(server: Server, program: str) -> list[int]:
    """Resident bytes, ten times a second, while records go on coming in."""
    load = (server.address, "bench", 1, RECORD_BYTES, LIVE_S, LIVE_RATE, "linger.ms=5")
    samples = []
    producer = subprocess.Popen(command_of(program, load), stdout=subprocess.DEVNULL)
    while producer.poll() is None:
        samples.append(server.resident_bytes())
        time.sleep(0.1)
    assert producer.returncode == 0, "the producer failed"
    return samples


def _ask(connection: socket.socket, offset: int) -> None:
    """Send REQUESTS_EACH Fetch requests at once, and never read; what the broker does not take is left."""
    topic = b"bench"
    body = struct.pack(">hhih", 1, 4, 0, -1) + struct.pack(">iiiib", -1, 500, 1, FETCH_BYTES, 0)
    body += struct.pack(f">ih{len(topic)}s", 1, len(topic), topic)
    body += struct.pack(">iiqi", 1, 0, offset, FETCH_BYTES)
    connection.settimeout(1.0)
    with suppress(TimeoutError):
        connection.sendall(REQUESTS_EACH * (struct.pack(">i", len(body)) + body))
