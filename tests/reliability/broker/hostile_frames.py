"""R8: frames that mean harm. A broker answers or hangs up, keeps its memory, and goes on."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Sequence
from random import Random

from eventlog.protocol import OFFERED, ApiKey, is_flexible
from eventlog.record.batch import encode_batch
from eventlog.record.record import Record
from tests.eventlog.broker.wire import CLIENT_ID, WireClient, framed, produce_frame
from tests.eventlog.protocol.request_bodies import random_body
from tests.reliability.broker.inside import broker_inside
from tests.reliability.disks.power_cut import ROOT, RecordingDisk

LENGTH_BYTES = 4
CONNECTIONS = 8
ANSWER_S_MAX = 0.02
"""Most of what is sent has an answer or an end by then; what has not may be left waiting."""
CLOSE_S_MAX = 10.0
FRAME_BYTES_MAX = 16 * 1024 * 1024
COUNTS = (
    *(struct.pack(">i", number) for number in (2**31 - 1, -1, -(2**31), 2**24)),
    b"\xff\xff\xff\xff\x0f",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\x7f\xff",
)
"""What a length or a count may claim: fixed, and as a variable-length number."""


def random_frame(rng: Random) -> bytes:
    """A well-formed request of any offered API and version, or one that brings records."""
    if rng.random() < 0.15:
        records = [Record(None, rng.randbytes(rng.randrange(60)), (), 0) for _ in range(rng.randrange(1, 4))]
        return produce_frame(1, "hostile", 0, encode_batch(records), acks=rng.choice((-1, 0, 1)))
    api_key = rng.choice(list(OFFERED))
    version = rng.randint(OFFERED[api_key].oldest, OFFERED[api_key].newest)
    header = struct.pack(">hhih", api_key, version, rng.getrandbits(31), len(CLIENT_ID)) + CLIENT_ID.encode()
    if is_flexible(api_key, version):
        header += b"\x00"
    return framed(header + random_body(api_key, version, rng))


def flipped(rng: Random, body: bytearray) -> None:
    for _ in range(rng.choice((1, 1, 2, 8))):
        body[rng.randrange(len(body))] ^= 1 << rng.randrange(8)


def overcounted(rng: Random, body: bytearray) -> None:
    count = rng.choice(COUNTS)
    at = rng.randrange(len(body))
    body[at : at + len(count)] = count


def cut(rng: Random, body: bytearray) -> None:
    del body[rng.randrange(len(body)) :]


def grown(rng: Random, body: bytearray) -> None:
    at = rng.randrange(len(body))
    body[at:at] = rng.randbytes(rng.choice((1, 4, 100, 3000)))


def zeroed(rng: Random, body: bytearray) -> None:
    at = rng.randrange(len(body))
    body[at : at + 8] = bytes(8)


def noise(rng: Random, body: bytearray) -> None:
    body[:] = rng.randbytes(len(body))


def another_api(rng: Random, body: bytearray) -> None:
    body[:LENGTH_BYTES] = struct.pack(">hh", rng.randrange(-1, 80), rng.randrange(-1, 20))[:LENGTH_BYTES]


SPOILERS: Sequence[Callable[[Random, bytearray], None]] = (
    flipped,
    overcounted,
    overcounted,
    cut,
    grown,
    zeroed,
    noise,
    another_api,
)


def hostile_frame(rng: Random) -> bytes:
    """A request that was spoilt; now and then its length is too."""
    body = bytearray(random_frame(rng)[LENGTH_BYTES:])
    rng.choice(SPOILERS)(rng, body)
    frame = bytearray(framed(bytes(body)))
    if rng.random() < 0.05:
        frame[rng.randrange(LENGTH_BYTES)] ^= 1 << rng.randrange(8)
    return bytes(frame)


async def send_hostile_frames(port: int, rng: Random, frames: int) -> None:
    """Send so many over connections that are soon left, several at once."""
    each = -(-frames // CONNECTIONS)
    await asyncio.gather(*(_send_some(port, Random(rng.random()), each) for _ in range(CONNECTIONS)))


async def _send_some(port: int, rng: Random, frames: int) -> None:
    while frames > 0:
        async with await WireClient.open(port) as client:
            for _ in range(min(rng.choice((1, 1, 3)), frames)):
                client.send(hostile_frame(rng))
                frames -= 1
            try:
                async with asyncio.timeout(ANSWER_S_MAX):
                    await client.reader.read(LENGTH_BYTES)
            except (TimeoutError, ConnectionError):
                continue


async def check_bad_lengths(port: int) -> None:
    """A frame that claims what no request may is refused on its first four bytes."""
    for claim in (FRAME_BYTES_MAX + 1, 2**31 - 1, -1, -(2**31), 0, 7):
        await _check_refused(port, struct.pack(">i", claim), f"a frame of {claim} bytes")
    await _check_refused(port, b"GET / HTTP/1.1\r\n\r\n", "HTTP")
    await _check_refused(port, bytes.fromhex("160301020001"), "TLS")


async def _check_refused(port: int, data: bytes, what: str) -> None:
    async with await WireClient.open(port) as client:
        client.send(data)
        try:
            async with asyncio.timeout(CLOSE_S_MAX):
                is_closed = await client.is_closed()
        except TimeoutError:
            is_closed = False
        assert is_closed, f"{what} is not refused"


def check_frame_limits() -> None:
    """The same of a broker in this process."""
    asyncio.run(_check_frame_limits(), debug=False)


async def _check_frame_limits() -> None:
    async with broker_inside(ROOT / "data", RecordingDisk()) as inside:
        await check_bad_lengths(inside.port)
        await check_alive(inside.port)


async def check_alive(port: int) -> None:
    """A client that means no harm is answered."""
    async with await WireClient.open(port) as client:
        answer = await client.call(ApiKey.API_VERSIONS, 0)
        assert len(OFFERED) == len(answer.api_keys)
