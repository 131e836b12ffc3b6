"""R8: malformed and oversize frames."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest

from tests.eventlog.broker.running import RunningBroker, running_broker
from tests.eventlog.broker.wire import WireClient
from tests.reliability.broker.clients import create_topic
from tests.reliability.broker.hostile_frames import check_alive, check_bad_lengths, send_hostile_frames
from tests.reliability.broker.kills import listening_port
from tests.reliability.broker.resident import resident_mib

FRAMES = 2_000
LONG_BROKERS = 20
LONG_FRAMES_EACH = 50_000
"""A broker writes a line for most of them, which the test keeps: another one is started now and then."""
GROWTH_MIB_MAX = 64


def _check(broker: RunningBroker, seed: int, frames: int) -> None:
    port = listening_port(broker)

    async def run() -> None:
        async with await WireClient.open(port) as client:
            await create_topic(client, "hostile", 1)
        await check_bad_lengths(port)
        before = resident_mib(broker.process.pid)
        await send_hostile_frames(port, Random(seed), frames)
        await check_alive(port)
        growth = resident_mib(broker.process.pid) - before
        assert growth < GROWTH_MIB_MAX, f"{frames} frames have made the broker {growth:.0f} MiB larger"

    asyncio.run(run(), debug=False)
    assert 0 == broker.stop()
    uncaught = [line for line in broker.lines if "exception" in line or line["action"] == "uncaught"]
    assert ([], []) == (uncaught, broker.other_output)


def test_hostile_frames_do_no_harm(seed: int, tmp_path: Path) -> None:
    """No exception that nobody caught, no memory for what is only claimed, and others are served."""
    with running_broker(tmp_path / "data", "--partitions-max", "20") as broker:
        _check(broker, seed, FRAMES)


@pytest.mark.long
@pytest.mark.parametrize("number", range(LONG_BROKERS))
def test_a_million_hostile_frames(seed: int, tmp_path: Path, number: int) -> None:
    """The same at length."""
    with running_broker(tmp_path / "data", "--partitions-max", "20") as broker:
        _check(broker, seed + (number << 32), LONG_FRAMES_EACH)
