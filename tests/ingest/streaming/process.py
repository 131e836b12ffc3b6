"""A streamer for tests, as a process.

`python -m tests.ingest.streaming.process HOST:PORT ID SOURCE RATE [once]`

It prints its counters as JSON lines all the time, and stops at SIGTERM. Its session is short, so that a
test can let it pass.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from contextlib import suppress

import attrs

from eventlog.client import open_queue
from ingest.clock import SystemClock
from ingest.streamer import Streamer
from ingest.streamer_settings import StreamerSettings
from tests.ingest.streaming.fleet import Fleet

SESSION_MS = 1_500
LINGER_MS = 100
"""So that one that is stopped or killed leaves something unsent."""


async def stream(address: str, instance_id: str, source: str, rate: float, *, once: bool) -> None:
    settings = StreamerSettings(instance_id, interval_s=0, rate=rate, once=once)
    short = {"session.timeout.ms": SESSION_MS, "heartbeat.interval.ms": 200, "linger.ms": LINGER_MS}
    queue = open_queue(f"kafka://{address}", settings=short, client_id=instance_id, limits=settings.buffer)
    streamer = Streamer(queue, Fleet(60, 2, name=source), settings, SystemClock())
    running = asyncio.create_task(streamer.run())
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    while not running.done() and not stopping.is_set():
        print(json.dumps(attrs.asdict(streamer.counters)), flush=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await stopping.wait()
    await streamer.stop(deadline_s=20)
    await running
    await queue.close()
    print(json.dumps(attrs.asdict(streamer.counters)), flush=True)


if __name__ == "__main__":
    address, instance_id, source, rate = sys.argv[1:5]
    asyncio.run(stream(address, instance_id, source, float(rate), once="once" in sys.argv[5:]))
