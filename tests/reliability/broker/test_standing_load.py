"""R12: memory under consumers that stall."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.eventlog.broker.running import running_broker
from tests.reliability.broker.kills import listening_port
from tests.reliability.broker.standing_load import measure_memory

GIB = 1 << 30
ROUNDS = 6
LONG_ROUNDS = 500
MEMORY_MIB_MAX = 256
SLOPE_MIB_MAX = 16


def _check(data_dir: Path, rounds: int) -> None:
    with running_broker(data_dir, "--free-bytes-min", "0") as broker:
        port, pid = listening_port(broker), broker.process.pid
        measuring = measure_memory(port, pid, backlog_bytes=GIB, rounds=rounds)
        asyncio.run(measuring, debug=False).check(MEMORY_MIB_MAX, SLOPE_MIB_MAX)


def test_stalled_consumers_hold_no_memory(tmp_path: Path) -> None:
    """A GiB of backlog, and forty clients that stop reading: at most 256 MiB, and no slope."""
    _check(tmp_path / "data", ROUNDS)


@pytest.mark.long
def test_stalled_consumers_hold_no_memory_at_length(tmp_path: Path) -> None:
    """The same for many rounds, each of which reads a tenth of it."""
    _check(tmp_path / "data", LONG_ROUNDS)
