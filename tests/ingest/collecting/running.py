"""Collectors at work on a log and a view, each on any adapter, and ways to wait for them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import attrs

from eventlog.client import MessageQueue, NewRecord, OutboxLimits, Record, Start, TopicPartition, open_queue
from ingest.applying import OpenWriter
from ingest.collector import Collector
from ingest.collector_settings import CollectorSettings
from ingest.projections import VERSIONS
from ingest.topics import COLLECTORS, TELEMETRY, TELEMETRY_SETTINGS
from query.views.opening import open_reader, open_writer
from query.views.store import ViewReader, ViewWriter
from tests.eventlog.client.broker_process import BrokerProcess
from tests.eventlog.client.place import KafkaPlace, MemoryPlace, Place
from tests.ingest.collecting.naive_fold import NaiveView, Row, naive_fold, rows_of_view

PARTITIONS = 4
WAIT_S = 60.0
QUICK = CollectorSettings(
    topic_partitions=PARTITIONS,
    poll_ms=10,
    commit_ms=20,
    retry_ms_min=10,
    retry_ms_max=50,
    settle_s_max=20.0,
    maintain_ms=20,
)
"""So that the tests do not wait for what nobody tests."""


class TelemetryInMemory(MemoryPlace):
    """A log in this process, with the pipeline's own topic."""

    def __init__(self) -> None:
        super().__init__()
        self.name, self.topic = self.topic, TELEMETRY

    def open(self, *, limits: OutboxLimits | None = None) -> MessageQueue:
        return open_queue(f"memory://{self.name}", limits=limits)


class TelemetryInBroker(KafkaPlace):
    """A broker that had other topics of those names before."""

    def __init__(self, broker: BrokerProcess) -> None:
        super().__init__(broker)
        self.topic = TELEMETRY


@attrs.define(eq=False)
class Pipeline:
    """A log and a view; collectors come and go."""

    place: Place
    views: str
    """URL."""

    def writer(self) -> ViewWriter:
        """Blocks."""
        return open_writer(self.views, projections=VERSIONS, retention_ms=None)

    def reader(self) -> ViewReader:
        return open_reader(self.views)

    async def publish(self, queue: MessageQueue, records: Sequence[NewRecord]) -> None:
        """Store records in the topic, made where there is none."""
        await queue.ensure_topic(TELEMETRY, PARTITIONS, TELEMETRY_SETTINGS)
        publisher = await queue.publisher(TELEMETRY)
        await publisher.publish(records).wait()
        await publisher.close()

    @asynccontextmanager
    async def collector(
        self,
        queue: MessageQueue | None = None,
        *,
        settings: CollectorSettings = QUICK,
        open_writer: OpenWriter | None = None,
    ) -> AsyncGenerator[Collector]:
        """A collector that runs; it is stopped at the end, and has to end well."""
        own = queue is None
        queue = queue or self.place.open()
        collector = Collector(queue, open_writer or self.writer, self.views, settings=settings)
        running = asyncio.create_task(collector.run())
        try:
            yield collector
        except BaseException:
            if running.done():
                running.result()  # why it ended says more than what missed it
            raise
        finally:
            collector.stop()
            await asyncio.wait({running}, timeout=WAIT_S)
            if own:
                await queue.close()
        await running

    async def log(self, queue: MessageQueue) -> list[Record]:
        """Every record that the topic has, each partition in order."""
        return await read_all(queue, TELEMETRY)

    async def expected(self, queue: MessageQueue) -> NaiveView:
        """What the view has to hold in the end."""
        return naive_fold(await self.log(queue))

    async def applied(self, queue: MessageQueue) -> None:
        """Wait until the view is at the log's end."""
        marks = await queue.watermarks(await queue.partitions_of(TELEMETRY))
        ends = {at.partition: mark.high_watermark for at, mark in marks.items() if mark.high_watermark}
        reader = self.reader()
        try:
            await until(lambda: ends == ends_of(reader))
        finally:
            reader.close()

    async def followed(self, queue: MessageQueue) -> None:
        """Wait until the group's offsets are the view's: a stop commits once, and does not wait long."""
        reader = self.reader()
        try:
            async with asyncio.timeout(WAIT_S):
                while ends_of(reader) != await self.committed(queue):  # noqa: ASYNC110  # as `until`
                    await asyncio.sleep(0.005)
        finally:
            reader.close()

    def rows(self) -> list[Row]:
        """Everything in the view."""
        reader = self.reader()
        try:
            return rows_of_view(reader)
        finally:
            reader.close()

    async def committed(self, queue: MessageQueue) -> dict[int, int]:
        """The group's offsets."""
        return {at.partition: offset for at, offset in (await queue.committed(COLLECTORS)).items()}


def ends_of(reader: ViewReader) -> Mapping[int, int]:
    """The view's checkpoints; none before there is a view."""
    from query.views.errors import ViewUnavailableError

    try:
        return reader.as_of()
    except ViewUnavailableError:
        return {}


async def until(condition: Callable[[], bool], *, seconds: float = WAIT_S) -> None:
    """Wait for something that comes from elsewhere."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # the other side knows no event
            await asyncio.sleep(0.005)


async def read_all(queue: MessageQueue, topic: str) -> list[Record]:
    """Every readable record of a topic, each partition in order."""
    marks = await queue.watermarks(await queue.partitions_of(topic))
    missing = {at for at, mark in marks.items() if mark.high_watermark > mark.log_start}
    found: list[Record] = []
    subscription = await queue.read(dict.fromkeys(missing, Start.EARLIEST))
    async with asyncio.timeout(WAIT_S):
        while missing:
            batch = await subscription.poll(timeout_s=0.1)
            found += batch.records
            for record in batch.records:
                at = TopicPartition(topic, record.partition)
                if record.offset >= marks[at].high_watermark - 1:
                    missing.discard(at)
    await subscription.close()
    return sorted(found, key=lambda record: (record.partition, record.offset))


def memory_views() -> str:
    """The URL of views in this process that nobody else uses."""
    return f"memory://{uuid.uuid4().hex}"
