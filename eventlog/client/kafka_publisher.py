"""Publishing through librdkafka.

Only the last record of each partition in a batch carries a delivery callback, which costs as much as
publishing a record does. It speaks for the others: an idempotent producer's records reach a partition in
their order without a hole (the broker refuses one), and with `enable.gapless.guarantee` librdkafka stops
for good at the first record that the broker refuses, instead of going on after it.

A purge makes such a hole: what is published after it goes through a sender of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from confluent_kafka import KafkaError, KafkaException

from eventlog.client.delivery import Delivery
from eventlog.client.description import TopicDescription
from eventlog.client.errors import ClientClosedError, EventLogError
from eventlog.client.kafka_errors import translate
from eventlog.client.kafka_log import KafkaLog
from eventlog.client.kafka_sender import Answers, Callback, KafkaSender
from eventlog.client.outbox import Outbox, OutboxLimits
from eventlog.client.port import Publisher
from eventlog.client.record import NewRecord


class KafkaPublisher(Publisher):
    """See `Publisher`."""

    def __init__(
        self, topic: TopicDescription, settings: Mapping[str, object], limits: OutboxLimits | None = None
    ) -> None:
        self.topic = topic
        self._outbox = Outbox(topic.name, topic.partitions, limits or OutboxLimits())
        self._failure: EventLogError | None = None
        self._closed = False
        self._new_sender = partial(KafkaSender, topic.name, settings, KafkaLog(), self._settle, self._fail)
        self._sender = self._new_sender()
        self._retired: list[KafkaSender] = []

    @property
    def is_closed(self) -> bool:
        """Whether it was closed, and nobody need close it."""
        return self._closed

    def publish(self, records: Sequence[NewRecord]) -> Delivery:
        self._check()
        outbox, produce, topic = self._outbox, self._sender.produce, self.topic.name
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
        produce, topic, last = self._sender.produce, self.topic.name, len(values) - 1
        try:
            # librdkafka's own batch call takes no timestamps.
            for key, value in zip(keys[:last], values[:last], strict=True):
                produce(topic, value, key, partition, None, None, timestamp_ms)
            if values:
                answer = self._sender.answer(delivery, partition)
                produce(topic, values[last], keys[last], partition, answer, None, timestamp_ms)
        except (KafkaException, BufferError) as error:
            raise self._unusable(error) from None
        return delivery

    def _callbacks(self, delivery: Delivery, last_index: Mapping[int, int]) -> dict[int, Callback]:
        answer = self._sender.answer
        return {index: answer(delivery, partition) for partition, index in last_index.items()}

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
        if not self.pending_records:
            return
        self._retired = [self._sender, *(sender for sender in self._retired if not sender.is_over)]
        self._sender.retire()
        self._sender = self._new_sender()

    async def close(self, deadline_s: float = 10.0) -> None:
        if self._closed:
            return
        self._closed = True
        await self._outbox.settled(deadline_s)
        for sender in (self._sender, *self._retired):
            sender.stop()
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
