"""R5 and P4 at the broker: bits flip in a log at rest, and no client gets one of them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

from eventlog.protocol.error_codes import ErrorCode
from eventlog.storage.disk import Disk, PosixDisk
from tests.eventlog.broker.wire import WireClient
from tests.reliability.broker.address import Address
from tests.reliability.broker.clients import RetryingProducer, create_topic
from tests.reliability.broker.inside import broker_inside
from tests.reliability.broker.ledger import SentPartition
from tests.reliability.ledger import next_offset_of, split_batches

TOPIC = "flipped"
BATCHES = 60
VALUE_BYTES_MAX = 3000
FETCH_BYTES = 64 * 1024
"""Enough for the kernel to send from the file: what was not checked would go out as it is."""


def check_damaged_log(data_dir: Path, *, seed: int, flips: int) -> None:
    """So many flipped bits, one at a time: what is sent is what was acknowledged, but for one batch."""
    asyncio.run(_check_damaged_log(data_dir, Random(seed), flips), debug=False)


async def _check_damaged_log(data_dir: Path, rng: Random, flips: int) -> None:
    disk = PosixDisk()
    try:
        sent = await _write(data_dir, disk, rng)
        (path,) = (data_dir / "topics" / TOPIC / "0").glob("*.log")
        whole = path.read_bytes()
        for _ in range(flips):
            position, bit = rng.randrange(len(whole)), rng.randrange(8)
            damaged = bytearray(whole)
            damaged[position] ^= 1 << bit
            path.write_bytes(damaged)
            try:
                await _check_read(data_dir, disk, sent)
            except AssertionError as error:
                error.add_note(f"bit {bit} of byte {position} of {len(whole)} was flipped")
                raise
            path.write_bytes(whole)
    finally:
        disk.close()


async def _write(data_dir: Path, disk: Disk, rng: Random) -> SentPartition:
    async with broker_inside(data_dir, disk) as inside:
        async with await WireClient.open(inside.port) as client:
            await create_topic(client, TOPIC, 1)
        producer = RetryingProducer(
            Address(inside.port), TOPIC, 0, SentPartition(), rng, value_bytes_max=VALUE_BYTES_MAX
        )
        await producer.send(BATCHES)
    return producer.sent


async def _check_read(data_dir: Path, disk: Disk, sent: SentPartition) -> None:
    """Read everything; where a batch is refused, go on behind it."""
    stored = {
        batch.acked_offset: batch.stored_at(batch.acked_offset)
        for batch in sent.acked
        if batch.acked_offset is not None
    }
    end = max(next_offset_of(batch) for batch in stored.values())
    found: set[int] = set()
    async with broker_inside(data_dir, disk) as inside, await WireClient.open(inside.port) as client:
        offset = 0
        while offset < end:
            (answer,) = await client.fetch(TOPIC, (0, offset), bytes_max=FETCH_BYTES)
            if answer.error_code != ErrorCode.NONE:
                assert answer.error_code == ErrorCode.CORRUPT_MESSAGE, f"refused as {answer.error_code.name}"
                offset += 1
                continue
            for batch in split_batches(answer.records):
                base_offset = int.from_bytes(batch[:8], "big")
                assert stored.get(base_offset) == batch, f"altered bytes were sent, at offset {base_offset}"
                found.add(base_offset)
                offset = next_offset_of(batch)
    assert len(stored) - len(found) <= 1, f"one bit cost {len(stored) - len(found)} batches"
