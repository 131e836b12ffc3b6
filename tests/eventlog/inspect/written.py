"""Logs to look into, and the command that looks: what the tests of the inspector share."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from eventlog.record import Codec, Record, encode_batch
from eventlog.storage.disk import PosixDisk
from eventlog.storage.log_directory import LogDirectory
from eventlog.storage.settings import LogSettings, TopicSettings
from gputail.cli import main
from tests.reliability.manual_clock import ManualClock

TOPIC = "t"
START_MS = 1_767_225_600_000
SETTINGS = TopicSettings(segment_bytes=1000, index_interval_bytes=200, retention_ms=-1)


@attrs.frozen
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The objects of `--json`, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [said for said in self.objects if said["type"] == kind]

    def offsets(self) -> list[int]:
        """The records' offsets, as they came."""
        return [record["offset"] for record in self.of_type("record")]


def log(*argv: object) -> Said:
    """Run `gputail log`."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        code = main(["log", *map(str, argv)])
    return Said(code, stdout.getvalue(), stderr.getvalue())


def batch(first: int, count: int = 3, **options: Any) -> bytearray:
    """A batch of records that are a second apart."""
    records = [
        Record(b"k%d" % number, b"value of %d" % number, (), START_MS + number * 1000)
        for number in range(first, first + count)
    ]
    return encode_batch(records, **options)


def batches(count: int = 20) -> list[bytearray]:
    """Batches of three records each, in all codecs."""
    return [batch(3 * number, codec=Codec(number % 5)) for number in range(count)]


def write_log(
    path: Path,
    written: Sequence[bytearray] | None = None,
    settings: TopicSettings = SETTINGS,
    partitions: int = 1,
    start_offset: int = 0,
) -> Path:
    """A data directory, closed in order; returns the folder of the partition with the records."""

    async def write() -> None:
        disk = PosixDisk()
        clock = ManualClock(START_MS)
        found = await LogDirectory.open(path, disk=disk, clock=clock, settings=LogSettings(free_bytes_min=0))
        await found.create_topic(TOPIC, partitions, settings)
        partition = found.partition(TOPIC, 0)
        for one in batches() if written is None else written:
            partition.append(one)
            clock.advance(1000)
        await found.flush()
        if start_offset:
            await partition.delete_records(start_offset)
        await found.close()
        disk.close()

    asyncio.run(write())
    return path / "topics" / TOPIC / "0"


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.log"))


def flip(path: Path, at: int, bit: int = 0x10) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[at] ^= bit
    path.write_bytes(data)


def digest(path: Path) -> str:
    """Of every name, content and size below `path`; nothing that only reads changes it."""
    found = hashlib.sha256()
    for one in sorted(path.rglob("*")) if path.is_dir() else [path]:
        content = one.read_bytes() if one.is_file() else b"folder"
        found.update(repr((str(one), hashlib.sha256(content).hexdigest())).encode())
    return found.hexdigest()
