"""CPU of a streamer for each event, at 100,000 events/s and as fast as it can.

The source is the sample that comes with the package, looped without a pause; the broker is a process of
its own, and not counted. librdkafka's threads are.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Iterator

import attrs

from bench.measured import Figure, cpu_s
from bench.servers import broker, scratch_folder
from eventlog.client import open_queue
from gputail.stream import PRODUCER
from ingest.clock import SystemClock
from ingest.sources.opening import SAMPLE_SOURCE, open_source
from ingest.streamer import Streamer
from ingest.streamer_counters import StreamerCounters
from ingest.streamer_settings import StreamerSettings

RATE = 100_000.0
ROUNDS = 5
WARM_S = 1.0
RUN_S = 4.0
CPU_US_MAX = 3.0


@attrs.frozen
class Run:
    """What one run came to."""

    events_per_s: float
    cpu_us: float
    value_bytes: float


def run() -> Iterator[Figure]:
    """Measure both, in turn; the gate is the CPU an event at the rate."""
    paced, free = [], []
    for _ in range(ROUNDS):
        paced.append(_measured(RATE))
        free.append(_measured(None))
    for name, runs, limit in (("at 100,000 events/s", paced, CPU_US_MAX), ("without a limit", free, None)):
        rate = statistics.median(run.events_per_s for run in runs)
        note = f"{rate:,.0f} events/s of {runs[0].value_bytes:.0f} B; {ROUNDS} rounds"
        cpu_us = statistics.median(run.cpu_us for run in runs)
        yield Figure(f"streamer {name}", cpu_us, "us CPU an event", limit, note)


def _measured(rate: float | None) -> Run:
    with scratch_folder() as folder, broker(folder) as server:
        return asyncio.run(_run(server.address, rate))


async def _run(address: str, rate: float | None) -> Run:
    settings = StreamerSettings("bench", interval_s=0, rate=rate)
    queue = open_queue(f"kafka://{address}", settings=PRODUCER, limits=settings.buffer)
    streamer = Streamer(queue, open_source(SAMPLE_SOURCE), settings, SystemClock())
    running = asyncio.create_task(streamer.run())
    while not streamer.counters.events_acknowledged:  # noqa: ASYNC110  # counters have no event
        await asyncio.sleep(0.1)
    await asyncio.sleep(WARM_S)
    loop = asyncio.get_running_loop()
    began, began_cpu_s, began_s = attrs.evolve(streamer.counters), cpu_s(), loop.time()
    await asyncio.sleep(RUN_S)
    found = _compared(began, streamer.counters, cpu_s() - began_cpu_s, loop.time() - began_s)
    await streamer.stop(10)
    await running
    await queue.close()
    return found


def _compared(before: StreamerCounters, after: StreamerCounters, used_s: float, seconds: float) -> Run:
    events = after.events_acknowledged - before.events_acknowledged
    published = after.events_published - before.events_published
    return Run(
        events_per_s=events / seconds,
        cpu_us=1e6 * used_s / events,
        value_bytes=(after.bytes_published - before.bytes_published) / published,
    )
