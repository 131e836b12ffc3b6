"""Where a source stands in the log: the last of its origins in each partition.

The log itself is the place of the replay: nobody else remembers how far a streamer has come. Other sources
may have written in between, so the way back is walked in growing steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from eventlog.client import (
    MessageQueue,
    Record,
    TopicPartition,
    Watermarks,
    poll_until_silent,
    read_end,
)
from ingest.errors import PoisonRecordError
from ingest.telemetry.codec import frame
from ingest.telemetry.model import Origin

_STEPS = (100, 2_000, 25_000)
"""Records that each step goes back; what is left after them is read from its start."""
_AT_ONCE = 50_000
"""Records held at a time: a large step takes a few partitions at a time."""


@attrs.frozen
class PartitionEnd:
    """What a partition tells about a source."""

    origin: Origin | None = None
    """The highest among those that were looked at; None: there is none."""
    is_whole: bool = False
    """Whether every record that the partition ever had was looked at."""
    timestamp_ms: int | None = None
    """Of the last record, whatever its source; None: there is none."""


class OriginFinder:
    """Looks for the last origins of one source."""

    def __init__(self, queue: MessageQueue, topic: str, source_id: str, records_max: int | None) -> None:
        """`records_max` bounds how far back to look in each partition; None: all that the log keeps."""
        self._queue = queue
        self._topic = topic
        self._source_id = source_id
        self._records_max = records_max
        # Every record of the source contains this, where JSON has nothing to escape in the id.
        is_plain = source_id.isprintable() and not set(source_id) & {'"', "\\"}
        self._needle = source_id.encode() if is_plain else b""
        self._in_vain: dict[TopicPartition, int] = {}
        """Everything below this offset was read, and nothing of the source was there."""

    async def find(self, numbers: Iterable[int]) -> dict[int, PartitionEnd]:
        """What each of these partitions tells.

        Raises:
            BrokerUnavailableError: nobody answers; try again.
            OffsetOutOfRangeError: retention went past meanwhile; try again.
            UnknownTopicError: the topic is gone.
            CorruptRangeError: the end is damaged, and the topic refuses damage.
        """
        ends = dict.fromkeys(numbers, PartitionEnd())
        left = [TopicPartition(self._topic, number) for number in ends]
        for step in _STEPS:
            if not left:
                break
            count = step if self._records_max is None else min(step, self._records_max)
            marks = await self._queue.watermarks(left)
            for some in _groups(left, max(1, _AT_ONCE // count)):
                # Below the marks that tell what is left: the log goes on while it is read.
                found = await read_end(self._queue, {at: marks[at] for at in some}, count)
                for at, records in found.items():
                    ends[at.partition] = self._told(marks[at], records)
            left = [
                at
                for at in left
                if ends[at.partition].origin is None
                and marks[at].high_watermark - self._floor(at, marks[at]) > count
            ]
        if self._records_max is None:
            for at in left:
                ends[at.partition] = attrs.evolve(ends[at.partition], origin=await self._searched(at))
        return ends

    def _told(self, marks: Watermarks, records: Sequence[Record]) -> PartitionEnd:
        last = records[-1] if records else None
        end = max(marks.high_watermark, last.offset + 1 if last else 0)
        return PartitionEnd(self._highest(records), len(records) == end, last.timestamp_ms if last else None)

    def _floor(self, at: TopicPartition, marks: Watermarks) -> int:
        return max(marks.log_start, self._in_vain.get(at, 0))

    async def _searched(self, at: TopicPartition) -> Origin | None:
        """The highest origin in all of a partition that was not searched before, read from there on."""
        marks = (await self._queue.watermarks([at]))[at]
        start, end = self._floor(at, marks), marks.high_watermark
        highest: Origin | None = None
        subscription = await self._queue.read({at: start})
        try:
            while start < end and (batch := await poll_until_silent(self._queue, subscription)):
                for refusal in batch.refusals:
                    raise refusal.error
                start = batch.records[-1].offset + 1
                highest = max(highest, self._highest(batch.records), key=_place)
        finally:
            await subscription.close()
        if highest is None:
            self._in_vain[at] = end
        return highest

    def _highest(self, records: Iterable[Record]) -> Origin | None:
        """The highest, not the last: a stalled streamer may have said again what was said before."""
        highest: Origin | None = None
        for record in records:
            if record.value is None or self._needle not in record.value:
                continue
            try:
                found = frame(record.value).origin
            except PoisonRecordError:
                continue
            if found.source == self._source_id:
                highest = max(highest, Origin(found.source, found.pass_number, found.row), key=_place)
        return highest


def _place(origin: Origin | None) -> tuple[int, int]:
    return (-1, -1) if origin is None else (origin.pass_number, origin.row)


def _groups(partitions: Sequence[TopicPartition], size: int) -> Iterable[Sequence[TopicPartition]]:
    return (partitions[start : start + size] for start in range(0, len(partitions), size))
