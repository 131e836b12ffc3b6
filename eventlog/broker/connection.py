"""One client's connection: frames in, responses out, in order, with back-pressure both ways.

Produce requests are taken as they arrive and answered when their flush is done. All others are worked
on one at a time, each after the answer to the one before has left; that costs no time, because
responses go out in order anyway, and it bounds what a client can have this process hold. While a
client does not read its responses, or has too much under way, nothing more is read from it.
"""

from __future__ import annotations

import asyncio
import enum
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Protocol, TypeAlias, cast

from eventlog.broker.file_sender import FileSender
from eventlog.broker.frame_memory import FrameMemory
from eventlog.broker.records import LogRecords
from eventlog.broker.slots import Slot, Slots
from eventlog.errors import EventLogError
from eventlog.protocol.errors import ProtocolError
from eventlog.protocol.fetch_response import FetchResponsePlan
from eventlog.protocol.frames import READ_AHEAD_BYTES, FrameAssembler

Response: TypeAlias = bytes | FetchResponsePlan[LogRecords]
Work: TypeAlias = Callable[[], Awaitable[Response]]

LINGER_S = 1.0
"""How long a client that was told the end may take to close."""
REQUESTS_IN_FLIGHT_MAX = 256
"""More requests than this without an answer, and the connection is not read from."""
QUEUED_BYTES_MAX = 256 * 1024
"""So many bytes of requests that wait to be worked on, and the connection is not read from."""

logger = logging.getLogger(__name__)


class ConnectionState(enum.Enum):
    """Where a connection stands. Nothing authenticates yet, so that each begins as AUTHENTICATED."""

    UNAUTHENTICATED = "unauthenticated"
    AUTHENTICATED = "authenticated"
    CLOSING = "closing"


class Requests(Protocol):
    """Who takes the requests, and is told of connections that come and go."""

    def opened(self, connection: Connection) -> str | None:
        """A connection was made; a reason if it must be closed."""
        ...

    def closed(self, connection: Connection) -> None:
        """A connection is gone."""
        ...

    def take(self, connection: Connection, frame: bytearray, slot: Slot) -> Work | None:
        """Take one request: fill its slot now or later, or return the work that gives the answer.

        ProtocolError closes the connection.
        """
        ...

    def rejected(self, error: ProtocolError) -> None:
        """A frame was refused, and its connection is being closed."""
        ...


class Farewell(partial[Awaitable[Response]]):
    """Work that others wait for: it is done also where the client hangs up before its turn has come."""


class Connection(asyncio.BufferedProtocol):
    """The asyncio protocol of one accepted connection. Times are the loop's, in seconds."""

    def __init__(self, requests: Requests, memory: FrameMemory, frame_bytes_max: int) -> None:
        self.host = "?"
        self.peer = "?"
        self.client_id = ""
        self.state = ConnectionState.AUTHENTICATED
        self.moved_s = 0.0
        """When bytes last came in, or an answer last went out."""
        self._requests = requests
        self._memory = memory
        self._frames = FrameAssembler(frame_bytes_max)
        self._frame_began_s: float | None = None
        self._slots = Slots(self._write)
        self._queue: deque[tuple[Slot, Work, int]] = deque()
        self._queued_bytes = 0
        self._worker: asyncio.Task[None] | None = None
        self._parting: asyncio.Task[None] | None = None
        self._is_working = False
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._sender: FileSender | None = None
        self._can_write = asyncio.Event()
        self._can_write.set()
        self._is_draining = False
        self._is_finished = False

    # --- asyncio.BufferedProtocol ------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = self._transport.get_extra_info("peername") or ("?", 0)
        self.host, self.peer = str(peer[0]), f"{peer[0]}:{peer[1]}"
        self._transport.set_write_buffer_limits(high=0)  # `_can_write` means: there is nothing unsent
        self._progress()
        reason = self._requests.opened(self)
        if reason is not None:
            self.close(reason)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002  # the signature is asyncio's
        self.state = ConnectionState.CLOSING
        if self._worker is not None:
            self._worker.cancel()
        if self._sender is not None:
            self._sender.close()
        farewells = [work for _, work, _ in self._queue if isinstance(work, Farewell)]
        if farewells:
            self._parting = self._loop.create_task(self._part(farewells))
        self._queue.clear()
        self._count_queued(-self._queued_bytes)
        self._memory.forget(self)
        self._requests.closed(self)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  # likewise
        return self._frames.buffer()

    def buffer_updated(self, nbytes: int) -> None:
        self._progress()
        if self._is_finished:
            return
        try:
            for frame in self._frames.received(nbytes):
                if self.state is ConnectionState.CLOSING:
                    return
                slot = self._slots.take()
                work = self._requests.take(self, frame, slot)
                if work is not None:
                    self._enqueue(slot, work, len(frame))
        except ProtocolError as error:
            self._requests.rejected(error)
            self.close(str(error))
            return
        self._watch_frame()
        if not self._may_read():
            self._transport.pause_reading()

    def eof_received(self) -> None:
        """The client has hung up: whatever it asked for, nobody waits for it."""
        if not self._frames.is_between_frames:
            logger.info(
                "a connection ended inside a request",
                extra={"action": "close", "peer": self.peer, "client_id": self.client_id},
            )

    def pause_writing(self) -> None:
        self._can_write.clear()
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._can_write.set()
        self._progress()
        self._resume_reading()

    # --- for the broker ----------------------------------------------------------------------

    def close(self, reason: str) -> None:
        """Close at once, for a reason that is worth a line in the log; the first one is told."""
        if self.state is not ConnectionState.CLOSING:
            self.state = ConnectionState.CLOSING
            logger.warning(
                "a connection is closed",
                extra={"action": "close", "peer": self.peer, "client_id": self.client_id, "reason": reason},
            )
        self._transport.abort()

    def drain(self) -> None:
        """Take no more requests, answer those that were taken, then close."""
        self._is_draining = True
        if self.state is not ConnectionState.CLOSING:
            self._transport.pause_reading()
            self._finish_if_done()

    def complaint(self, now_s: float, frame_s_max: float, idle_s_max: float) -> str | None:
        """Why the client has kept this connection waiting for too long; None where it has not."""
        began_s = self._frame_began_s
        if began_s is not None and self._transport.is_reading() and now_s - began_s > frame_s_max:
            return f"a request took longer than {frame_s_max:g} s to arrive"
        if now_s - self.moved_s > idle_s_max and not self._is_working:
            return f"nothing moved for {idle_s_max:g} s"
        return None

    # --- requests ----------------------------------------------------------------------------

    def _watch_frame(self) -> None:
        """Note since when a request has been arriving, and what it holds."""
        if self._frames.is_between_frames:
            self._frame_began_s = None
        elif self._frame_began_s is None:
            self._frame_began_s = self.moved_s
        self._memory.hold(self, self._frames.held_bytes - READ_AHEAD_BYTES)

    def _enqueue(self, slot: Slot, work: Work, size_bytes: int) -> None:
        self._queue.append((slot, work, size_bytes))
        self._count_queued(size_bytes)
        if self._memory.queued_bytes > self._memory.bytes_max:
            self.close("requests that wait to be worked on hold too much memory")
            return
        if self._worker is None:
            self._worker = self._loop.create_task(self._work())

    def _count_queued(self, size_bytes: int) -> None:
        self._queued_bytes += size_bytes
        self._memory.queued_bytes += size_bytes

    async def _work(self) -> None:
        try:
            while self._queue:
                slot, work, size_bytes = self._queue.popleft()
                self._is_working = True
                try:
                    response = await work()
                finally:
                    self._is_working = False
                await self._answer(slot, response)
                self._count_queued(-size_bytes)
                self._finish_if_done()
                self._resume_reading()
                if self._queue:  # the other connections' turn: answering may not have waited for anything
                    await asyncio.sleep(0)
        except ProtocolError as error:
            self._requests.rejected(error)
            self.close(str(error))
        except ConnectionError:  # the client has gone in the middle of an answer
            self._transport.abort()
        except (EventLogError, OSError) as error:
            self.close(f"an answer could not be given: {error}")
        except Exception:
            logger.exception("a request failed", extra={"action": "close", "peer": self.peer})
            self.close("an error of the broker's own")
        finally:
            self._worker = None

    async def _part(self, farewells: Iterable[Farewell]) -> None:
        """Do what nobody waits for an answer to; what cannot be done is let be."""
        for work in farewells:
            with suppress(ProtocolError, EventLogError, OSError):
                await work()

    # --- responses ---------------------------------------------------------------------------

    def _write(self, response: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(response)
            self._progress()
            self._finish_if_done()
            self._resume_reading()

    async def _answer(self, slot: Slot, response: Response) -> None:
        """Send it in its turn, and not before the client has read what went before."""
        try:
            await slot.turn()
            await self._can_write.wait()
            if isinstance(response, bytes):
                slot.fill(response)
                return
            for piece in response.pieces:
                await self._can_write.wait()  # there may be thousands, which are not to be held here
                if self._transport.is_closing():
                    return
                if isinstance(piece, bytes):
                    self._transport.write(piece)
                elif await self._send(piece) < piece.size_bytes:
                    self.close(f"{piece.name} came up short of what was promised")
                    return
                self._progress()
            slot.fill(None)
        finally:
            if not isinstance(response, bytes):
                _release(response)

    async def _send(self, records: LogRecords) -> int:
        if records.is_small:
            data = records.read()
            self._transport.write(data)
            return len(data)
        if self._sender is None:
            self._sender = FileSender(self._transport, self._progress)
        return await records.send(self._sender)

    def _progress(self) -> None:
        self.moved_s = self._loop.time()

    def _finish_if_done(self) -> None:
        """End a drained connection, once everything that it took is answered.

        Not by closing it: requests that have arrived and were not read would make the system reset it, and
        throw away the answers that are on their way. So the client is told the end, what it still sends is
        thrown away, and it closes.
        """
        if self._is_draining and not self._slots and not self._is_finished:
            self._is_finished = True
            if not self._transport.is_closing():
                try:
                    self._transport.write_eof()
                except OSError:  # the client has gone already
                    self._transport.abort()
                else:
                    self._transport.resume_reading()
                    self._loop.call_later(LINGER_S, self._linger)

    def _linger(self) -> None:
        """Leave a client that was told the end and stays; one that still takes its answers has time."""
        if self._transport.get_write_buffer_size() and not self._transport.is_closing():
            self._loop.call_later(LINGER_S, self._linger)
        else:
            self._transport.abort()

    # --- back-pressure -----------------------------------------------------------------------

    def _may_read(self) -> bool:
        return (
            self._can_write.is_set()
            and not self._is_draining
            and len(self._slots) < REQUESTS_IN_FLIGHT_MAX
            and self._queued_bytes < QUEUED_BYTES_MAX
            and self._memory.may_read(self, self._resume_reading)
        )

    def _resume_reading(self) -> None:
        if not self._transport.is_closing() and not self._transport.is_reading() and self._may_read():
            if self._frame_began_s is not None:
                self._frame_began_s = self._loop.time()  # it was not the client who kept it waiting
            self._transport.resume_reading()


def _release(plan: FetchResponsePlan[LogRecords]) -> None:
    for piece in plan.pieces:
        if isinstance(piece, LogRecords):
            piece.release()
