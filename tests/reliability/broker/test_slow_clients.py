"""R8: slow, stuck, deaf and half-open clients."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import attrs
import pytest

from eventlog.storage.disk import PosixDisk
from tests.eventlog.broker.running import RunningBroker, running_broker
from tests.eventlog.broker.wire import WireClient
from tests.reliability.broker.hostile_frames import check_alive
from tests.reliability.broker.inside import SETTINGS, broker_inside
from tests.reliability.broker.kills import listening_port
from tests.reliability.broker.resident import peak_mib, resident_mib
from tests.reliability.broker.slow_clients import (
    check_latency,
    check_nobody_waits,
    check_ragged_stream,
    check_split_frames,
    crowd,
    dribble,
    fill_topic,
    open_deaf,
    open_stuck,
)
from tests.reliability.broker.waiting import until
from tests.reliability.disks.power_cut import ROOT, RecordingDisk

CROWDS = 6
MEMORY_MIB_MAX = 256
FRAME_S_MAX = 0.3
GONE_S_MAX = 20.0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    """One broker for all, with some megabytes to fetch."""
    with running_broker(tmp_path_factory.mktemp("slow") / "data") as running:
        asyncio.run(fill_topic(listening_port(running)))
        yield running
        assert 0 == running.stop()
        assert [] == [line["exception"] for line in running.lines if "exception" in line]


@pytest.fixture
def port(broker: RunningBroker) -> int:
    return listening_port(broker)


async def test_a_frame_may_be_cut_anywhere(port: int) -> None:
    """Each of several requests, cut in two at every place, is answered."""
    await check_split_frames(port)


async def test_a_stream_may_come_in_any_pieces(port: int, seed: int) -> None:
    """A hundred requests in ragged pieces are answered in order."""
    await check_ragged_stream(port, Random(seed))


async def test_a_byte_at_a_time(port: int) -> None:
    """Twenty clients that send a byte every 20 ms are answered."""
    async with asyncio.TaskGroup() as tasks:
        for _ in range(20):
            tasks.create_task(dribble(port, 0.02))


def test_others_do_not_wait(port: int) -> None:
    """A hundred slow, stuck and deaf clients at most double the p99 of one that works."""
    asyncio.run(check_latency(port), debug=False)


async def test_stalled_requests_silence_nobody(broker: RunningBroker, port: int) -> None:
    """Requests that stall, and hold all the memory there is for requests, keep no other client waiting."""
    await check_nobody_waits(port)
    assert peak_mib(broker.process.pid) < MEMORY_MIB_MAX


def test_crowds_leave_nothing_behind(broker: RunningBroker, port: int) -> None:
    """Crowds of slow and deaf clients that vanish leave the broker as large as two did, and alive."""
    asyncio.run(_check_crowds(broker, port), debug=False)


async def _check_crowds(broker: RunningBroker, port: int) -> None:
    sizes_mib = []
    for number in range(CROWDS):
        async with crowd(port):
            await asyncio.sleep(number * 0.03)
        sizes_mib.append(resident_mib(broker.process.pid))
    await check_alive(port)
    assert max(sizes_mib) < MEMORY_MIB_MAX
    assert sizes_mib[-1] < sizes_mib[1] + 32, f"it grows: {sizes_mib}"


async def test_whoever_keeps_the_broker_waiting_is_sent_away() -> None:
    """Half a request, and silence: each ends in a closed connection."""
    settings = attrs.evolve(SETTINGS, frame_s_max=FRAME_S_MAX, idle_s_max=2 * FRAME_S_MAX)
    async with broker_inside(ROOT / "data", RecordingDisk(), settings=settings) as inside:
        stuck, silent = await open_stuck(inside.port, 100), await WireClient.open(inside.port)
        began_s = time.monotonic()
        assert await stuck.is_closed()
        assert await silent.is_closed()
        assert time.monotonic() - began_s < GONE_S_MAX
        for each in (stuck, silent):
            each.writer.transport.abort()


async def test_a_client_that_does_not_read_is_sent_away(tmp_path: Path) -> None:
    """Megabytes that nobody takes hold a connection for no longer than an idle one."""
    disk = PosixDisk()
    async with broker_inside(tmp_path / "data", disk) as inside:
        await fill_topic(inside.port)
    settings = attrs.evolve(SETTINGS, idle_s_max=2 * FRAME_S_MAX)
    async with broker_inside(tmp_path / "data", disk, settings=settings) as inside:
        deaf = await open_deaf(inside.port)
        await until(lambda: inside.broker.measurements.connections_made > 0, GONE_S_MAX, "it is not there")
        await until(lambda: inside.broker.connections == 0, GONE_S_MAX, "it is still there")
        deaf.writer.transport.abort()
    disk.close()
