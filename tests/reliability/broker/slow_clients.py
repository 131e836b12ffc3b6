"""R8: clients that are slow, stuck or do not listen. They wait, or go; nobody waits for them."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random

from eventlog.protocol import ApiKey
from eventlog.record.batch import encode_batch
from eventlog.record.record import Record
from tests.eventlog.broker.wire import WireClient, fetch_frame, produce_frame, request_frame
from tests.reliability.broker.clients import create_topic
from tests.reliability.broker.inside import broker_inside
from tests.reliability.disks.power_cut import ROOT, RecordingDisk

TOPIC = "slow"
LARGE_BYTES = 900_000
LARGE_BATCHES = 16
UNREAD_FETCHES = 60
STALLED = 6
STALLED_BYTES = 15 * 1024 * 1024
"""Together more than requests that arrive may hold."""
STALL_S = 0.5
ANSWER_S_MAX = 10.0
FRAME_BYTES = 16 * 1024 * 1024 - 1
PINGS = 200
PAIRS_MAX = 12
SLOWER_MAX = 2.0
NOTHING_S = 0.003
"""A latency below this is as good as none: a tick of the scheduler doubles less than that."""


def whole_frames() -> list[bytes]:
    """Requests that are answered at once, small and not so small; each with its place as its number."""
    batch = encode_batch([Record(b"key", b"value" * 10, (), 0)])
    return [
        request_frame(ApiKey.API_VERSIONS, 0, 0),
        request_frame(ApiKey.METADATA, 9, 1, topics=[{"name": TOPIC}]),
        produce_frame(2, TOPIC, 0, batch),
        fetch_frame(3, TOPIC, (0, 0), bytes_max=1),
    ]


async def check_split_frames(port: int) -> None:
    """Every frame, cut in two at every place: answered as if it had come whole."""
    async with await WireClient.open(port) as client:
        for number, frame in enumerate(whole_frames()):
            for at in range(1, len(frame)):
                client.send(frame[:at])
                await asyncio.sleep(0.001)
                client.send(frame[at:])
                correlation_id, _ = await client.receive()
                assert number == correlation_id


async def check_ragged_stream(port: int, rng: Random) -> None:
    """Many frames in pieces of any size: answered in order."""
    frames = whole_frames() * 25
    stream = b"".join(frames)
    async with await WireClient.open(port) as client:
        sending = asyncio.create_task(_send_ragged(client, stream, rng))
        answered = [(await client.receive())[0] for _ in frames]
        await sending
    assert [number % len(whole_frames()) for number in range(len(frames))] == answered


async def _send_ragged(client: WireClient, stream: bytes, rng: Random) -> None:
    while stream:
        size = rng.choice((1, 3, 50, 1000))
        client.send(stream[:size])
        stream = stream[size:]
        await asyncio.sleep(0)


async def dribble(port: int, every_s: float) -> None:
    """A request, a byte at a time; it is answered all the same."""
    async with await WireClient.open(port) as client:
        for byte in request_frame(ApiKey.API_VERSIONS, 0, 9):
            client.send(bytes([byte]))
            await asyncio.sleep(every_s)
        assert 9 == (await client.receive())[0]


# --- standing about ------------------------------------------------------------------------------


async def open_deaf(port: int, topic: str = TOPIC, offset: int = 0) -> WireClient:
    """A client that asks for megabytes, again and again, and does not read.

    At the end of a topic it asks for what comes, and does not read that.
    """
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
    client = WireClient(*await asyncio.open_connection(sock=raw))
    for number in range(UNREAD_FETCHES):
        client.send(fetch_frame(number, topic, (0, offset), wait_ms=60_000, bytes_max=2**24))
    client.reader._transport.pause_reading()  # type: ignore[attr-defined]  # streams have no other way
    return client


async def open_stuck(port: int, sent_bytes: int) -> WireClient:
    """A client that stops in the middle of a request."""
    client = await WireClient.open(port)
    client.send(struct.pack(">i", FRAME_BYTES) + bytes(sent_bytes))
    return client


async def fill_topic(port: int) -> None:
    """Some megabytes for those who do not read them."""
    async with await WireClient.open(port) as client:
        await create_topic(client, TOPIC, 1)
        batch = encode_batch([Record(None, bytes(LARGE_BYTES), (), 0)])
        for _ in range(LARGE_BATCHES):
            assert (await client.produce(TOPIC, 0, bytes(batch))).error_code == 0


@asynccontextmanager
async def crowd(port: int) -> AsyncIterator[None]:
    """A hundred clients of which none does what it should."""
    async with AsyncExitStack() as stack:
        for number in range(40):
            await stack.enter_async_context(await WireClient.open(port))
            await stack.enter_async_context(await open_stuck(port, number * 100))
        for _ in range(10):
            await stack.enter_async_context(await open_deaf(port))
        dribbling = [asyncio.create_task(dribble(port, 0.1)) for _ in range(10)]
        try:
            yield
        finally:
            for task in dribbling:
                task.cancel()
            await asyncio.gather(*dribbling, return_exceptions=True)


async def check_nobody_waits(port: int) -> None:
    """Requests that stall, and hold all the memory there is for requests, keep no other client waiting."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(await WireClient.open(port))
        for _ in range(STALLED):
            await stack.enter_async_context(await open_stuck(port, STALLED_BYTES))
        await asyncio.sleep(STALL_S)
        for _ in range(5):
            try:
                async with asyncio.timeout(ANSWER_S_MAX):
                    await client.call(ApiKey.API_VERSIONS, 0)
            except TimeoutError:
                raise AssertionError("a client waits for requests of others that stall") from None


def check_stalled_requests() -> None:
    """The same of a broker in this process."""
    asyncio.run(_check_stalled_requests(), debug=False)


async def _check_stalled_requests() -> None:
    async with broker_inside(ROOT / "data", RecordingDisk()) as inside:
        await check_nobody_waits(inside.port)


# --- what the others notice ----------------------------------------------------------------------


async def check_latency(port: int) -> None:
    """How long a client waits that does what it should, without the crowd and with it, in turn.

    The least p99 of each way counts, since a busy machine only ever adds; pairs are added until that of
    the crowd is at most twice the other, or there were many.
    """
    quiet_s, crowded_s = [], []
    for _ in range(PAIRS_MAX):
        quiet_s.append(await _p99(port))
        async with crowd(port):
            await asyncio.sleep(0.05)
            crowded_s.append(await _p99(port))
        if min(crowded_s) <= SLOWER_MAX * max(min(quiet_s), NOTHING_S):
            return
    raise AssertionError(
        f"others wait {min(crowded_s) * 1000:.1f} ms instead of {min(quiet_s) * 1000:.1f} ms (p99)"
    )


async def _p99(port: int) -> float:
    loop = asyncio.get_running_loop()
    waits_s = []
    async with await WireClient.open(port) as client:
        frame = request_frame(ApiKey.METADATA, 9, 1, topics=[{"name": TOPIC}])
        for _ in range(PINGS):
            began_s = loop.time()
            client.send(frame)
            await client.receive()
            waits_s.append(loop.time() - began_s)
    return sorted(waits_s)[-1 - PINGS // 100]
