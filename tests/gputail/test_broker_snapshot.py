"""The snapshot: bounded where clients could make it grow, and without what is gone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from eventlog.broker.measurements import Traffic
from eventlog.broker.server import Broker
from eventlog.broker.settings import BrokerSettings
from eventlog.clock import SystemClock
from eventlog.group.commit import CommitRequest, OffsetToCommit
from eventlog.storage.disk import PosixDisk
from eventlog.storage.settings import LogSettings
from gputail import broker_snapshot
from gputail.broker_snapshot import BrokerSnapshot, LogNumbers, take_snapshot
from tests.eventlog.inspect.written import batch


@contextlib.asynccontextmanager
async def open_broker(path: Path) -> AsyncIterator[Broker]:
    """A broker that does its upkeep, and does not listen."""
    disk = PosixDisk()
    settings = BrokerSettings(log=LogSettings(free_bytes_min=0))
    broker = await Broker.open(path, disk=disk, clock=SystemClock(), settings=settings)
    running = asyncio.create_task(broker.run())
    try:
        yield broker
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await broker.close()
        disk.close()


async def snapshot_of(broker: Broker | None) -> BrokerSnapshot:
    return await take_snapshot(
        broker, instance_id="b", flush="group", is_ready=True, loop_lag_s=0.0, recovery=None
    )


async def log_of(broker: Broker) -> LogNumbers:
    log = (await snapshot_of(broker)).log
    assert log is not None
    return log


async def commit(broker: Broker, group: str, offset: int, topic: str = "t", partition: int = 0) -> None:
    request = CommitRequest(group, "", -1, (OffsetToCommit(topic, partition, offset),))
    assert [None] == list((await broker.coordinator.commit(request)).values())


async def test_there_is_no_log_before_recovery() -> None:
    """What is known without one is told."""
    snapshot = await snapshot_of(None)

    assert (None, True, "b") == (snapshot.log, snapshot.is_ready, snapshot.instance_id)


async def test_partitions_are_looked_at_a_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop gets a turn in between, and none is left out."""
    monkeypatch.setattr(broker_snapshot, "PARTITIONS_AT_ONCE", 2)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with open_broker(tmp_path) as broker:
        await broker.directory.create_topic("a-b.c", 5)
        counting = asyncio.create_task(count_turns())
        log = await log_of(broker)
        counting.cancel()

    assert [("a-b.c", str(number)) for number in range(5)] == [(p.topic, p.partition) for p in log.partitions]
    assert turns == 2


async def test_groups_cannot_make_it_grow_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the bound series are left out, and counted."""
    monkeypatch.setattr(broker_snapshot, "GROUP_SERIES_MAX", 2)
    async with open_broker(tmp_path) as broker:
        await broker.directory.create_topic("t", 1)
        for group in ("g1", "g2", "g3"):
            await commit(broker, group, 0)
        groups = (await log_of(broker)).groups

    assert {"Empty": 3} == groups.states
    assert {"g1": 0, "g2": 0} == groups.members
    assert 2 == len(groups.lags)
    assert 2 == groups.left_out


async def test_lag_is_up_to_the_high_watermark_and_never_below_0(tmp_path: Path) -> None:
    """A group that is ahead of a log has no lag."""
    async with open_broker(tmp_path) as broker:
        await broker.directory.create_topic("t", 1)
        log = broker.directory.partition("t", 0)
        await log.durable(log.append(batch(0, 10)))
        await commit(broker, "behind", 4)
        await commit(broker, "ahead", 14)
        lags = (await log_of(broker)).groups.lags

    assert {"behind": (4, 6), "ahead": (14, 0)} == {
        each.group: (each.committed_offset, each.lag_records) for each in lags
    }


async def test_series_of_a_deleted_topic_go(tmp_path: Path) -> None:
    """A name that came and went leaves nothing behind."""
    async with open_broker(tmp_path) as broker:
        await broker.directory.create_topic("t", 1)
        await broker.directory.create_topic("kept", 1)
        broker.measurements.produced |= {"t": Traffic(1, 2, 3), "kept": Traffic(4, 5, 6)}
        await commit(broker, "g", 0)
        await broker.directory.delete_topic("t")
        log = await log_of(broker)

    assert {"kept": Traffic(4, 5, 6)} == log.traffic.produced
    assert () == log.groups.lags
    assert ["kept"] == [each.topic for each in log.partitions]
