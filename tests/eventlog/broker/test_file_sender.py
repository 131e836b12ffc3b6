"""Files on their way to a socket: all of it, in parts as the client reads, and an end whenever it comes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest

from eventlog.broker.file_sender import FileSender
from tests.eventlog.broker.listening import until
from tests.eventlog.broker.wire import WAIT_S

SIZE = 20_000_000
"""More than the buffers of both sockets take."""


@attrs.define
class Pair:
    """A sender and the file that it sends, and the client at the other end."""

    sender: FileSender
    transport: asyncio.Transport
    file_fd: int
    reader: asyncio.StreamReader
    parts: list[int]


@asynccontextmanager
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(1000) * (SIZE // 1000))
    accepted: asyncio.Future[asyncio.Transport] = asyncio.get_running_loop().create_future()

    class Server(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            accepted.set_result(transport)

    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), limit=2**16)
    transport = await accepted
    file_fd = os.open(path, os.O_RDONLY)
    parts: list[int] = []
    sender = FileSender(transport, lambda: parts.append(1))
    try:
        yield Pair(sender, transport, file_fd, reader, parts)
    finally:
        sender.close()
        transport.abort()
        writer.transport.abort()
        server.close()
        os.close(file_fd)
        await asyncio.sleep(0)


async def test_all_of_it(tmp_path: Path) -> None:
    """A stretch arrives whole, in as many parts as the client's reading makes it."""
    async with pair(tmp_path) as made, asyncio.timeout(WAIT_S):
        sending = asyncio.ensure_future(made.sender.send(made.file_fd, 500, SIZE - 500))
        received = await made.reader.readexactly(SIZE - 500)
        assert SIZE - 500 == await sending
        assert (tmp_path / "file").read_bytes()[500:] == received
        assert len(made.parts) > 1


async def test_one_after_another(tmp_path: Path) -> None:
    """Stretches arrive in the order in which they were sent, mixed with what the transport writes."""
    async with pair(tmp_path) as made, asyncio.timeout(WAIT_S):
        made.transport.write(b"<")
        assert 10 == await made.sender.send(made.file_fd, 0, 10)
        made.transport.write(b">")
        assert 5 == await made.sender.send(made.file_fd, 3, 5)
        data = (tmp_path / "file").read_bytes()
        assert b"<" + data[:10] + b">" + data[3:8] == await made.reader.readexactly(17)


async def test_short_file(tmp_path: Path) -> None:
    """A file that ends before the stretch does says how much there was."""
    async with pair(tmp_path) as made, asyncio.timeout(WAIT_S):
        assert 100 == await made.sender.send(made.file_fd, SIZE - 100, 5000)
        assert 100 == len(await made.reader.readexactly(100))


async def test_client_gone(tmp_path: Path) -> None:
    """A client that goes while it is sent to is an OSError, whether before the first byte or later."""
    async with pair(tmp_path) as made, asyncio.timeout(WAIT_S):
        made.reader._transport.pause_reading()  # type: ignore[attr-defined]
        sending = asyncio.ensure_future(made.sender.send(made.file_fd, 0, SIZE))
        await until(lambda: made.parts)
        made.reader._transport.abort()  # type: ignore[attr-defined]
        with pytest.raises(ConnectionError):
            await sending
        with pytest.raises(ConnectionError):
            await made.sender.send(made.file_fd, 0, SIZE)


@pytest.mark.parametrize("closes_first", [True, False])
async def test_given_up(tmp_path: Path, *, closes_first: bool) -> None:
    """A sender is closed while it waits: nothing is left in the loop, and closing again is nothing."""
    async with pair(tmp_path) as made, asyncio.timeout(WAIT_S):
        made.reader._transport.pause_reading()  # type: ignore[attr-defined]
        sending = asyncio.ensure_future(made.sender.send(made.file_fd, 0, SIZE))
        before = -1
        while before < len(made.parts):
            before = len(made.parts)
            await asyncio.sleep(0.02)
        if closes_first:
            made.sender.close()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        made.sender.close()
        made.sender.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            await made.sender.send(made.file_fd, 0, 1)
