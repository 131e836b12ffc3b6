"""What the log remembers of idempotent producers, so that a retried batch is stored once.

For each producer id: its epoch, the last five batches (sequence numbers and offsets), and when it last
wrote. It is a fold of the log's batches, kept up to date by `appended`, and saved in snapshots.

`<offset>.producers`: the fold of every batch before that offset. Big-endian:

    4 bytes  magic             "gpps"
    uint16   format version    1
    uint32   producers
    for each producer:
        int64   producer id
        int16   epoch
        int64   last write      ms since 1970
        uint8   batches         1 to 5, oldest first
        for each batch:
            int32  first sequence
            int32  last sequence
            int64  base offset
    uint32   checksum          CRC-32C of everything before it

The rules are those of Kafka's ProducerStateManager: a new epoch begins at sequence 0, an unknown
producer may begin anywhere (its state may have expired), anything else must follow without a gap.

One more keeps the batches of an unknown producer in order, which has several on their way at once:
where its first was refused for now, or stored and cut off before it was acknowledged, nothing else is
taken as its beginning. That is known in memory only, for with the process its connection ends, and on
the next one a producer sends in order again.
"""

from __future__ import annotations

import struct
from collections import deque

import attrs

from eventlog.errors import NewerFormatError, OutOfOrderSequenceError, ProducerFencedError
from eventlog.record.checksum import crc32c
from eventlog.record.header import BatchHeader, next_sequence
from eventlog.storage.scan import ScannedBatch

BATCHES_KEPT = 5
"""Idempotent producers have at most five requests in flight."""

EXPIRY_MS = 24 * 3600 * 1000
"""A producer that has not written for a day is forgotten."""

FORMAT = 1
_MAGIC = b"gpps"
_HEAD = struct.Struct(">4sHI")
_PRODUCER = struct.Struct(">qhqB")
_BATCH = struct.Struct(">iiq")
_CHECKSUM = struct.Struct(">I")


@attrs.frozen
class SequencedBatch:
    """One batch of an idempotent producer, as the log holds it."""

    first_sequence: int
    last_sequence: int
    base_offset: int


@attrs.define
class Producer:
    """One producer id's recent past."""

    epoch: int
    last_write_ms: int
    batches: deque[SequencedBatch] = attrs.field(factory=lambda: deque(maxlen=BATCHES_KEPT))
    first_sequence: int | None = attrs.field(default=None, eq=False)
    """Where it began, or, without batches, has to begin; None where only a snapshot tells of it."""

    @property
    def next_sequence(self) -> int:
        """The one that has to follow."""
        if self.batches:
            return next_sequence(self.batches[-1].last_sequence, 1)
        assert self.first_sequence is not None, "without batches it is known by this alone"
        return self.first_sequence

    def began_after(self, acknowledged_end: int) -> bool:
        """Whether no batch of it, as far as is known, was ever below this end of what was acknowledged."""
        if not self.batches:
            return True
        oldest = self.batches[0]
        return oldest.first_sequence == self.first_sequence and oldest.base_offset >= acknowledged_end


class ProducerState:
    """Every idempotent producer that wrote to one partition within a day, or was refused by it."""

    def __init__(self) -> None:
        self.producers: dict[int, Producer] = {}

    def duplicate_of(self, header: BatchHeader) -> SequencedBatch | None:
        """The stored batch that `header` repeats, or None where the batch is new and in order.

        Raises OutOfOrderSequenceError or ProducerFencedError where it is neither.
        """
        producer = self.producers.get(header.producer_id)
        if producer is None:
            return None
        if header.producer_epoch < producer.epoch:
            raise ProducerFencedError(
                f"producer {header.producer_id} writes with epoch {header.producer_epoch}, "
                f"but epoch {producer.epoch} has taken over; stop this instance"
            )
        if header.producer_epoch > producer.epoch:
            expected = 0
        else:
            for batch in producer.batches:
                if (batch.first_sequence, batch.last_sequence) == (
                    header.base_sequence,
                    header.last_sequence,
                ):
                    return batch
            expected = producer.next_sequence
        if header.base_sequence != expected:
            raise OutOfOrderSequenceError(
                f"producer {header.producer_id} sent sequence {header.base_sequence} where {expected} "
                "was expected; an earlier batch of its is missing, so start the producer anew"
            )
        return None

    def appended(self, batch: ScannedBatch, now_ms: int) -> None:
        """Take note of a batch that is in the log."""
        if batch.producer_id < 0:
            return
        producer = self.producers.get(batch.producer_id)
        if producer is None or producer.epoch != batch.producer_epoch:
            producer = Producer(batch.producer_epoch, now_ms, first_sequence=batch.base_sequence)
            self.producers[batch.producer_id] = producer
        producer.last_write_ms = max(producer.last_write_ms, now_ms)
        producer.batches.append(SequencedBatch(batch.base_sequence, batch.last_sequence, batch.base_offset))

    def refused(self, header: BatchHeader, now_ms: int) -> None:
        """Take note of a batch that is to be sent again: with it an unknown producer has to begin."""
        if header.is_idempotent and header.producer_id not in self.producers:
            beginning = Producer(header.producer_epoch, now_ms, first_sequence=header.base_sequence)
            self.producers[header.producer_id] = beginning

    def cut_off(self, before: ProducerState, acknowledged_end: int) -> None:
        """Take note of the producers that lost all their batches: with the first they have to begin again.

        `before` is the state before the cut, `acknowledged_end` the end of what producers may count on.
        """
        for number, lost in before.producers.items():
            if number not in self.producers and lost.began_after(acknowledged_end):
                self.producers[number] = attrs.evolve(lost, batches=deque(maxlen=BATCHES_KEPT))

    def expire(self, now_ms: int) -> None:
        """Forget the producers that have not written for EXPIRY_MS."""
        silent = [
            number
            for number, producer in self.producers.items()
            if now_ms - producer.last_write_ms > EXPIRY_MS
        ]
        for number in silent:
            del self.producers[number]


def pack_snapshot(state: ProducerState) -> bytes:
    """The content of a snapshot file: the producers that have batches in the log."""
    stored = sorted(item for item in state.producers.items() if item[1].batches)
    parts = [_HEAD.pack(_MAGIC, FORMAT, len(stored))]
    for number, producer in stored:
        parts.append(_PRODUCER.pack(number, producer.epoch, producer.last_write_ms, len(producer.batches)))
        parts += [
            _BATCH.pack(batch.first_sequence, batch.last_sequence, batch.base_offset)
            for batch in producer.batches
        ]
    packed = b"".join(parts)
    return packed + _CHECKSUM.pack(crc32c(packed))


def unpack_snapshot(data: bytes) -> ProducerState | None:
    """The state in a snapshot file, or None where it is damaged: then the log is read instead.

    Raises NewerFormatError where a whole snapshot was written by a newer format.
    """
    body = data[: -_CHECKSUM.size]
    if len(body) < _HEAD.size or data[-_CHECKSUM.size :] != _CHECKSUM.pack(crc32c(body)):
        return None
    magic, version, count = _HEAD.unpack_from(body)
    if magic != _MAGIC:
        return None
    if version > FORMAT:
        raise NewerFormatError(
            f"a producer snapshot has format {version}, this gputail knows {FORMAT}; upgrade gputail"
        )
    try:
        return _unpack_producers(body, count)
    except struct.error:
        return None


def _unpack_producers(body: bytes, count: int) -> ProducerState | None:
    state = ProducerState()
    at = _HEAD.size
    for _ in range(count):
        number, epoch, last_write_ms, batches = _PRODUCER.unpack_from(body, at)
        if not batches:
            return None
        at += _PRODUCER.size
        producer = state.producers[number] = Producer(epoch, last_write_ms)
        for _ in range(batches):
            producer.batches.append(SequencedBatch(*_BATCH.unpack_from(body, at)))
            at += _BATCH.size
    return state
