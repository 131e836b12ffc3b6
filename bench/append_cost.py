"""CPU of `PartitionLog.append` of a 1 MB batch, against `pwrite` and CRC-32C of the same bytes.

Neither side flushes. Interleaved pairs on files of the same size in the same folder.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from functools import partial
from pathlib import Path

from bench.measured import Figure, cpu_of, median_ratio
from eventlog.clock import SystemClock
from eventlog.record import Record, encode_batch
from eventlog.record.checksum import crc32c
from eventlog.record.header import CRC_START
from eventlog.storage.disk import PosixDisk
from eventlog.storage.log_directory import LogDirectory
from eventlog.storage.partition_log import PartitionLog
from eventlog.storage.settings import LogSettings, TopicSettings

BATCHES = 64
PAIRS = 15
RATIO_MAX = 1.5


def run() -> list[Figure]:
    """Measure; the gate is the ratio."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        return asyncio.run(_run(Path(folder)))


async def _run(folder: Path) -> list[Figure]:
    disk = PosixDisk()
    settings = LogSettings(free_bytes_min=1)
    directory = await LogDirectory.open(folder / "log", disk=disk, clock=SystemClock(), settings=settings)
    topic = TopicSettings(segment_bytes=(BATCHES + 1) * 2**20, max_message_bytes=2**21)
    await directory.create_topic("bench", 1, topic)
    log = directory.partition("bench", 0)
    batch = encode_batch([Record(key=None, value=os.urandom(10_000), timestamp_ms=1) for _ in range(100)])
    pairs = []
    for number in range(PAIRS + 1):
        log.roll()
        ours = cpu_of(partial(_append, log, batch))
        floor = cpu_of(partial(_write, folder / f"floor-{number}", batch))
        pairs.append((ours, floor))
        await directory.flush()
        os.unlink(folder / f"floor-{number}")
        await directory.delete_records("bench", 0, -1)
    await directory.close()
    disk.close()
    counted = pairs[1:]  # the first pair warms up
    return [
        Figure("append of a 1 MB batch", 1e6 * min(a for a, _ in counted) / BATCHES, "us CPU"),
        Figure("pwrite and CRC-32C of it", 1e6 * min(b for _, b in counted) / BATCHES, "us CPU"),
        Figure("ratio, median of pairs", median_ratio(counted), "", RATIO_MAX, f"{len(counted)} pairs"),
    ]


def _append(log: PartitionLog, batch: bytearray) -> None:
    for _ in range(BATCHES):
        log.append(batch)


def _write(path: Path, batch: bytearray) -> None:
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        for number in range(BATCHES):
            crc32c(memoryview(batch)[CRC_START:])
            os.pwrite(fd, batch, number * len(batch))
    finally:
        os.close(fd)
