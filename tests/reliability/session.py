"""A client of one data directory that writes everything it asks and is answered into a ledger."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import attrs

from eventlog.errors import EventLogError, OutOfOrderSequenceError, StorageFailedError
from eventlog.storage.appended import Appended
from eventlog.storage.disk import Disk
from eventlog.storage.log_directory import LogDirectory
from eventlog.storage.partition_log import PartitionLog
from eventlog.storage.settings import LogSettings, TopicSettings
from tests.reliability.disks.power_cut import ROOT, RecordingDisk
from tests.reliability.disks.remembered_path import RememberedPath
from tests.reliability.ledger import Ledger, SentBatch, SentTopic, Span
from tests.reliability.manual_clock import ManualClock
from tests.reliability.producers import NOT_IDEMPOTENT, Producer

DATA = RememberedPath(ROOT / "data")
SETTINGS = LogSettings(free_bytes_min=0)
TOPIC_SETTINGS = TopicSettings(
    retention_bytes=2500, retention_ms=60_000, segment_bytes=1000, index_interval_bytes=300
)

ANSWER_S_MAX = 1.0

IN_FLIGHT_MAX = 4
"""A client has at most five batches in flight; here the fifth is one whose answer it has not seen."""


@attrs.define(eq=False)
class _Waiting:
    """An append whose acknowledgement has not come."""

    log: PartitionLog
    appended: Appended
    batch: SentBatch
    producer: Producer


@attrs.define(eq=False)
class Session:
    """One broker's life after another on one disk; `recorder` counts the operations for the ledger."""

    recorder: RecordingDisk
    rng: Random
    disk: Disk = attrs.field(default=attrs.Factory(lambda self: self.recorder, takes_self=True))
    path: Path = DATA
    clock: ManualClock = attrs.field(factory=ManualClock)
    ledger: Ledger = attrs.field(factory=Ledger)
    settings: LogSettings = SETTINGS
    topic_settings: TopicSettings = TOPIC_SETTINGS
    value_bytes_max: int = 150
    directory: LogDirectory | None = None
    _producers: dict[tuple[SentTopic, int], list[Producer]] = attrs.field(factory=dict)
    _waiting: list[_Waiting] = attrs.field(factory=list)

    @property
    def now(self) -> int:
        """How many operations the disk has done."""
        return self.recorder.operation_count

    @property
    def log(self) -> LogDirectory:
        assert self.directory is not None, "the directory is closed"
        return self.directory

    @property
    def topics(self) -> list[SentTopic]:
        """The topics whose creation was answered and whose deletion was not asked for."""
        return [
            topic for topic in self.ledger.topics if topic.created.ended is not None and topic.deleted is None
        ]

    def is_taken(self, name: str) -> bool:
        """Whether a topic of this name may be there: its creation or deletion may have failed half-way."""
        return any(
            topic.name == name and (topic.deleted is None or topic.deleted.ended is None)
            for topic in self.ledger.topics
        )

    # --- the directory --------------------------------------------------------------------------

    async def open(self) -> None:
        self.recorder.modified_ms = self.clock.wall_ms()
        self.directory = await LogDirectory.open(
            self.path, disk=self.disk, clock=self.clock, settings=self.settings
        )
        self._learn()

    async def close(self) -> None:
        """A clean stop; what was waiting is answered by it or never."""
        directory, self.directory = self.log, None
        try:
            await directory.close()
        finally:
            self._forget_waiting()

    async def bury(self) -> None:
        """The process was killed (the disk raised Killed): let what is left of it end, and forget it."""
        self.directory = None
        self._forget_waiting()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)
        self.recorder.revive()

    # --- topics ---------------------------------------------------------------------------------

    async def create_topic(self, name: str, partitions: int) -> SentTopic:
        span = Span(self.now)
        topic = SentTopic(name, span, [(span, partitions)])
        self.ledger.topics.append(topic)
        await self.log.create_topic(name, partitions=partitions, settings=self.topic_settings)
        span.ended = self.now
        return topic

    async def add_partitions(self, topic: SentTopic, count: int) -> None:
        span = Span(self.now)
        topic.counts.append((span, count))
        await self.log.add_partitions(topic.name, count)
        span.ended = self.now

    async def delete_topic(self, topic: SentTopic) -> None:
        topic.deleted = Span(self.now)
        self._waiting = [item for item in self._waiting if item.log.name.rsplit("-", 1)[0] != topic.name]
        await self.log.delete_topic(topic.name)
        topic.deleted.ended = self.now

    def partitions(self) -> list[tuple[SentTopic, int]]:
        """Every partition that is known to be there."""
        return [
            (topic, number)
            for topic in self.topics
            for number in range(max(count for span, count in topic.counts if span.ended is not None))
        ]

    # --- records --------------------------------------------------------------------------------

    def append(self, topic: SentTopic, number: int) -> None:
        """Send one batch, after those that must be sent again; nothing where too many have no answer yet."""
        producer = self.rng.choice(self._producers_of(topic, number))
        if producer.must_resend:
            self._resend(topic, number, producer)
        if len(producer.unsettled) >= IN_FLIGHT_MAX:
            return
        producer.clock_ms = max(self.clock.wall_ms(), 0)
        batch = SentBatch(producer.next_batch(), Span(self.now))
        topic.partition(number).batches.append(batch)
        producer.unsettled.append(batch)
        self._send(topic, number, producer, batch)

    def append_new(self, topic: SentTopic, number: int) -> SentBatch:
        """Send one batch of a producer that has nothing to do with those before."""
        producer = Producer(self.rng, max(self.clock.wall_ms(), 0), value_bytes_max=self.value_bytes_max)
        batch = SentBatch(producer.next_batch(), Span(self.now))
        topic.partition(number).batches.append(batch)
        self._send(topic, number, producer, batch)
        return batch

    def send_again(self, topic: SentTopic, number: int) -> None:
        """Repeat what has no answer yet; a log that answers at once must have it durable by then."""
        log = self.log.partition(topic.name, number)
        for item in self._waiting:
            if item.log is not log or not item.producer.is_idempotent or item.batch.acked:
                continue
            appended = log.append(bytearray(item.batch.data))
            assert appended.is_duplicate, f"{log.name}: a batch that was sent twice is stored twice"
            if log.when_durable(appended) is None:
                self._acknowledge(item)

    async def flush(self) -> None:
        """One flush round; what it made durable is acknowledged."""
        failure: Exception | None = None
        try:
            await self.log.flush()
        except (EventLogError, OSError) as error:
            failure = error
        waiting, self._waiting = self._waiting, []
        for item in waiting:
            await self._settle(item)
        if failure is not None:
            raise failure

    async def delete_records(self, topic: SentTopic, number: int, offset: int) -> None:
        span = Span(self.now)
        topic.partition(number).starts.append((span, offset))
        await self.log.delete_records(topic.name, number, offset)
        span.ended = self.now

    async def maintain(self) -> None:
        """One turn of upkeep, retention included; it may delete up to the new log start offsets."""
        begun = self.now
        try:
            await self.log.maintain()
        finally:
            for topic, number in self.partitions():
                start = self.log.partition(topic.name, number).log_start_offset
                topic.partition(number).retained.append((Span(begun, self.now), start))

    def _learn(self) -> None:
        """What was asked and never answered: look whether it was done; from now on it stays so."""
        for topic in self.ledger.topics:
            exists = topic.name in self.log.topics.names()
            if topic.created.ended is None and topic.deleted is None:
                topic.created.ended = self.now
                topic.deleted = None if exists else Span(self.now, self.now)
            elif topic.deleted is not None and topic.deleted.ended is None:
                topic.deleted.ended = self.now
                topic.deleted = None if exists else topic.deleted
            if exists and topic.deleted is None:
                self._learn_partitions(topic)

    def _learn_partitions(self, topic: SentTopic) -> None:
        found = self.log.topics.get(topic.name).partitions
        topic.counts = [
            (span, count) for span, count in topic.counts if span.ended is not None or count <= found
        ]
        for span, _ in topic.counts:
            span.ended = self.now if span.ended is None else span.ended
        for number, partition in topic.partitions.items():
            start = self.log.partition(topic.name, number).log_start_offset if number < found else 0
            for span, offset in partition.starts:
                if span.ended is None and offset <= start:
                    span.ended = self.now

    # --- inside ---------------------------------------------------------------------------------

    def _producers_of(self, topic: SentTopic, number: int) -> list[Producer]:
        if (topic, number) not in self._producers:
            self._producers[topic, number] = [
                Producer(self.rng, max(self.clock.wall_ms(), 0), producer_id)
                for producer_id in (NOT_IDEMPOTENT, self.rng.getrandbits(62))
            ]
        return self._producers[topic, number]

    def _send(self, topic: SentTopic, number: int, producer: Producer, batch: SentBatch) -> None:
        log = self.log.partition(topic.name, number)
        batch.places.append(log.log_end_offset)  # a write that fails half-way may still be found there
        producer.must_resend = True
        appended = log.append(bytearray(batch.data))
        producer.must_resend = False
        batch.is_written = True
        batch.places[-1] = appended.base_offset
        self._waiting.append(_Waiting(log, appended, batch, producer))

    def _resend(self, topic: SentTopic, number: int, producer: Producer) -> None:
        """What a client does after an error: an idempotent one sends again, in order, what has no answer."""
        unsettled = list(producer.unsettled)
        if producer.producer_id == NOT_IDEMPOTENT:
            producer.begin_anew()
            return
        waiting = {item.batch for item in self._waiting}
        try:
            for batch in unsettled:
                if batch not in waiting:
                    self._send(topic, number, producer, batch)
        except OutOfOrderSequenceError:
            producer.begin_anew()

    async def _settle(self, item: _Waiting) -> None:
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                await item.log.durable(item.appended)
        except StorageFailedError:
            item.producer.must_resend = True
            return
        except TimeoutError:
            raise AssertionError(f"{item.log.name}: an append got no answer from a flush round") from None
        self._acknowledge(item)

    def _acknowledge(self, item: _Waiting) -> None:
        item.batch.places.append(item.appended.base_offset)
        item.batch.acked = item.batch.acked or Span(item.batch.sent.begun, self.now)
        if item.batch in item.producer.unsettled:
            item.producer.unsettled.remove(item.batch)

    def _forget_waiting(self) -> None:
        for item in self._waiting:
            item.producer.must_resend = True
        self._waiting = []
