"""The demo's load: a simulated fleet, published by the demo itself; a ledger has what was acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from eventlog.client import Delivery, MessageQueue, NewRecord, Publisher, partition_of
from eventlog.client.errors import QueueFullError
from ingest.clock import Clock
from ingest.sources.simulator import SimulatorSource
from ingest.telemetry.codec import encode
from ingest.telemetry.fields import Value
from ingest.telemetry.model import Origin, Sample, TelemetryEvent
from ingest.topics import TELEMETRY

GPUS: Final = 100
PASS_S: Final = 0.1
CLOSE_S: Final = 10.0

Place = tuple[str, int]
"""GPU, and when it was observed, in ms since 1970."""


class Load:
    """Passes over the fleet, one after another, until it is stopped."""

    def __init__(self, queue: MessageQueue, clock: Clock, gpus: int = GPUS) -> None:
        self._queue = queue
        self._clock = clock
        self._source = SimulatorSource(gpus)
        self._stopping = asyncio.Event()
        self._waiting: set[asyncio.Task[None]] = set()
        self.acked: dict[Place, Mapping[str, Value]] = {}
        """The ledger: what was acknowledged, outside of the log."""

    def stop(self) -> None:
        """End with the pass that is under way; `run` returns when all of it is acknowledged."""
        self._stopping.set()

    async def run(self) -> None:
        """Publish; EventLogError where the broker refuses something for good."""
        topic = await self._queue.describe_topic(TELEMETRY)
        publisher = await self._queue.publisher(TELEMETRY)
        number, observed_at_ms = 0, 0
        while not self._stopping.is_set():
            number += 1
            observed_at_ms = max(self._clock.wall_ms(), observed_at_ms + 1)
            samples = self._source.samples(number)
            records = [self._record(sample, number, observed_at_ms, topic.partitions) for sample in samples]
            delivery = await _publish(publisher, records)
            acking = asyncio.create_task(self._note(delivery, samples, observed_at_ms))
            self._waiting.add(acking)
            acking.add_done_callback(self._waiting.discard)
            await asyncio.sleep(PASS_S)
        await asyncio.gather(*self._waiting)
        await publisher.close(CLOSE_S)

    async def _note(self, delivery: Delivery, samples: Sequence[Sample], observed_at_ms: int) -> None:
        await delivery.wait()
        for sample in samples:
            self.acked[sample.gpu.uuid, observed_at_ms] = sample.values

    def _record(self, sample: Sample, number: int, observed_at_ms: int, partitions: int) -> NewRecord:
        key = sample.gpu.uuid.encode()
        event = TelemetryEvent(
            gpu=sample.gpu,
            observed_at_ms=observed_at_ms,
            values=sample.values,
            origin=Origin(self._source.id, number, sample.row),
            workload=sample.workload,
            labels=sample.labels,
        )
        return NewRecord(encode(event), key, partition_of(key, partitions), observed_at_ms)


async def _publish(publisher: Publisher, records: list[NewRecord]) -> Delivery:
    while True:
        try:
            return publisher.publish(records)
        except QueueFullError:
            await publisher.wait_for_room()
