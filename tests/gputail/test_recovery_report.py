"""The report on a start: the worst that was found of each partition, and each damaged range by name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from eventlog.clock import SystemClock
from eventlog.storage.disk import PosixDisk
from eventlog.storage.log_directory import LogDirectory
from eventlog.storage.settings import LogSettings
from gputail import recovery_report
from gputail.recovery_report import RecoveryReport, report_damage
from tests.eventlog.inspect.written import batches, flip, segments, write_log

Breaking = Callable[[Path], None]


async def opened(path: Path) -> RecoveryReport:
    """Recover a log, log its damage, and close it again."""
    disk = PosixDisk()
    directory = await LogDirectory.open(
        path, disk=disk, clock=SystemClock(), settings=LogSettings(free_bytes_min=0)
    )
    report = RecoveryReport.of(directory.topics.logs(), 1.5)
    report_damage(directory.topics.logs())
    await directory.close()
    disk.close()
    return report


def nothing(_: Path) -> None:
    """Leave it as it was closed."""


def append_garbage(folder: Path) -> None:
    """As a power cut leaves it."""
    with segments(folder)[-1].open("ab") as file:
        file.write(b"x" * 100)


def lose_state_and_flip(folder: Path) -> None:
    """As a bad disk leaves it: all of it is read then, and one batch is not good."""
    (folder / "state").unlink()
    flip(segments(folder)[0], 100)


@pytest.mark.parametrize(
    ("breaking", "findings", "cut_bytes", "damaged_ranges"),
    [
        (nothing, {"clean": 2}, 0, 0),
        (append_garbage, {"clean": 1, "torn_tail": 1}, 100, 0),
        (lose_state_and_flip, {"clean": 1, "damaged": 1}, 0, 1),
    ],
)
def test_each_partition_counts_once(
    tmp_path: Path, breaking: Breaking, findings: dict[str, int], cut_bytes: int, damaged_ranges: int
) -> None:
    """By the worst that was found."""
    breaking(write_log(tmp_path, partitions=2))
    report = asyncio.run(opened(tmp_path))

    assert (findings, cut_bytes, damaged_ranges) == (
        report.findings,
        report.cut_bytes,
        report.damaged_ranges,
    )
    assert 1.5 == report.seconds


def test_each_damaged_range_has_a_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Partition, file, offsets and reason; beyond a bound only the number."""
    folder = write_log(tmp_path)
    (folder / "state").unlink()
    first = segments(folder)[0]
    sizes = [len(one) for one in batches(5)]
    flip(first, 100)
    flip(first, sum(sizes[:3]) + 100)
    monkeypatch.setattr(recovery_report, "LINES_MAX", 1)
    asyncio.run(opened(tmp_path))

    lines = [record.__dict__ for record in caplog.records if record.name == recovery_report.__name__]
    assert {
        "action": "recover",
        "file": first.name,
        "first_position": 0,
        "end_position": sizes[0],
        "first_offset": 0,
        "next_offset": 3,
        "reason": "the checksum does not match",
    }.items() <= lines[0].items()
    assert ["a range of the log is damaged, and refused", "more ranges of the log are damaged"] == [
        line["msg"] for line in lines
    ]
    assert 1 == lines[1]["damaged_ranges"]
