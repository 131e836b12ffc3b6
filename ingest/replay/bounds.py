"""What part of the log is wanted, and where that is in each partition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs

from eventlog.client import MessageQueue, TopicDescription, TopicPartition, Watermarks
from ingest.errors import IngestError


class BadBoundError(IngestError):
    """A bound names what the log does not have; the message says what it has."""


@attrs.frozen
class Bound:
    """A time (by the records' timestamps) for all partitions, or an offset in one of them."""

    time_ms: int | None = None
    partition: int | None = None
    offset: int | None = None


@attrs.frozen
class Range:
    """Offsets of one partition, `start` up to but not with `end`."""

    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start


async def whole_log(queue: MessageQueue, topic: TopicDescription) -> Mapping[int, Range]:
    """From the log start to the high watermark, by partition; BrokerUnavailableError."""
    marks = await _marks(queue, topic)
    return {at.partition: Range(found.log_start, found.high_watermark) for at, found in marks.items()}


async def part_of_log(
    queue: MessageQueue, topic: TopicDescription, starts: Sequence[Bound], ends: Sequence[Bound]
) -> Mapping[int, Range]:
    """What lies between these, by partition.

    Records of the time of an end are not wanted, those of the time of a start are. An offset goes before a
    time. Without a bound a partition begins at the log start, and ends at the high watermark of now.

    Raises:
        BadBoundError: an offset is not in the log, or a partition would end before it begins.
    """
    marks = await _marks(queue, topic)
    first = {at: found.log_start for at, found in marks.items()}
    end = {at: found.high_watermark for at, found in marks.items()}
    first |= await _places(queue, marks, starts)
    end |= await _places(queue, marks, ends)
    for at in marks:
        if end[at] < first[at]:
            raise BadBoundError(f"{at} would begin at {first[at]} and end before, at {end[at]}")
    return {at.partition: Range(first[at], end[at]) for at in sorted(marks)}


async def _marks(queue: MessageQueue, topic: TopicDescription) -> Mapping[TopicPartition, Watermarks]:
    return await queue.watermarks([TopicPartition(topic.name, number) for number in range(topic.partitions)])


async def _places(
    queue: MessageQueue, marks: Mapping[TopicPartition, Watermarks], bounds: Iterable[Bound]
) -> dict[TopicPartition, int]:
    """Where the bounds are."""
    by_time: dict[TopicPartition, int] = {}
    by_offset: dict[TopicPartition, int] = {}
    for bound in bounds:
        if bound.time_ms is not None:
            found = await queue.offsets_for_time(marks, bound.time_ms)
            for at, mark in marks.items():
                offset = found[at]
                end = mark.high_watermark  # what has come since is not wanted
                by_time[at] = end if offset is None else min(offset, end)
            continue
        at, place = _in_log(bound, marks)
        by_offset[at] = place
    return by_time | by_offset


def _in_log(bound: Bound, marks: Mapping[TopicPartition, Watermarks]) -> tuple[TopicPartition, int]:
    at = next((each for each in marks if each.partition == bound.partition), None)
    assert bound.offset is not None, "a bound is a time, or an offset in a partition"
    if at is None:
        raise BadBoundError(f"there is no partition {bound.partition}; the topic has {len(marks)}, from 0")
    mark = marks[at]
    if not mark.log_start <= bound.offset <= mark.high_watermark:
        raise BadBoundError(
            f"{at} has no offset {bound.offset}; it has {mark.log_start} to {mark.high_watermark}"
        )
    return at, bound.offset
