"""Dead letters: records that cannot be applied go to a topic of their own, as they came.

Key, value and timestamp are the record's; its headers are replaced by

    topic, topic_id, partition, offset     where it stood, numbers as decimal text
    reason                                 the error's class, and one line
    key_bytes, value_bytes                 only where it was too large to be sent on with these headers: the
                                           true size of what was cut; what is there is its beginning

A dead letter is acknowledged before the view's checkpoint passes the record. A crash in between makes a
second one with the same four coordinates; there is never none.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress

from eventlog.client import MessageQueue, NewRecord, Publisher, TopicDescription
from eventlog.client.errors import EventLogError, InvalidRecordError, QueueFullError, UnauthorizedError
from ingest.clock import Clock
from ingest.projections import PoisonRecord
from ingest.retrying import StartRetrying
from ingest.topics import DEAD_LETTERS, DEAD_LETTERS_PARTITIONS, DEAD_LETTERS_SETTINGS

logger = logging.getLogger(__name__)

LETTERS_MAX = 1_000
BATCH_BYTES_MAX = 4 * 1024 * 1024
"""In one batch to the broker; a larger letter goes alone."""
LETTER_BYTES_MAX = 950_000
"""Of key and value together: with the headers that is below what a publisher takes."""
REASON_CHARS_MAX = 1_000
TELL_S = 10.0
"""Poison is told of in the log at most this often."""


class DeadLetters:
    """Writes dead letters; the topic is made when the first one comes."""

    def __init__(
        self,
        queue: MessageQueue,
        topic: TopicDescription,
        start_retrying: StartRetrying,
        clock: Clock,
    ) -> None:
        self._queue = queue
        self._topic = topic
        self._start_retrying = start_retrying
        self._clock = clock
        self._publisher: Publisher | None = None
        self._told_s: float | None = None
        self._untold = 0

    async def send(self, poison: Sequence[PoisonRecord]) -> None:
        """Return when the broker has stored all of them, however long it is away.

        Raises:
            UnauthorizedError: the broker does not let us write there.
        """
        for letters in self._batches(poison):
            await self._deliver(letters)
        self._tell(poison)

    async def _deliver(self, letters: Sequence[NewRecord]) -> None:
        retrying = self._start_retrying("send_dead_letters")
        while True:
            try:
                publisher = await self._open()
                await publisher.publish(letters).wait()
            except QueueFullError:
                await publisher.wait_for_room()
            except (UnauthorizedError, InvalidRecordError):
                raise
            except EventLogError as error:
                # A publisher that was refused something is at its end: the next try makes a new one.
                await self.close()
                await retrying.after(error)
            else:
                retrying.succeeded()
                return

    async def _open(self) -> Publisher:
        if self._publisher is None:
            await self._queue.ensure_topic(DEAD_LETTERS, DEAD_LETTERS_PARTITIONS, DEAD_LETTERS_SETTINGS)
            self._publisher = await self._queue.publisher(DEAD_LETTERS)
        return self._publisher

    def _batches(self, poison: Sequence[PoisonRecord]) -> Iterator[Sequence[NewRecord]]:
        letters: list[NewRecord] = []
        size = 0
        for found in poison:
            letter = self._letter(found)
            letter_size = len(letter.key or b"") + len(letter.value or b"")
            if letters and (len(letters) == LETTERS_MAX or size + letter_size > BATCH_BYTES_MAX):
                yield letters
                letters, size = [], 0
            letters.append(letter)
            size += letter_size
        if letters:
            yield letters

    def _letter(self, found: PoisonRecord) -> NewRecord:
        record = found.record
        headers = [
            ("topic", record.topic.encode()),
            ("topic_id", str(self._topic.topic_id).encode()),
            ("partition", b"%d" % record.partition),
            ("offset", b"%d" % record.offset),
            ("reason", found.reason[:REASON_CHARS_MAX].encode(errors="replace")),
        ]
        key, value = record.key, record.value
        room = LETTER_BYTES_MAX
        if key is not None and len(key) > room:
            headers.append(("key_bytes", b"%d" % len(key)))
            key = key[:room]
        room -= len(key or b"")
        if value is not None and len(value) > room:
            headers.append(("value_bytes", b"%d" % len(value)))
            value = value[:room]
        return NewRecord(value, key, None, record.timestamp_ms, headers)

    def _tell(self, poison: Sequence[PoisonRecord]) -> None:
        if not poison:
            return
        self._untold += len(poison)
        now_s = self._clock.monotonic_s()
        if self._told_s is not None and now_s - self._told_s < TELL_S:
            return
        newest = poison[-1]
        logger.warning(
            "records that cannot be applied were set aside",
            extra={
                "action": "dead_letter",
                "count": self._untold,
                "topic": DEAD_LETTERS,
                "partition": newest.record.partition,
                "offset": newest.record.offset,
                "reason": newest.reason,
            },
        )
        self._told_s, self._untold = now_s, 0

    async def close(self) -> None:
        """Every letter was waited for, but for those of a batch that is given up: its checkpoint stays."""
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            publisher.purge()
            with suppress(EventLogError):
                await publisher.close(deadline_s=0.0)
