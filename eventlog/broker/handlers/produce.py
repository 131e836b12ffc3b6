"""Produce: append in the loop, answer when a flush that covers the records is done.

Nothing here is awaited: the records are appended while the frame is in hand, and the futures of the
partitions give the answer, so that a request costs no task.
"""

from __future__ import annotations

import asyncio

import attrs

from eventlog.broker.measurements import Measurements, Traffic
from eventlog.broker.refusal import refusal_of
from eventlog.broker.slots import Slot
from eventlog.errors import EventLogError, InvalidBatchError
from eventlog.protocol.error_codes import ErrorCode
from eventlog.protocol.produce import (
    PartitionRecords,
    ProducedPartition,
    ProducedTopic,
    decode_produce_request,
    encode_produce_response,
)
from eventlog.protocol.request_header import RequestHeader
from eventlog.protocol.response_header import encode_response_frame
from eventlog.protocol.versions import ApiKey
from eventlog.storage.log_directory import LogDirectory

ACKS_NONE = 0
ACKS_ALLOWED = (ACKS_NONE, 1, -1)
"""1 is answered as -1 (all): with one copy of the log there is nothing in between."""

TIMEOUT_S_MIN = 0.001


class Produce:
    """Takes Produce requests for the partitions of one data directory."""

    def __init__(self, directory: LogDirectory, measurements: Measurements) -> None:
        self._directory = directory
        self._measurements = measurements
        self._now_s = asyncio.get_running_loop().time

    def take(self, header: RequestHeader, frame: bytearray, slot: Slot) -> None:
        """Append what the request brings; the slot is filled now, or when the records are durable."""
        started_s = self._now_s()
        request = decode_produce_request(header.api_version, frame, header.body_position)
        refused = _refusal(request.acks, request.transactional_id)
        answer = _Answer(header, slot, self._measurements, started_s, waits=request.acks != ACKS_NONE)
        for topic in request.topics:
            outcomes: list[ProducedPartition] = []
            answer.topics.append(ProducedTopic(topic.name, outcomes))
            for records in topic.partitions:
                if refused:
                    outcomes.append(ProducedPartition(records.index, refused))
                else:
                    self._append(topic.name, records, outcomes, answer)
        if request.acks == ACKS_NONE:
            slot.fill(None)
        else:
            answer.begin(max(request.timeout_ms / 1000, TIMEOUT_S_MIN))

    def _append(
        self, topic: str, records: PartitionRecords, outcomes: list[ProducedPartition], answer: _Answer
    ) -> None:
        index = records.index
        started_s = self._now_s()
        try:
            if not records.records:
                raise InvalidBatchError(f"{topic}-{index}: no records were sent; send a batch")
            log = self._directory.partition(topic, index)
            appended = log.append(records.records)
            durable = log.when_durable(appended) if answer.waits else None
        except EventLogError as error:
            outcomes.append(_failed(index, error))
            return
        self._measurements.append.observe(self._now_s() - started_s)
        if not appended.is_duplicate:
            self._count(topic, appended.next_offset - appended.base_offset, len(records.records))
        if durable is not None:
            answer.waiting[durable] = (outcomes, len(outcomes))
        outcomes.append(
            ProducedPartition(index, base_offset=appended.base_offset, log_start_offset=log.log_start_offset)
        )

    def _count(self, topic: str, records: int, size_bytes: int) -> None:
        traffic = self._measurements.produced.get(topic)
        if traffic is None:
            traffic = self._measurements.produced[topic] = Traffic()
        traffic.batches += 1
        traffic.records += records
        traffic.bytes += size_bytes


@attrs.define(eq=False)
class _Answer:
    """One response, given when the last of its partitions is durable, has failed, or is late."""

    header: RequestHeader
    slot: Slot
    measurements: Measurements
    started_s: float
    waits: bool
    """Whether the client wants to know when the records are durable."""
    topics: list[ProducedTopic] = attrs.field(factory=list)
    waiting: dict[asyncio.Future[None], tuple[list[ProducedPartition], int]] = attrs.field(factory=dict)
    deadline: asyncio.TimerHandle | None = None

    def begin(self, timeout_s: float) -> None:
        """Answer at once, or wait."""
        if not self.waiting:
            self._fill()
            return
        self.deadline = asyncio.get_running_loop().call_later(timeout_s, self._late)
        for future in self.waiting:
            future.add_done_callback(self._done)

    def _done(self, future: asyncio.Future[None]) -> None:
        if future in self.waiting:  # else its time had passed in the same turn of the loop
            self._settle(future)
            if not self.waiting:
                self._fill()

    def _late(self) -> None:
        for future in tuple(self.waiting):
            if future.done():
                self._settle(future)
            else:
                outcomes, number = self.waiting.pop(future)
                outcomes[number] = ProducedPartition(outcomes[number].index, ErrorCode.REQUEST_TIMED_OUT)
        self._fill()

    def _settle(self, future: asyncio.Future[None]) -> None:
        outcomes, number = self.waiting.pop(future)
        error = future.exception()
        if isinstance(error, EventLogError):
            outcomes[number] = _failed(outcomes[number].index, error)

    def _fill(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
        for topic in self.topics:
            for outcome in topic.partitions:
                if outcome.error_code:
                    self.measurements.errors[ApiKey.PRODUCE, outcome.error_code] += 1
        version, correlation_id = self.header.api_version, self.header.correlation_id
        body = encode_produce_response(version, self.topics)
        elapsed_s = asyncio.get_running_loop().time() - self.started_s
        self.measurements.requests[ApiKey.PRODUCE].observe(elapsed_s)
        self.slot.fill(encode_response_frame(ApiKey.PRODUCE, version, correlation_id, body))


def _refusal(acks: int, transactional_id: str | None) -> ErrorCode:
    if acks not in ACKS_ALLOWED:
        return ErrorCode.INVALID_REQUIRED_ACKS
    if transactional_id is not None:
        return ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    return ErrorCode.NONE


def _failed(index: int, error: EventLogError) -> ProducedPartition:
    refusal = refusal_of(error)
    return ProducedPartition(index, refusal.error_code, error_message=refusal.error_message)
