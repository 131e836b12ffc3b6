"""One connection: order, back-pressure, hostile and slow peers, and its end."""

from __future__ import annotations

import asyncio
import logging

import pytest

from eventlog.broker import connection
from eventlog.broker.connection import QUEUED_BYTES_MAX, REQUESTS_IN_FLIGHT_MAX, ConnectionState
from eventlog.broker.frame_memory import FrameMemory
from tests.eventlog.broker.listening import MALFORMED, Listener, listening, until
from tests.eventlog.broker.wire import WAIT_S, WireClient, framed


async def read(client: WireClient, size: int) -> bytes:
    async with asyncio.timeout(WAIT_S):
        return await client.reader.readexactly(size)


def reasons(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [vars(record)["reason"] for record in caplog.records if record.message == "a connection is closed"]


async def test_pipelined() -> None:
    """Requests that are sent without waiting are all answered, in their order."""
    async with listening(Listener()) as listener, await WireClient.open(listener.port) as client:
        client.send(b"".join(framed(b"request%d" % number) for number in range(10)))
        expected = b"".join(b"<request%d>" % number for number in range(10))
        assert expected == await read(client, len(expected))


async def test_byte_by_byte() -> None:
    """However a request is cut up on its way, it is the same request."""
    async with listening(Listener()) as listener, await WireClient.open(listener.port) as client:
        for byte in framed(b"in pieces") + framed(b"!at once!"):
            client.send(bytes([byte]))
            await client.writer.drain()
            await asyncio.sleep(0)
        assert b"<in pieces><!at once!>" == await read(client, 22)


async def test_order_of_answers() -> None:
    """An answer that is ready waits for that to an earlier request."""
    async with listening(Listener()) as listener, await WireClient.open(listener.port) as client:
        client.send(framed(b"hold one") + framed(b"!ready at once"))
        await until(lambda: len(listener.frames) == 2)
        listener.held.set()
        assert b"<hold one><!ready at once>" == await read(client, 26)


async def test_one_at_a_time() -> None:
    """A request is worked on after the answer to the one before has left."""
    async with listening(Listener()) as listener, await WireClient.open(listener.port) as client:
        client.send(framed(b"hold one") + framed(b"second one"))
        await until(lambda: len(listener.frames) == 2)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.reader.readexactly(1)
        listener.held.set()
        assert b"<hold one><second one>" == await read(client, 22)


async def test_too_many_in_flight() -> None:
    """With many requests unanswered nothing more is read; when they are answered, all goes on."""
    async with listening(Listener()) as listener, await WireClient.open(listener.port) as client:
        total = 4000
        request = framed(b"!" + b"x" * 99)
        client.send(framed(b"hold one"))
        client.send(request * total)
        await until(lambda: len(listener.frames) >= REQUESTS_IN_FLIGHT_MAX)
        await asyncio.sleep(0.05)
        # What one read had brought is taken still: 16 KiB of requests.
        assert len(listener.frames) < REQUESTS_IN_FLIGHT_MAX + 200
        listener.held.set()
        expected = b"<hold one>" + (b"<" + request[4:] + b">") * total
        assert expected == await read(client, len(expected))


async def test_too_many_bytes_in_flight() -> None:
    """Requests that wait to be worked on hold no more than their limit, and one request."""
    async with listening(Listener()) as listener, await WireClient.open(listener.port) as client:
        size = 100_000
        client.send(framed(b"hold one") + framed(b"x" * size) * 10)
        await until(lambda: sum(map(len, listener.frames)) >= QUEUED_BYTES_MAX)
        await asyncio.sleep(0.05)
        assert sum(map(len, listener.frames)) <= QUEUED_BYTES_MAX + size
        listener.held.set()
        await read(client, 10 + 10 * (size + 2))


async def test_client_that_does_not_read() -> None:
    """A client that does not read its answers is not read from; later it gets every one of them."""
    async with listening(Listener()) as listener, await WireClient.open(listener.port) as client:
        client.transport.pause_reading()
        total, size = 400, 100_000
        sending = asyncio.ensure_future(_send(client, framed(b"!" + b"x" * (size - 1)), total))
        await until(lambda: len(listener.frames) > 1)
        before = -1
        while before < len(listener.frames):
            before = len(listener.frames)
            await asyncio.sleep(0.1)
        assert len(listener.frames) < total
        client.transport.resume_reading()
        assert total * (size + 2) == len(await read(client, total * (size + 2)))
        await sending


async def _send(client: WireClient, data: bytes, times: int) -> None:
    for _ in range(times):
        client.send(data)
        await client.writer.drain()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (framed(MALFORMED), "nonsense"),
        (b"GET / HTTP/1.1\r\n\r\n", "the peer speaks HTTP: this port speaks the Kafka protocol"),
        (
            bytes.fromhex("16030100f8010000f4"),
            "the peer opens a TLS connection: this port speaks plain text",
        ),
        (b"\x7f\xff\xff\xff1234", "a frame claims 2147483647 bytes, more than the limit of 1048576"),
    ],
    ids=["malformed", "http", "tls", "too-large"],
)
async def test_not_our_protocol(data: bytes, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    """What is no request closes its connection, with one line in the log; others do not notice."""
    async with (
        listening(Listener()) as listener,
        await WireClient.open(listener.port) as other,
        await WireClient.open(listener.port) as client,
    ):
        client.send(data)
        assert await client.is_closed()
        assert [reason] == reasons(caplog)
        assert 1 == len(listener.rejections)
        other.send(framed(b"still here"))
        assert b"<still here>" == await read(other, 12)


async def test_after_a_malformed_request() -> None:
    """What follows a malformed request in the same bytes is not looked at."""
    async with listening(Listener()) as listener, await WireClient.open(listener.port) as client:
        client.send(framed(b"!first one") + framed(MALFORMED) + framed(b"!third one"))
        await until(lambda: listener.gone == 1)
        assert [b"!first one", MALFORMED] == listener.frames


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (OSError(5, "Input/output error"), "an answer could not be given: [Errno 5] Input/output error"),
        (ZeroDivisionError("a mistake"), "an error of the broker's own"),
    ],
    ids=["volume", "mistake"],
)
async def test_failed_work(failure: Exception, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    """A request that cannot be answered closes its connection; a mistake of ours is logged whole."""
    async with listening(Listener(failure=failure)) as listener:
        async with await WireClient.open(listener.port) as client:
            client.send(framed(b"question"))
            assert await client.is_closed()
        assert [reason] == reasons(caplog)
        traces = [record for record in caplog.records if record.exc_info]
        assert isinstance(failure, OSError) == (not traces)


async def test_refused() -> None:
    """A connection that is not wanted is closed at once."""
    async with listening(Listener(refusal="there are 7 connections already")) as listener:
        async with await WireClient.open(listener.port) as client:
            assert await client.is_closed()


async def test_hang_up_inside_a_request(caplog: pytest.LogCaptureFixture) -> None:
    """A client that goes in the middle of a request leaves a line in the log; nothing is done of it."""
    caplog.set_level(logging.INFO)
    async with listening(Listener()) as listener:
        async with await WireClient.open(listener.port) as client:
            client.send(framed(b"a whole request")[:-3])
            client.writer.write_eof()
            assert await client.is_closed()
        await until(lambda: listener.gone == 1)
        assert [] == listener.frames
        assert "a connection ended inside a request" in caplog.messages


async def test_gone_while_waiting() -> None:
    """The work for a client that has gone is given up."""
    async with listening(Listener()) as listener:
        async with await WireClient.open(listener.port) as client:
            client.send(framed(b"hold this") + framed(b"and this one"))
            await until(lambda: len(listener.frames) == 2)
        await until(lambda: listener.gone == 1)
        assert ConnectionState.CLOSING is listener.connections[0].state


async def test_drain() -> None:
    """A drained connection answers what it took, takes no more, and is closed in good order."""
    async with listening(Listener()) as listener, await WireClient.open(listener.port) as client:
        client.send(framed(b"hold one") + framed(b"second one"))
        await until(lambda: len(listener.frames) == 2)
        listener.connections[0].drain()
        client.send(framed(b"too late"))
        listener.held.set()
        assert b"<hold one><second one>" == await read(client, 22)
        assert await client.is_closed()
        assert 2 == len(listener.frames)


async def test_drain_with_requests_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that came too late do not cost the client the answers to those that came in time."""
    monkeypatch.setattr(connection, "LINGER_S", WAIT_S)
    async with listening(Listener()) as listener, await WireClient.open(listener.port) as client:
        client.send(framed(b"hold one"))
        client.send(framed(b"!" + b"x" * 9_999) * (REQUESTS_IN_FLIGHT_MAX + 200))
        await until(lambda: len(listener.frames) >= REQUESTS_IN_FLIGHT_MAX)
        listener.connections[0].drain()
        taken = len(listener.frames)
        assert taken < REQUESTS_IN_FLIGHT_MAX + 200
        listener.held.set()
        received = await asyncio.wait_for(client.reader.read(-1), WAIT_S)
        assert 10 + (taken - 1) * 10_002 == len(received)


async def test_client_that_does_not_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that was told the end, and stays, is left after a while."""
    monkeypatch.setattr(connection, "LINGER_S", 0.05)
    async with listening(Listener()) as listener, await WireClient.open(listener.port) as client:
        await until(lambda: listener.connections)
        listener.connections[0].drain()
        assert await client.is_closed()
        await until(lambda: listener.gone == 1)


async def test_queued_memory() -> None:
    """Requests of many clients that wait to be worked on hold no more than the bound together."""
    listener = Listener(memory=FrameMemory(500_000))
    async with listening(listener):
        clients = [await WireClient.open(listener.port) for _ in range(4)]
        for client in clients:
            client.send(framed(b"hold one") + framed(b"x" * 200_000))
        await until(lambda: listener.gone == 2)
        assert listener.memory.queued_bytes <= listener.memory.bytes_max
        listener.held.set()
        await until(lambda: listener.memory.queued_bytes == 0)
        for client in clients:
            client.transport.abort()


async def test_drain_idle() -> None:
    """Where nothing is under way, draining is closing."""
    async with listening(Listener()) as listener, await WireClient.open(listener.port) as client:
        await until(lambda: listener.connections)
        listener.connections[0].drain()
        assert await client.is_closed()


async def test_slow_frame() -> None:
    """A request that does not arrive whole in time is complained of, one that did is not."""
    async with listening(Listener()) as listener, await WireClient.open(listener.port) as client:
        loop = asyncio.get_running_loop()
        client.send(framed(b"a whole one") + framed(b"a part of it")[:-3])
        await until(lambda: listener.frames)
        connection = listener.connections[0]
        assert connection.complaint(loop.time(), 30, 600) is None
        late_s = loop.time() + 31
        assert "a request took longer than 30 s to arrive" == connection.complaint(late_s, 30, 600)
        client.send(b" it")
        await until(lambda: len(listener.frames) == 2)
        assert connection.complaint(late_s, 30, 600) is None


async def test_not_read_from() -> None:
    """A request that the broker itself does not read on is not held against the client."""
    async with listening(Listener()) as listener, await WireClient.open(listener.port) as client:
        client.send(framed(b"hold this") + framed(b"x" * QUEUED_BYTES_MAX) + framed(b"half of it")[:-3])
        await until(lambda: sum(map(len, listener.frames)) > QUEUED_BYTES_MAX)
        connection = listener.connections[0]
        await until(lambda: not connection._transport.is_reading())
        late_s = asyncio.get_running_loop().time() + 31
        assert connection.complaint(late_s, 30, 600) is None
        before_s = asyncio.get_running_loop().time()
        listener.held.set()
        await read(client, 11 + QUEUED_BYTES_MAX + 2)
        assert connection.complaint(before_s + 30, 30, 600) is None
        client.send(b" it")
        await read(client, 12)


async def test_gone_with_many_answers_left(caplog: pytest.LogCaptureFixture) -> None:
    """The answers to a client that has gone are thrown away, without a word for each."""
    async with listening(Listener()) as listener:
        async with await WireClient.open(listener.port) as client:
            client.send(framed(b"hold this") + framed(b"!at once") * 200)
            await until(lambda: len(listener.frames) == 201)
        listener.held.set()
        await until(lambda: listener.gone == 1)
        assert "socket.send() raised exception." not in caplog.messages


async def test_drained_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that takes its time over the last answers gets them all."""
    monkeypatch.setattr(connection, "LINGER_S", 0.02)
    async with listening(Listener()) as listener, await WireClient.open(listener.port) as client:
        client.transport.pause_reading()
        await until(lambda: listener.connections)
        transport, sent = listener.connections[0]._transport, 0
        while not transport.get_write_buffer_size():  # none of them may be left unread at the end
            client.send(framed(b"!" + b"x" * 900_000))
            sent += 1
            await until(lambda: len(listener.frames) == sent)  # noqa: B023  # called in this round only
        listener.connections[0].drain()
        await asyncio.sleep(0.2)
        client.transport.resume_reading()
        assert len(listener.frames) * 900_003 == len(await asyncio.wait_for(client.reader.read(-1), WAIT_S))


async def test_drained_but_not_taken() -> None:
    """Who does not take the last answers of a drain can still be closed at once."""
    async with listening(Listener()) as listener, await WireClient.open(listener.port) as client:
        client.transport.pause_reading()
        client.send(framed(b"!" + b"x" * 900_000) * 12)
        await until(
            lambda: listener.connections and listener.connections[0]._transport.get_write_buffer_size()
        )
        connection = listener.connections[0]
        connection.drain()
        await asyncio.sleep(0.05)
        assert 0 == listener.gone
        connection.close("too late")
        await until(lambda: listener.gone == 1)


async def test_idle() -> None:
    """A connection on which nothing moves is complained of, but not while its request is worked on."""
    async with listening(Listener()) as listener, await WireClient.open(listener.port) as client:
        await until(lambda: listener.connections)
        connection = listener.connections[0]
        late_s = asyncio.get_running_loop().time() + 601
        assert "nothing moved for 600 s" == connection.complaint(late_s, 30, 600)
        client.send(framed(b"hold this"))
        await until(lambda: listener.frames)
        await asyncio.sleep(0)
        assert connection.complaint(late_s + 100, 30, 600) is None


async def test_shared_memory() -> None:
    """Large requests of many clients that arrive in part hold no more than the bound, and all arrive."""
    bound = 200_000
    listener = Listener(memory=FrameMemory(bound))
    async with listening(listener):
        clients = [await WireClient.open(listener.port) for _ in range(8)]
        requests = [framed(b"!" + bytes([65 + number]) * 299_999) for number in range(8)]
        for client, request in zip(clients, requests, strict=True):
            client.send(request[:150_000])
        await until(lambda: listener.memory.held_bytes > bound)
        for client, request in zip(clients, requests, strict=True):
            client.send(request[150_000:])
        for client, request in zip(clients, requests, strict=True):
            assert b"<" + request[4:] + b">" == await read(client, len(request) - 2)
        assert 0 == listener.memory.held_bytes
        for client in clients:
            client.transport.abort()
