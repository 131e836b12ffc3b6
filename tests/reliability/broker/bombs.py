"""R8: batches that are small on the wire and large when somebody opens them.

The broker opens a batch in one case: ListOffsets asks for the first record at a time that lies in it.
"""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import Iterator
from random import Random
from typing import Any

import attrs

from eventlog.protocol import ApiKey
from eventlog.record.batch import encode_batch
from eventlog.record.checksum import crc32c
from eventlog.record.compression import Codec, compress
from eventlog.record.header import (
    CHECKSUM_START,
    CRC_START,
    HEADER_BYTES,
    LENGTH_OFFSET_BYTES,
    BatchHeader,
)
from eventlog.record.record import Record
from tests.eventlog.broker.wire import WireClient
from tests.reliability.broker.clients import create_topic

MIB = 1024 * 1024
UNPACKED_BYTES = 100 * MIB
RANDOM_BYTES = 130_000
"""Incompressible, so that the whole stays below the ratio that gives a bomb away."""
DENSE_RECORDS = 150_000
LATER_MS = 1_000
GOOD_S = 0.3
TIMES_MAX = 3


@attrs.frozen
class Blast:
    """What opening it did to others: the longest that another client waited."""

    name: str
    wait_s: float


def bombs(rng: Random) -> Iterator[tuple[str, bytes]]:
    """Batches with good checksums, below the largest size of a message."""
    unpacked = rng.randbytes(RANDOM_BYTES) + bytes(UNPACKED_BYTES)
    yield "zeros-zstd", _batch_of(Codec.ZSTD, compress(Codec.ZSTD, unpacked), 1)
    yield "zeros-lz4", _batch_of(Codec.LZ4, compress(Codec.LZ4, unpacked), 1)
    fast = zlib.compressobj(1, wbits=31)
    yield "zeros-gzip", _batch_of(Codec.GZIP, fast.compress(unpacked) + fast.flush(), 1)
    records = [Record(None, None, (), 0)] * (DENSE_RECORDS - 1) + [Record(None, None, (), LATER_MS)]
    yield "dense-zstd", bytes(encode_batch(records, codec=Codec.ZSTD))


def _batch_of(codec: Codec, packed: bytes, records: int) -> bytes:
    """A batch around what was packed by others."""
    header = attrs.evolve(
        BatchHeader.parse(encode_batch([Record(None, None, (), LATER_MS)])),
        batch_length=HEADER_BYTES - LENGTH_OFFSET_BYTES + len(packed),
        attributes=int(codec),
        last_offset_delta=records - 1,
        record_count=records,
    )
    batch = bytearray(header.pack() + packed)
    struct.pack_into(">I", batch, CHECKSUM_START, crc32c(memoryview(batch)[CRC_START:]))
    return bytes(batch)


async def set_off(port: int, name: str, bomb: bytes) -> Blast:
    """Store it, have the broker open it, and see how long another client waits meanwhile.

    The least of several times: a busy machine only ever adds.
    """
    async with await WireClient.open(port) as client:
        await create_topic(client, name, 1)
        outcome = await client.produce(name, 0, bomb)
        assert outcome.error_code == 0, f"{name}: {outcome}"
    waits_s: list[float] = []
    while not waits_s or (min(waits_s) > GOOD_S and len(waits_s) < TIMES_MAX):
        waits_s.append(await _set_off_once(port, name))
    return Blast(name, min(waits_s))


async def _set_off_once(port: int, name: str) -> float:
    async with await WireClient.open(port) as client, await WireClient.open(port) as other:
        opening = asyncio.create_task(_open(client, name))
        wait_s = 0.0
        loop = asyncio.get_running_loop()
        while not opening.done():
            began_s = loop.time()
            await other.call(ApiKey.API_VERSIONS, 0)
            wait_s = max(wait_s, loop.time() - began_s)
            await asyncio.sleep(0.005)
        answer = await opening
        assert 0 == answer.topics[0].partitions[0].error_code, f"{name}: {answer}"
        return wait_s


async def _open(client: WireClient, name: str) -> Any:
    wanted = {"partition_index": 0, "timestamp": LATER_MS}
    return await client.call(ApiKey.LIST_OFFSETS, 1, topics=[{"name": name, "partitions": [wanted]}])
