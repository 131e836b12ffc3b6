"""Start of a cleanly closed 1 GiB partition, with 100 KB batches and with 200 B batches.

The log is written through `append`, closed, and opened in a new process; the time is that of
`LogDirectory.open`. The page cache is warm: what is measured is what recovery has to read and do.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.measured import Figure, cpu_s, resident_bytes
from eventlog.clock import SystemClock
from eventlog.record import Record, encode_batch
from eventlog.storage.disk import PosixDisk
from eventlog.storage.log_directory import LogDirectory
from eventlog.storage.settings import LogSettings, TopicSettings

PARTITION_BYTES = 2**30
SECONDS_MAX = 1.0
IDLE_SEGMENTS = 1000
IDLE_BYTES_MAX = 64 * 2**20


def run() -> list[Figure]:
    """Measure both logs, and the memory of an idle one of 1,000 segments."""
    figures = []
    for name, value_bytes, segment_bytes in (
        ("100 KB batches", 100_000, 2**30 + 2**20),
        ("200 B batches", 130, 2**30 + 2**20),
        ("200 B batches, 256 MiB segments", 130, 2**28),
    ):
        with tempfile.TemporaryDirectory(dir=".") as folder:
            asyncio.run(_write(Path(folder), value_bytes, segment_bytes, PARTITION_BYTES))
            wall_s, spent_s, rss = _open_in_new_process(Path(folder))
        figures.append(Figure(f"open 1 GiB, {name}", wall_s, "s", SECONDS_MAX, f"{spent_s:.3f} s CPU"))
    with tempfile.TemporaryDirectory(dir=".") as folder:
        asyncio.run(_write(Path(folder), 1000, 16 * 1024, IDLE_SEGMENTS * 16 * 1024))
        wall_s, spent_s, rss = _open_in_new_process(Path(folder))
    note = f"opened in {wall_s:.3f} s"
    figures.append(Figure("idle log of 1,000 segments", rss / 2**20, "MiB", IDLE_BYTES_MAX / 2**20, note))
    return figures


async def _write(folder: Path, value_bytes: int, segment_bytes: int, total_bytes: int) -> None:
    disk = PosixDisk()
    settings = LogSettings(free_bytes_min=1)
    directory = await LogDirectory.open(folder, disk=disk, clock=SystemClock(), settings=settings)
    await directory.create_topic("bench", 1, TopicSettings(segment_bytes=segment_bytes, retention_bytes=-1))
    log = directory.partition("bench", 0)
    batch = encode_batch([Record(key=None, value=bytes(value_bytes), timestamp_ms=1)])
    for number in range(total_bytes // len(batch)):
        log.append(batch)
        if number % 100_000 == 0:
            await directory.flush()
            await directory.maintain()
    await directory.close()
    disk.close()


def _open_in_new_process(folder: Path) -> tuple[float, float, int]:
    command = [sys.executable, "-m", "bench.recovery_time", str(folder)]
    wall_s, spent_s, rss = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(wall_s), float(spent_s), int(rss)


async def _open(folder: Path) -> None:
    disk = PosixDisk()
    started_s, spent_s = time.monotonic(), cpu_s()
    directory = await LogDirectory.open(folder, disk=disk, clock=SystemClock(), settings=LogSettings())
    wall_s, spent_s = time.monotonic() - started_s, cpu_s() - spent_s
    assert directory.partition("bench", 0).recovered.is_clean, "a clean log was written"
    sys.stdout.write(f"{wall_s} {spent_s} {resident_bytes()}\n")
    await directory.close()
    disk.close()


if __name__ == "__main__":
    asyncio.run(_open(Path(sys.argv[1])))
