"""A proxy between clients and a broker that loses answers: it swallows one, and hangs up."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from random import Random

import attrs

from eventlog.protocol import ApiKey
from tests.reliability.broker.address import Address

LENGTH = struct.Struct(">i")
ASKED = struct.Struct(">hhi")
GONE = (OSError, asyncio.IncompleteReadError)


@attrs.define(eq=False)
class LossyProxy:
    """Passes whole frames on. `loss` is the chance with which an answer to a Produce request is lost.

    `on_produce` is told of each Produce request when it has been passed on.
    """

    address: Address
    rng: Random
    loss: float
    on_produce: Callable[[], None] = lambda: None
    lost: int = 0
    port: int = 0
    _tasks: set[asyncio.Task[None]] = attrs.field(factory=set)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client: a broker connection of its own, until either of them ends."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = self.address.current
        if port is None:
            return
        with suppress(*GONE):
            broker_reader, broker_writer = await asyncio.open_connection("127.0.0.1", port)
            produced: set[int] = set()
            try:
                ways = [
                    asyncio.ensure_future(self._pass_requests(reader, broker_writer, produced)),
                    asyncio.ensure_future(self._pass_answers(broker_reader, writer, produced)),
                ]
                try:
                    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for way in ways:
                        way.cancel()
                    await asyncio.gather(*ways, return_exceptions=True)
            finally:
                broker_writer.transport.abort()

    async def _pass_requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, produced: set[int]
    ) -> None:
        while True:
            frame = await _read_frame(reader)
            api_key, _, correlation_id = ASKED.unpack_from(frame, LENGTH.size)
            writer.write(frame)
            await writer.drain()
            if api_key == ApiKey.PRODUCE:
                produced.add(correlation_id)
                self.on_produce()

    async def _pass_answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, produced: set[int]
    ) -> None:
        while True:
            frame = await _read_frame(reader)
            (correlation_id,) = LENGTH.unpack_from(frame, LENGTH.size)
            if correlation_id in produced and self.rng.random() < self.loss:
                self.lost += 1
                return
            writer.write(frame)
            await writer.drain()

    async def end(self) -> None:
        """Hang up on everybody."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def lossy_proxy(address: Address, rng: Random, loss: float) -> AsyncIterator[LossyProxy]:
    """The proxy, listening on a port that stays while brokers come and go."""
    proxy = LossyProxy(address, rng, loss)
    server = await asyncio.start_server(proxy.connected, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.end()


async def _read_frame(reader: asyncio.StreamReader) -> bytes:
    """One frame, its length included."""
    head = await reader.readexactly(LENGTH.size)
    return head + await reader.readexactly(LENGTH.unpack(head)[0])
