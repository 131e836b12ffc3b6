"""The broker in a thread with a loop of its own: real sockets, a real disk, short timings for groups."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import attrs

from eventlog.broker.server import Broker
from eventlog.broker.settings import BrokerSettings
from eventlog.clock import SystemClock
from eventlog.group.coordinator_settings import CoordinatorSettings
from eventlog.group.settings import GroupSettings
from eventlog.protocol import ApiKey
from eventlog.storage.disk import PosixDisk
from eventlog.storage.settings import LogSettings, TopicSettings
from tests.lasting_port import lasting_port

T = TypeVar("T")

WAIT_S_MAX = 30.0
"""Longer than any start, stop or call takes."""
SETTINGS = BrokerSettings(
    # A test's disk may be nearly full, and its groups are small and patient for nobody.
    log=LogSettings(free_bytes_min=0),
    coordinator=CoordinatorSettings(
        group=GroupSettings(session_timeout_ms_min=100, initial_rebalance_delay_ms=0)
    ),
)


class LivingBroker:
    """Started and stopped as often as a test likes, on the same data directory and the same port.

    The stop is the orderly one of SIGTERM. Who needs a killed broker starts a process.
    """

    def __init__(self, data_dir: Path, settings: BrokerSettings = SETTINGS) -> None:
        self.data_dir = data_dir
        self.settings = attrs.evolve(settings, port=lasting_port())
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop
        self._broker: Broker
        self._stop: asyncio.Event

    @property
    def bootstrap(self) -> str:
        """HOST:PORT for Kafka clients."""
        return f"127.0.0.1:{self.settings.port}"

    def start(self) -> None:
        """Serve; whatever keeps the broker from it is raised."""
        assert self._thread is None, "it is running"
        started: Future[None] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(started)), name="broker", daemon=True
        )
        self._thread.start()
        started.result(WAIT_S_MAX)

    def stop(self) -> None:
        """Answer what was asked, close the connections and the log."""
        assert self._thread is not None, "it is not running"
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(WAIT_S_MAX)
        assert not self._thread.is_alive(), "the broker does not stop"
        self._thread = None

    def restart(self) -> None:
        """Stop and start again."""
        self.stop()
        self.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of work in the broker's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WAIT_S_MAX)

    def create_topic(self, name: str, partitions: int = 1, **settings: Any) -> str:
        """Make a topic without the network; its name."""
        self.run(self._broker.directory.create_topic(name, partitions, TopicSettings(**settings)))
        return name

    def generation(self, group: str) -> int:
        """How often a group has been rebalanced."""
        return self._broker.coordinator.describe(group).generation

    def connections(self) -> int:
        """How many clients are connected."""
        return self._broker.connections

    def answered(self, api_key: ApiKey) -> int:
        """How many requests of this kind have been answered."""
        return sum(self._broker.measurements.requests[api_key].counts)

    async def _serve(self, started: Future[None]) -> None:
        try:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            self._broker = await Broker.open(
                self.data_dir, disk=PosixDisk(), clock=SystemClock(), settings=self.settings
            )
            await self._broker.listen()
        except BaseException as error:
            started.set_exception(error)
            raise
        running = asyncio.create_task(self._broker.run())
        started.set_result(None)
        await self._stop.wait()
        await self._broker.drain()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await self._broker.close()


@contextlib.contextmanager
def living_broker(data_dir: Path, settings: BrokerSettings = SETTINGS) -> Iterator[LivingBroker]:
    """A broker that serves, and that is stopped with the block unless the test has done so."""
    broker = LivingBroker(data_dir, settings)
    broker.start()
    try:
        yield broker
    finally:
        if broker._thread is not None:
            broker.stop()
