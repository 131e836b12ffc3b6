"""Whatever is sent: a value or a ProtocolError, in little time and memory, and nothing else ever."""

from __future__ import annotations

import functools
import os
import random
import tracemalloc
from collections.abc import Callable

import pytest

from eventlog.protocol import ApiKey, FrameAssembler, ProtocolError
from eventlog.protocol.reader import ELEMENTS_MAX
from tests.eventlog.protocol.oracle import BY_HAND
from tests.eventlog.protocol.request_bodies import Body, decode_body, decode_frame, random_bodies
from tests.eventlog.protocol.test_golden import FILES, frame

LONG = os.environ.get("GPUTAIL_LONG") == "1"
MUTATIONS = 1_000_000 if LONG else 4_000
LIES_A_BODY = 5_000 if LONG else 60
LIES = (
    b"\x7f\xff\xff\xff",
    b"\x80\x00\x00\x00",
    b"\xff\xff\xff\xff\x0f",
    b"\xff\xff\xff\xff\x07",
    b"\xff\xff\x7f",
)


def refusal(decode: Callable[[], object]) -> str:
    """What is said against the bytes, which is one line; nothing where they are read."""
    said = ""
    try:
        decode()
    except ProtocolError as error:
        said = str(error)
    assert "\n" not in said
    return said


def survives(api_key: ApiKey, version: int, data: bytes | bytearray) -> bool:
    """Whether it is read; a ProtocolError of one line is the only other outcome."""
    return not refusal(lambda: decode_body(api_key, version, data))


@pytest.fixture
def bodies(seed: int) -> list[Body]:
    return random_bodies(random.Random(seed))


def test_cut_off(bodies: list[Body]) -> None:
    """No request that was cut off is read, wherever it was."""
    for body in bodies:
        assert survives(body.api_key, body.version, body.data)
        for length in range(len(body.data)):
            assert not survives(body.api_key, body.version, body.data[:length])


def test_longer(bodies: list[Body]) -> None:
    """Records are not read from a request that goes on after its end; librdkafka sends such a Metadata."""
    for body in bodies:
        strict = body.api_key in BY_HAND and not (body.api_key is ApiKey.API_VERSIONS and body.version < 3)
        assert strict is not survives(body.api_key, body.version, body.data + b"\x00")


def test_every_byte_flipped(bodies: list[Body], seed: int) -> None:
    """A damaged byte makes another request or none."""
    rng = random.Random(seed)
    for body in bodies:
        spoilt = bytearray(body.data)
        for at in range(len(spoilt)):
            mask = rng.choice((0x01, 0x80, 0xFF))
            spoilt[at] ^= mask
            survives(body.api_key, body.version, spoilt)
            spoilt[at] ^= mask


def test_lying_lengths_and_counts(bodies: list[Body], seed: int) -> None:
    """The largest numbers, in the place of any others, take no memory."""
    rng = random.Random(seed)
    for body in bodies:
        survives(body.api_key, body.version, body.data)
    tracemalloc.start()
    try:
        for body in bodies:
            for _ in range(LIES_A_BODY):
                lying = with_a_lie(body.data, rng)
                tracemalloc.reset_peak()
                before, _ = tracemalloc.get_traced_memory()
                survives(body.api_key, body.version, lying)
                assert tracemalloc.get_traced_memory()[1] - before < 64 * 1024
    finally:
        tracemalloc.stop()


def with_a_lie(data: bytes, rng: random.Random) -> bytes:
    """The data with a lie over as many bytes, or in the place of one."""
    at, lie = rng.randrange(len(data) + 1), rng.choice(LIES)
    return data[:at] + lie + data[at + rng.choice((1, len(lie))) :]


def test_small_elements_in_great_number() -> None:
    """The most elements that a request may have, the smallest there are, cost no more than some megabytes."""
    topics = b"\x00\x01g" + ELEMENTS_MAX.to_bytes(4, "big") + b"\x00\x01t" + bytes(4)
    body = topics + (b"\x00\x01t" + bytes(4)) * (ELEMENTS_MAX - 1)
    tracemalloc.start()
    try:
        assert survives(ApiKey.OFFSET_FETCH, 1, body)
        assert tracemalloc.get_traced_memory()[1] < 8 * 1024 * 1024
    finally:
        tracemalloc.stop()
    assert not survives(
        ApiKey.OFFSET_FETCH, 1, body.replace(b"\x4e\x20", b"\x4e\x21") + b"\x00\x01t" + bytes(4)
    )


def mutated(data: bytes, rng: random.Random) -> bytes:
    """The data with a few accidents."""
    spoilt = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        at, size = rng.randrange(len(spoilt) + 1), rng.choice((1, 1, 2, 4, 5))
        match rng.randrange(5):
            case 0:
                spoilt[at : at + size] = rng.randbytes(size)
            case 1:
                spoilt[at:at] = rng.randbytes(size)
            case 2:
                del spoilt[at : at + size]
            case 3:
                spoilt[at : at + size] = rng.choice(LIES)
            case _:
                start = rng.randrange(len(spoilt) + 1)
                spoilt[at:at] = spoilt[start : start + rng.randrange(40)]
    return bytes(spoilt)


def test_mutations(bodies: list[Body], seed: int) -> None:
    """Requests of every API and version, and of real clients, spoilt in many ways at once."""
    rng = random.Random(seed)
    frames = [bytes(frame(path)) for path in FILES]
    outcomes = set()
    for _ in range(MUTATIONS // 2):
        body = rng.choice(bodies)
        outcomes.add(survives(body.api_key, body.version, mutated(body.data, rng)))
        spoilt = mutated(rng.choice(frames), rng)
        outcomes.add(not refusal(functools.partial(decode_frame, spoilt)))
    assert {True, False} == outcomes


def test_mutated_streams(seed: int) -> None:
    """A stream of frames that was spoilt ends in a ProtocolError, or goes on."""
    rng = random.Random(seed)
    whole = b"".join(len(data).to_bytes(4, "big") + data for data in map(frame, FILES))
    for _ in range(MUTATIONS // 20):
        refusal(functools.partial(read_stream, mutated(whole, rng), rng))


def read_stream(data: bytes, rng: random.Random) -> None:
    assembler, rest = FrameAssembler(2**16), memoryview(data)
    while rest:
        buffer = assembler.buffer()
        count = min(len(buffer), len(rest), rng.choice((1, 3, 50, 5000)))
        buffer[:count] = rest[:count]
        rest = rest[count:]
        for each in assembler.received(count):
            decode_frame(each)
