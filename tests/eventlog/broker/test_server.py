"""The broker as a whole: what it offers, whom it refuses, how it stops."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from contextlib import suppress
from pathlib import Path

import pytest

from eventlog.broker import server
from eventlog.broker.server import Broker
from eventlog.broker.settings import BrokerSettings
from eventlog.clock import SystemClock
from eventlog.errors import DirectoryLockedError
from eventlog.group import GroupSettings
from eventlog.group.coordinator_settings import CoordinatorSettings
from eventlog.protocol import OFFERED, ApiKey, ErrorCode
from eventlog.record import Record, encode_batch
from eventlog.storage.disk import PosixDisk
from eventlog.storage.settings import TopicSettings
from tests.eventlog.broker.listening import until
from tests.eventlog.broker.living import living_broker, settings_for_tests
from tests.eventlog.broker.wire import WAIT_S, WireClient, fetch_frame, framed, produce_frame, request_frame
from tests.eventlog.storage.living_partition import batch


def reasons(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [vars(record)["reason"] for record in caplog.records if record.message == "a connection is closed"]


@pytest.mark.parametrize("version", range(5))
async def test_api_versions(tmp_path: Path, version: int) -> None:
    """A client learns what is offered, in whichever version it asks."""
    async with living_broker(tmp_path / "log") as broker, await WireClient.open(broker.port) as client:
        answer = await client.call(
            ApiKey.API_VERSIONS, version, client_software_name="test", client_software_version="1"
        )
        told = {each.api_key: (each.min_version, each.max_version) for each in answer.api_keys}
        assert {key: (each.oldest, each.newest) for key, each in OFFERED.items()} == told
        assert 1 == sum(broker.measurements.requests[ApiKey.API_VERSIONS].counts)


async def test_api_versions_of_the_future(tmp_path: Path) -> None:
    """A newer version is answered in version 0, with the error that makes the client ask again."""
    async with living_broker(tmp_path / "log") as broker, await WireClient.open(broker.port) as client:
        client.send(framed(struct.pack(">hhih", 18, 99, 5, -1) + b"anything at all"))
        correlation_id, body = await client.receive()
        assert (5, ErrorCode.UNSUPPORTED_VERSION) == (correlation_id, struct.unpack_from(">h", body)[0])


@pytest.mark.parametrize(
    ("key", "version", "reason"),
    [
        (17, 1, "API 17 is not offered"),
        (0, 2, "PRODUCE version 2 is not offered, but 3 to 11"),
        (1, 13, "FETCH version 13 is not offered, but 4 to 12"),
    ],
    ids=["sasl", "old-produce", "new-fetch"],
)
async def test_not_offered(
    tmp_path: Path, key: int, version: int, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What is not offered closes its connection with one line, and is counted; nobody else notices."""
    async with (
        living_broker(tmp_path / "log") as broker,
        await WireClient.open(broker.port) as other,
        await WireClient.open(broker.port) as client,
    ):
        client.send(framed(struct.pack(">hhih", key, version, 1, -1)))
        assert await client.is_closed()
        assert [reason] == reasons(caplog)
        assert {"unsupported": 1} == broker.measurements.rejected
        assert (await other.call(ApiKey.METADATA, 12, topics=None)).brokers


async def test_malformed_body(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A body that claims more than there is closes its connection, and is counted."""
    async with living_broker(tmp_path / "log") as broker, await WireClient.open(broker.port) as client:
        client.send(framed(struct.pack(">hhihi", ApiKey.METADATA, 1, 1, -1, 2**31 - 1)))
        assert await client.is_closed()
        assert 1 == len(reasons(caplog))
        assert {"malformed": 1} == broker.measurements.rejected


async def test_messages_fit_into_requests(tmp_path: Path) -> None:
    """No topic takes batches that no request could bring."""
    async with living_broker(tmp_path / "log", settings_for_tests(frame_bytes_max=2**21)) as broker:
        async with await WireClient.open(broker.port) as client:
            for size_bytes, code in ((2**21 - 2**16, ErrorCode.NONE), (2**21, ErrorCode.INVALID_CONFIG)):
                configs = [{"name": "max.message.bytes", "value": str(size_bytes)}]
                topic = {"num_partitions": 1, "replication_factor": 1, "configs": configs}
                answer = await client.call(
                    ApiKey.CREATE_TOPICS, 5, topics=[{"name": f"t{size_bytes}", **topic}], timeout=1000
                )
                assert code == answer.topics[0].error_code


async def test_too_large_to_wait(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Only records make a request large: another one does not get to wait for its turn."""
    async with living_broker(tmp_path / "log") as broker, await WireClient.open(broker.port) as client:
        client.send(framed(struct.pack(">hhih", ApiKey.METADATA, 12, 1, -1) + b"\x00" * 5_000_000))
        assert await client.is_closed()
        assert ["METADATA has 5000010 bytes, more than 4194304"] == reasons(caplog)


async def test_too_many_connections(tmp_path: Path) -> None:
    """One connection more than the limit is closed; when another has gone, there is room again."""
    async with living_broker(tmp_path / "log", settings_for_tests(connections_max=1)) as broker:
        async with await WireClient.open(broker.port) as first:
            await first.call(ApiKey.METADATA, 1, topics=())
            async with await WireClient.open(broker.port) as second:
                assert await second.is_closed()
            await first.call(ApiKey.METADATA, 1, topics=())
        await until(lambda: broker.connections == 0)
        assert 1 == broker.measurements.connections_refused
        async with await WireClient.open(broker.port) as third:
            await third.call(ApiKey.METADATA, 1, topics=())


@pytest.mark.parametrize(
    ("limit", "sent", "reason"),
    [
        (
            {"frame_s_max": 0.05},
            b"\x00\x00\x01\x00half of a request",
            "a request took longer than 0.05 s to arrive",
        ),
        ({"idle_s_max": 0.05}, b"", "nothing moved for 0.05 s"),
    ],
    ids=["slow", "idle"],
)
async def test_swept(
    tmp_path: Path,
    limit: dict[str, float],
    sent: bytes,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A request that takes too long to arrive, and a connection that lies idle, are ended."""
    monkeypatch.setattr(server, "SWEEP_S", 0.01)
    async with living_broker(tmp_path / "log", settings_for_tests(**limit)) as broker:
        async with await WireClient.open(broker.port) as client:
            client.send(sent)
            assert await client.is_closed()
    assert [reason] == reasons(caplog)


async def test_drain_under_way(tmp_path: Path) -> None:
    """A broker that is drained answers what it has taken, when it is durable, and lets nobody in."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 1)
        assert broker.is_listening
        async with await WireClient.open(broker.port) as client:
            async with broker.directory.flusher._round:
                client.send(produce_frame(1, "t", 0, batch("a")))
                await until(lambda: broker.directory.partition("t", 0).log_end_offset)
                port = broker.port
                draining = asyncio.ensure_future(broker.drain())
                await until(lambda: not broker.is_listening)
            _, answer = await client.answer(ApiKey.PRODUCE, 9)
            assert ErrorCode.NONE == answer.responses[0].partition_responses[0].error_code
            assert await client.is_closed()
            await draining
            with pytest.raises(OSError, match=r"[Cc]onnect"):
                await WireClient.open(port)


@pytest.mark.parametrize("turns", range(5))
async def test_drain_as_clients_come(tmp_path: Path, turns: int, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever is let in as the broker begins to stop is told so, at whichever turn of the loop that is."""
    uncaught: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: uncaught.append(context))
    async with living_broker(tmp_path / "log") as broker:
        clients = [socket.create_connection(("127.0.0.1", broker.port)) for _ in range(3)]
        for _ in range(turns):
            await asyncio.sleep(0)
        await broker.drain()
        await until(lambda: broker.connections == 0)
        for client in clients:
            with client, suppress(ConnectionError):  # one that was not accepted yet is reset
                client.settimeout(WAIT_S)
                assert b"" == client.recv(1)
    assert [] == uncaught
    assert set(reasons(caplog)) <= {"the broker stops"}


async def test_drain_of_a_client_that_does_not_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A client that does not take its answers cannot hold up a stop."""
    async with living_broker(tmp_path / "log", settings_for_tests(drain_s_max=0.1)) as broker:
        await broker.directory.create_topic("t", 1, TopicSettings(max_message_bytes=2**25))
        broker.directory.partition("t", 0).append(batch("x" * 30_000_000))
        await broker.directory.flush()
        async with await WireClient.open(broker.port) as client:
            client.transport.pause_reading()
            client.send(fetch_frame(1, "t", (0, 0), bytes_max=2**25))
            await until(lambda: sum(broker.measurements.requests[ApiKey.FETCH].counts))
            await broker.drain()
            await until(lambda: broker.connections == 0)
    assert ["the broker stops, and the client did not take its answers"] == reasons(caplog)


def join_frame(member_id: str = "", version: int = 3) -> bytes:
    """A consumer joins the group."""
    return request_frame(
        ApiKey.JOIN_GROUP,
        version,
        1,
        group_id="g",
        session_timeout=600_000,
        rebalance_timeout=600_000,
        member_id=member_id,
        protocol_type="consumer",
        protocols=[{"name": "range", "metadata": b""}],
    )


def settings_of_slow_groups() -> BrokerSettings:
    """The first member of a group waits for others, for longer than any test."""
    groups = CoordinatorSettings(group=GroupSettings(initial_rebalance_delay_ms=600_000))
    return settings_for_tests(coordinator=groups)


async def test_a_member_that_leaves_and_hangs_up_while_it_joins(tmp_path: Path) -> None:
    """It is gone, though its turn to leave comes behind a join that is not answered yet."""
    async with living_broker(tmp_path / "log", settings_of_slow_groups()) as broker:
        async with await WireClient.open(broker.port) as client:
            client.send(join_frame(version=4))
            _, answer = await client.answer(ApiKey.JOIN_GROUP, 4)
            client.send(join_frame(answer.member_id, version=4))
            await until(lambda: broker.coordinator.describe("g").members)
            client.send(request_frame(ApiKey.LEAVE_GROUP, 1, 2, group_id="g", member_id=answer.member_id))
            client.send(request_frame(ApiKey.LEAVE_GROUP, 1, 3, group_id="g", member_id="nobody"))
        await until(lambda: not broker.coordinator.describe("g").members)


async def test_joining_while_it_stops(tmp_path: Path) -> None:
    """Who waits for a group is told at once to look for its coordinator again."""
    async with (
        living_broker(tmp_path / "log", settings_of_slow_groups()) as broker,
        await WireClient.open(broker.port) as client,
    ):
        client.send(join_frame())
        await until(broker.coordinator.groups)
        await broker.drain()
        _, answer = await client.answer(ApiKey.JOIN_GROUP, 3)
        assert ErrorCode.NOT_COORDINATOR == answer.error_code


async def test_change_under_way(tmp_path: Path) -> None:
    """A stop waits for the whole of a deletion under way, though its client has gone."""
    async with living_broker(tmp_path / "log", settings_for_tests(drain_s_max=0.0)) as broker:
        await broker.directory.create_topic("t", 1)
        async with await WireClient.open(broker.port) as client:
            await client.call(
                ApiKey.OFFSET_COMMIT,
                7,
                group_id="g",
                topics=[{"name": "t", "partitions": [{"partition_index": 0, "committed_offset": 0}]}],
            )
            async with broker.directory.topics._changing:
                client.send(request_frame(ApiKey.DELETE_TOPICS, 1, 5, topic_names=["t"], timeout=1000))
                await until(lambda: broker._admin._under_way)
                draining = asyncio.ensure_future(broker.drain())
                await until(lambda: broker.connections == 0)
            await draining
    async with living_broker(tmp_path / "log") as broker:
        assert ([], []) == (broker.directory.topics.names(), list(broker.coordinator.committed()))


async def test_address_in_use(tmp_path: Path) -> None:
    """An address that is taken is an OSError, and the data directory can be used again."""
    async with living_broker(tmp_path / "one") as broker:
        disk = PosixDisk()
        settings = settings_for_tests(port=broker.port)
        second = await Broker.open(tmp_path / "two", disk=disk, clock=SystemClock(), settings=settings)
        with pytest.raises(OSError, match="address already in use") as raised:
            await second.listen()
        assert errno.EADDRINUSE == raised.value.errno
        await second.close()
        async with living_broker(tmp_path / "two"):
            pass
        disk.close()


async def test_directory_in_use(tmp_path: Path) -> None:
    """Two brokers never share a data directory."""
    async with living_broker(tmp_path / "log"):
        disk = PosixDisk()
        with pytest.raises(DirectoryLockedError):
            await Broker.open(tmp_path / "log", disk=disk, clock=SystemClock(), settings=settings_for_tests())
        disk.close()


async def test_unreadable_offsets(tmp_path: Path) -> None:
    """Where the offsets cannot be opened the broker does not start, and lets go of the directory."""
    async with living_broker(tmp_path / "log"):
        pass
    (tmp_path / "log" / "groups" / "stranger.txt").write_text("not ours")
    disk = PosixDisk()
    for _ in range(2):
        with pytest.raises(Exception, match="stranger"):
            await Broker.open(tmp_path / "log", disk=disk, clock=SystemClock(), settings=settings_for_tests())
    disk.close()


async def test_advertised(tmp_path: Path) -> None:
    """Clients are told the address that is advertised, or the one that is listened on."""
    async with living_broker(tmp_path / "log") as broker, await WireClient.open(broker.port) as client:
        (told,) = (await client.call(ApiKey.METADATA, 1, topics=())).brokers
        assert ("127.0.0.1", broker.port) == (told.host, told.port)
    settings = settings_for_tests(advertised_host="gpu-7.example", advertised_port=1234)
    async with living_broker(tmp_path / "log", settings) as broker:
        async with await WireClient.open(broker.port) as client:
            (told,) = (await client.call(ApiKey.METADATA, 1, topics=())).brokers
            assert ("gpu-7.example", 1234) == (told.host, told.port)


async def test_clean_mark(tmp_path: Path) -> None:
    """A stop leaves clean marks: the next start has nothing to recover."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 1)
        async with await WireClient.open(broker.port) as client:
            records = [Record(None, b"v", (), 1_700_000_000_000)]
            await client.produce("t", 0, encode_batch(records))
    async with living_broker(tmp_path / "log") as broker:
        assert broker.directory.partition("t", 0).recovered.is_clean
