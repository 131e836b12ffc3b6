"""R12: what a broker holds for consumers that stall on a long backlog, and for readers that do not read."""

from __future__ import annotations

from collections import deque
from contextlib import AsyncExitStack
from random import Random

import attrs

from eventlog.protocol import ApiKey
from eventlog.record.batch import encode_batch
from eventlog.record.record import Record
from tests.eventlog.broker.wire import WireClient, fetch_frame, produce_frame
from tests.reliability.broker.clients import create_topic
from tests.reliability.broker.resident import peak_mib, resident_mib
from tests.reliability.broker.slow_clients import open_deaf
from tests.reliability.ledger import next_offset_of, split_batches

TOPIC = "backlog"
BATCH_BYTES = 1_000_000
IN_FLIGHT = 8
FETCH_BYTES = 8 * 1024 * 1024
STALLED = 20
DEAF_LIVE = 20
READ_SHARE = 0.1
"""How much of the backlog a reader that works reads meanwhile."""


@attrs.frozen
class Memory:
    """The broker's resident MiB: the most there ever was, and at the ends of the rounds."""

    peak_mib: float
    rounds_mib: tuple[float, ...]

    def check(self, peak_mib_max: float, slope_mib_max: float) -> None:
        assert self.peak_mib < peak_mib_max, f"{self.peak_mib:.0f} MiB at most"
        middle = len(self.rounds_mib) // 2
        slope_mib = min(self.rounds_mib[middle:]) - min(self.rounds_mib[:middle])
        assert slope_mib < slope_mib_max, f"it grows: {[round(each) for each in self.rounds_mib]} MiB"


async def measure_memory(port: int, pid: int, *, backlog_bytes: int, rounds: int) -> Memory:
    """Write the backlog, let clients stall on it, go on writing and reading; so many rounds of it."""
    rng, batches, found = Random(0), backlog_bytes // BATCH_BYTES, []
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(await WireClient.open(port))
        await create_topic(client, TOPIC, 1)
        await _write(client, rng, batches)
        for number in range(STALLED):
            await stack.enter_async_context(await _open_stalled(port, number * batches // STALLED))
        for _ in range(DEAF_LIVE):
            await stack.enter_async_context(await open_deaf(port, TOPIC, batches))
        for _ in range(rounds):
            await _write(client, rng, max(batches // 20, 1))
            await _read(client, rng.randrange(batches), int(batches * READ_SHARE))
            found.append(resident_mib(pid))
    return Memory(peak_mib(pid), tuple(found))


async def _write(client: WireClient, rng: Random, batches: int) -> None:
    """Batches of 1 MB, several under way."""
    batch = bytes(encode_batch([Record(None, rng.randbytes(BATCH_BYTES - 200), (), 0)]))
    under_way: deque[int] = deque()
    for number in range(batches):
        client.send(produce_frame(number, TOPIC, 0, batch))
        under_way.append(number)
        if len(under_way) == IN_FLIGHT:
            await _take_answer(client, under_way)
    while under_way:
        await _take_answer(client, under_way)


async def _take_answer(client: WireClient, under_way: deque[int]) -> None:
    correlation_id, answer = await client.answer(ApiKey.PRODUCE, 9)
    assert under_way.popleft() == correlation_id
    assert 0 == answer.responses[0].partition_responses[0].error_code


async def _open_stalled(port: int, offset: int) -> WireClient:
    """A consumer that asks for more of the backlog than any buffer takes, and reads no more than one does."""
    return await open_deaf(port, TOPIC, offset)


async def _read(client: WireClient, offset: int, batches: int) -> None:
    """A consumer that works."""
    end = offset + batches
    while offset < end:
        client.send(fetch_frame(1, TOPIC, (0, offset), bytes_max=FETCH_BYTES))
        _, answer = await client.answer(ApiKey.FETCH, 12)
        found = split_batches(answer.responses[0].partitions[0].records or b"")
        if not found:
            return
        offset = next_offset_of(found[-1])
