"""`python -m eventlog.demo DIR`: write a small log of made-up telemetry, for looking around in.

10,000 records in three partitions of `demo.telemetry`, in several segments and all codecs, through the
real log. A directory that holds the topic already is left as it is.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from eventlog.clock import SystemClock
from eventlog.errors import EventLogError
from eventlog.record import Codec, Record, encode_batch
from eventlog.storage.disk import PosixDisk
from eventlog.storage.log_directory import LogDirectory
from eventlog.storage.settings import LogSettings, TopicSettings

TOPIC = "demo.telemetry"
PARTITIONS = 3
RECORDS = 10_000
BATCH_RECORDS = 50
GPUS = 24
START_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z: the demo is the same each time."""

_SETTINGS = TopicSettings(segment_bytes=64 * 1024, retention_ms=-1)
_CODECS = (Codec.ZSTD, Codec.ZSTD, Codec.LZ4, Codec.GZIP, Codec.SNAPPY, Codec.NONE)
_FREE_BYTES_MIN = 16 * 1024 * 1024


def records() -> list[Record]:
    """All records, oldest first: each GPU in its turn, ten samples a second."""
    return [_record(number) for number in range(RECORDS)]


async def write_demo(path: Path) -> bool:
    """Write the demo log to `path`; False where it is there already. Raises EventLogError and OSError."""
    disk = PosixDisk()
    try:
        settings = LogSettings(free_bytes_min=_FREE_BYTES_MIN)
        directory = await LogDirectory.open(path, disk=disk, clock=SystemClock(), settings=settings)
        try:
            if TOPIC in directory.topics.names():
                return False
            await directory.create_topic(TOPIC, PARTITIONS, _SETTINGS)
            try:
                await _append(directory)
            except BaseException:  # half a demo would be taken for a whole one
                with suppress(EventLogError, OSError):
                    await directory.delete_topic(TOPIC)
                raise
        finally:
            await directory.close()
    finally:
        disk.close()
    return True


async def _append(directory: LogDirectory) -> None:
    waiting: dict[int, list[Record]] = {number: [] for number in range(PARTITIONS)}
    codecs = [itertools.cycle(_CODECS) for _ in range(PARTITIONS)]
    for number, record in enumerate(records()):
        partition = number % GPUS % PARTITIONS
        batch = waiting[partition]
        batch.append(record)
        if len(batch) == BATCH_RECORDS or number >= RECORDS - PARTITIONS:
            log = directory.partition(TOPIC, partition)
            appended = log.append(encode_batch(batch, codec=next(codecs[partition])))
            batch.clear()
            if number >= RECORDS - PARTITIONS:
                await directory.flush()
                await log.durable(appended)
            await asyncio.sleep(0)


def _record(number: int) -> Record:
    gpu, turn = number % GPUS, number // GPUS
    load = (turn * 7 + gpu * 13) % 101
    value = {
        "gpu": gpu,
        "hostname": f"node-{gpu // 8:02d}",
        "values": {
            "utilization_percent": load,
            "memory_used_mib": 1024 + load * 700 + gpu,
            "power_watts": 90 + load * 5,
            "temperature_celsius": 35 + load * 2 // 5,
        },
    }
    key = f"GPU-{gpu:08x}".encode()
    return Record(
        key,
        json.dumps(value, separators=(",", ":")).encode(),
        (("source", b"demo"),),
        START_MS + number * 100,
    )


def main(argv: Sequence[str]) -> int:
    """Write the demo; 0 fine, 1 failed, 2 bad usage."""
    if len(argv) != 1 or argv[0].startswith("-"):
        print("usage: python -m eventlog.demo DIR", file=sys.stderr)
        return 2
    path = Path(argv[0])
    logging.getLogger("eventlog").addHandler(logging.NullHandler())  # what fails is told once, below
    try:
        is_new = asyncio.run(write_demo(path), debug=False)
    except OSError as error:
        print(f"demo: {error.filename or path}: {error.strerror or error}", file=sys.stderr)
        return 1
    except EventLogError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    said = f"wrote {RECORDS:,} records to {path}" if is_new else f"{path} holds {TOPIC} already"
    print(said)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
