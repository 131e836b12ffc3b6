"""Connections: half-open requests, resting and too many connections, the end of the server."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import pytest

from query.api.app import create_app
from query.api.server import ApiServer
from query.api.settings import ApiSettings
from tests.query.api.fleet import FIRST_ID, Fleet
from tests.query.api.readers import LongReader
from tests.query.api.serving import Served, serving
from tests.query.api.test_streams import ENDLESS, begun, until

QUICK = ApiSettings(request_s_max=0.5, keep_alive_s=0.5, stream_idle_s_max=0.5)
WHOLE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
HALF_HEAD = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
HALF_BODY = b"GET /health/live HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"
HALF_CHUNK = b"POST /health/live HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"


def fleet() -> Fleet:
    made = Fleet()
    made.add(3)
    return made


@asynccontextmanager
async def connected(
    api: Served, data: bytes = b""
) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A plain connection that has sent something."""
    reader, writer = await api.raw()
    try:
        writer.write(data)
        await writer.drain()
        yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def read_all(reader: asyncio.StreamReader, seconds: float = 30.0) -> bytes:
    """Everything up to the end of the connection, which is a reset for a client that goes on sending."""
    got = b""
    async with asyncio.timeout(seconds):
        with suppress(ConnectionResetError):
            while piece := await reader.read(2**16):  # at once: a reset takes what was not read
                got += piece
    return got


def open_connections(api: Served) -> int:
    """As the server counts them."""
    return api.server.connection_count


async def answer(reader: asyncio.StreamReader) -> bytes:
    """One answer of a resting connection, with a body of known length."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return head + await reader.readexactly(int(length.partition(b":")[2]))


# --- half-open requests ----------------------------------------------------------------------------


@pytest.mark.parametrize("data", [HALF_HEAD, HALF_BODY, HALF_CHUNK, WHOLE + HALF_HEAD, b"G"])
async def test_a_request_that_does_not_arrive_whole_is_408(data: bytes) -> None:
    """Head or body, the first request of a connection or a later one; then the connection is closed."""
    began = time.monotonic()
    async with serving(fleet().reader(), QUICK) as api, connected(api, data) as (reader, _):
        got = await read_all(reader)
        assert 0.4 < time.monotonic() - began < 20.0
        *_, last = got.split(b"HTTP/1.1 ")
        assert last.startswith(b"408 Request Timeout\r\n")
        assert b"content-type: application/problem+json" in last
        assert b"the request did not arrive within 0.5 s" in last
        await until(lambda: open_connections(api) == 0)


@pytest.mark.parametrize("data", [b"", WHOLE])
async def test_a_resting_connection_is_closed_without_a_word(data: bytes) -> None:
    """Before the first request, and between two."""
    async with serving(fleet().reader(), QUICK) as api, connected(api, data) as (reader, _):
        if data:
            assert (await answer(reader)).startswith(b"HTTP/1.1 200 ")
        assert b"" == await read_all(reader)


async def test_dripping_bytes_gain_no_time() -> None:
    """The deadline is of the request as a whole: one byte now and then does not keep it open."""
    async with serving(fleet().reader(), QUICK) as api, connected(api, HALF_HEAD) as (reader, writer):

        async def drip() -> None:
            while True:
                writer.write(b"X-A: b\r\n")
                await asyncio.sleep(0.05)

        dripping = asyncio.ensure_future(drip())
        began = time.monotonic()
        assert b"408 Request Timeout" in await read_all(reader)
        assert time.monotonic() - began < 20.0
        dripping.cancel()


async def test_a_request_may_come_byte_by_byte() -> None:
    """As long as it is whole in time."""
    async with serving(fleet().reader()) as api, connected(api) as (reader, writer):
        for _ in range(2):
            for at in range(len(WHOLE)):
                writer.write(WHOLE[at : at + 1])
                await writer.drain()
            assert (await answer(reader)).endswith(b'{"live":true}')


async def test_an_answer_may_take_longer_than_a_request() -> None:
    """The deadline ends with the request's last byte; and requests may be sent ahead."""
    views = LongReader(20_000)
    views.before_slice = lambda _: time.sleep(0.6)
    path = f"/api/v1/gpus/{FIRST_ID}/telemetry"
    async with serving(views, QUICK) as api:
        ask = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        async with connected(api, ask + WHOLE) as (reader, _):
            got = await read_all(reader)
            first, second = got.split(b"HTTP/1.1 200 OK")[1:]
            assert first.endswith(b"}\r\n0\r\n\r\n")
            assert second.endswith(b'{"live":true}')


async def test_half_open_connections_keep_nobody_out() -> None:
    """Others are answered meanwhile."""
    async with serving(fleet().reader()) as api:
        async with connected(api, HALF_HEAD), connected(api, HALF_BODY), connected(api):
            assert 200 == (await api.get("/api/v1/gpus")).status_code


async def test_a_client_that_reads_nothing_cannot_keep_a_closing_connection() -> None:
    """What is written and not read is thrown away after the idle time."""
    views = LongReader(20_000)
    async with serving(views, QUICK) as api:
        ask = f"GET /api/v1/gpus/{FIRST_ID}/telemetry HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect((api.host, api.port))
        slow.sendall(ask.encode())
        await until(lambda: open_connections(api) == 1)
        await until(lambda: open_connections(api) == 0)
        slow.close()


@pytest.mark.parametrize("asked", [1, 3])
async def test_a_client_that_has_said_everything_gets_its_answers(asked: int) -> None:
    """It has shut its writing side down: what it asked for comes, then the connection ends."""
    async with serving(fleet().reader()) as api, connected(api, WHOLE * asked) as (reader, writer):
        writer.write_eof()
        got = await read_all(reader)
        assert asked == got.count(b'{"live":true}')
        assert got.endswith(b'{"live":true}')
        await until(lambda: open_connections(api) == 0)


@pytest.mark.parametrize("data", [b"", HALF_HEAD, HALF_BODY])
async def test_a_client_that_stops_in_the_middle_is_closed(data: bytes) -> None:
    """At once: the rest of the request cannot come."""
    async with serving(fleet().reader()) as api, connected(api, data) as (reader, writer):
        writer.write_eof()
        assert b"" == await read_all(reader, 5.0)
        await until(lambda: open_connections(api) == 0)


async def test_a_client_that_closes_in_the_middle_of_a_listing_ends_it() -> None:
    """A plain close looks like a client that has said everything, until it is written to."""
    views = LongReader(ENDLESS)
    async with serving(views) as api:
        with socket.create_connection((api.host, api.port)) as plain:
            plain.sendall(f"GET /api/v1/gpus/{FIRST_ID}/telemetry HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await until(lambda: views.listings_closed == 1)
        assert 0 == api.app.stream_slots.taken


@pytest.mark.parametrize(
    ("target", "status"), [("http://x/health/live", 200), ("HTTP://x:80/health/live", 200), ("http://x", 200)]
)
async def test_a_target_may_have_a_scheme_and_a_host(target: str, status: int) -> None:
    """As a client sends it that takes the API for a proxy."""
    async with serving(fleet().reader()) as api:
        ask = f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        async with connected(api, ask) as (reader, _):
            assert (await answer(reader)).startswith(f"HTTP/1.1 {status} ".encode())


# --- heads -----------------------------------------------------------------------------------------


async def test_a_head_without_an_end_is_431() -> None:
    """As soon as it is too large."""
    async with serving(fleet().reader(), ApiSettings(head_bytes_max=8192)) as api:
        async with connected(api, HALF_HEAD + b"X-A: " + b"a" * 9000) as (reader, _):
            got = await read_all(reader)
            assert got.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
            assert b"the head has more than 8192 bytes" in got


async def test_hostile_bytes_end_their_connection_only() -> None:
    """Whatever they are."""
    async with serving(fleet().reader()) as api:
        for data in (
            b"\x00" * 100,
            b"GET\r\n\r\n",
            b"GET / HTTP/one\r\n\r\n",
            b"GET / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        ):
            async with connected(api, data) as (reader, _):
                assert (await read_all(reader)).startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert 200 == (await api.get("/health/live")).status_code


# --- too many --------------------------------------------------------------------------------------


async def test_the_connection_that_waits_longest_makes_room() -> None:
    """Whoever opens many and says nothing keeps nobody out."""
    async with serving(fleet().reader(), ApiSettings(connections_max=3)) as api:
        async with connected(api) as first, connected(api, HALF_HEAD) as second, connected(api) as third:
            await until(lambda: open_connections(api) == 3)
            async with connected(api, WHOLE) as (reader, _):
                assert (await answer(reader)).startswith(b"HTTP/1.1 200 ")
                with suppress(ConnectionResetError):
                    assert b"" == await read_all(first[0])
                assert not second[0].at_eof()
                assert not third[0].at_eof()


async def test_where_all_are_being_answered_the_next_is_503() -> None:
    """A problem with `Retry-After`; a place that is left is free."""
    async with serving(LongReader(ENDLESS), ApiSettings(connections_max=2, retry_after_s=4)) as api:
        async with begun(api):
            async with begun(api), connected(api, WHOLE) as (reader, _):
                got = await read_all(reader)
                assert got.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
                assert b"retry-after: 4\r\n" in got
                assert b"too many connections" in got
            await until(lambda: open_connections(api) == 1)
            async with connected(api, WHOLE) as (reader, _):
                assert (await answer(reader)).startswith(b"HTTP/1.1 200 ")


# --- the server ------------------------------------------------------------------------------------


async def test_a_taken_port_is_an_error_of_bind() -> None:
    """Before anything is served; the caller decides what to do."""
    async with serving(fleet().reader()) as api:
        other = ApiServer(api.app, ApiSettings(), host=api.host, port=api.port)
        with pytest.raises(OSError, match="in use"):
            other.bind()


async def test_the_server_leaves_signals_alone() -> None:
    """They are the process's."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    async with serving(fleet().reader()) as api:
        assert 200 == (await api.get("/health/live")).status_code
        assert before == {number: signal.getsignal(number) for number in before}


@pytest.mark.parametrize("data", [b"", HALF_HEAD, HALF_BODY, WHOLE])
async def test_a_stop_does_not_wait_for_clients_that_say_nothing(data: bytes) -> None:
    """Resting and half-open connections are closed."""
    settings = ApiSettings(stop_s_max=1.0)
    server = ApiServer(create_app(settings, fleet().reader()), settings, host="127.0.0.1", port=0)
    host, port = server.bind()
    serving_task = asyncio.ensure_future(server.serve())
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(data)
    await until(lambda: server.connection_count == 1)
    began = time.monotonic()
    server.stop()
    await serving_task
    assert time.monotonic() - began < 8.0, "not when the request's time has passed, after 10 s"
    assert not server.is_serving
    await read_all(reader)
    writer.close()


async def test_a_cancelled_server_stops() -> None:
    """Cancelling `serve` is a stop: the port is free afterwards."""
    app = create_app(ApiSettings(), fleet().reader())
    server = ApiServer(app, ApiSettings(), host="127.0.0.1", port=0)
    host, port = server.bind()
    task = asyncio.ensure_future(server.serve())
    await until(lambda: server.is_serving)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(host, port)
