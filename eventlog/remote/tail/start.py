"""Where `gputail tail` begins in each partition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from eventlog.client.description import TopicPartition
from eventlog.client.errors import OffsetOutOfRangeError, UnknownTopicError
from eventlog.inspect.selection import Bound, parse_bound

if TYPE_CHECKING:
    from eventlog.client.survey import KafkaSurvey, PartitionEnds

EARLIEST, LATEST = "earliest", "latest"


def parse_start(text: str) -> str | Bound:
    """`earliest`, `latest`, an offset or an RFC 3339 time; ValueError where it is none of them."""
    if text in {EARLIEST, LATEST}:
        return text
    try:
        return parse_bound(text)
    except ValueError as error:
        raise ValueError(f"{text!r}: earliest, latest, or: {error}") from None


def tailed_partitions(cluster: KafkaSurvey, topic: str, partition: int | None) -> list[TopicPartition]:
    """All partitions of a topic, or the one that is wanted; UnknownTopicError."""
    partitions = cluster.partitions_of(topic)
    if partition is None:
        return partitions
    if partition >= len(partitions):
        last = len(partitions) - 1
        raise UnknownTopicError(f"the topic {topic!r} has no partition {partition}; its last one is {last}")
    return [TopicPartition(topic, partition)]


def starts(
    cluster: KafkaSurvey, ends: Mapping[TopicPartition, PartitionEnds], start: str | Bound
) -> dict[TopicPartition, int]:
    """The offset to begin at in each partition.

    OffsetOutOfRangeError for an offset that a partition does not have, or with several partitions.
    """
    if start == EARLIEST:
        return {at: found.watermarks.log_start for at, found in ends.items()}
    if start == LATEST:
        return {at: found.watermarks.high_watermark for at, found in ends.items()}
    assert isinstance(start, Bound)
    if start.time_ms is not None:
        at_time = cluster.offsets_for_time(ends, max(0, start.time_ms))
        return {
            at: found.watermarks.high_watermark if (offset := at_time[at]) is None else offset
            for at, found in ends.items()
        }
    assert start.offset is not None
    if len(ends) > 1:
        raise OffsetOutOfRangeError(
            f"an offset means another record in each of {len(ends)} partitions: choose one with --partition"
        )
    for at, found in ends.items():
        marks = found.watermarks
        if not marks.log_start <= start.offset <= marks.high_watermark:
            raise OffsetOutOfRangeError(
                f"{at} has offsets from {marks.log_start} to {marks.high_watermark}, and no {start.offset}"
            )
    return dict.fromkeys(ends, start.offset)
