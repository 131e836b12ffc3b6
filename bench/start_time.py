"""From the start of the process to the first answer: with an empty folder, and after a kill under load."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from bench.measured import Figure
from bench.programs import client, command_of
from bench.servers import broker, free_port, scratch_folder

STARTS = 5
EMPTY_S_MAX = 0.5
KILLED_S_MAX = 2.0
KILLED_BYTES_MIN = 100 * 2**20
LOAD_S = 30


def run() -> Iterator[Figure]:
    """Measure both starts, and the memory of an idle broker."""
    starts = [_empty_start() for _ in range(STARTS)]
    taken_s = statistics.median(seconds for seconds, _, _ in starts)
    note = f"{statistics.median(cpu for _, cpu, _ in starts):.3f} s CPU, median of {STARTS}"
    yield Figure("empty folder to first answer", taken_s, "s", EMPTY_S_MAX, note)
    yield Figure("idle broker", max(rss for _, _, rss in starts) / 2**20, "MiB", 64)
    restarts = [_killed_start() for _ in range(STARTS)]
    least = min(size for _, size in restarts) / 2**20
    note = f"{least:.0f} MiB or more in the active segment, worst of {STARTS}"
    yield Figure("killed under load to first answer", max(s for s, _ in restarts), "s", KILLED_S_MAX, note)


def _empty_start() -> tuple[float, float, int]:
    """Seconds until it answers, CPU seconds by then, and resident bytes a second later."""
    with scratch_folder() as folder:
        started_s = time.monotonic()
        with broker(folder / "log") as server:
            taken_s, spent_s = time.monotonic() - started_s, server.cpu_s()
            time.sleep(1.0)
            return taken_s, spent_s, server.resident_bytes()


def _killed_start() -> tuple[float, int]:
    """Seconds from the second start until it answers, and the bytes that the kill left."""
    port = free_port()
    load = [
        client("produce_kafka", "rdkafka"),
        f"127.0.0.1:{port}",
        "bench",
        1,
        1000,
        LOAD_S,
        0,
        "linger.ms=5",
    ]
    with scratch_folder() as folder:
        with broker(folder / "log", port=port) as server:
            producer = subprocess.Popen(
                command_of(str(load[0]), load[1:]), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            try:
                while (left_bytes := _log_bytes(folder)) < KILLED_BYTES_MIN:
                    assert producer.poll() is None, "the producer ended before the broker was killed"
                    time.sleep(0.01)
                server.kill()
            finally:
                producer.kill()
                producer.wait()
        started_s = time.monotonic()
        with broker(folder / "log", port=port):
            return time.monotonic() - started_s, left_bytes


def _log_bytes(folder: Path) -> int:
    """Bytes of the newest segment."""
    segments = sorted(folder.glob("log/topics/bench/0/*.log"))
    return segments[-1].stat().st_size if segments else 0
