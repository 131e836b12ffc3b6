"""The real broker in the test's own loop: on a volume, on a free port, with its upkeep running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import attrs

from eventlog.broker.server import Broker
from eventlog.broker.settings import BrokerSettings
from eventlog.clock import Clock, SystemClock
from eventlog.storage.disk import Disk, PosixDisk
from eventlog.storage.settings import LogSettings


def settings_for_tests(**changes: Any) -> BrokerSettings:
    """A free port, and no opinion on how full the machine's disk is."""
    return attrs.evolve(BrokerSettings(port=0, log=LogSettings(free_bytes_min=0)), **changes)


@asynccontextmanager
async def living_broker(
    path: Path,
    settings: BrokerSettings | None = None,
    *,
    disk: Disk | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Broker]:
    """A broker that is ready; it is drained and closed at the end."""
    owned = PosixDisk() if disk is None else None
    broker = await Broker.open(
        path,
        disk=owned or disk,  # type: ignore[arg-type]  # one of the two is there
        clock=clock or SystemClock(),
        settings=settings or settings_for_tests(),
    )
    await broker.listen()
    upkeep = asyncio.ensure_future(broker.run())
    try:
        yield broker
    finally:
        await broker.drain()
        upkeep.cancel()
        with suppress(asyncio.CancelledError):
            await upkeep
        await broker.close()
        if owned is not None:
            owned.close()
