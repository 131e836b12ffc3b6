"""Whole listings: bounded memory, back-pressure, clients that leave, do not read, or are too many."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest

from query.api.settings import ApiSettings
from tests.query.api.fleet import FIRST_ID
from tests.query.api.readers import LongReader, break_at
from tests.query.api.serving import Served, serving

PATH = f"/api/v1/gpus/{FIRST_ID}/telemetry"
ENDLESS = 10**9
ROOT = Path(__file__).parents[3]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that the server does by itself."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # the server tells nobody
            await asyncio.sleep(0.01)


@asynccontextmanager
async def begun(api: Served, *, accept: str = "application/json") -> AsyncGenerator[asyncio.StreamReader]:
    """A listing that was asked for, with the head of the answer read; the client leaves at the end."""
    reader, writer = await asyncio.open_connection(api.host, api.port, limit=4096)
    try:
        writer.write(f"GET {PATH} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n".encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        yield reader
    finally:
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def test_a_client_that_does_not_read_stops_the_reading_and_is_dropped() -> None:
    """Back-pressure reaches the store; after the idle time the connection and everything behind it end."""
    views = LongReader(ENDLESS)
    async with serving(views, ApiSettings(stream_idle_s_max=1.0)) as api, begun(api):
        await until(lambda: views.slices_read >= 1)
        assert 1 == api.app.stream_slots.taken
        await until(lambda: views.listings_closed == 1)
        assert views.slices_read < 20, "as much as the buffers of two sockets hold"
        assert 0 == api.app.stream_slots.taken
        await until(lambda: api.counts.broken_off == 1)


async def test_a_client_that_reads_slowly_is_kept() -> None:
    """There is no limit on the whole: who takes something within the idle time goes on."""
    views = LongReader(ENDLESS)
    loop = asyncio.get_running_loop()
    async with serving(views, ApiSettings(stream_idle_s_max=1.0)) as api:
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.setblocking(False)
            await loop.sock_connect(slow, (api.host, api.port))
            await loop.sock_sendall(slow, f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            began = time.monotonic()
            while time.monotonic() - began < 5.0:
                for _ in range(16):
                    assert await loop.sock_recv(slow, 2048)
                await asyncio.sleep(0.1)
            assert 1 == api.app.stream_slots.taken
        await until(lambda: api.app.stream_slots.taken == 0)


async def test_a_client_that_leaves_ends_the_reading() -> None:
    """Nobody reads a listing to its end for nobody."""
    views = LongReader(ENDLESS)
    async with serving(views) as api:
        async with begun(api) as reader:
            await reader.read(4096)
        await until(lambda: views.listings_closed == 1)
        assert 0 == api.app.stream_slots.taken


@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson"])
async def test_an_error_after_the_first_byte_breaks_the_body_off(
    accept: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The last chunk never comes: the client knows that it does not have everything. The log says why."""
    views = LongReader(ENDLESS)
    views.before_slice = break_at(3)
    async with serving(views) as api:
        with caplog.at_level(logging.WARNING, "query.api"):
            with pytest.raises(httpx.RemoteProtocolError):
                await api.get(PATH, headers={"Accept": accept})
        (record,) = [one for one in caplog.records if one.name == "query.api.entry_stream"]
        assert "the disk has gone" == record.__dict__["reason"]
        assert not record.exc_info
        async with begun(api, accept=accept) as reader:
            body = await reader.read(-1)
        assert not body.endswith(b"0\r\n\r\n")
        assert b"disk" not in body
        await until(lambda: api.counts.broken_off == 2)
        assert 0 == api.app.stream_slots.taken


async def test_an_error_before_the_first_byte_is_an_answer() -> None:
    """The first slice is read before the head is sent."""
    views = LongReader(ENDLESS)
    views.before_slice = break_at(0)
    async with serving(views) as api:
        answer = await api.get(PATH)
        assert (503, "the disk has gone") == (answer.status_code, answer.json()["detail"])


async def test_the_head_of_a_listing_needs_little_of_it() -> None:
    """The answer to HEAD ends with its headers, however long the listing is."""
    views = LongReader(ENDLESS)
    async with serving(views) as api:
        assert (200, b"") == ((head := await api.client.head(PATH)).status_code, head.content)
        await until(lambda: views.listings_closed == 1)
        assert views.slices_read < 3
        assert 0 == api.counts.broken_off


async def test_one_stream_too_many_is_429() -> None:
    """`Retry-After` says when to come back; pages are answered all the time; a place that is left is free."""
    views = LongReader(ENDLESS)
    async with serving(views, ApiSettings(streams_max=2, retry_after_s=3)) as api, begun(api):
        async with begun(api):
            answer = await api.get(PATH)
            assert (429, "3") == (answer.status_code, answer.headers["retry-after"])
            assert "urn:gputail:problem:too-many-streams" == answer.json()["type"]
            assert 200 == (await api.get(PATH, params={"limit": 10})).status_code
        await until(lambda: api.app.stream_slots.taken == 1)
        async with begun(api):
            assert 2 == api.app.stream_slots.taken


async def test_others_are_answered_while_listings_run() -> None:
    """The reader's thread takes turns."""

    async def drain(reader: asyncio.StreamReader) -> None:
        while await reader.read(2**16):
            pass

    async with serving(LongReader(ENDLESS)) as api, begun(api) as one, begun(api) as other:
        draining = [asyncio.ensure_future(drain(reader)) for reader in (one, other)]
        async with asyncio.timeout(20):
            for _ in range(10):
                assert 200 == (await api.get("/api/v1/pipeline")).status_code
        assert not any(task.done() for task in draining)
        for task in draining:
            task.cancel()
        await asyncio.gather(*draining, return_exceptions=True)


async def test_a_stop_breaks_off_what_does_not_end() -> None:
    """Running answers get their time; then the server is gone, and nothing of the listing is left."""
    views = LongReader(ENDLESS)
    async with serving(views, ApiSettings(stop_s_max=0.5)) as api, begun(api) as reader:
        began = time.monotonic()
        api.server.stop()
        last = b""
        with suppress(ConnectionResetError):
            while piece := await reader.read(2**16):
                last = piece
        assert not last.endswith(b"0\r\n\r\n")
        await until(lambda: views.listings_closed == 1)
        assert 0.4 < time.monotonic() - began < 20.0


async def test_a_stop_lets_short_answers_end() -> None:
    """A listing that ends in time is whole."""
    views = LongReader(20_000)
    async with serving(views) as api:
        asked = asyncio.ensure_future(api.get(PATH))
        await until(lambda: views.slices_read >= 1)
        api.server.stop()
        assert 20_000 == len((await asked).json()["items"])


# --- memory ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("entries", [1_000_000, pytest.param(10_000_000, marks=pytest.mark.long)])
def test_memory_does_not_grow_with_the_listing(entries: int) -> None:
    """In a process of its own: under 32 MiB more than before, the first byte within 200 ms, nothing lost."""
    program = [sys.executable, "-m", "tests.query.api.long_listing", str(entries)]
    with subprocess.Popen(
        program, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        said = json.loads(process.stdout.readline())
        with httpx.Client(base_url=said["url"], timeout=60) as client:
            for _ in range(5):
                assert 200 == client.get(PATH, params={"limit": 10_000}).status_code
            first_byte_ms: list[float] = []
            while len(first_byte_ms) < 5 or (min(first_byte_ms) >= 200 and len(first_byte_ms) < 100):
                began = time.perf_counter()
                with client.stream("GET", PATH, params={"end_time": "2026-11-22T10:00:00Z"}) as answer:
                    next(answer.iter_raw())
                    first_byte_ms.append((time.perf_counter() - began) * 1000)
            process.stdin.write("measure\n")
            process.stdin.flush()
            before = json.loads(process.stdout.readline())["rss_bytes"]
            with client.stream("GET", PATH, headers={"Accept": "application/x-ndjson"}) as answer:
                lines = sum(piece.count(b"\n") for piece in answer.iter_raw(2**16))
            process.stdin.write("measure\n")
            process.stdin.flush()
            peak = json.loads(process.stdout.readline())["peak_bytes"]
        process.stdin.close()
    print(
        f"{entries} entries: {(peak - before) / 2**20:.1f} MiB more, first byte {min(first_byte_ms):.1f} ms"
    )
    assert entries == lines
    assert peak - before < 32 * 2**20
    assert min(first_byte_ms) < 200, "a busy machine only ever adds"
