"""Publishing through librdkafka.

Only the last record of each partition in a batch carries a delivery callback, which costs as much as
publishing a record does. It speaks for the others: an idempotent producer's records reach a partition in
their order without a hole (the broker refuses one), and with `enable.gapless.guarantee` librdkafka stops
for good at the first record that the broker refuses, instead of going on after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Message

from eventlog.client.delivery import Delivery
from eventlog.client.description import TopicDescription
from eventlog.client.errors import (
    ClientClosedError,
    EventLogError,
    UnauthorizedError,
)
from eventlog.client.kafka_errors import translate
from eventlog.client.kafka_log import KafkaLog
from eventlog.client.kafka_settings import make_producer
from eventlog.client.outbox import Outbox, OutboxLimits
from eventlog.client.port import Publisher
from eventlog.client.record import NewRecord
from eventlog.client.worker import Worker

_SLICE_S = 0.1
"""How long the thread waits for librdkafka's events before it looks for other jobs."""

Answers = list[tuple[Delivery, int, "int | EventLogError"]]


class KafkaPublisher(Publisher):
    """See `Publisher`. Its thread does nothing but wait for the broker's answers."""

    def __init__(
        self, topic: TopicDescription, settings: Mapping[str, object], limits: OutboxLimits | None = None
    ) -> None:
        self.topic = topic
        self._outbox = Outbox(topic.name, topic.partitions, limits or OutboxLimits())
        self._failure: EventLogError | None = None
        self._answers: Answers = []
        self._closed = False
        self._log = KafkaLog()
        self._producer = make_producer({**settings, "error_cb": self._on_error}, self._log)
        self._worker = Worker(f"publisher-{topic.name}", self._producer)
        self._worker.call(self._serve_once)

    @property
    def is_closed(self) -> bool:
        """Whether it was closed, and nobody need close it."""
        return self._closed

    # --- in the loop --------------------------------------------------------------------------

    def publish(self, records: Sequence[NewRecord]) -> Delivery:
        self._check()
        outbox, produce, topic = self._outbox, self._producer.produce, self.topic.name
        partitions, last_index = outbox.place(records)
        delivery = outbox.add(records, partitions)
        callbacks = self._callbacks(delivery, last_index)
        answered = callbacks.get
        try:
            for index, record in enumerate(records):
                produce(
                    topic,
                    record.value,
                    record.key,
                    partitions[index],
                    answered(index),
                    None,
                    record.timestamp_ms or 0,
                    list(record.headers) or None,
                )
        except (KafkaException, BufferError) as error:
            raise self._unusable(error) from None
        return delivery

    def publish_run(
        self, partition: int, keys: Sequence[bytes], values: Sequence[bytes], timestamp_ms: int
    ) -> Delivery:
        self._check()
        delivery = self._outbox.add_run(partition, keys, values)
        produce, topic, last = self._producer.produce, self.topic.name, len(values) - 1
        try:
            # librdkafka's own batch call takes no timestamps.
            for key, value in zip(keys[:last], values[:last], strict=True):
                produce(topic, value, key, partition, None, None, timestamp_ms)
            if values:
                answer = partial(self._on_delivery, delivery, partition)
                produce(topic, values[last], keys[last], partition, answer, None, timestamp_ms)
        except (KafkaException, BufferError) as error:
            raise self._unusable(error) from None
        return delivery

    def _callbacks(
        self, delivery: Delivery, last_index: Mapping[int, int]
    ) -> dict[int, Callable[[KafkaError | None, Message], None]]:
        answer = partial(self._on_delivery, delivery)
        return {index: partial(answer, partition) for partition, index in last_index.items()}

    def _unusable(self, error: KafkaException | BufferError) -> EventLogError:
        """The outbox has checked what can be checked: this producer is of no use any more."""
        failure = self._translated(error)
        self._fail(failure)
        return self._failure or failure

    def _translated(self, error: KafkaException | BufferError) -> EventLogError:
        doing = f"publishing to {self.topic.name!r}"
        if isinstance(error, KafkaException):
            return translate(error, doing)
        return translate(KafkaError(KafkaError._QUEUE_FULL), doing)

    async def wait_for_room(self) -> None:
        self._check()
        while not self._outbox.has_room():
            await self._outbox.change()
            self._check()

    @property
    def pending_records(self) -> int:
        return self._outbox.records

    async def flush(self) -> None:
        await self._outbox.settled(None)

    def purge(self) -> None:
        self._check()
        # Not "in flight": what may have been stored already is waited for, so that its fate is known.
        self._producer.purge(in_queue=True, in_flight=False, blocking=False)

    async def close(self, deadline_s: float = 10.0) -> None:
        if self._closed:
            return
        self._closed = True
        await self._outbox.settled(deadline_s)
        self._producer.purge(in_queue=True, in_flight=True, blocking=False)
        self._worker.stop()
        self._outbox.give_up()

    def _check(self) -> None:
        if self._closed:
            raise ClientClosedError(f"the publisher for {self.topic.name!r} was closed; open a new one")
        if self._failure is not None:
            raise self._failure

    def _settle(self, answers: Answers) -> None:
        for delivery, partition, outcome in answers:
            self._outbox.settle(delivery, partition, outcome)

    def _fail(self, error: EventLogError) -> None:
        self._failure = self._failure or error
        self._outbox.abandon(self._failure)

    # --- in the thread ------------------------------------------------------------------------

    def _serve_once(self) -> None:
        """Wait for answers for a moment, tell the loop, and ask for the next turn."""
        try:
            self._producer.poll(_SLICE_S)
        except KafkaException as error:  # a fatal one: nothing more can be published
            self._worker.post(self._fail, self._translated(error))
        if self._answers:
            answers, self._answers = self._answers, []
            self._worker.post(self._settle, answers)
        self._worker.again(self._serve_once)

    def _on_delivery(
        self, delivery: Delivery, partition: int, error: KafkaError | None, message: Message
    ) -> None:
        outcome: int | EventLogError
        if error is None:
            self._log.answered()
            outcome = message.offset() or 0
        else:
            outcome = translate(error, f"publishing to {self.topic.name}/{partition}")
        self._answers.append((delivery, partition, outcome))

    def _on_error(self, error: KafkaError) -> None:
        """Only what ends the publisher matters here: librdkafka retries the rest by itself."""
        found = translate(error, f"publishing to {self.topic.name!r}")
        if error.fatal() or isinstance(found, UnauthorizedError):
            self._worker.post(self._fail, found)
