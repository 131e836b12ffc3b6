"""R6: a full disk stops writes, explicitly and in time, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from eventlog.storage.disk import Disk
from tests.reliability.disk_full import check_disk_full, check_real_volume
from tests.reliability.small_volume import mounted_or_counted

ROUNDS = 2
LONG_ROUNDS = 50
SMALL_BYTES = 1 << 19


@pytest.fixture
def small_volume(tmp_path: Path) -> Iterator[tuple[Disk, Path]]:
    """Half a MiB."""
    with mounted_or_counted(tmp_path / "small", SMALL_BYTES) as volume:
        yield volume


def test_a_full_disk_stops_writes_in_time(seed: int) -> None:
    """Appends are refused before the disk is truly full; reads, acks and deletion go on; writing resumes."""
    check_disk_full(seed=seed, rounds=ROUNDS)


def test_a_truly_full_disk_loses_nothing(seed: int) -> None:
    """With no floor it is the disk that refuses, half-way through a write; the error says try again."""
    check_disk_full(seed=seed, rounds=ROUNDS, floor_bytes=0)


async def test_a_full_volume_of_real_files(seed: int, small_volume: tuple[Disk, Path]) -> None:
    """On real files, with the log's own upkeep running, writing resumes within five seconds."""
    await check_real_volume(*small_volume, seed=seed, rounds=ROUNDS)


@pytest.mark.long
@pytest.mark.parametrize("floor_bytes", [0, 15_000])
def test_a_disk_that_fills_up_fifty_times(seed: int, floor_bytes: int) -> None:
    """The same many times over."""
    check_disk_full(seed=seed, rounds=LONG_ROUNDS, floor_bytes=floor_bytes)


@pytest.mark.long
async def test_a_full_volume_of_real_files_fifty_times(seed: int, small_volume: tuple[Disk, Path]) -> None:
    """The same on real files."""
    await check_real_volume(*small_volume, seed=seed, rounds=LONG_ROUNDS)
