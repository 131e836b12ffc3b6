"""A data directory: locked, made once, opened whole or not at all, kept up by itself, closed cleanly."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from freezegun import freeze_time

from eventlog.clock import SystemClock
from eventlog.errors import (
    DamagedMetadataError,
    DirectoryLockedError,
    DiskLowError,
    ForeignFileError,
    NewerFormatError,
    StorageFailedError,
)
from eventlog.storage.checked_json import pack_json
from eventlog.storage.disk import PosixDisk
from eventlog.storage.log_directory import LogDirectory
from eventlog.storage.settings import FlushPolicy, LogSettings, TopicSettings
from tests.eventlog.storage.living_partition import DATA, QUARANTINE, batch, values_in
from tests.eventlog.storage.open_directory import DELETING, TOPICS, OpenDirectory
from tests.eventlog.storage.patience import until
from tests.reliability.disks.faulty import Fault, Kind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

META = DATA / "meta.json"
SIZE = len(batch("a"))
SMALL = TopicSettings(segment_bytes=128)


async def opened(settings: LogSettings | None = None, topic: TopicSettings | None = None) -> OpenDirectory:
    """A directory with a topic "t" of two partitions."""
    directory = OpenDirectory(settings=settings or LogSettings(free_bytes_min=0))
    await directory.open()
    await directory.directory.create_topic("t", 2, topic)
    return directory


# --- opening -----------------------------------------------------------------------------------


async def test_new_directory() -> None:
    """A new directory gets its files and a cluster id that stays."""
    directory = OpenDirectory()
    await directory.open()
    first = directory.directory.cluster_id
    assert ["deleting", "lock", "meta.json", "topics"] == directory.disk.listing(DATA)
    await directory.restart()
    assert (22, first) == (len(first), directory.directory.cluster_id)


async def test_directory_in_use() -> None:
    """A second process is refused; after the first one's end it is not."""
    directory = await opened()
    with pytest.raises(DirectoryLockedError):
        await OpenDirectory(disk=directory.disk).open()
    await directory.directory.close()
    await OpenDirectory(disk=directory.disk).open()


async def test_foreign_directory() -> None:
    """A directory that holds something else is left alone."""
    directory = OpenDirectory()
    await directory.disk.make_directory(DATA)
    directory.disk.replace(DATA / "precious.txt", b"x")
    with pytest.raises(ForeignFileError, match=r"holds 'precious.txt' but no meta.json"):
        await directory.open()
    assert ["precious.txt"] == directory.disk.listing(DATA)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", DamagedMetadataError),
        (b"[]", DamagedMetadataError),
        (pack_json({"cluster_id": "x"}).replace(b'"x"', b'"y"'), DamagedMetadataError),
        (pack_json({}), DamagedMetadataError),
        (json.dumps({"format": 2, "crc32c": "", "body": {}}).encode(), NewerFormatError),
    ],
    ids=["empty", "other-json", "flipped", "no-id", "newer"],
)
async def test_metadata_that_cannot_be_believed(content: bytes, error: type[Exception]) -> None:
    """A damaged or newer meta.json stops the start, names the file, and releases the lock."""
    directory = await opened()
    await directory.directory.close()
    good = directory.disk.content(META)
    directory.disk.replace(META, content)
    with pytest.raises(error, match=r"meta\.json"):
        await directory.open()
    directory.disk.replace(META, good)
    await directory.open()
    assert ["t"] == directory.directory.topics.names()


@pytest.mark.parametrize("kind", [*Kind], ids=lambda kind: kind.value)
async def test_failed_open(kind: Kind) -> None:
    """Wherever opening fails the files are closed and the lock is free; the next try finds everything."""
    directory = await opened()
    await directory.keep("t", 1, "a")
    nth, failed = 0, True
    while failed:
        nth += 1
        directory.disk.open_files.clear()
        directory.disk.revive()
        directory.disk.remove(TOPICS / "t" / "1" / "state")
        directory.disk.replace(TOPICS / "t" / "1" / "00000000000000000009.producers.tmp", b"")
        directory.faults.reset(Fault(kind, nth))
        try:
            await directory.open()
            failed = False
        except OSError:
            assert [] == directory.open_paths
            assert not await directory.disk.is_locked(DATA / "lock")
        directory.faults.reset(None)
    assert ["a"] == await directory.read("t", 1)


@pytest.mark.parametrize("kind", [Kind.WRITE, Kind.FLUSH, Kind.RENAME, Kind.SYNC_DIRECTORY, Kind.OPEN])
async def test_interrupted_making(kind: Kind) -> None:
    """A directory whose making was interrupted is made whole at the next start."""
    directory = OpenDirectory()
    directory.faults.reset(Fault(kind, 1))
    with pytest.raises(OSError, match="Input/output error"):
        await directory.open()
    directory.faults.reset(None)
    await directory.open()
    assert 22 == len(directory.directory.cluster_id)


# --- closing -----------------------------------------------------------------------------------


async def test_clean_close() -> None:
    """A close flushes, leaves clean marks, closes every file and releases the lock."""
    directory = await opened()
    waiting = asyncio.ensure_future(
        directory.directory.partition("t", 0).durable(
            directory.directory.partition("t", 0).append(batch("a"))
        )
    )
    await asyncio.sleep(0)
    await directory.directory.close()
    await waiting
    assert ([], False) == (directory.open_paths, await directory.disk.is_locked(DATA / "lock"))
    await directory.open()
    assert [True, True] == [log.recovered.is_clean for log in directory.directory.topics.logs()]
    assert ["a"] == await directory.read("t", 0)


async def test_clean_reopen_writes_nothing() -> None:
    """A start after a clean stop, and that start's own clean stop, read no batch and change no byte."""
    directory = await opened(topic=TopicSettings(segment_bytes=50_000))
    for _ in range(10):
        await directory.keep("t", 0, "x" * 20_000)
    await directory.directory.close()
    before, files = directory.disk.operation_count, directory.disk.files()
    directory.disk.reads.clear()

    await directory.open()

    assert [] == directory.disk.changes_since(before)
    assert files == directory.disk.files()
    assert 41_000 > sum(done.size for done in directory.disk.reads)


async def test_kill_leaves_no_clean_mark() -> None:
    """After a kill each partition is looked into."""
    directory = await opened()
    await directory.keep("t", 0, "a")
    await directory.restart()
    assert not directory.directory.partition("t", 0).recovered.is_clean


# --- upkeep ------------------------------------------------------------------------------------


async def test_volume_share() -> None:
    """Partitions without bytes of their own share a part of the volume; others keep what they were given."""
    directory = await opened(LogSettings(free_bytes_min=0, volume_share=0.5), SMALL)
    await directory.directory.create_topic("own", 1, TopicSettings(segment_bytes=128, retention_bytes=-1))
    for _ in range(10):
        for topic in ("t", "own"):
            await directory.keep(topic, 0, "a")
    directory.faults.capacity_bytes = 20 * SIZE
    directory.faults.used_bytes = 0
    await directory.directory.maintain()
    assert 20 * SIZE == directory.directory.total_bytes
    sizes = [len(log.segments) for log in directory.directory.topics.logs()]
    assert [10, 5, 1] == sizes


async def test_retention_tells_how_many() -> None:
    """Retention over all partitions says how many segments went."""
    directory = await opened(topic=TopicSettings(segment_bytes=128, retention_bytes=SIZE))
    for number in (0, 1):
        for _ in range(3):
            await directory.keep("t", number, "a")
    assert 4 == await directory.directory.apply_retention()


async def test_stepped_clock_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """When the wall clock is stepped, age retention says once that it pauses, and once that it goes on."""
    directory = await opened()
    for jump_ms in (0, 90_000, 0, -90_000, 0):
        directory.clock.jump(jump_ms)
        await directory.directory.maintain()
    told = [record for record in caplog.records if record.__dict__.get("action") == "retain"]
    assert ["the wall clock was stepped; retention by age pauses", "retention by age resumes"] == [
        record.message for record in told
    ]
    assert [90_000, 0] == [record.__dict__["drift_ms"] for record in told]


async def test_disk_low() -> None:
    """When the volume is low appends are refused; upkeep notices when there is room again."""
    directory = await opened(LogSettings(free_bytes_min=1000))
    await directory.keep("t", 0, "a")
    directory.faults.capacity_bytes = 1100 + directory.faults.used_bytes
    await directory.directory.maintain()
    assert not directory.directory.is_low
    with pytest.raises(DiskLowError):
        directory.directory.partition("t", 0).append(batch("x" * 100))
    directory.faults.capacity_bytes -= 100
    await directory.directory.maintain()
    assert (True, 1000) == (directory.directory.is_low, directory.directory.free_bytes)
    assert ["a"] == await directory.read("t", 0)
    directory.faults.capacity_bytes += 10_000
    await directory.directory.maintain()
    await directory.keep("t", 0, "x" * 100)


async def test_failed_volume_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    """After a failed flush upkeep tries again until the volume takes one, and then says so."""
    directory = await opened()
    log = directory.directory.partition("t", 0)
    log.append(batch("a"))
    directory.faults.reset(Fault(Kind.FLUSH, 1, once=False))
    await directory.directory.flush()
    for _ in range(3):
        await directory.directory.maintain()
        with pytest.raises(StorageFailedError):
            log.append(batch("b"))
    directory.faults.reset(None)

    await directory.directory.maintain()

    await directory.keep("t", 0, "b")
    assert ["b"] == await directory.read("t", 0)
    assert 1 == len([path for path in directory.disk.files() if path.parent == QUARANTINE])
    messages = [record.message for record in caplog.records]
    assert 1 == messages.count("writing resumes after a failed flush")


async def test_refused_upkeep_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """What upkeep could not do is logged with what it was, and nothing else of it is left out."""
    directory = await opened()
    await directory.directory.create_topic("gone", 1)
    await directory.directory.delete_topic("gone")
    await directory.keep("t", 0, "a")
    directory.faults.reset(Fault(Kind.FLUSH, 1))
    await directory.directory.maintain()
    (told,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert ("settle", "t-0") == (told.__dict__["action"], told.__dict__["partition"])
    assert "the volume refused upkeep; it is tried again" == told.message
    assert [] == directory.disk.listing(DELETING)


async def test_os_policy_is_flushed_by_upkeep() -> None:
    """Under the `os` policy each turn of upkeep flushes."""
    directory = await opened(LogSettings(flush=FlushPolicy.OS, free_bytes_min=0))
    log = directory.directory.partition("t", 0)
    log.append(batch("a"))
    assert (1, 0) == (log.high_watermark, log.recovery_point)
    await directory.directory.maintain()
    assert (1, 1) == (log.high_watermark, log.recovery_point)


async def test_delete_records() -> None:
    """Records are deleted by topic and partition."""
    directory = await opened()
    await directory.keep("t", 1, "a")
    assert 1 == await directory.directory.delete_records("t", 1, -1)
    assert [0, 1] == [log.log_start_offset for log in directory.directory.topics.logs()]


# --- by itself, on a real disk -----------------------------------------------------------------


@asynccontextmanager
async def running(path: Path, settings: LogSettings) -> AsyncIterator[LogDirectory]:
    """A directory on a real disk with its upkeep running; closed at the end."""
    disk = PosixDisk()
    try:
        directory = await LogDirectory.open(path, disk=disk, clock=SystemClock(), settings=settings)
        upkeep = asyncio.create_task(directory.run())
        try:
            yield directory
        finally:
            upkeep.cancel()
            with suppress(asyncio.CancelledError):
                await upkeep
            await directory.close()
    finally:
        disk.close()


@pytest.mark.parametrize("policy", FlushPolicy)
async def test_directory_that_runs(tmp_path: Path, policy: FlushPolicy) -> None:
    """A running directory flushes and settles by itself; what it acknowledged is there after a restart."""
    settings = LogSettings(flush=policy, free_bytes_min=0, settle_interval_ms=20)
    async with running(tmp_path / "data", settings) as directory:
        await directory.create_topic("t", 3)
        logs = directory.topics.logs()
        for turn in range(5):
            await asyncio.gather(*(log.durable(log.append(batch(f"v{turn}"))) for log in logs))
        await until(lambda: all(log.recovery_point == 5 for log in logs), pause_s=0.005)
    async with running(tmp_path / "data", settings) as directory:
        for log in directory.topics.logs():
            assert log.recovered.is_clean
            assert [f"v{turn}" for turn in range(5)] == values_in(await log.read_bytes(0, 10_000))


async def test_stop_in_the_middle_of_a_round(tmp_path: Path) -> None:
    """Upkeep that is cancelled while flushes run leaves nothing undone: the next start is clean."""
    settings = LogSettings(free_bytes_min=0)
    async with running(tmp_path / "data", settings) as directory:
        await directory.create_topic("t", 4)
        appended = [(log, log.append(batch("a"))) for log in directory.topics.logs()]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    for log, each in appended:
        assert each.next_offset == log.high_watermark
    async with running(tmp_path / "data", settings) as directory:
        assert all(log.recovered.is_clean for log in directory.topics.logs())


@pytest.mark.parametrize(("hours", "start"), [(0, 0), (1, 0), (2, 1)])
async def test_stored_times_count_after_a_restart(tmp_path: Path, hours: int, start: int) -> None:
    """With the system's own clock: a restarted directory goes by the append times that it finds."""
    settings, disk = LogSettings(free_bytes_min=0), PosixDisk()
    try:
        with freeze_time("2126-01-01", real_asyncio=True) as now:
            directory = await LogDirectory.open(tmp_path, disk=disk, clock=SystemClock(), settings=settings)
            await directory.create_topic("t", 1, TopicSettings(retention_ms=3_600_000))
            appended = directory.partition("t", 0).append(batch("a"))
            assert 4_922_899_200_000 == appended.append_time_ms
            await directory.close()

            now.tick(3600 * hours)
            directory = await LogDirectory.open(tmp_path, disk=disk, clock=SystemClock(), settings=settings)
            for _ in range(2):  # the active segment is rolled first
                await directory.maintain()
                await directory.flush()
            assert start == directory.partition("t", 0).log_start_offset
            await directory.close()
    finally:
        disk.close()
