"""A broker inside the test's own process, so that its disk, its clock and its code can be others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import attrs

from eventlog.broker.server import Broker
from eventlog.broker.settings import BrokerSettings
from eventlog.clock import Clock, SystemClock
from eventlog.group.coordinator_settings import CoordinatorSettings
from eventlog.group.settings import GroupSettings
from eventlog.storage.disk import Disk
from eventlog.storage.settings import LogSettings

SETTINGS = BrokerSettings(
    port=0,
    drain_s_max=2.0,
    log=LogSettings(free_bytes_min=0, settle_interval_ms=50),
    coordinator=CoordinatorSettings(
        group=GroupSettings(session_timeout_ms_min=1, initial_rebalance_delay_ms=20)
    ),
)


@attrs.define(eq=False)
class InsideBroker:
    """A listening broker with its upkeep running."""

    broker: Broker
    upkeep: asyncio.Task[None]

    @classmethod
    async def start(
        cls, path: Path, disk: Disk, *, clock: Clock | None = None, settings: BrokerSettings = SETTINGS
    ) -> InsideBroker:
        broker = await Broker.open(path, disk=disk, clock=clock or SystemClock(), settings=settings)
        await broker.listen()
        return cls(broker, asyncio.create_task(broker.run()))

    @property
    def port(self) -> int:
        return self.broker.port

    async def stop(self) -> None:
        """What the command does after SIGTERM."""
        await self.broker.drain()
        await self._end_upkeep()
        await self.broker.close()

    def hang_up(self) -> None:
        """End every connection, as the death of a process does: nobody is answered from now on."""
        assert self.broker._server is not None
        self.broker._server.close()
        for connection in tuple(self.broker._connections):
            connection.close("the test kills the broker")

    async def bury(self) -> None:
        """End what is left of a broker, whatever has become of it."""
        self.hang_up()
        await self._end_upkeep()

    async def _end_upkeep(self) -> None:
        self.upkeep.cancel()
        with suppress(asyncio.CancelledError):
            await self.upkeep


@asynccontextmanager
async def broker_inside(
    path: Path, disk: Disk, *, clock: Clock | None = None, settings: BrokerSettings = SETTINGS
) -> AsyncIterator[InsideBroker]:
    """A broker for the length of a block, stopped in good order."""
    inside = await InsideBroker.start(path, disk, clock=clock, settings=settings)
    try:
        yield inside
    except BaseException:
        with suppress(Exception):  # what was found wrong before counts
            await inside.stop()
        raise
    else:
        await inside.stop()
    finally:
        await inside.bury()
