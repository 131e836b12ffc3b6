"""Live readers that read slowly, or not at all, and the end of the server: nobody is waited for."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import attrs
import pytest

from query.api.settings import ApiSettings
from tests.query.api.fleet import FIRST_ID, Fleet
from tests.query.api.serving import Served, serving
from tests.query.api.sse import offsets, reading
from tests.query.api.test_live_streams import PATH, QUICK
from tests.query.api.test_streams import ROOT, until

READERS = 100
ROUNDS = 4_000
"""5 MB for each reader, of which the kernel takes some hundred kilobytes."""
IDLE = attrs.evolve(QUICK, stream_idle_s_max=0.5)


def asking(port: int, last_event_id: str) -> socket.socket:
    """A reader that has asked for everything after that id, and takes next to nothing."""
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.connect(("127.0.0.1", port))
    head = f"GET {PATH} HTTP/1.1\r\nHost: x\r\nLast-Event-ID: {last_event_id}\r\n\r\n"
    reader.sendall(head.encode())
    return reader


async def asking_here(port: int, last_event_id: str) -> socket.socket:
    """One that reads in this loop, whose time is the server's."""
    reader = await asyncio.to_thread(asking, port, last_event_id)
    reader.setblocking(False)
    return reader


async def rest_of(reader: socket.socket) -> bytes:
    """Everything up to the end; chunks are not told apart."""
    pieces = []
    while piece := await asyncio.get_running_loop().sock_recv(reader, 2**16):
        pieces.append(piece)
    return b"".join(pieces)


def dropped_id(text: bytes) -> str:
    """The id that the last words name."""
    found = re.search(rb"event: dropped\ndata: (\{.*\})\n\n\r\n0\r\n\r\n$", text)
    assert found is not None, text[-300:]
    last_event_id: str = json.loads(found[1])["last_event_id"]
    return last_event_id


async def test_a_reader_that_takes_nothing_is_dropped_with_an_id(caplog: pytest.LogCaptureFixture) -> None:
    """The log has the id; so has the reader, should it begin to read again: it goes on without a loss."""
    fleet = Fleet()
    fleet.add(ROUNDS)
    async with serving(fleet.reader(), IDLE) as api:
        with caplog.at_level(logging.WARNING, "query.api"):
            with await asking_here(api.port, "0:0") as reader:
                await until(lambda: api.app.live_streams.dropped == 1)
                await until(lambda: api.app.live_streams.open == 0)
                text = await rest_of(reader)
        last_event_id = dropped_id(text)
        assert last_event_id == re.findall(rb"^id: (.*)$", text, re.MULTILINE)[-1].decode()
        (record,) = [one for one in caplog.records if one.name == "query.api.live_stream"]
        assert (FIRST_ID, last_event_id) == (record.__dict__["gpu_id"], record.__dict__["last_event_id"])
        async with reading(api, PATH, last_event_id) as resumed:
            last = int(last_event_id.partition(":")[2].partition(",")[0].partition("@")[0])
            assert [last + 1, last + 2] == offsets(await resumed.records(2))


async def test_a_reader_that_never_reads_again_is_cut_off() -> None:
    """After another idle time, with whatever waits for it."""
    fleet = Fleet()
    fleet.add(ROUNDS)
    async with serving(fleet.reader(), IDLE) as api:
        with await asking_here(api.port, "0:0") as reader:
            await until(lambda: api.app.live_streams.dropped == 1)
            assert 1 == api.server.connection_count
            await until(lambda: api.server.connection_count == 0)
            text = await rest_of(reader)
            assert not text.endswith(b"0\r\n\r\n"), "the kernel's share, without an end"


async def test_a_slow_reader_is_kept() -> None:
    """Who takes something within the idle time is behind, and nothing else."""
    fleet = Fleet()
    fleet.add(ROUNDS)
    loop = asyncio.get_running_loop()
    async with serving(fleet.reader(), IDLE) as api:
        with await asking_here(api.port, "0:0") as reader:
            began_s = loop.time()
            while loop.time() - began_s < 2.0:
                for _ in range(16):
                    assert await loop.sock_recv(reader, 4096)
                await asyncio.sleep(0.1)
            assert (1, 0) == (api.app.live_streams.open, api.app.live_streams.dropped)


def asked(process: subprocess.Popen[str]) -> dict[str, int]:
    """How the server is doing."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    found: dict[str, int] = json.loads(process.stdout.readline())
    return found


def wait_for(process: subprocess.Popen[str], condition: Callable[[dict[str, int]], bool]) -> Any:
    deadline = time.monotonic() + 60
    while not condition(found := asked(process)):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def test_a_hundred_readers_that_do_not_read() -> None:
    """The server's memory is bounded, and all of them are dropped; in a process of its own."""
    program = [sys.executable, "-m", "tests.query.api.live_server", str(ROUNDS), "3"]
    with (
        subprocess.Popen(
            program, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process,
        ExitStack() as opened,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["port"]
        with asking(port, "0:0") as warm_up:
            assert warm_up.recv(2**16), "it is open, or was: nothing is read of it for longer than it may"
        wait_for(process, lambda found: found["open"] == 0)
        before = asked(process)
        for _ in range(READERS):
            opened.enter_context(asking(port, "0:0"))
        after = wait_for(
            process, lambda found: found["dropped"] - before["dropped"] == READERS and found["open"] == 0
        )
        process.stdin.close()
    more_bytes = after["peak_bytes"] - before["rss_bytes"]
    print(f"{READERS} readers that do not read: {more_bytes / 2**20:.1f} MiB more")
    assert more_bytes < 64 * 2**20


def does_not_take(api: Served) -> bool:
    """Whether the server waits for a reader, all buffers between the two being full."""
    return any(each.flow.write_paused for each in vars(api.server)["_server"].server_state.connections)


async def test_a_stop_ends_streams_at_once() -> None:
    """Whole, so that readers come back elsewhere; who does not read is not waited for."""
    fleet = Fleet()
    fleet.add(ROUNDS)
    settings = ApiSettings(live_poll_s=0.02, stop_s_max=60.0)
    async with serving(fleet.reader(), settings) as api:
        with await asking_here(api.port, "0:0"):
            async with reading(api, PATH) as following:
                await until(lambda: api.app.live_streams.open == 2)
                fleet.add(1)
                await following.records(1)
                await until(lambda: does_not_take(api))
                api.server.stop()
                with pytest.raises(StopAsyncIteration):
                    await following.next()
                await until(lambda: api.server.connection_count == 0)
