"""ListOffsets: where a partition begins and ends, and the first record at or after a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from eventlog.broker.identity import LEADER_EPOCH
from eventlog.broker.refusal import Refusal, RefusedError, attempt
from eventlog.broker.request import Handler, Reply, Request
from eventlog.errors import EventLogError
from eventlog.protocol.error_codes import ErrorCode
from eventlog.protocol.versions import ApiKey
from eventlog.record.header import HEADER_BYTES, BatchHeader
from eventlog.storage.log_directory import LogDirectory
from eventlog.storage.partition_log import PartitionLog
from eventlog.storage.segment_reader import TimedOffset

LATEST = -1
EARLIEST = -2
LARGEST_TIMESTAMP = -3
"""As a timestamp: what is asked for is no time."""

NONE = -1
"""As an offset, a timestamp or a leader epoch."""
NOWHERE = TimedOffset(NONE, NONE)


class ListOffsets:
    """Answers for the partitions of one data directory."""

    def __init__(self, directory: LogDirectory) -> None:
        self._directory = directory

    def handlers(self) -> dict[ApiKey, Handler]:
        """What this answers."""
        return {ApiKey.LIST_OFFSETS: self.list_offsets}

    async def list_offsets(self, request: Request) -> Reply:
        """One offset for each partition; a partition that is asked for more than once is refused."""
        times_asked = Counter(
            (topic.name, partition.partition_index)
            for topic in request.body.topics
            for partition in topic.partitions
        )
        topics = []
        for topic in request.body.topics:
            partitions = []
            for asked in topic.partitions:
                index = asked.partition_index
                if times_asked[topic.name, index] > 1:
                    partitions.append(_answer(index, NOWHERE, ErrorCode.INVALID_REQUEST))
                    continue
                epoch = getattr(asked, "current_leader_epoch", NONE)
                work = self._find(topic.name, index, epoch, asked.timestamp)
                found = await attempt("list offsets", f"{topic.name}-{index}", work)
                if isinstance(found, Refusal):
                    partitions.append(_answer(index, NOWHERE, found.error_code))
                else:
                    partitions.append(_answer(index, found))
            topics.append({"name": topic.name, "partitions": partitions})
        return {"topics": topics}

    async def _find(self, topic: str, index: int, leader_epoch: int, timestamp_ms: int) -> TimedOffset:
        log = self._directory.partition(topic, index)
        if leader_epoch > LEADER_EPOCH:
            raise RefusedError(
                ErrorCode.UNKNOWN_LEADER_EPOCH, f"{log.name}: the leader's epoch is {LEADER_EPOCH} for ever"
            )
        if timestamp_ms == LATEST:
            return TimedOffset(NONE, log.high_watermark)
        if timestamp_ms == EARLIEST:
            return TimedOffset(NONE, log.log_start_offset)
        if timestamp_ms == LARGEST_TIMESTAMP:
            return await find_largest_time(log) or NOWHERE
        if timestamp_ms < 0:
            raise RefusedError(
                ErrorCode.UNSUPPORTED_VERSION, f"{log.name}: {timestamp_ms} names no offset of this log"
            )
        return await log.find_time(timestamp_ms) or NOWHERE


async def find_largest_time(log: PartitionLog) -> TimedOffset | None:
    """The first readable record with the largest timestamp; None where no record has a timestamp.

    Found by searches by time alone. The last batch, which mostly holds it, gives the first guess; then
    two searches are enough, and otherwise two for each doubling of how far the guess was too small.
    """
    best = await log.find_time(await _last_timestamp_ms(log)) or await log.find_time(0)
    if best is None:
        return None
    step_ms = 1
    while (found := await log.find_time(best.timestamp_ms + step_ms)) is not None:
        best, step_ms = found, step_ms * 2
    while step_ms > 1:
        step_ms //= 2
        found = await log.find_time(best.timestamp_ms + step_ms)
        best = found or best
    return best


async def _last_timestamp_ms(log: PartitionLog) -> int:
    """The largest timestamp that the last batch claims, 0 where there is none that can be read."""
    try:
        found = await log.read(log.high_watermark - 1, 1)
    except EventLogError:  # the log is empty, or ends in damage
        return 0
    if found is None:  # a flush has failed meanwhile, and the high watermark went back
        return 0
    with found:
        header = BatchHeader.parse(found.file.pread(HEADER_BYTES, found.start.position))
    return max(0, header.max_timestamp_ms)


def _answer(index: int, found: TimedOffset, error_code: ErrorCode = ErrorCode.NONE) -> Mapping[str, Any]:
    return {
        "partition_index": index,
        "error_code": error_code,
        "timestamp": found.timestamp_ms,
        "offset": found.offset,
        "leader_epoch": NONE if found.offset == NONE else LEADER_EPOCH,
    }
