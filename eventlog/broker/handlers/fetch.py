"""Fetch: whole checked batches from where each partition's reader stands, or a wait until there are some.

A request that finds less than its `bytes_min` waits for the high watermark of one of its partitions to
move, which wakes it once for each move, or for its time to pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack

import attrs

from eventlog.broker.identity import LEADER_EPOCH
from eventlog.broker.measurements import Measurements, Traffic
from eventlog.broker.records import LogRecords
from eventlog.errors import EventLogError, UnknownTopicError
from eventlog.protocol.error_codes import ErrorCode, error_code_of
from eventlog.protocol.fetch import FetchRequest, WantedPartition
from eventlog.protocol.fetch_response import (
    FetchedPartition,
    FetchedTopic,
    FetchResponsePlan,
    plan_fetch_response,
)
from eventlog.protocol.request_header import RequestHeader
from eventlog.protocol.versions import ApiKey
from eventlog.storage.log_directory import LogDirectory
from eventlog.storage.partition_log import PartitionLog

WAIT_S_MAX = 60.0
"""However long a client is willing to wait."""
PARTITIONS_AT_ONCE = 100
"""So many partitions are read in one turn of the loop."""
DAMAGE_WAIT_S_MAX = 0.5
"""How long a request that finds nothing but damage is held: some clients ask again at once, for ever."""
RESPONSE_BYTES_MAX = 64 * 1024 * 1024
"""However much a client is willing to take at once; a batch that is larger by itself is still given."""


@attrs.define
class _Found:
    """What one pass over the wanted partitions found."""

    topics: list[FetchedTopic[LogRecords]] = attrs.field(factory=list)
    size_bytes: int = 0
    errors: list[ErrorCode] = attrs.field(factory=list)

    def release(self) -> None:
        for topic in self.topics:
            for partition in topic.partitions:
                if partition.records is not None:
                    partition.records.release()


class Fetch:
    """Takes Fetch requests for the partitions of one data directory."""

    def __init__(self, directory: LogDirectory, measurements: Measurements) -> None:
        self._directory = directory
        self._measurements = measurements
        self._now_s = asyncio.get_running_loop().time
        self._waiting: set[asyncio.Event] = set()
        self._is_draining = False

    def drain(self) -> None:
        """Answer every request that waits, with what there is, and let none wait from now on."""
        self._is_draining = True
        for moved in self._waiting:
            moved.set()

    async def answer(self, header: RequestHeader, request: FetchRequest) -> FetchResponsePlan[LogRecords]:
        """The response, when there is enough to read, something to complain of, or no time left.

        Its records are held until they are released.
        """
        started_s = self._now_s()
        found = await self._read(request)
        if self._must_wait(request, found):
            found = await self._wait(request, found)
        for code in found.errors:
            self._measurements.errors[ApiKey.FETCH, code] += 1
        try:
            plan = plan_fetch_response(header.api_version, header.correlation_id, found.topics)
        except BaseException:
            found.release()
            raise
        self._count(found)
        self._measurements.requests[ApiKey.FETCH].observe(self._now_s() - started_s)
        return plan

    def _must_wait(self, request: FetchRequest, found: _Found) -> bool:
        enough = found.size_bytes >= min(request.bytes_min, request.bytes_max, RESPONSE_BYTES_MAX)
        is_urgent = any(code is not ErrorCode.CORRUPT_MESSAGE for code in found.errors)
        is_both = found.size_bytes > 0 and bool(found.errors)
        return not (enough or is_urgent or is_both or self._is_draining)

    async def _wait(self, request: FetchRequest, found: _Found) -> _Found:
        """Read again after each move of a high watermark, until it is enough or the time has passed."""
        loop = asyncio.get_running_loop()
        wait_s_max = DAMAGE_WAIT_S_MAX if found.errors else WAIT_S_MAX
        deadline_s = loop.time() + min(max(request.wait_ms_max, 0) / 1000, wait_s_max)
        moved = asyncio.Event()
        timer = loop.call_at(deadline_s, moved.set)
        with ExitStack() as ending:
            ending.callback(timer.cancel)
            self._waiting.add(moved)
            ending.callback(self._waiting.discard, moved)
            for log in self._logs(request):
                ending.callback(log.waiters.watch(lambda _: moved.set()))
            while True:
                # What came between the first read and the watching would wake nobody: read once more.
                found.release()
                moved.clear()
                found = await self._read(request)
                if loop.time() >= deadline_s or not self._must_wait(request, found):
                    return found
                try:
                    await moved.wait()
                except asyncio.CancelledError:
                    found.release()
                    raise

    async def _read(self, request: FetchRequest) -> _Found:
        started_s = self._now_s()
        found = _Found()
        bytes_max = min(request.bytes_max, RESPONSE_BYTES_MAX)
        try:
            for topic in request.topics:
                partitions: list[FetchedPartition[LogRecords]] = []
                found.topics.append(FetchedTopic(topic.name, partitions))
                for number, wanted in enumerate(topic.partitions, 1):
                    if number % PARTITIONS_AT_ONCE == 0:
                        await asyncio.sleep(0)  # the other connections' turn
                    outcome = await self._read_partition(topic.name, wanted, bytes_max, found)
                    partitions.append(outcome)  # at once: what fails later releases what is held
        except BaseException:
            found.release()
            raise
        self._measurements.read.observe(self._now_s() - started_s)
        return found

    async def _read_partition(
        self, topic: str, wanted: WantedPartition, bytes_max: int, found: _Found
    ) -> FetchedPartition[LogRecords]:
        """One partition's answer; the first batch of a response is given whole, however large (KIP-74)."""
        left_bytes = bytes_max - found.size_bytes
        log: PartitionLog | None = None
        try:
            log = self._directory.partition(topic, wanted.index)
            if wanted.leader_epoch > LEADER_EPOCH:
                found.errors.append(ErrorCode.UNKNOWN_LEADER_EPOCH)
                return _answer(wanted.index, log, ErrorCode.UNKNOWN_LEADER_EPOCH)
            if left_bytes <= 0 and found.size_bytes > 0:
                return _answer(wanted.index, log)
            range_ = await log.read(wanted.offset, max(min(wanted.bytes_max, left_bytes), 1))
        except EventLogError as error:
            code = error_code_of(type(error))
            found.errors.append(code)
            return _answer(wanted.index, log, code)
        if range_ is not None and found.size_bytes > 0 and range_.size_bytes > left_bytes:
            range_.release()
            range_ = None
        if range_ is None:
            return _answer(wanted.index, log)
        found.size_bytes += range_.size_bytes
        return _answer(wanted.index, log, records=LogRecords(range_))

    def _logs(self, request: FetchRequest) -> Iterator[PartitionLog]:
        for topic in request.topics:
            for wanted in topic.partitions:
                try:
                    yield self._directory.partition(topic.name, wanted.index)
                except UnknownTopicError:
                    continue

    def _count(self, found: _Found) -> None:
        fetched = self._measurements.fetched
        for topic in found.topics:
            for partition in topic.partitions:
                if partition.records is not None:
                    traffic = fetched.get(topic.name)
                    if traffic is None:
                        traffic = fetched[topic.name] = Traffic()
                    traffic.records += partition.records.record_count
                    traffic.bytes += partition.records.size_bytes


def _answer(
    index: int,
    log: PartitionLog | None,
    error_code: ErrorCode = ErrorCode.NONE,
    records: LogRecords | None = None,
) -> FetchedPartition[LogRecords]:
    if log is None:
        return FetchedPartition(index, error_code)
    return FetchedPartition(index, error_code, log.high_watermark, log.log_start_offset, records)
