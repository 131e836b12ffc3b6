"""A broker for tests, as a process: `python -m tests.eventlog.client.serve DIR [PORT]`.

It prints its port, and ends when its standard input does. Unlike the command, it lets sessions be short
and begins a group's first generation at once.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

from eventlog.broker.server import Broker
from eventlog.broker.settings import BrokerSettings
from eventlog.clock import SystemClock
from eventlog.group import GroupSettings
from eventlog.group.coordinator_settings import CoordinatorSettings
from eventlog.storage.disk import PosixDisk
from eventlog.storage.settings import LogSettings


async def serve(path: Path, port: int) -> None:
    groups = GroupSettings(session_timeout_ms_min=100, initial_rebalance_delay_ms=0)
    settings = BrokerSettings(
        port=port,
        log=LogSettings(free_bytes_min=0),
        coordinator=CoordinatorSettings(group=groups),
    )
    broker = await Broker.open(path, disk=PosixDisk(), clock=SystemClock(), settings=settings)
    running = asyncio.create_task(broker.run())
    await broker.listen()
    print(broker.port, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await broker.drain()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await broker.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
