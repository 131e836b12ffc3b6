"""Connections without a broker behind them: each request is answered when the test says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import attrs

from eventlog.broker.connection import Connection, Response, Work
from eventlog.broker.frame_memory import FrameMemory
from eventlog.broker.slots import Slot
from eventlog.protocol.errors import ProtocolError
from tests.eventlog.broker.wire import WAIT_S

MALFORMED = b"malformed"


@attrs.define(eq=False)
class Listener:
    """Takes requests: those that begin with `!` fill their slot at once, the others are worked on."""

    memory: FrameMemory = attrs.field(factory=lambda: FrameMemory(2**20))
    frame_bytes_max: int = 2**20
    refusal: str | None = None
    failure: Exception | None = None
    frames: list[bytes] = attrs.field(factory=list)
    held: asyncio.Event = attrs.field(factory=asyncio.Event)
    connections: list[Connection] = attrs.field(factory=list)
    gone: int = 0
    rejections: list[ProtocolError] = attrs.field(factory=list)
    port: int = 0

    def opened(self, connection: Connection) -> str | None:
        self.connections.append(connection)
        return self.refusal

    def closed(self, connection: Connection) -> None:
        self.gone += 1

    def take(self, connection: Connection, frame: bytearray, slot: Slot) -> Work | None:
        self.frames.append(bytes(frame))
        if frame.startswith(MALFORMED):
            raise ProtocolError("nonsense")
        if frame.startswith(b"!"):
            slot.fill(b"<" + bytes(frame) + b">")
            return None
        return partial(self.answer, bytes(frame))

    async def answer(self, frame: bytes) -> Response:
        if self.failure is not None:
            raise self.failure
        if frame.startswith(b"hold"):
            await self.held.wait()
        return b"<" + frame + b">"

    def rejected(self, error: ProtocolError) -> None:
        self.rejections.append(error)


@asynccontextmanager
async def listening(listener: Listener) -> AsyncIterator[Listener]:
    """The listener on a free port."""
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(listener, listener.memory, listener.frame_bytes_max), "127.0.0.1", 0
    )
    listener.port = server.sockets[0].getsockname()[1]
    try:
        yield listener
    finally:
        server.close()
        for connection in listener.connections:
            connection.close("the test is over")
        await until(lambda: listener.gone == len(listener.connections))


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that has no event of its own."""
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110  # see above
            await asyncio.sleep(0.002)
