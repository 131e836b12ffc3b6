"""The broker as one thing: opened on a data directory, listening, drained, closed."""

from __future__ import annotations

import asyncio
import logging
import uuid
from pathlib import Path

import attrs

from eventlog.broker.connection import Connection, ConnectionState, Work
from eventlog.broker.dispatch import Dispatch
from eventlog.broker.frame_memory import FrameMemory
from eventlog.broker.handlers.configs import Configs
from eventlog.broker.handlers.fetch import Fetch
from eventlog.broker.handlers.groups import Groups
from eventlog.broker.handlers.list_offsets import ListOffsets
from eventlog.broker.handlers.metadata import ClusterMetadata
from eventlog.broker.handlers.offsets import Offsets
from eventlog.broker.handlers.produce import Produce
from eventlog.broker.handlers.producer_ids import ProducerIds
from eventlog.broker.handlers.topics import TopicHandlers
from eventlog.broker.identity import Identity
from eventlog.broker.measurements import Measurements
from eventlog.broker.request import Handler
from eventlog.broker.settings import FRAME_BYTES_MIN, BrokerSettings
from eventlog.broker.slots import Slot
from eventlog.broker.topic_admin import TopicAdmin
from eventlog.clock import Clock
from eventlog.errors import UnknownTopicError
from eventlog.group.coordinator import GroupCoordinator
from eventlog.protocol.errors import ProtocolError, UnsupportedVersionError
from eventlog.protocol.versions import ApiKey
from eventlog.storage.disk import Disk
from eventlog.storage.log_directory import LogDirectory

SWEEP_S = 1.0
"""How often connections are looked at that may have kept the broker waiting."""

BACKLOG_MAX = 128
"""Connections that wait to be accepted; as many errors at once where no more files can be opened."""

logger = logging.getLogger(__name__)


class Broker:
    """The log over TCP.

    `open` recovers the data directory, `listen` lets clients in, `run` does the upkeep until it is
    cancelled, `close` lets go of the clients in good order and leaves clean marks.
    """

    def __init__(
        self, directory: LogDirectory, coordinator: GroupCoordinator, settings: BrokerSettings
    ) -> None:
        self.directory = directory
        self.coordinator = coordinator
        self.settings = settings
        self.measurements = Measurements()
        directory.flusher.on_round = self.measurements.flush.observe
        self._memory = FrameMemory(settings.frames_bytes_max)
        self._connections: set[Connection] = set()
        self._fetch = Fetch(directory, self.measurements)
        rules = attrs.evolve(settings.topics, message_bytes_max=settings.frame_bytes_max - FRAME_BYTES_MIN)
        self._admin = TopicAdmin(directory, rules, coordinator.forget_topics)
        self._dispatch: Dispatch
        self._server: asyncio.Server | None = None
        self._moved = asyncio.Event()
        self._is_draining = False

    @classmethod
    async def open(cls, path: Path, *, disk: Disk, clock: Clock, settings: BrokerSettings) -> Broker:
        """Recover the log and the committed offsets. DataDirectoryError, OSError."""
        directory = await LogDirectory.open(path, disk=disk, clock=clock, settings=settings.log)

        def topic_id_of(topic: str, partition: int) -> uuid.UUID | None:
            try:
                found = directory.topics.get(topic)
            except UnknownTopicError:
                return None
            return found.topic_id if 0 <= partition < found.partitions else None

        try:
            coordinator = await GroupCoordinator.open(
                path,
                disk=disk,
                clock=clock,
                flush=settings.log.flush,
                topic_id_of=topic_id_of,
                settings=settings.coordinator,
            )
        except BaseException:
            await directory.close()
            raise
        return cls(directory, coordinator, settings)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        assert self._server is not None, "after `listen`"
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def is_listening(self) -> bool:
        """Whether clients are let in."""
        return self._server is not None and not self._is_draining

    async def listen(self) -> None:
        """Let clients in; OSError where the address cannot be had."""
        settings, loop = self.settings, asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self, self._memory, settings.frame_bytes_max),
            settings.host,
            settings.port,
            backlog=min(BACKLOG_MAX, settings.connections_max),
            start_serving=False,
        )
        identity = Identity(
            host=settings.advertised_host or settings.host,
            port=settings.advertised_port or self.port,
            cluster_id=self.directory.cluster_id,
        )
        produce = Produce(self.directory, self.measurements)
        self._dispatch = Dispatch(produce, self._fetch, self._handlers(identity), self.measurements)
        await self._server.start_serving()
        logger.info(
            "the broker listens",
            extra={
                "action": "listen",
                "host": settings.host,
                "port": self.port,
                "flush": settings.log.flush.value,
            },
        )

    async def run(self) -> None:
        """Flush, retain, expire and sweep, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.directory.run())
            tasks.create_task(self.coordinator.run())
            tasks.create_task(self._sweep())

    async def drain(self) -> None:
        """Let nobody in, answer what was asked, close the connections; after `drain_s_max`, all the same.

        `run` must go on meanwhile: the answers wait for its flushes.
        """
        self._is_draining = True
        if self._server is not None:
            await self._stop_listening(self._server)
        self._fetch.drain()
        self.coordinator.drain()
        for connection in tuple(self._connections):
            connection.drain()
        try:
            async with asyncio.timeout(self.settings.drain_s_max):
                while self._connections:
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            for connection in tuple(self._connections):
                connection.close("the broker stops, and the client did not take its answers")
        await self._admin.finish()  # also changes whose clients have gone

    async def close(self) -> None:
        """Flush, leave clean marks, release the lock; `run` has ended before."""
        try:
            await self.coordinator.close()
        finally:
            await self.directory.close()
        logger.info("the broker has stopped", extra={"action": "stop"})

    # --- connection.Requests -------------------------------------------------------------------

    def opened(self, connection: Connection) -> str | None:
        self.measurements.connections_made += 1
        self._connections.add(connection)
        if self._is_draining:
            return "the broker stops"
        if len(self._connections) > self.settings.connections_max:
            self.measurements.connections_refused += 1
            return f"there are {self.settings.connections_max} connections already"
        return None

    def closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._moved.set()

    def take(self, connection: Connection, frame: bytearray, slot: Slot) -> Work | None:
        return self._dispatch.take(connection, frame, slot)

    def rejected(self, error: ProtocolError) -> None:
        kind = "unsupported" if isinstance(error, UnsupportedVersionError) else "malformed"
        self.measurements.rejected[kind] += 1

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    # --- inside ----------------------------------------------------------------------------------

    def _handlers(self, identity: Identity) -> dict[ApiKey, Handler]:
        directory, coordinator, admin = self.directory, self.coordinator, self._admin
        families = (
            ClusterMetadata(directory, identity, admin),
            ListOffsets(directory),
            ProducerIds(),
            TopicHandlers(directory, admin),
            Configs(directory, admin, self.settings.to_mapping(identity.host, identity.port)),
            Groups(coordinator, identity, allows_changes=self.settings.topics.is_admin_allowed),
            Offsets(coordinator),
        )
        return {key: handler for family in families for key, handler in family.handlers().items()}

    async def _stop_listening(self, server: asyncio.Server) -> None:
        """Accept nobody more, and close when those who were accepted last have become connections.

        asyncio fails an assertion where a server is closed between accepting and making the transport.
        """
        loop = asyncio.get_running_loop()
        for listening in server.sockets:
            loop.remove_reader(listening.fileno())
        await asyncio.sleep(0)  # transports are made
        await asyncio.sleep(0)  # connections get them, and are closed: `opened`
        server.close()

    async def _sweep(self) -> None:
        """Close the connections that have kept the broker waiting."""
        loop, settings = asyncio.get_running_loop(), self.settings
        while True:
            await asyncio.sleep(SWEEP_S)
            now_s = loop.time()
            for connection in tuple(self._connections):
                complaint = connection.complaint(now_s, settings.frame_s_max, settings.idle_s_max)
                if complaint is not None and connection.state is not ConnectionState.CLOSING:
                    connection.close(complaint)
