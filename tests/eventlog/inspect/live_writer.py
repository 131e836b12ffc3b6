"""A process that writes to a data directory as fast as it can, rolling and retaining, until it is killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from eventlog.clock import SystemClock
from eventlog.record import Record, encode_batch
from eventlog.storage.disk import PosixDisk
from eventlog.storage.log_directory import LogDirectory
from eventlog.storage.settings import LogSettings, TopicSettings


async def write(path: Path) -> None:
    """Say `ready` when retention has begun, then go on."""
    settings = LogSettings(free_bytes_min=0, settle_interval_ms=20)
    log = await LogDirectory.open(path, disk=PosixDisk(), clock=SystemClock(), settings=settings)
    await log.create_topic("t", 1, TopicSettings(segment_bytes=20_000, retention_bytes=200_000))
    upkeep = asyncio.create_task(log.run())
    partition, number, is_ready = log.partition("t", 0), 0, False
    while not upkeep.done():
        records = [Record(b"k", b"value of %d" % (number + n), (), 1000 + number + n) for n in range(5)]
        appended = partition.append(encode_batch(records))
        number += 5
        if number % 50 == 0:
            await partition.durable(appended)
        if partition.log_start_offset and not is_ready:
            is_ready = True
            print("ready", flush=True)
        await asyncio.sleep(0 if number % 20 else 0.001)


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1])))
