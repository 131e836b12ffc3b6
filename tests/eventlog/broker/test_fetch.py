"""Fetch: what is durable and checked, at once or as soon as it is there, and never more than asked."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from eventlog.broker.connection import Connection
from eventlog.broker.handlers import fetch
from eventlog.broker.server import Broker
from eventlog.protocol import ApiKey, ErrorCode
from eventlog.storage.settings import DamagedPolicy, TopicSettings
from tests.eventlog.broker.listening import until
from tests.eventlog.broker.living import living_broker
from tests.eventlog.broker.wire import WireClient, fetch_frame, request_frame
from tests.eventlog.storage.living_partition import batch, values_in

LARGE = "x" * 100_000
"""Beyond what is copied: it goes by `sendfile`."""


async def keep(broker: Broker, number: int, *values: str, topic: str = "t") -> None:
    broker.directory.partition(topic, number).append(batch(*values))
    await broker.directory.flush()


def values(partition: Any) -> list[str]:
    assert ErrorCode.NONE == partition.error_code
    return values_in(bytes(partition.records or b""))


@pytest.mark.parametrize("version", range(4, 13))
async def test_fetch(tmp_path: Path, version: int) -> None:
    """What was kept comes back, small by a copy and large by `sendfile`, with the partition's bounds."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 2)
        await keep(broker, 0, "a", "b")
        await keep(broker, 1, LARGE)
        async with await WireClient.open(broker.port) as client:
            small, large = await client.fetch("t", (0, 0), (1, 0), version=version)
        assert (["a", "b"], [LARGE]) == (values(small), values(large))
        assert (2, 2) == (small.high_watermark, small.last_stable_offset)
        if version >= 5:
            assert 0 == small.log_start_offset


async def test_offset_inside_a_batch(tmp_path: Path) -> None:
    """An offset in the middle of a batch gives the whole batch: the client skips."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 1)
        await keep(broker, 0, "a", "b", "c")
        async with await WireClient.open(broker.port) as client:
            (partition,) = await client.fetch("t", (0, 2))
        assert ["a", "b", "c"] == values(partition)


async def test_limits(tmp_path: Path) -> None:
    """Whole batches up to the limit; the first of a response whole however large, of others none that is."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 3)
        for number in range(3):
            for _ in range(3):
                await keep(broker, number, "x" * 1000)
        async with await WireClient.open(broker.port) as client:
            first, second, third = await client.fetch("t", (0, 0), (1, 0), (2, 0), bytes_max=2500)
            assert [2, 0, 0] == [len(values(each)) for each in (first, second, third)]
            first, second, third = await client.fetch("t", (0, 0), (1, 0), (2, 0), bytes_max=10)
            assert [1, 0, 0] == [len(values(each)) for each in (first, second, third)]
            first, second, third = await client.fetch("t", (0, 3), (1, 0), (2, 0), bytes_max=10)
            assert [0, 1, 0] == [len(values(each)) for each in (first, second, third)]


async def test_nothing_before_the_flush(tmp_path: Path) -> None:
    """A record that is not durable yet is served to nobody."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 1)
        await keep(broker, 0, "a")
        async with await WireClient.open(broker.port) as client, broker.directory.flusher._round:
            broker.directory.partition("t", 0).append(batch("b"))
            (partition,) = await client.fetch("t", (0, 0))
            assert (["a"], 1) == (values(partition), partition.high_watermark)
            (partition,) = await client.fetch("t", (0, 1))
            assert [] == values(partition)


async def test_woken(tmp_path: Path) -> None:
    """A fetch that waits is answered by the flush of what it waits for, not by its time."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 2)
        async with await WireClient.open(broker.port) as client:
            client.send(fetch_frame(1, "t", (0, 0), (1, 0), wait_ms=60_000))
            await _waiting(broker)
            await keep(broker, 1, "a")
            _, answer = await client.answer(ApiKey.FETCH, 12)
        assert [[], ["a"]] == [values(each) for each in answer.responses[0].partitions]
        assert not broker.directory.partition("t", 0).waiters._watchers


async def _waiting(broker: Broker) -> None:
    await until(lambda: broker._fetch._waiting)


async def test_bytes_min(tmp_path: Path) -> None:
    """A fetch waits for as much as it wants, and takes what there is when its time has passed."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 1)
        await keep(broker, 0, "a")
        async with await WireClient.open(broker.port) as client:
            client.send(fetch_frame(1, "t", (0, 0), wait_ms=60_000, bytes_min=150))
            await _waiting(broker)
            await keep(broker, 0, "b")
            await asyncio.sleep(0.02)
            await keep(broker, 0, "c")
            _, answer = await client.answer(ApiKey.FETCH, 12)
            assert ["a", "b", "c"] == values(answer.responses[0].partitions[0])
            (partition,) = await client.fetch("t", (0, 0), wait_ms=20, bytes_min=10_000)
            assert ["a", "b", "c"] == values(partition)


async def test_time_passed(tmp_path: Path) -> None:
    """With nothing to read the answer is empty, after the time that was asked for."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 1)
        async with await WireClient.open(broker.port) as client:
            started_s = asyncio.get_running_loop().time()
            (partition,) = await client.fetch("t", (0, 0), wait_ms=50)
            assert asyncio.get_running_loop().time() - started_s >= 0.05
        assert [] == values(partition)


@pytest.mark.parametrize(
    ("topic", "number", "offset", "code"),
    [
        ("unknown", 0, 0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        ("t", 4, 0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        ("t", 0, 3, ErrorCode.OFFSET_OUT_OF_RANGE),
        ("t", 0, 0, ErrorCode.OFFSET_OUT_OF_RANGE),
        ("t", 0, -1, ErrorCode.OFFSET_OUT_OF_RANGE),
    ],
    ids=["topic", "partition", "beyond", "deleted", "negative"],
)
async def test_refused(tmp_path: Path, topic: str, number: int, offset: int, code: ErrorCode) -> None:
    """What cannot be read is answered at once, whatever the client is ready to wait."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 1)
        await keep(broker, 0, "a", "b")
        await broker.directory.delete_records("t", 0, 1)
        async with await WireClient.open(broker.port) as client:
            (partition,) = await client.fetch(topic, (number, offset), wait_ms=60_000)
        assert code == partition.error_code
        assert not partition.records
        assert 1 == broker.measurements.errors[ApiKey.FETCH, code]


async def test_leader_epoch(tmp_path: Path) -> None:
    """There is one leader and one epoch; who knows of a later one is told that it does not exist."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 1)
        await keep(broker, 0, "a")
        async with await WireClient.open(broker.port) as client:
            for epoch, code in ((0, ErrorCode.NONE), (1, ErrorCode.UNKNOWN_LEADER_EPOCH)):
                wanted = {"partition": 0, "current_leader_epoch": epoch, "fetch_offset": 0}
                client.send(
                    request_frame(
                        ApiKey.FETCH,
                        12,
                        1,
                        max_wait=0,
                        min_bytes=1,
                        max_bytes=100,
                        topics=[{"topic": "t", "partitions": [{**wanted, "partition_max_bytes": 100}]}],
                    )
                )
                _, answer = await client.answer(ApiKey.FETCH, 12)
                assert code == answer.responses[0].partitions[0].error_code


def _damage(folder: Path) -> None:
    """Turn a bit in the second of three equal batches."""
    path = folder / "topics" / "t" / "0" / "00000000000000000000.log"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("policy", DamagedPolicy)
async def test_damage(tmp_path: Path, policy: DamagedPolicy) -> None:
    """Damage is refused by name, or skipped where the topic says so; what stands around it is served."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 1, TopicSettings(damaged=policy))
        for value in "abc":
            await keep(broker, 0, value)
    _damage(tmp_path / "log")
    async with living_broker(tmp_path / "log") as broker, await WireClient.open(broker.port) as client:
        (before,) = await client.fetch("t", (0, 0))
        (inside,) = await client.fetch("t", (0, 1))
        (after,) = await client.fetch("t", (0, 2))
        assert (["a"], ["c"]) == (values(before)[:1], values(after))
        if policy is DamagedPolicy.REFUSE:
            assert ErrorCode.CORRUPT_MESSAGE == inside.error_code
        else:
            assert ["c"] == values(inside)


async def test_damage_is_no_reason_to_hurry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that finds only damage is held for a while; what another partition brings ends that."""
    monkeypatch.setattr(fetch, "DAMAGE_WAIT_S_MAX", 0.2)
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 2)
        for value in "abc":
            await keep(broker, 0, value)
    _damage(tmp_path / "log")
    loop = asyncio.get_running_loop()
    async with living_broker(tmp_path / "log") as broker, await WireClient.open(broker.port) as client:
        started_s = loop.time()
        (refused,) = await client.fetch("t", (0, 1), wait_ms=60_000)
        assert 0.2 <= loop.time() - started_s < 30
        assert ErrorCode.CORRUPT_MESSAGE == refused.error_code
        monkeypatch.setattr(fetch, "DAMAGE_WAIT_S_MAX", 60.0)  # a flush may take long
        client.send(fetch_frame(1, "t", (0, 1), (1, 0), wait_ms=60_000))
        await until(lambda: broker._fetch._waiting)
        await keep(broker, 1, "d")
        _, answer = await client.answer(ApiKey.FETCH, 12)
        refused, fine = answer.responses[0].partitions
        assert (ErrorCode.CORRUPT_MESSAGE, ["d"]) == (refused.error_code, values(fine))


async def test_slow_reader(tmp_path: Path) -> None:
    """A reader that stops in the middle of a response holds its file, and takes the rest when it likes."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 1, TopicSettings(max_message_bytes=2**23))
        for _ in range(3):
            await keep(broker, 0, "x" * 4_000_000)
        async with await WireClient.open(broker.port) as client:
            client.transport.pause_reading()
            client.send(fetch_frame(1, "t", (0, 0), bytes_max=2**24))
            await until(lambda: "t" in broker.measurements.fetched)  # what is sent is held from here on
            await broker.directory.delete_records("t", 0, -1)
            client.transport.resume_reading()
            _, answer = await client.answer(ApiKey.FETCH, 12)
        assert 3 == len(values(answer.responses[0].partitions[0]))


async def test_many_small_answers(tmp_path: Path) -> None:
    """An answer of thousands of small pieces is not held in memory for a client that does not read."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 1)
        await keep(broker, 0, "x" * 20_000)
        async with await WireClient.open(broker.port) as client:
            client.transport.pause_reading()
            client.send(fetch_frame(1, "t", *[(0, 0)] * 2000, bytes_max=2**26))
            (connection,) = await _connections(broker)
            await until(connection._transport.get_write_buffer_size)
            await asyncio.sleep(0.1)
            assert 0 < connection._transport.get_write_buffer_size() < 100_000
            client.transport.resume_reading()
            _, answer = await client.answer(ApiKey.FETCH, 12)
        assert 2000 == len([each for each in answer.responses[0].partitions if values(each)])


async def _connections(broker: Broker) -> set[Connection]:
    await until(lambda: broker._connections)
    return broker._connections


async def test_gone_in_the_middle(tmp_path: Path) -> None:
    """A reader that goes in the middle of a response lets go of its file."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 1, TopicSettings(max_message_bytes=2**25))
        await keep(broker, 0, "x" * 30_000_000)
        async with await WireClient.open(broker.port) as client:
            client.send(fetch_frame(1, "t", (0, 0), bytes_max=2**25))
            await client.reader.readexactly(1000)
        await until(lambda: not broker.connections)


async def test_short_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that has become shorter than what was promised of it closes the connection."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 1)
        await keep(broker, 0, LARGE)
        async with await WireClient.open(broker.port) as client:
            assert [LARGE] == values((await client.fetch("t", (0, 0)))[0])
            path = tmp_path / "log" / "topics" / "t" / "0" / "00000000000000000000.log"
            whole = path.read_bytes()
            with path.open("r+b") as file:
                file.truncate(len(whole) // 2)
            client.send(fetch_frame(1, "t", (0, 0)))
            with pytest.raises(asyncio.IncompleteReadError):
                await client.receive()
            path.write_bytes(whole)
        assert "a connection is closed" in caplog.messages


async def test_topic_made_again(tmp_path: Path) -> None:
    """Readers of a topic that is deleted and made again get what the new one holds, whenever they ask."""
    async with living_broker(tmp_path / "log") as broker, await WireClient.open(broker.port) as client:
        for number in range(20):
            await broker.directory.create_topic("t", 1)
            await keep(broker, 0, f"v{number}")
            reading = asyncio.ensure_future(_read_on(client, number))
            await asyncio.sleep(0)
            await broker.directory.delete_topic("t")
            await reading


async def _read_on(client: WireClient, number: int) -> None:
    """Until the topic is gone."""
    while True:
        (partition,) = await client.fetch("t", (0, 0))
        if partition.error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
            return
        assert [f"v{number}"] == values(partition)


async def test_deleted_while_waiting(tmp_path: Path) -> None:
    """Who waits for a topic that is deleted is told at once."""
    async with living_broker(tmp_path / "log") as broker, await WireClient.open(broker.port) as client:
        await broker.directory.create_topic("t", 1)
        client.send(fetch_frame(1, "t", (0, 0), wait_ms=60_000))
        await until(lambda: broker._fetch._waiting)
        await broker.directory.delete_topic("t")
        _, answer = await client.answer(ApiKey.FETCH, 12)
        assert ErrorCode.UNKNOWN_TOPIC_OR_PARTITION == answer.responses[0].partitions[0].error_code


async def test_more_wanted_than_taken(tmp_path: Path) -> None:
    """Who wants more bytes than he takes is not kept waiting for them."""
    async with living_broker(tmp_path / "log") as broker, await WireClient.open(broker.port) as client:
        await broker.directory.create_topic("t", 1)
        await keep(broker, 0, "a")
        await keep(broker, 0, "b")
        (partition,) = await client.fetch("t", (0, 0), wait_ms=60_000, bytes_min=10_000, bytes_max=50)
        assert ["a"] == values(partition)


async def test_drained(tmp_path: Path) -> None:
    """A fetch that waits is answered when the broker stops."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 1)
        async with await WireClient.open(broker.port) as client:
            client.send(fetch_frame(1, "t", (0, 0), wait_ms=60_000))
            await _waiting(broker)
            await broker.drain()
            _, answer = await client.answer(ApiKey.FETCH, 12)
            assert [] == values(answer.responses[0].partitions[0])
            assert await client.is_closed()


async def test_gone_while_waiting(tmp_path: Path) -> None:
    """Nothing is left of the wait of a client that has gone."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 1)
        async with await WireClient.open(broker.port) as client:
            client.send(fetch_frame(1, "t", (0, 0), wait_ms=60_000))
            await _waiting(broker)
        await until(lambda: not broker._fetch._waiting)
        assert not broker.directory.partition("t", 0).waiters._watchers


async def test_counted(tmp_path: Path) -> None:
    """What was sent is counted by topic."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 1)
        await keep(broker, 0, "a", "b")
        async with await WireClient.open(broker.port) as client:
            await client.fetch("t", (0, 0))
            await client.fetch("t", (0, 0))
        traffic = broker.measurements.fetched["t"]
        assert (4, 2 * len(batch("a", "b"))) == (traffic.records, traffic.bytes)
