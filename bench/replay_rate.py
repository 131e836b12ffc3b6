"""Replay of a log, second pass, against a bare asyncio server that sends the same file with `sendfile`.

Both servers have the same client, `clients/drain.c`: one request under way, so many bytes asked at once,
the answer received into one buffer. The first pass over the log, in which the broker checks what it reads,
is not counted. Interleaved pairs. What librdkafka makes of the same log is reported beside it.
"""

from __future__ import annotations

import asyncio
import statistics
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from bench.measured import Figure, median_ratio
from bench.programs import client, run_client
from bench.servers import broker, free_port, scratch_folder

PAIRS = 9
RECORD_BYTES = 1000
RECORDS_MIN = 500_000
FETCH_BYTES = (2**20, 8 * 2**20)
"""What a consumer asks for at once: librdkafka's default for a partition, and more."""
RATIO_MIN = 0.70
CONSUMER_SETTINGS = ("check.crcs=true", "queued.min.messages=1000000", "queued.max.messages.kbytes=1048576")
"""Its own queue as it comes is soon full, and then it pauses for a second."""

ASKED = struct.Struct(">qq")
"""The bare server's request: position and size."""


def run() -> Iterator[Figure]:
    """Measure both sizes; the gates are the ratios."""
    with scratch_folder() as folder, broker(folder / "log") as server:
        program = client("produce_kafka", "rdkafka")
        records = 0
        while records < RECORDS_MIN:
            report = run_client(program, server.address, "bench", 1, RECORD_BYTES, 0.5, 0, "linger.ms=5")
            records += report["records"]
        segment = min(folder.glob("log/topics/bench/0/*.log"))
        size = segment.stat().st_size
        with _bare(segment) as port:
            for fetch_bytes in FETCH_BYTES:
                fetch = ("127.0.0.1", server.port, "fetch", "bench", size // 2, fetch_bytes)
                bare = ("127.0.0.1", port, "bare", "-", size // 2, fetch_bytes)
                drain = client("drain")
                run_client(drain, *fetch)  # the first pass
                spent_s = server.cpu_s()
                pairs = [(_rate(drain, fetch), _rate(drain, bare)) for _ in range(PAIRS)]
                spent_s = server.cpu_s() - spent_s
                asked = f"fetches of {fetch_bytes // 2**20} MiB"
                note = f"{1000 * spent_s / (PAIRS * (size // 2) / 2**30):.0f} ms CPU a GiB"
                yield Figure(f"{asked}: broker", statistics.median(a for a, _ in pairs), "MB/s", note=note)
                yield Figure(f"{asked}: bare sendfile", statistics.median(b for _, b in pairs), "MB/s")
                yield Figure(
                    f"{asked}: ratio", median_ratio(pairs), "", note=f"{PAIRS} pairs", limit_min=RATIO_MIN
                )
        consumer = client("consume_kafka", "rdkafka")
        report = run_client(consumer, server.address, "bench", records, *CONSUMER_SETTINGS)
        rate = report["records"] / report["seconds"]
        cpu_us = 1e6 * report["cpu_s"] / report["records"]
        note = f"its own CPU {cpu_us:.2f} us a record; {', '.join(CONSUMER_SETTINGS)}"
        yield Figure("librdkafka, 1 KB records", rate, "records/s", note=note)


def _rate(program: str, arguments: tuple[object, ...]) -> float:
    """Megabytes a second of one drain."""
    report = run_client(program, *arguments)
    return float(report["bytes"] / report["seconds"] / 1e6)


# --- the bare server ---------------------------------------------------------------------------


@contextmanager
def _bare(path: Path) -> Iterator[int]:
    """The port of a bare server for one file, in a process of its own."""
    port = free_port()
    command = [sys.executable, "-m", "bench.replay_rate", str(path), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield port
    finally:
        process.terminate()
        process.communicate()


class _BareProtocol(asyncio.Protocol):
    """Answers each request with a range of the file, and does nothing else."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._task: asyncio.Task[int]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        position, size = ASKED.unpack(data)
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(
            loop.sendfile(self._transport, self._file, position, size, fallback=False)
        )


async def _serve(path: Path, port: int) -> None:
    with path.open("rb") as file:
        server = await asyncio.get_running_loop().create_server(
            lambda: _BareProtocol(file), "127.0.0.1", port
        )
        print("ready", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2])))
