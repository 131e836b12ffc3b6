"""The dead-letter topic as one thing to ask: its letters, its journal, and how each letter stands."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from eventlog.client import MessageQueue, TopicDescription, TopicPartition
from eventlog.client.errors import OffsetOutOfRangeError, UnknownTopicError
from ingest.dlq_journal import JOURNAL_PARTITION, Journal, is_entry
from ingest.dlq_letter import Letter
from ingest.dlq_reading import read_topic
from ingest.dlq_verdict import Judge, Verdict
from ingest.topics import DEAD_LETTERS, TELEMETRY


class DeadLetterTopic:
    """Reads; the journal that it has read is kept, and read on from where it was."""

    def __init__(self, queue: MessageQueue) -> None:
        self._queue = queue
        self._journal = Journal()
        self._journal_end = 0

    async def verdicts(self) -> AsyncGenerator[Verdict]:
        """Each letter as it stands now, in the order of the topic.

        Raises:
            UnknownTopicError: there is no dead-letter topic.
            EventLogError: the broker is away, or does not let us read.
        """
        judge = Judge(await self.telemetry(), await self.read_journal())
        async for letter in self.letters():
            yield judge.judge(letter)

    async def letters(self) -> AsyncGenerator[Letter]:
        """Every letter; raises as `verdicts`."""
        async for records in read_topic(self._queue, DEAD_LETTERS):
            for record in records:
                if not is_entry(record):
                    yield Letter.of(record)

    async def verdict_at(self, at: TopicPartition, offset: int) -> Verdict:
        """The letter at one offset, as it stands now; OffsetOutOfRangeError where there is none."""
        async for verdict in self.verdicts():
            record = verdict.letter.record
            if (record.partition, record.offset) == (at.partition, offset):
                return verdict
        raise OffsetOutOfRangeError(f"{at} has no letter at offset {offset}: `gputail dlq list` shows them")

    async def telemetry(self) -> TopicDescription | None:
        """The topic that letters come from, as it is now; None: there is none."""
        try:
            return await self._queue.describe_topic(TELEMETRY)
        except UnknownTopicError:
            return None

    async def read_journal(self) -> Journal:
        """What the journal says by now."""
        at = TopicPartition(DEAD_LETTERS, JOURNAL_PARTITION)
        async for records in read_topic(self._queue, DEAD_LETTERS, {at: self._journal_end}, only=at):
            self._journal.add(records)
            self._journal_end = records[-1].offset + 1
        return self._journal
