"""One librdkafka producer and the thread that waits for the broker's answers: what a publisher sends through.

It serves until it is thrown away or retired. A purge retires it, because it may leave a hole in the
sequence numbers that librdkafka has given out already: a producer that has been told never to go on after
a hole (`enable.gapless.guarantee`) ends there, though somebody asked for it. It still hears the answers to
what is on its way.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Message

from eventlog.client.delivery import Delivery
from eventlog.client.errors import DeliveryPurgedError, EventLogError, UnauthorizedError
from eventlog.client.kafka_errors import translate
from eventlog.client.kafka_log import KafkaLog, LineLog
from eventlog.client.kafka_settings import make_producer
from eventlog.client.worker import Worker

_SLICE_S = 0.1
"""How long the thread waits for librdkafka's events before it looks for other jobs."""

_FATAL = "FATAL"
"""librdkafka's name for the line that tells its end."""

Answers = list[tuple[Delivery, int, "int | EventLogError"]]
Callback = Callable[[KafkaError | None, Message], None]


class KafkaSender(LineLog):
    """Made in a running loop; what it hears it tells there, by `on_answers` and `on_failure`.

    Raises:
        BadQueueAddressError: librdkafka does not know a setting.
    """

    def __init__(
        self,
        topic: str,
        settings: Mapping[str, object],
        log: KafkaLog,
        on_answers: Callable[[Answers], None],
        on_failure: Callable[[EventLogError], None],
    ) -> None:
        self._topic = topic
        self._log = log
        self._on_answers = on_answers
        self._on_failure = on_failure
        self._answers: Answers = []
        self._is_retired = False
        self.is_over = False
        """Whether it was retired, and nothing of it is on its way any more."""
        self._producer = make_producer({**settings, "error_cb": self._on_error}, self)
        self.produce = self._producer.produce
        """librdkafka's own; it raises KafkaException and BufferError."""
        self._worker = Worker(f"publisher-{topic}", self._producer)
        self._worker.call(self._serve_once)

    # --- in the loop --------------------------------------------------------------------------

    def answer(self, delivery: Delivery, partition: int) -> Callback:
        """What is to be called with the broker's answer to a delivery's last record in a partition."""
        return partial(self._on_delivery, delivery, partition)

    def retire(self) -> None:
        """Throw away what was not sent; wait for the answers to the rest, and then end."""
        self._is_retired = True
        # Not "in flight": what may have been stored already is waited for, so that its fate is known.
        self._producer.purge(in_queue=True, in_flight=False, blocking=False)

    def stop(self) -> None:
        """Wait for nothing more."""
        self._producer.purge(in_queue=True, in_flight=True, blocking=False)
        self._worker.stop()

    # --- in librdkafka's threads, and in ours ---------------------------------------------------

    def log(self, level: int, line: str, *arguments: object) -> None:
        """A line of librdkafka's; that a purge has ended the producer is no news."""
        if self._is_retired and arguments[:1] == (_FATAL,):
            level = logging.DEBUG
        self._log.log(level, line, *arguments)

    def _serve_once(self) -> None:
        """Wait for answers for a moment, tell the loop, and ask for the next turn."""
        try:
            self._producer.poll(_SLICE_S)
        except KafkaException as error:  # a fatal one: nothing more can be published
            self._fail(translate(error, f"publishing to {self._topic!r}"))
        if self._answers:
            answers, self._answers = self._answers, []
            self._worker.post(self._on_answers, answers)
        if self._is_retired and not len(self._producer):
            self.is_over = True
            self._worker.stop()
        else:
            self._worker.again(self._serve_once)

    def _on_delivery(
        self, delivery: Delivery, partition: int, error: KafkaError | None, message: Message
    ) -> None:
        outcome: int | EventLogError
        if error is None:
            self._log.answered()
            outcome = message.offset() or 0
        else:
            outcome = translate(error, f"publishing to {self._topic}/{partition}")
            if self._is_retired and not isinstance(outcome, DeliveryPurgedError):
                outcome = DeliveryPurgedError(str(outcome))
        self._answers.append((delivery, partition, outcome))

    def _on_error(self, error: KafkaError) -> None:
        """Only what ends the publisher matters here: librdkafka retries the rest by itself."""
        found = translate(error, f"publishing to {self._topic!r}")
        if error.fatal() or isinstance(found, UnauthorizedError):
            self._fail(found)

    def _fail(self, error: EventLogError) -> None:
        if not self._is_retired:
            self._worker.post(self._on_failure, error)
