"""R16: the broker is told to stop under load: soon, in order, and with everything answered that it took."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any

import attrs

from eventlog.clock import SystemClock
from eventlog.protocol import ApiKey
from eventlog.protocol.error_codes import ErrorCode
from eventlog.storage.disk import Disk, PosixDisk
from eventlog.storage.log_directory import LogDirectory
from eventlog.storage.settings import LogSettings
from tests.eventlog.broker.running import RunningBroker
from tests.eventlog.broker.wire import WireClient, produce_frame, request_frame
from tests.reliability.broker.address import Address
from tests.reliability.broker.clients import create_topic, read_partition
from tests.reliability.broker.inside import SETTINGS, InsideBroker, broker_inside
from tests.reliability.broker.kills import PARTITIONS, Load, listening_port
from tests.reliability.broker.late_disk import LateDisk
from tests.reliability.broker.waiting import until
from tests.reliability.disks.power_cut import ROOT
from tests.reliability.producers import Producer

TOPIC = "stopped"
DATA = ROOT / "data"
LIFE_S_MAX = 0.4
STOP_S_MAX = 10.0
TAKEN_S_MAX = 60.0
CLIENTS = 4
BATCHES_EACH = 5
PATIENT = attrs.evolve(SETTINGS, drain_s_max=60.0)
"""A stop that drops an answer has not run out of time."""


def check_stops_under_load(data_dir: Path, *, seed: int, stops: int) -> None:
    """SIGTERM under four producers, so many times: exit 0 in time, nothing lost, clean marks."""
    asyncio.run(_check_stops_under_load(data_dir, seed, stops), debug=False)


async def _check_stops_under_load(data_dir: Path, seed: int, stops: int) -> None:
    rng, address, load = Random(seed), Address(), None
    for _ in range(stops):
        broker = await asyncio.to_thread(RunningBroker, data_dir)
        try:
            port = await asyncio.to_thread(listening_port, broker)
            if load is None:
                async with await WireClient.open(port) as client:
                    await create_topic(client, TOPIC, PARTITIONS, segment_bytes=200_000)
                load = Load.begin(address, seed, TOPIC)
            address.set(port)
            await asyncio.sleep(rng.uniform(0.1, LIFE_S_MAX))
            load.check_alive()
            started_s = time.monotonic()
            code = await asyncio.to_thread(broker.stop)
            took_s = time.monotonic() - started_s
        finally:
            address.clear()
            broker.close()
        assert (0, []) == (code, broker.other_output)
        assert [] == [line for line in broker.lines if line["action"] == "uncaught"]
        assert took_s < STOP_S_MAX, f"it took {took_s:.1f} s to stop"
        await check_clean(data_dir, PosixDisk())
    assert load is not None
    await _check_nothing_lost(data_dir, address, load)


async def _check_nothing_lost(data_dir: Path, address: Address, load: Load) -> None:
    """One more broker takes what the producers still have, and then shows everything."""
    disk = PosixDisk()
    async with broker_inside(data_dir, disk) as inside:
        address.set(inside.port)
        await load.settle()
        async with await WireClient.open(inside.port) as client:
            await load.check(client, TOPIC)
    disk.close()


async def check_clean(path: Path, disk: Disk) -> None:
    """The next start finds the marks of a clean stop."""
    directory = await LogDirectory.open(path, disk=disk, clock=SystemClock(), settings=LogSettings())
    try:
        for log in directory.topics.logs():
            assert log.recovered.is_clean, f"{log.name} has no clean mark"
    finally:
        await directory.close()
        if isinstance(disk, PosixDisk):
            disk.close()


def check_stop_answers(*, seed: int) -> None:
    """What a stop finds taken and not yet flushed is flushed and answered; commits too."""
    asyncio.run(_check_stop_answers(Random(seed)), debug=False)


async def _check_stop_answers(rng: Random) -> None:
    disk = LateDisk(rng)
    inside = await InsideBroker.start(DATA, disk, settings=PATIENT)
    try:
        async with AsyncExitStack() as stack:
            first, *clients = [
                await stack.enter_async_context(await WireClient.open(inside.port))
                for _ in range(CLIENTS + 1)
            ]
            await create_topic(first, TOPIC, CLIENTS)
            await _check_held_answers(inside, disk, rng, clients, first)
    finally:
        await inside.bury()
    await check_clean(DATA, disk)
    async with broker_inside(DATA, disk) as again, await WireClient.open(again.port) as client:
        for number in range(CLIENTS):
            found = await read_partition(client, TOPIC, number)
            assert BATCHES_EACH == len(found), f"{TOPIC}-{number}: {len(found)} batches are there"


async def _check_held_answers(
    inside: InsideBroker, disk: LateDisk, rng: Random, producers: list[WireClient], committer: WireClient
) -> None:
    """Send while no flush can begin, stop, let the flushes go on, and read every answer."""
    disk.gate.clear()
    sent = len(producers) * BATCHES_EACH
    for number, client in enumerate(producers):
        source = Producer(rng, 0)
        for correlation_id in range(BATCHES_EACH):
            client.send(produce_frame(correlation_id, TOPIC, number, source.next_batch()))
    offset = {"partition_index": 0, "committed_offset": 7}
    topics = [{"name": TOPIC, "partitions": [offset]}]
    committer.send(request_frame(ApiKey.OFFSET_COMMIT, 7, BATCHES_EACH, group_id="stopped", topics=topics))
    produced = inside.broker.measurements.produced
    await until(lambda: TOPIC in produced and produced[TOPIC].batches == sent, TAKEN_S_MAX, "not taken")
    waiting = inside.broker.coordinator._offsets.log.waiting
    await until(lambda: any(True for _ in waiting()), TAKEN_S_MAX, "not taken")
    stopping = asyncio.create_task(inside.stop())
    await asyncio.sleep(0.02)
    disk.gate.set()
    try:
        for client in producers:
            for number in range(BATCHES_EACH):
                answered, answer = await _told(client.answer(ApiKey.PRODUCE, 9))
                outcome = answer.responses[0].partition_responses[0]
                assert (number, ErrorCode.NONE) == (answered, outcome.error_code)
        _, answer = await _told(committer.answer(ApiKey.OFFSET_COMMIT, 7))
        assert answer.topics[0].partitions[0].error_code == ErrorCode.NONE
    finally:
        await stopping


async def _told(answer: Awaitable[Any]) -> Any:
    """An answer; a connection that ends without it has dropped it."""
    try:
        return await answer
    except (OSError, asyncio.IncompleteReadError) as error:
        raise AssertionError("the stop dropped an answer to what had been taken") from error
