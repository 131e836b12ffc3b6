"""Beside a process that is writing: what it has not flushed yet is being written, and is no damage."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from eventlog.storage.disk import PosixDisk
from eventlog.storage.log_directory import LogDirectory
from eventlog.storage.partition_log import PartitionLog
from eventlog.storage.settings import LogSettings, TopicSettings
from tests.eventlog.inspect.written import SETTINGS, TOPIC, Said, batch, batches, log, segments
from tests.reliability.manual_clock import ManualClock

ROOT = Path(__file__).parents[3]


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Path]:
    """A data directory that another process fills, rolls and retains."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONASYNCIODEBUG": ""}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.eventlog.inspect.live_writer", str(tmp_path / "data")],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert b"ready\n" == process.stdout.readline()
    yield tmp_path / "data"
    process.kill()
    process.stdout.close()
    process.wait()


def test_beside_a_writer_nothing_is_wrong(writer: Path) -> None:
    """Time after time: exit code 0, no corruption, no torn tail, dense offsets, segments that come and go."""
    starts: set[int] = set()
    looks = 0
    while looks < 4 or len(starts) < 2:  # until retention has gone on between two whole dumps
        looks += 1
        checked = log("verify", "--data-dir", writer, "--json", "--explain")
        dumped = log("dump", "--data-dir", writer, "--json", "--limit", "2000")
        assert (0, "") == (checked.code, checked.err), checked.out
        assert {"note"} >= {finding["severity"] for finding in checked.of_type("finding")}
        assert "recovery runs when the directory is next opened" in checked.out
        assert (0, "", []) == (dumped.code, dumped.err, dumped.of_type("damage"))
        if not dumped.of_type("vanished"):
            first = dumped.offsets()[0]
            assert list(range(first, first + 2000)) == dumped.offsets()
            starts.add(first)
        for verb in ("topics", "segments"):
            said = log(verb, "--data-dir", writer, "--json")
            assert (0, "") == (said.code, said.err)
            assert said.objects
    assert "a process is writing to it" in log("verify", "--data-dir", writer).out


# --- step by step, in one process --------------------------------------------------------------


def look(*argv: object) -> Awaitable[Said]:
    """Run a command beside this loop."""
    return asyncio.to_thread(log, *argv)


Work = Callable[[LogDirectory, PartitionLog], Awaitable[None]]


async def beside(path: Path, work: Work, settings: TopicSettings = SETTINGS) -> None:
    """Do some work while the log is open; the log is closed as a killed process leaves it."""
    disk = PosixDisk()
    opened = await LogDirectory.open(
        path, disk=disk, clock=ManualClock(), settings=LogSettings(free_bytes_min=0)
    )
    await opened.create_topic(TOPIC, 1, settings)
    try:
        await work(opened, opened.partition(TOPIC, 0))
    finally:
        await opened.close()
        disk.close()


async def test_what_is_not_flushed_is_being_written(tmp_path: Path) -> None:
    """Whole batches past the recovery point are shown as such; half a batch there is nobody's fault."""

    async def work(opened: LogDirectory, partition: PartitionLog) -> None:
        for number in range(10):
            partition.append(batch(3 * number))
        await opened.flush()
        partition.append(batch(30))
        active = segments(tmp_path / "topics" / TOPIC / "0")[-1]
        with active.open("ab") as file:
            file.write(b"half")

        checked = await look("verify", "--data-dir", tmp_path, "--json")
        dumped = await look("dump", "--data-dir", tmp_path, "--json")
        plain = await look("dump", "--data-dir", tmp_path)
        alone = await look("verify", active, "--json")

        (report,) = checked.of_type("partition")
        assert (0, "fine", []) == (checked.code, report["verdict"], checked.of_type("finding"))
        assert len(batch(30)) + 4 == report["being_written_bytes"]
        assert (0, list(range(33))) == (dumped.code, dumped.offsets())
        assert "being written" == dumped.of_type("batch")[-1]["standing"]
        assert [4] == [w["end_position"] - w["position"] for w in dumped.of_type("being_written")]
        assert "being written from byte" in plain.out
        assert 0 == alone.code

    await beside(tmp_path, work)


async def test_damage_to_what_was_flushed_is_corruption(tmp_path: Path) -> None:
    """A running writer excuses nothing before the recovery point."""

    async def work(opened: LogDirectory, partition: PartitionLog) -> None:
        for one in batches(10):
            partition.append(one)
        await opened.flush()
        first = segments(tmp_path / "topics" / TOPIC / "0")[0]
        data = bytearray(first.read_bytes())
        data[100] ^= 1
        first.write_bytes(data)

        checked = await look("verify", "--data-dir", tmp_path, "--json")

        assert 4 == checked.code
        assert [(0, 3)] == [(f["offset"], f["next_offset"]) for f in checked.of_type("finding")]

    await beside(tmp_path, work)


async def test_a_new_topic_is_no_damage(tmp_path: Path) -> None:
    """Nothing has been written yet."""

    async def work(opened: LogDirectory, partition: PartitionLog) -> None:
        for verb in ("topics", "segments", "dump", "verify"):
            said = await look(verb, "--data-dir", tmp_path, "--json")
            assert (0, "") == (said.code, said.err)

    await beside(tmp_path, work)


def test_a_killed_writer_leaves_no_corruption(writer: Path) -> None:
    """As soon as it is gone, what it had not flushed is whole, or a torn tail."""
    pid = int((writer / "lock").read_text())
    os.kill(pid, 9)
    for _ in range(200):
        said = log("verify", "--data-dir", writer)
        if "no process is writing to it" in said.out:
            break

    assert said.code in {0, 3}
    assert "corruption" not in said.out
